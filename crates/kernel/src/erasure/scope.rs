//! What an erasure reaches: whose it is, and what must not be used any more.

use units::{Id, kinds};

use super::Target;
use crate::{Reject, State, dataset, model::Artefact, organisation::Organisation};

/// The organisation that a target belongs to; `None` for the platform's own people.
#[must_use]
pub fn home(state: &State, target: Target) -> Option<Id<kinds::Organisation>> {
    match target {
        Target::User { home, .. } => home,
        Target::Organisation(id) => Some(id),
        Target::Dataset(id) | Target::Versions { dataset: id, .. } => {
            let project = state.datasets.get(&id)?.project;
            state.projects.get(&project).map(|project| project.organisation)
        }
    }
}

/// True if the project's organisation is closed for good.
#[must_use]
pub fn project_is_closed(state: &State, project: Id<kinds::Project>) -> bool {
    let organisation =
        state.projects.get(&project).and_then(|p| state.organisations.get(&p.organisation));
    organisation.is_some_and(Organisation::is_closed)
}

/// True if the content of an artefact is erased, or is being erased.
#[must_use]
pub fn is_gone(state: &State, artefact: Artefact) -> bool {
    match artefact {
        Artefact::Dataset { id, version } => state.datasets.get(&id).is_some_and(|dataset| {
            !dataset.is_kept(version) || project_is_closed(state, dataset.project)
        }),
        Artefact::Model { id, .. } => {
            state.models.get(&id).is_some_and(|model| project_is_closed(state, model.project))
        }
    }
}

/// Refuses anything new in an organisation that is closed.
pub(crate) fn require_open(
    state: &State,
    organisation: Id<kinds::Organisation>,
) -> Result<(), Reject> {
    let found = state.organisations.get(&organisation);
    let found = found.ok_or_else(|| Reject::not_found("organisation", organisation))?;
    if found.is_closed() {
        return Err(Reject::WrongState {
            kind: "organisation",
            id: found.name.to_string(),
            state: "closed".to_owned(),
            action: "add anything to it",
        });
    }
    Ok(())
}

/// Refuses anything new about a dataset whose content is erased.
pub(crate) fn require_kept(dataset: &dataset::Dataset) -> Result<(), Reject> {
    if dataset.erased_at.is_some() {
        return Err(Reject::WrongState {
            kind: "dataset",
            id: dataset.name.to_string(),
            state: "erased".to_owned(),
            action: "use it",
        });
    }
    Ok(())
}

/// The same for one version of it.
pub(crate) fn require_kept_version(dataset: &dataset::Dataset, version: u32) -> Result<(), Reject> {
    require_kept(dataset)?;
    if version <= dataset.erased_through {
        return Err(Reject::WrongState {
            kind: "dataset version",
            id: format!("{}@v{version}", dataset.name),
            state: "erased, since its retention is over".to_owned(),
            action: "use it",
        });
    }
    Ok(())
}
