//! Validates course commands, and says what comes with them: projects, roles, budgets, quotas, and at the
//! end that all of it is taken back.

use units::{Allowance, Id, Measure, Name, kinds};

use super::{Command, Course, Event, Part, STUDENTS_MAX, TEACHERS_MAX, Terms};
use crate::{
    Ctx, Reject, State,
    access::{self, Scope},
    binding::{self, Principal, Role},
    budget, erasure, key, limits, project,
    quota::{self, Owner},
    user,
    workload::{self, StopCause},
};

/// Ids of one command are numbered: these come after those of the teachers' roles.
const FIRST_ALLOWANCE_ID: u16 = 32;

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { organisation, name, terms } => {
            create(state, *organisation, name, terms, ctx)
        }
        Command::Enrol { id, user, part } => enrol(state, get(state, *id)?, *user, *part, ctx),
        Command::Close { id } => {
            let course = get(state, *id)?;
            if course.closed_at.is_some() {
                return Ok(Vec::new());
            }
            Ok(close(state, course))
        }
    }
}

fn create(
    state: &State,
    organisation: Id<kinds::Organisation>,
    name: &Name,
    terms: &Terms,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    erasure::require_open(state, organisation)?;
    Reject::limit("courses", state.courses.len(), limits::COURSES_MAX)?;
    if terms.ends_at <= ctx.now {
        return Err(Reject::invalid("ends_at", "lies in the past: give a later time"));
    }
    if terms.budget.is_some_and(|budget| budget.0 <= 0) {
        return Err(Reject::invalid("budget", "must be above zero, such as `20 EUR`"));
    }
    check_allowances(terms)?;
    // The last student's project must still have a name.
    seat_name(name, STUDENTS_MAX)?;
    let own = project::Command::Create { organisation, name: name.clone() };
    project::decide(state, &own, ctx)?;
    let (id, project) = (ctx.id(0), ctx.id(1));
    let created =
        Event::Created { id, organisation, project, name: name.clone(), terms: terms.clone() };
    let made = project::Event::Created { id: project, organisation, name: name.clone() };
    Ok(vec![crate::Event::Course(created), crate::Event::Project(made)])
}

fn enrol(
    state: &State,
    course: &Course,
    user: Id<kinds::User>,
    part: Part,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    require_open(course)?;
    let found = user::get(state, user)?;
    if found.home != Some(course.organisation) {
        return Err(Reject::not_found("user", user));
    }
    let known = course.students.contains_key(&user) || course.teachers.contains(&user);
    if known {
        return Ok(Vec::new());
    }
    match part {
        Part::Teacher => {
            Reject::limit("teachers of this course", course.teachers.len(), TEACHERS_MAX)?;
            teacher(state, course, user, ctx)
        }
        Part::Student => {
            Reject::limit("students of this course", course.students.len(), STUDENTS_MAX)?;
            student(state, course, user, ctx)
        }
    }
}

/// A teacher has the role in the course's project and in each student's.
fn teacher(
    state: &State,
    course: &Course,
    user: Id<kinds::User>,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let (id, project) = (course.id, course.project);
    let mut events =
        vec![crate::Event::Course(Event::Enrolled { id, user, part: Part::Teacher, project })];
    for (n, project) in (1_u16..).zip(course.projects()) {
        events.push(give(state, course, (access::Role::Teacher, user, project), n, ctx)?);
    }
    Ok(events)
}

/// A student has a project, the role in it, a budget and a quota; the teachers see it.
fn student(
    state: &State,
    course: &Course,
    user: Id<kinds::User>,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let name = seat_name(&course.name, course.students.len().saturating_add(1))?;
    let organisation = course.organisation;
    project::decide(state, &project::Command::Create { organisation, name: name.clone() }, ctx)?;
    let (id, project) = (course.id, ctx.id(1));
    let mut events = vec![
        crate::Event::Course(Event::Enrolled { id, user, part: Part::Student, project }),
        crate::Event::Project(project::Event::Created { id: project, organisation, name }),
        give(state, course, (access::Role::Student, user, project), 2, ctx)?,
    ];
    if let Some(limit) = course.terms.budget {
        let created =
            budget::Event::Created { id: ctx.id(3), project, name: course.name.clone(), limit };
        events.push(crate::Event::Budget(created));
    }
    for (n, limit) in (FIRST_ALLOWANCE_ID..).zip(&course.terms.allowances) {
        events.push(allowance(project, *limit, ctx.id(n))?);
    }
    if let Some((class, nominal)) = &course.terms.quota {
        quota::require_room(state, organisation, class, *nominal)?;
        let terms = quota::Terms { nominal: *nominal, borrowing: None, lending: None, weight: 1 };
        let (id, owner, class) = (ctx.id(4), Owner::Project(project), class.clone());
        events.push(crate::Event::Quota(quota::Event::Set { id, owner, class, terms }));
    }
    for (n, teacher) in (5_u16..).zip(&course.teachers) {
        events.push(give(state, course, (access::Role::Teacher, *teacher, project), n, ctx)?);
    }
    Ok(events)
}

