//! From names to ids, as far as the caller may know them.
//!
//! A name that exists but is hidden is answered exactly as one that does not exist.

use api::{
    nouns::common::{Page, ProjectNamedQuery},
    reference::{ArtefactRef, InputRef, PolicyScope, ProjectRef, Ref},
};
use kernel::{
    State,
    access::{Role, Scope},
    model::Artefact,
};
use std::collections::BTreeMap;
use units::{DataClass, Digest, Id, IdKind, Name, kinds};

use super::{access, caller::Caller, fail::Fail, mount::as_of, page};

/// The project of a reference, on which the caller may act in this role.
///
/// # Errors
/// 404 if there is none or it is hidden; 403 without the role.
pub(crate) fn project(
    state: &State,
    caller: &Caller,
    role: Role,
    reference: &ProjectRef,
) -> Result<Id<kinds::Project>, Fail> {
    let id = match reference {
        ProjectRef::Id(id) => state.projects.contains_key(id).then_some(*id),
        ProjectRef::Path { organisation, project } => state.project_by_path(organisation, project),
    };
    let missing = || Fail::not_found("project", reference);
    let id = id.ok_or_else(missing)?;
    access::require(state, caller, role, Scope::Project(id), missing)?;
    Ok(id)
}

/// The organisation of a reference, on which the caller may act in this role.
///
/// # Errors
/// 404 if there is none or it is hidden; 403 without the role.
pub(crate) fn organisation(
    state: &State,
    caller: &Caller,
    role: Role,
    reference: &Ref<kinds::Organisation>,
) -> Result<Id<kinds::Organisation>, Fail> {
    let id = match reference {
        Ref::Id(id) => state.organisations.contains_key(id).then_some(*id),
        Ref::Name(name) => state.organisation_by_name(name),
    };
    let missing = || Fail::not_found("organisation", reference);
    let id = id.ok_or_else(missing)?;
    access::require(state, caller, role, Scope::Organisation(id), missing)?;
    Ok(id)
}

/// The site of a reference; sites are known to every reader.
///
/// # Errors
/// 404 if there is none.
pub(crate) fn site(state: &State, reference: &Ref<kinds::Site>) -> Result<Id<kinds::Site>, Fail> {
    let id = match reference {
        Ref::Id(id) => state.sites.contains_key(id).then_some(*id),
        Ref::Name(name) => state.sites.values().find(|site| site.name == *name).map(|s| s.id),
    };
    id.ok_or_else(|| Fail::not_found("site", reference))
}

/// The scope of a policy, on which the caller may act in this role.
///
/// # Errors
/// 404 if there is none or it is hidden; 403 without the role.
pub(crate) fn policy_scope(
    state: &State,
    caller: &Caller,
    role: Role,
    scope: &PolicyScope,
) -> Result<Scope, Fail> {
    match scope {
        PolicyScope::Platform => {
            let missing = || Fail::not_found("scope", scope);
            access::require(state, caller, Role::Operator, Scope::Platform, missing)?;
            Ok(Scope::Platform)
        }
        PolicyScope::Organisation(reference) => {
            organisation(state, caller, role, reference).map(Scope::Organisation)
        }
        PolicyScope::Project(reference) => {
            project(state, caller, role, reference).map(Scope::Project)
        }
    }
}

/// A version of an artefact with what a workload needs of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) artefact: Artefact,
    pub(crate) manifest: Digest,
    pub(crate) class: DataClass,
    pub(crate) size_bytes: u64,
}

/// The version that a project reads under this reference; the newest without a number.
///
/// A project reads its own artefacts, and public or internal ones of its organisation. `decide`
/// checks that again: here it only keeps names of others secret.
///
/// # Errors
/// 404 in the same words whether it is missing or hidden.
pub(crate) fn input(
    state: &State,
    project: Id<kinds::Project>,
    reference: &InputRef,
) -> Result<Found, Fail> {
    let (wanted, found) = match reference {
        InputRef::Dataset(wanted) => (wanted, dataset_version(state, project, wanted)),
        InputRef::Model(wanted) => (wanted, model_version(state, project, wanted)),
    };
    let found =
        found.filter(|(owner, found)| *owner == project || found.class <= DataClass::Internal);
    let kind = match reference {
        InputRef::Dataset(_) => "dataset version",
        InputRef::Model(_) => "model version",
    };
    found.map(|(_, found)| found).ok_or_else(|| {
        Fail::not_found(kind, wanted)
            .remedy("name a version of a dataset or model of this project, such as `nlp/corpus@v1`")
    })
}

