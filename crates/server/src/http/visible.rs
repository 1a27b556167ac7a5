//! Which entries of the log a caller may see, and how they look from outside.

use api::{nouns::event::Event, text::Timestamp};
use kernel::{
    Actor, Entry, Event as Happened, State,
    access::{Role, Scope},
    budget, dataset, decision, endpoint, key, model, organisation, policy_set, project, quota,
    reservation::{self, Holder},
    usage, workload,
};
use serde_json::Value;
use store::Row;

use super::{access, caller::Caller, fail::Fail, quotas};

/// The entry as the caller sees it; `None` if it is none of the caller's business.
///
/// # Errors
/// If the row is not an entry, which the boot would have refused.
pub(crate) fn event(state: &State, caller: &Caller, row: &Row) -> Result<Option<Event>, Fail> {
    let entry = Entry::from_leaf(&row.leaf)
        .map_err(|error| Fail::internal("an entry of the log cannot be read", &error))?;
    let (scope, role) = place_of(state, &entry.event);
    let Some(scope) = scope else { return Ok(None) };
    if !access::allows(state, caller, role, scope) {
        return Ok(None);
    }
    let data = serde_json::to_value(&entry.event)
        .map_err(|error| Fail::internal("an event cannot be written", &error))?;
    Ok(Some(Event {
        seq: row.seq.saturating_add(1),
        at: Timestamp(entry.at),
        kind: entry.event.kind().to_owned(),
        subject: Some(entry.event.subject().to_string()),
        actor: match entry.actor {
            Actor::Key(id) => Some(id.to_string()),
            Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => None,
        },
        data: without_hash(data),
    }))
}

/// A secret's hash proves nothing to a reader and is left out.
fn without_hash(mut data: Value) -> Value {
    if let Some(created) = data.pointer_mut("/key/created").and_then(Value::as_object_mut) {
        created.remove("secret_hash");
    }
    data
}

/// Whose business an event is, and from which role on. Platform events are the operator's.
fn place_of(state: &State, event: &Happened) -> (Option<Scope>, Role) {
    let viewer = |scope| (scope, Role::Viewer);
    match event {
        Happened::Organisation(organisation::Event::Created { id, .. }) => {
            viewer(Some(Scope::Organisation(*id)))
        }
        Happened::Project(project::Event::Created { id, .. }) => viewer(Some(Scope::Project(*id))),
        Happened::Key(event) => (key_scope(state, event), Role::Administrator),
        Happened::PolicySet(
            policy_set::Event::Set { scope, .. } | policy_set::Event::ResidencySet { scope, .. },
        ) => viewer(Some(*scope)),
        Happened::PolicySet(policy_set::Event::Refused(refused)) => {
            viewer(Some(Scope::Project(refused.project)))
        }
        Happened::Site(_)
        | Happened::Node(_)
        | Happened::Price(_)
        | Happened::Power(_)
        | Happened::Entity(_)
        | Happened::Storage(_)
        | Happened::Evidence(_) => (Some(Scope::Platform), Role::Operator),
        Happened::Decision(decision::Event::Made(made)) => decision_place(made),
        Happened::Budget(event) => viewer(budget_scope(state, event)),
        Happened::Quota(quota::Event::Set { owner, .. } | quota::Event::Deleted { owner, .. }) => {
            viewer(Some(quotas::scope_of(*owner)))
        }
        Happened::Reservation(event) => reservation_place(state, event),
        Happened::Dataset(event) => viewer(dataset_scope(state, event)),
        Happened::Model(event) => viewer(model_scope(state, event)),
        Happened::Workload(event) => viewer(workload_scope(state, event)),
        Happened::Endpoint(event) => viewer(endpoint_scope(state, event)),
        Happened::Usage(usage::Event::Attempt(metered)) => {
            viewer(Some(Scope::Project(metered.project)))
        }
        Happened::Usage(usage::Event::Tokens(metered)) => {
            viewer(Some(Scope::Project(metered.project)))
        }
    }
}

/// A decision is the business of who asked; what the platform asks for itself is the operator's.
fn decision_place(made: &decision::Made) -> (Option<Scope>, Role) {
    match made.question.project.parse() {
        Ok(project) => (Some(Scope::Project(project)), Role::Viewer),
        Err(_) => (Some(Scope::Platform), Role::Operator),
    }
}

/// A project's reservation is the project's business; maintenance is the operator's in the log.
fn reservation_place(state: &State, event: &reservation::Event) -> (Option<Scope>, Role) {
    let holder = match event {
        reservation::Event::Created { holder, .. } => Some(*holder),
        reservation::Event::Cancelled { id } => state.reservations.get(id).map(|r| r.holder),
    };
    match holder {
        Some(Holder::Project(id)) => (Some(Scope::Project(id)), Role::Viewer),
        Some(Holder::Maintenance) | None => (Some(Scope::Platform), Role::Operator),
    }
}

fn key_scope(state: &State, event: &key::Event) -> Option<Scope> {
    match event {
        key::Event::Created { scope, .. } => Some(*scope),
        key::Event::Revoked { id } => state.keys.get(id).map(|key| key.scope),
    }
}

fn budget_scope(state: &State, event: &budget::Event) -> Option<Scope> {
    let id = match event {
        budget::Event::Created { project, .. } => return Some(Scope::Project(*project)),
        budget::Event::LimitSet { id, .. } | budget::Event::Exhausted { id, .. } => id,
    };
    state.budgets.get(id).map(|budget| Scope::Project(budget.project))
}

fn dataset_scope(state: &State, event: &dataset::Event) -> Option<Scope> {
    match event {
        dataset::Event::Created { project, .. } => Some(Scope::Project(*project)),
        dataset::Event::VersionAdded { id, .. } => {
            state.datasets.get(id).map(|dataset| Scope::Project(dataset.project))
        }
    }
}

fn model_scope(state: &State, event: &model::Event) -> Option<Scope> {
    let id = match event {
        model::Event::Created { project, .. } => return Some(Scope::Project(*project)),
        model::Event::VersionAdded { version, .. } => version.id,
        model::Event::Evaluated { id, .. } => *id,
    };
    state.models.get(&id).map(|model| Scope::Project(model.project))
}

fn workload_scope(state: &State, event: &workload::Event) -> Option<Scope> {
    let id = match event {
        workload::Event::Submitted { project, .. } => return Some(Scope::Project(*project)),
        workload::Event::Placed { id, .. }
        | workload::Event::PlacedMany { id, .. }
        | workload::Event::RankChanged { id, .. }
        | workload::Event::StopRequested { id, .. }
        | workload::Event::Requeued { id, .. }
        | workload::Event::Ended { id, .. }
        | workload::Event::OutputsFailed { id, .. }
        | workload::Event::PowerLimitSet { id, .. } => id,
    };
    state.workloads.get(id).map(|workload| Scope::Project(workload.project))
}

fn endpoint_scope(state: &State, event: &endpoint::Event) -> Option<Scope> {
    match event {
        endpoint::Event::Created { project, .. } => Some(Scope::Project(*project)),
        endpoint::Event::Deleted { id } => {
            state.endpoints.get(id).map(|endpoint| Scope::Project(endpoint.project))
        }
    }
}
