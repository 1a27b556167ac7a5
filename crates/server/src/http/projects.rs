//! Projects: create, list, get.

use api::{
    nouns::{
        common::Page,
        project::{Project, ProjectCreate, ProjectGet, ProjectList},
    },
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    project,
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/projects`
pub(crate) async fn create(call: Call<ProjectCreate>) -> Result<Project, Fail> {
    let organisation = call.read(|state| {
        let reference = &call.body.organisation;
        resolve::organisation(state, &call.caller, Role::Administrator, reference)
    })?;
    let name = call.body.name.clone();
    let command = Command::Project(project::Command::Create { organisation, name });
    let accepted = call.submit(command).await?;
    let Some(Subject::Project(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.projects.get(&id).map(|p| dto(s, p, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/projects`
pub(crate) async fn list(call: Call<ProjectList>) -> Result<Page<Project>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Project>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.organisation.as_ref();
        let only = only
            .map(|o| resolve::organisation(state, &call.caller, Role::Viewer, o))
            .transpose()?;
        let visible = |id| access::allows(state, &call.caller, Role::Viewer, Scope::Project(id));
        let wished = |p: &project::Project| {
            query.name.as_ref().is_none_or(|name| *name == p.name)
                && only.is_none_or(|organisation| organisation == p.organisation)
        };
        let all = state.projects.range(page::after(&wanted));
        let items = all.filter(|(id, project)| wished(project) && visible(**id));
        let items = items.map(|(id, project)| (*id, dto(state, project, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/projects/{id}`
pub(crate) async fn get(call: Call<ProjectGet>) -> Result<Project, Fail> {
    let id = call.path.id;
    call.read(|state| {
        find(state, &call.caller, Role::Viewer, id).map(|found| dto(state, found, as_of(state)))
    })
}

/// A project on which the caller may act in this role.
///
/// # Errors
/// 404 if there is none or it is hidden; 403 without the role.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Project>,
) -> Result<&'a project::Project, Fail> {
    let found = state.projects.get(&id).map(|project| (project, Scope::Project(id)));
    access::find(state, caller, role, found, ("project", &id))
}

fn dto(state: &State, project: &project::Project, seq: u64) -> Project {
    Project {
        id: project.id,
        organisation: project.organisation,
        name: project.name.clone(),
        path: resolve::project_path(state, project.id),
        version: project.meta.version,
        seq,
        created_at: Timestamp(project.meta.created_at),
    }
}
