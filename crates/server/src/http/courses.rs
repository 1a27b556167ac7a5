//! Courses: create, list, get, take people in, report, export each student's work, close.
//!
//! Who is on a roster goes to the vault; what is asked of the state machine are ids.

use std::{collections::BTreeMap, sync::Arc};

use api::{
    nouns::{
        common::Page,
        course::{
            Course, CourseClose, CourseCreate, CourseEnrol, CourseExport, CourseGet, CourseList,
            CoursePart, CourseReport, CourseReportGet, RosterLine, RosterTaken, StudentReport,
        },
    },
    text::Timestamp,
};
use axum::response::Response;
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    course::{self, Part, STUDENTS_MAX, Terms},
    quota::Milli,
    storage::Sent,
    user,
};
use units::{Id, MicroEuro, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page,
    people::{self, Person},
    resolve,
    sovereign::sending,
    tar_stream, unexpected,
};
use crate::exit::CourseWork;

/// `POST /api/v1/courses`
pub(crate) async fn create(call: Call<CourseCreate>) -> Result<Course, Fail> {
    let new = &call.body;
    let organisation = call.read(|state| {
        resolve::organisation(state, &call.caller, Role::Administrator, &new.organisation)
    })?;
    let quota = match (&new.quota_class, new.quota_milli) {
        (Some(class), Some(milli)) => {
            let class = class.parse().map_err(|error| {
                Fail::field("/quota_class", format!("`{class}` is no class: {error}"))
            })?;
            Some((class, Milli(milli)))
        }
        (None, None) => None,
        (Some(_), None) => return Err(Fail::field("/quota_milli", "say how much of the class")),
        (None, Some(_)) => {
            return Err(Fail::field("/quota_class", "say of what: `cpu` or a model"));
        }
    };
    let budget = new.budget.as_ref().map(|budget| budget.0);
    let allowances = new.allowances.iter().map(|text| text.0).collect();
    let terms = Terms { ends_at: new.ends_at.0, budget, allowances, quota };
    let command = course::Command::Create { organisation, name: new.name.clone(), terms };
    let accepted = call.submit(Command::Course(command)).await?;
    let Some(Subject::Course(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.courses.get(&id).map(|c| dto(c, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/courses`
pub(crate) async fn list(call: Call<CourseList>) -> Result<Page<Course>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Course>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let seq = as_of(state);
        let shown = |c: &course::Course| {
            query.name.as_ref().is_none_or(|name| *name == c.name)
                && access::allows(state, &call.caller, Role::Teacher, Scope::Project(c.project))
        };
        let all = state.courses.range(page::after(&wanted)).filter(|(_, c)| shown(c));
        Ok(page::cut(all.map(|(id, c)| (*id, dto(c, seq))), wanted.limit, seq))
    })
}

/// `GET /api/v1/courses/{id}`
pub(crate) async fn get(call: Call<CourseGet>) -> Result<Course, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, Role::Teacher, id).map(|c| dto(c, as_of(state))))
}

/// `POST /api/v1/courses/{id}/roster`
pub(crate) async fn enrol(call: Call<CourseEnrol>) -> Result<RosterTaken, Fail> {
    let id = call.path.id;
    let home = call.read(|state| {
        let course = find(state, &call.caller, Role::Teacher, id)?;
        let scope = Scope::Organisation(course.organisation);
        // Whoever takes people in makes them known to the whole organisation.
        let hidden = || access::needs(Role::Administrator);
        access::require(state, &call.caller, Role::Administrator, scope, hidden)?;
        Ok::<_, Fail>(course.organisation)
    })?;
    if call.body.people.len() > STUDENTS_MAX {
        let message = format!("has more than {STUDENTS_MAX} lines: send it in parts");
        return Err(Fail::field("/people", message));
    }
    let (mut n_new_people, mut n_enrolled) = (0_u64, 0_u64);
    for (at, line) in call.body.people.iter().enumerate() {
        let (user, is_new) = somebody(&call, home, line, at).await?;
        n_new_people = n_new_people.saturating_add(u64::from(is_new));
        let part = match line.part {
            CoursePart::Student => Part::Student,
            CoursePart::Teacher => Part::Teacher,
        };
        let before = call.read(|state| state.size);
        let command = course::Command::Enrol { id, user, part };
        call.submit_plain(Command::Course(command)).await?;
        let after = call.read(|state| state.size);
        n_enrolled = n_enrolled.saturating_add(u64::from(after > before));
    }
    Ok(RosterTaken { n_new_people, n_enrolled, seq: call.read(as_of) })
}

/// The user of a line, made if nobody has the address; true if so.
async fn somebody(
    call: &Call<CourseEnrol>,
    home: Id<kinds::Organisation>,
    line: &RosterLine,
    at: usize,
) -> Result<(Id<kinds::User>, bool), Fail> {
    let email = line.email.trim().to_lowercase();
    let called = line.name.as_deref().filter(|name| !name.trim().is_empty());
    let called = called.unwrap_or_else(|| email.split('@').next().unwrap_or_default());
    let person = Person::new(called, Some(&email))
        .map_err(|fail| Fail::field(&format!("/people/{at}"), fail.0.detail.clone()))?;
    let known = people::find(&call.app, Some(home), people::purpose::EMAIL, email).await?;
    if let Some(id) = known {
        return Ok((id, false));
    }
    let id = call.platform().fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    // Sealed first: the log never speaks of somebody whose record could not be kept.
    let commitment = people::seal(&call.app, Some(home), id, person).await?;
    let command = user::Command::Create { id, home: Some(home), commitment };
    if let Err(fail) = call.submit_plain(Command::User(command)).await {
        people::forget(&call.app, Some(home), id).await;
        return Err(fail);
    }
    Ok((id, true))
}

/// `GET /api/v1/courses/{id}/report`
pub(crate) async fn report(call: Call<CourseReportGet>) -> Result<CourseReport, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, Role::Teacher, id).map(|_| ()))?;
    report_of(&call.app, id).await
}

async fn report_of(app: &Arc<super::App>, id: Id<kinds::Course>) -> Result<CourseReport, Fail> {
    let mut report = app.platform.read(|state| {
        let course = state.courses.get(&id)?;
        let counts = counts(state, course);
        let students = course.students.iter().filter_map(|(user, project)| {
            student(state, (*user, *project), counts.get(project).copied().unwrap_or_default())
        });
        Some(CourseReport { course: dto(course, as_of(state)), students: students.collect() })
    });
    let report = report.as_mut().ok_or_else(unexpected)?;
    let home = Some(report.course.organisation);
    let users = report.students.iter().map(|student| (home, student.user)).collect();
    let known = people::open(app, users).await?;
    for (student, person) in report.students.iter_mut().zip(known) {
        student.person = person.map(|person| match person.email {
            Some(email) => format!("{} <{email}>", person.name),
            None => person.name,
        });
    }
    Ok(report.clone())
}

/// What each of the projects has, counted in one pass over each noun, however many students there are.
fn counts(state: &State, course: &course::Course) -> BTreeMap<Id<kinds::Project>, [u64; 4]> {
    let mut counts: BTreeMap<_, [u64; 4]> =
        course.students.values().map(|project| (*project, [0; 4])).collect();
    let mut count = |project: Id<kinds::Project>, at: usize| {
        if let Some(n) = counts.get_mut(&project).and_then(|all| all.get_mut(at)) {
            *n = n.saturating_add(1);
        }
    };
    for workload in state.workloads.values() {
        count(workload.project, 0);
        if workload.state_name() == "succeeded" {
            count(workload.project, 1);
        }
    }
    state.datasets.values().for_each(|dataset| count(dataset.project, 2));
    state.models.values().for_each(|model| count(model.project, 3));
    counts
}

fn student(
    state: &State,
    (user, project): (Id<kinds::User>, Id<kinds::Project>),
    [n_workloads, n_succeeded, n_datasets, n_models]: [u64; 4],
) -> Option<StudentReport> {
    let spent = state
        .usage
        .lines_of(project)
        .fold(MicroEuro::ZERO, |sum, (_, line)| sum.saturating_add(line.amount));
    Some(StudentReport {
        user,
        person: None,
        project,
        project_name: state.projects.get(&project)?.name.clone(),
        n_workloads,
        n_succeeded,
        n_datasets,
        n_models,
        spent_microeuro: spent,
    })
}

/// `GET /api/v1/courses/{id}/export`
pub(crate) async fn export(call: Call<CourseExport>) -> Result<Response, Fail> {
    let id = call.path.id;
    let name = call.read(|state| {
        find(state, &call.caller, Role::Teacher, id).map(|course| course.name.to_string())
    })?;
    sending::send(&call, Sent::Course(id)).await?;
    let report = report_of(&call.app, id).await?;
    let report = serde_json::to_vec_pretty(&report)
        .map_err(|error| Fail::internal("a report cannot be written", &error))?;
    let work = call.read(|state| CourseWork::gather(state, id)).ok_or_else(unexpected)?;
    let (app, runtime) = (Arc::clone(&call.app), tokio::runtime::Handle::current());
    Ok(tar_stream::answer(&name, format!("work of {id}"), move |writer| {
        // Nothing of it is destroyed while it is on its way.
        let _kept = runtime.block_on(app.platform.hold_content());
        work.write(&app.platform, &report, writer)
    }))
}

/// `POST /api/v1/courses/{id}/close`
pub(crate) async fn close(call: Call<CourseClose>) -> Result<Course, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, Role::Teacher, id).map(|_| ()))?;
    let accepted = call.submit(Command::Course(course::Command::Close { id })).await?;
    call.read(|s| s.courses.get(&id).map(|c| dto(c, accepted.seq))).ok_or_else(unexpected)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Course>,
) -> Result<&'a course::Course, Fail> {
    let found = state.courses.get(&id).map(|c| (c, Scope::Project(c.project)));
    access::find(state, caller, role, found, ("course", &id))
}

fn dto(course: &course::Course, seq: u64) -> Course {
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let quota = course.terms.quota.as_ref();
    Course {
        id: course.id,
        organisation: course.organisation,
        project: course.project,
        name: course.name.clone(),
        ends_at: Timestamp(course.terms.ends_at),
        closed_at: course.closed_at.map(Timestamp),
        budget_microeuro: course.terms.budget,
        allowances: course.terms.allowances.iter().map(ToString::to_string).collect(),
        quota_class: quota.map(|(class, _)| class.to_string()),
        quota_milli: quota.map(|(_, milli)| milli.0),
        n_teachers: count(course.teachers.len()),
        n_students: count(course.students.len()),
        version: course.meta.version,
        seq,
        created_at: Timestamp(course.meta.created_at),
    }
}