/// The project of that name in the organisation of another project.
fn sibling(state: &State, project: Id<kinds::Project>, name: &Name) -> Option<Id<kinds::Project>> {
    let organisation = state.projects.get(&project)?.organisation;
    let organisation = &state.organisations.get(&organisation)?.name;
    state.project_by_path(organisation, name)
}

fn dataset_version(
    state: &State,
    project: Id<kinds::Project>,
    wanted: &ArtefactRef,
) -> Option<(Id<kinds::Project>, Found)> {
    let owner = sibling(state, project, &wanted.project)?;
    let dataset = state.datasets.get(&state.dataset_by_name(owner, &wanted.name)?)?;
    let version = match wanted.artefact_version {
        Some(number) => dataset.version(number)?,
        None => dataset.kept().last().or(dataset.versions.last())?,
    };
    let artefact = Artefact::Dataset { id: dataset.id, version: version.number };
    let (manifest, class) = (version.manifest, dataset.class);
    Some((owner, Found { artefact, manifest, class, size_bytes: version.size.0 }))
}

fn model_version(
    state: &State,
    project: Id<kinds::Project>,
    wanted: &ArtefactRef,
) -> Option<(Id<kinds::Project>, Found)> {
    let owner = sibling(state, project, &wanted.project)?;
    let model = state.models.get(&state.model_by_name(owner, &wanted.name)?)?;
    let version = match wanted.artefact_version {
        Some(number) => model.version(number)?,
        None => model.versions.last()?,
    };
    let artefact = Artefact::Model { id: model.id, version: version.number };
    let (manifest, class) = (version.manifest, version.class);
    Some((owner, Found { artefact, manifest, class, size_bytes: version.size.0 }))
}

/// `project/name@vN` of an artefact.
pub(crate) fn artefact_ref(state: &State, artefact: Artefact) -> Option<ArtefactRef> {
    let (project, name, version) = match artefact {
        Artefact::Dataset { id, version } => {
            let dataset = state.datasets.get(&id)?;
            (dataset.project, &dataset.name, version)
        }
        Artefact::Model { id, version } => {
            let model = state.models.get(&id)?;
            (model.project, &model.name, version)
        }
    };
    let project = state.projects.get(&project)?.name.clone();
    Some(ArtefactRef { project, name: name.clone(), artefact_version: Some(version) })
}

/// `organisation/project` of a project.
pub(crate) fn project_path(state: &State, id: Id<kinds::Project>) -> String {
    let project = state.projects.get(&id);
    let organisation = project.and_then(|p| state.organisations.get(&p.organisation));
    match (organisation, project) {
        (Some(organisation), Some(project)) => format!("{}/{}", organisation.name, project.name),
        _ => id.to_string(),
    }
}

/// A list of things that belong to projects.
pub(crate) struct Listing<'a> {
    pub(crate) state: &'a State,
    pub(crate) caller: &'a Caller,
    pub(crate) query: &'a ProjectNamedQuery,
}

impl Listing<'_> {
    /// The page of what the caller may read, by id.
    ///
    /// # Errors
    /// 404 for a project that is missing or hidden; 400 for a wrong page.
    pub(crate) fn page<K: IdKind, T, D>(
        &self,
        all: &BTreeMap<Id<K>, T>,
        owner_and_name: impl Fn(&T) -> (Id<kinds::Project>, &Name),
        dto: impl Fn(&T) -> D,
    ) -> Result<Page<D>, Fail> {
        let (state, caller, query) = (self.state, self.caller, self.query);
        let wanted = page::Wanted::<Id<K>>::of(query.limit, query.page_token.as_deref())?;
        let only = query.project.as_ref();
        let only = only.map(|p| project(state, caller, Role::Viewer, p)).transpose()?;
        let visible = |owner| access::allows(state, caller, Role::Viewer, Scope::Project(owner));
        let items = all.range(page::after(&wanted)).filter(|(_, item)| {
            let (owner, name) = owner_and_name(item);
            let named = query.name.as_ref().is_none_or(|wanted| wanted == name);
            named && only.is_none_or(|id| id == owner) && visible(owner)
        });
        Ok(page::cut(items.map(|(id, item)| (*id, dto(item))), wanted.limit, as_of(state)))
    }
}
