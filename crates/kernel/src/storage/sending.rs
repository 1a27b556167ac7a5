//! Data that leaves the platform in one piece: a backup, an organisation's export, a course's work.
//!
//! Where it goes is a registered place, and every decision about it is on record before its first byte.

use std::collections::BTreeMap;

use policy::{Action, Ask, Category};
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, kinds};

use super::{Event, Purpose, Storage};
use crate::{Reject, State, access::Scope, course, decision};

/// What goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// Everything of the platform, to be restored from.
    Backup,
    /// Everything of an organisation.
    Organisation(Id<kinds::Organisation>),
    /// What the students of a course made.
    Course(Id<kinds::Course>),
}

impl Sent {
    /// The purpose of a place that it goes to by default.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Backup => Purpose::Backup,
            Self::Organisation(_) | Self::Course(_) => Purpose::Exports,
        }
    }

    /// Whose data it is; `None` for everybody's.
    #[must_use]
    pub fn scope(self, state: &State) -> Option<Scope> {
        match self {
            Self::Backup => None,
            Self::Organisation(id) => Some(Scope::Organisation(id)),
            Self::Course(id) => {
                state.courses.get(&id).map(|course| Scope::Organisation(course.organisation))
            }
        }
    }
}

/// The decisions and the entry of sending something to a place.
pub(super) fn decide(
    state: &State,
    id: Id<kinds::Storage>,
    what: Sent,
) -> Result<Vec<crate::Event>, Reject> {
    let place = state.storages.get(&id).ok_or_else(|| Reject::not_found("storage", id))?;
    takes(place, what)?;
    match what {
        Sent::Backup => {}
        Sent::Organisation(id) if !state.organisations.contains_key(&id) => {
            return Err(Reject::not_found("organisation", id));
        }
        Sent::Course(id) if !state.courses.contains_key(&id) => {
            return Err(Reject::not_found("course", id));
        }
        Sent::Organisation(_) | Sent::Course(_) => {}
    }
    let (mut events, mut decided) = (Vec::new(), Vec::new());
    for ask in asks(state, place.site, what) {
        let made = decision::require(state, &mut events, &ask, id.into());
        let (seq, _) = made.map_err(|no| no.refuse(place.name.to_string()))?;
        decided.push(seq);
    }
    events.push(crate::Event::Storage(Event::Sent { id, what, decided }));
    Ok(events)
}

/// A place that is in use and of a purpose that fits.
fn takes(place: &Storage, what: Sent) -> Result<(), Reject> {
    if place.retired_at.is_some() {
        return Err(Reject::WrongState {
            kind: "storage",
            id: place.name.to_string(),
            state: "retired".to_owned(),
            action: "take anything in",
        });
    }
    let fits = match what {
        Sent::Backup => place.purpose == Purpose::Backup,
        Sent::Organisation(_) | Sent::Course(_) => {
            matches!(place.purpose, Purpose::Exports | Purpose::Backup)
        }
    };
    if fits {
        return Ok(());
    }
    let (name, purpose, wanted) = (&place.name, place.purpose.as_str(), what.purpose().as_str());
    let message = format!("`{name}` is for {purpose}: name a place for {wanted}");
    Err(Reject::invalid("storage", message))
}

/// What must be allowed before it goes to a site: for the platform's own data what registering a place
/// for it asks, and for each project of whom it is the same as keeping its artefacts there. A tenant's
/// own rules thus hold for a backup as well.
pub(crate) fn asks(state: &State, site: Id<kinds::Site>, what: Sent) -> Vec<Ask> {
    let ask = |project, category, class| Ask {
        project,
        action: Action::Move,
        class,
        category,
        residency: None,
        site,
    };
    let projects = projects(state, what);
    let mut asks = Vec::new();
    if what == Sent::Backup {
        asks.extend(super::asks(Purpose::Backup, site));
    } else if projects.is_empty() {
        asks.extend(super::asks(Purpose::Exports, site));
    }
    for (project, class) in projects {
        let project = Some(project);
        asks.extend(class.map(|class| ask(project, Category::Customer, class)));
        if what != Sent::Backup {
            asks.push(ask(project, Category::Account, DataClass::Confidential));
            asks.push(ask(project, Category::Derived, DataClass::Confidential));
        }
    }
    asks
}

/// The projects of whom something goes, each with the most sensitive class that it keeps.
fn projects(state: &State, what: Sent) -> BTreeMap<Id<kinds::Project>, Option<DataClass>> {
    let of_course = |id| state.courses.get(&id).map(course::Course::projects);
    let mut found: BTreeMap<_, Option<DataClass>> = match what {
        Sent::Backup => state.projects.keys().map(|id| (*id, None)).collect(),
        Sent::Organisation(id) => {
            let own = state.projects.values().filter(|project| project.organisation == id);
            own.map(|project| (project.id, None)).collect()
        }
        Sent::Course(id) => of_course(id).into_iter().flatten().map(|id| (id, None)).collect(),
    };
    let datasets = state.datasets.values().filter(|one| one.erased_at.is_none());
    let datasets = datasets.map(|one| (one.project, one.class));
    let models = state.models.values();
    let models = models.flat_map(|one| one.versions.iter().map(|v| (one.project, v.class)));
    for (project, class) in datasets.chain(models) {
        if let Some(highest) = found.get_mut(&project) {
            *highest = (*highest).max(Some(class));
        }
    }
    found
}