/// A budget of a student's project, named after its measure.
fn allowance(
    project: Id<kinds::Project>,
    limit: Allowance,
    id: Id<kinds::Budget>,
) -> Result<crate::Event, Reject> {
    let name = limit.measure().as_str().replace('_', "-");
    let name = name.parse().map_err(|_| Reject::invalid("allowances", "has no name"))?;
    let alerts = budget::ALERTS_DEFAULT.to_vec();
    Ok(crate::Event::Budget(budget::Event::Opened(Box::new(budget::Opened {
        id,
        owner: budget::Owner::Project(project),
        within: None,
        name,
        period: budget::Period::Total,
        terms: budget::Terms { limit, alerts, hard_stop: true },
    }))))
}

/// Each is above zero and in a measure of its own; money has its field.
fn check_allowances(terms: &Terms) -> Result<(), Reject> {
    let all = &terms.allowances;
    for (position, one) in all.iter().enumerate() {
        let twice = all.iter().take(position).any(|other| other.measure() == one.measure());
        if one.base() <= 0 || twice || one.measure() == Measure::Money {
            let message = format!(
                "`{one}`: give each of GPU time, energy and tokens at most once and above zero, money as `budget`"
            );
            return Err(Reject::invalid("allowances", message));
        }
    }
    Ok(())
}

/// A role until the course ends.
fn give(
    state: &State,
    course: &Course,
    (role, user, project): (access::Role, Id<kinds::User>, Id<kinds::Project>),
    n: u16,
    ctx: &Ctx,
) -> Result<crate::Event, Reject> {
    Reject::limit("bindings", state.bindings.len(), limits::BINDINGS_MAX)?;
    let created = binding::Event::Created {
        id: ctx.id(n),
        role: Role::BuiltIn(role),
        principal: Principal::User(user),
        scope: Scope::Project(project),
        expires_at: Some(course.terms.ends_at),
    };
    Ok(crate::Event::Binding(created))
}

/// Work stops; roles, keys and quotas are taken back; projects with what was made in them stay.
fn close(state: &State, course: &Course) -> Vec<crate::Event> {
    let mut events = vec![crate::Event::Course(Event::Closed { id: course.id })];
    let is_own = |scope: Scope| match scope {
        Scope::Project(id) => course.projects().any(|project| project == id),
        Scope::Platform | Scope::Organisation(_) => false,
    };
    for project in course.projects() {
        events.extend(workload::stop_all_of(state, project, StopCause::CourseClosed));
        events.extend(state.quotas_of(Owner::Project(project)).map(|quota| {
            let (id, owner, class) = (quota.id, quota.owner, quota.class.clone());
            crate::Event::Quota(quota::Event::Deleted { id, owner, class })
        }));
    }
    let keys = state.keys.values().filter(|k| k.revoked_at.is_none() && is_own(k.scope));
    events.extend(keys.map(|k| crate::Event::Key(key::Event::Revoked { id: k.id })));
    let bindings = state.bindings.values().filter(|b| is_own(b.scope));
    events.extend(bindings.map(|b| {
        let (id, principal, scope) = (b.id, b.principal, b.scope);
        crate::Event::Binding(binding::Event::Deleted { id, principal, scope })
    }));
    events
}

/// `course-007`, the project of a student.
fn seat_name(course: &Name, number: usize) -> Result<Name, Reject> {
    format!("{course}-{number:03}").parse().map_err(|_| {
        Reject::invalid("name", "is too long to number its students' projects: shorten it")
    })
}

fn require_open(course: &Course) -> Result<(), Reject> {
    if course.closed_at.is_none() {
        return Ok(());
    }
    let (id, state) = (course.name.to_string(), "closed".to_owned());
    Err(Reject::WrongState { kind: "course", id, state, action: "take anybody in" })
}

fn get(state: &State, id: Id<kinds::Course>) -> Result<&Course, Reject> {
    state.courses.get(&id).ok_or_else(|| Reject::not_found("course", id))
}
