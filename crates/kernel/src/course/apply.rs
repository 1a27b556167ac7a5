//! Folds course events.

use std::collections::{BTreeMap, BTreeSet};

use super::{Course, Event, Part};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    if let Event::Created { id, organisation, project, name, terms } = event {
        let course = Course {
            id: *id,
            organisation: *organisation,
            project: *project,
            name: name.clone(),
            terms: terms.clone(),
            teachers: BTreeSet::new(),
            students: BTreeMap::new(),
            closed_at: None,
            meta: Meta::new(stamp),
        };
        state.courses.insert(*id, course);
        return;
    }
    let Some(course) = state.courses.get_mut(&event.id()) else { return };
    match event {
        Event::Created { .. } => {}
        Event::Enrolled { user, part: Part::Teacher, .. } => drop(course.teachers.insert(*user)),
        Event::Enrolled { user, part: Part::Student, project, .. } => {
            course.students.insert(*user, *project);
        }
        Event::Closed { .. } => course.closed_at = Some(stamp.at),
    }
    course.meta.touch(stamp);
}
