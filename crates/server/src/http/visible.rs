//! Which entries of the log a caller may see, and how they look from outside.

use api::{endpoint::Permission, nouns::event::Event, text::Timestamp};
use kernel::{
    Actor, Entry, Event as Happened, State,
    access::{Role, Scope},
    budget, capability, course, dataset, decision, endpoint, erasure, group, key, model,
    organisation, policy_set, project, quota,
    reservation::{self, Holder},
    role, service_account, storage, workload,
};
use serde_json::Value;
use store::Row;
use units::{Id, kinds};

use super::{access, caller::Caller, fail::Fail, quotas};

/// The entry as the caller sees it; `None` if it is none of the caller's business.
///
/// # Errors
/// If the row is not an entry, which the boot would have refused.
pub(crate) fn event(state: &State, caller: &Caller, row: &Row) -> Result<Option<Event>, Fail> {
    let entry = Entry::from_leaf(&row.leaf)
        .map_err(|error| Fail::internal("an entry of the log cannot be read", &error))?;
    let (scope, role) = place_of(state, &entry.event);
    let scope = match (scope, role) {
        (Some(scope), _) => scope,
        (None, Role::Operator) => Scope::Platform,
        (None, _) => return Ok(None),
    };
    let allowed = if matches!(entry.event, Happened::Evidence(_)) {
        // Every reader of the report can prove what it rests on.
        access::require_permission(caller, Permission::Viewer).is_ok()
    } else if is_own(&entry.event) {
        access::allows_own(state, caller, role, scope)
    } else {
        access::allows(state, caller, role, scope)
    };
    if !allowed {
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
            Actor::User(id) => Some(id.to_string()),
            Actor::ServiceAccount(id) => Some(id.to_string()),
            Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => None,
        },
        data: without_hash(data),
    }))
}

/// A secret's hash proves nothing to a reader and is left out.
fn without_hash(mut data: Value) -> Value {
    for kind in ["/key/created", "/key/issued", "/key/rotated"] {
        if let Some(event) = data.pointer_mut(kind).and_then(Value::as_object_mut) {
            event.remove("secret_hash");
        }
    }
    data
}

/// True if an event tells what is a tenant's own, and not only that the tenant is there and uses the
/// platform.
const fn is_own(event: &Happened) -> bool {
    match event {
        Happened::Storage(storage::Event::Sent { .. })
        | Happened::PolicySet(_)
        | Happened::Decision(_)
        | Happened::Key(_)
        | Happened::User(_)
        | Happened::Group(_)
        | Happened::ServiceAccount(_)
        | Happened::Role(_)
        | Happened::Binding(_)
        | Happened::IdentityProvider(_)
        | Happened::Capability(_)
        | Happened::Course(_)
        | Happened::Dataset(_)
        | Happened::Model(_)
        | Happened::Workload(_)
        | Happened::Endpoint(_)
        | Happened::Upstream(_)
        | Happened::Erasure(_)
        | Happened::Transfer(_) => true,
        Happened::Storage(storage::Event::Registered { .. } | storage::Event::Retired { .. })
        | Happened::Organisation(_)
        | Happened::Project(_)
        | Happened::Consent(_)
        | Happened::Entity(_)
        | Happened::Evidence(_)
        | Happened::Site(_)
        | Happened::Node(_)
        | Happened::Price(_)
        | Happened::Power(_)
        | Happened::Budget(_)
        | Happened::Quota(_)
        | Happened::RateLimit(_)
        | Happened::Reservation(_)
        | Happened::Usage(_) => false,
    }
}

/// Whose business an event is, and from which role on. Platform events are the operator's.
pub(crate) fn place_of(state: &State, event: &Happened) -> (Option<Scope>, Role) {
    let viewer = |scope| (scope, Role::Viewer);
    match event {
        Happened::Organisation(
            organisation::Event::Created { id, .. }
            | organisation::Event::TrainingAllowed { id, .. },
        ) => viewer(Some(Scope::Organisation(*id))),
        Happened::Project(event) => viewer(Some(Scope::Project(project_of(event)))),
        Happened::Key(event) => (key_scope(state, event), Role::Administrator),
        Happened::PolicySet(
            policy_set::Event::Set { scope, .. } | policy_set::Event::ResidencySet { scope, .. },
        ) => viewer(Some(*scope)),
        Happened::PolicySet(policy_set::Event::Refused(refused)) => {
            viewer(Some(Scope::Project(refused.project)))
        }
        Happened::Node(_) | Happened::Price(_) | Happened::Power(_) => {
            (Some(Scope::Platform), Role::Operator)
        }
        // Registers that whoever reads or audits the platform is shown anyway.
        Happened::Site(_) | Happened::Entity(_) | Happened::Evidence(_) => {
            viewer(Some(Scope::Platform))
        }
        Happened::Storage(event) => storage_place(state, event),
        Happened::Decision(decision::Event::Made(made)) => decision_place(made),
        Happened::Budget(event) => viewer(budget_scope(state, event)),
        Happened::Quota(quota::Event::Set { owner, .. } | quota::Event::Deleted { owner, .. }) => {
            viewer(Some(quotas::scope_of(*owner)))
        }
        Happened::RateLimit(event) => viewer(kernel::budget::scope_of(state, event.owner(), None)),
        Happened::Reservation(event) => reservation_place(state, event),
        Happened::User(event) => {
            let user = state.users.get(&event.id());
            (user.map(|user| scope_of_home(user.home)), Role::Administrator)
        }
        Happened::Group(event) => (group_scope(state, event), Role::Administrator),
        Happened::ServiceAccount(event) => (account_scope(state, event), Role::Administrator),
        Happened::Role(event) => (role_scope(state, event), Role::Administrator),
        Happened::Binding(event) => (Some(event.scope()), Role::Administrator),
        Happened::IdentityProvider(event) => {
            (Some(scope_of_home(event.home())), Role::Administrator)
        }
        Happened::Capability(event) => (holder_scope(state, event.holder()), Role::Administrator),
        Happened::Consent(event) => (Some(event.scope()), Role::Administrator),
        Happened::Dataset(event) => viewer(dataset_scope(state, event)),
        Happened::Model(event) => viewer(model_scope(state, event)),
        Happened::Workload(event) => viewer(workload_scope(state, event)),
        Happened::Endpoint(event) => viewer(endpoint_scope(state, event)),
        Happened::Upstream(event) => match event.project() {
            Some(project) => viewer(Some(Scope::Project(project))),
            None => (Some(Scope::Platform), Role::Operator),
        },
        Happened::Usage(event) => viewer(Some(Scope::Project(event.project()))),
        Happened::Course(event) => viewer(course_scope(state, event)),
        Happened::Erasure(event) => erasure_place(state, event),
        Happened::Transfer(event) => viewer(Some(Scope::Organisation(event.organisation()))),
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
        Some(Holder::Maintenance) => (Some(Scope::Platform), Role::Operator),
        // One that was cancelled is gone from the state: only its earlier entries say whose it was.
        None => (None, Role::Operator),
    }
}

fn course_scope(state: &State, event: &course::Event) -> Option<Scope> {
    match event {
        course::Event::Created { organisation, .. } => Some(Scope::Organisation(*organisation)),
        course::Event::Enrolled { id, .. } | course::Event::Closed { id } => {
            state.courses.get(id).map(|course| Scope::Organisation(course.organisation))
        }
    }
}

const fn project_of(event: &project::Event) -> Id<kinds::Project> {
    match event {
        project::Event::Created { id, .. }
        | project::Event::GuardrailsSet { id, .. }
        | project::Event::CaptureSet { id, .. } => *id,
    }
}

/// A tenant's erasures are its business; those of the operator's people are the operator's.
fn erasure_place(state: &State, event: &erasure::Event) -> (Option<Scope>, Role) {
    let target = match event {
        erasure::Event::Requested { target, .. } => Some(*target),
        // What a retention erased is known from its entries alone.
        erasure::Event::Begun { target: Some(target), .. }
        | erasure::Event::Done { target: Some(target), .. } => Some(*target),
        erasure::Event::Cancelled { id }
        | erasure::Event::Begun { id, target: None }
        | erasure::Event::Done { id, target: None, .. } => state.erasures.get(id).map(|e| e.target),
    };
    match target.and_then(|target| erasure::home(state, target)) {
        Some(home) => (Some(Scope::Organisation(home)), Role::Administrator),
        None => (Some(Scope::Platform), Role::Operator),
    }
}

fn key_scope(state: &State, event: &key::Event) -> Option<Scope> {
    match event {
        key::Event::Created { scope, .. } | key::Event::Issued { scope, .. } => Some(*scope),
        key::Event::Revoked { id } | key::Event::Rotated { id, .. } => {
            state.keys.get(id).map(|key| key.scope)
        }
    }
}

/// Where people and groups belong, as a scope.
pub(crate) fn scope_of_home(home: Option<Id<kinds::Organisation>>) -> Scope {
    home.map_or(Scope::Platform, Scope::Organisation)
}

/// Where whoever carries a capability token belongs.
pub(crate) fn holder_scope(state: &State, holder: capability::Holder) -> Option<Scope> {
    match holder {
        capability::Holder::Key(id) => state.keys.get(&id).map(|key| key.scope),
        capability::Holder::User(id) => state.users.get(&id).map(|user| scope_of_home(user.home)),
    }
}

fn group_scope(state: &State, event: &group::Event) -> Option<Scope> {
    match event {
        group::Event::Created { home, .. } | group::Event::Deleted { home, .. } => {
            Some(scope_of_home(*home))
        }
        group::Event::MemberAdded { user, .. } | group::Event::MemberRemoved { user, .. } => {
            // A group and its members are at home in one place; the group may be gone.
            state.users.get(user).map(|user| scope_of_home(user.home))
        }
    }
}

fn account_scope(state: &State, event: &service_account::Event) -> Option<Scope> {
    match event {
        service_account::Event::Created { scope, .. }
        | service_account::Event::Deleted { scope, .. } => Some(*scope),
        service_account::Event::Renewed { id, .. } => {
            state.service_accounts.get(id).map(|account| account.scope)
        }
        service_account::Event::Assigned { owner, .. } => {
            state.users.get(owner).map(|user| scope_of_home(user.home))
        }
    }
}

fn role_scope(state: &State, event: &role::Event) -> Option<Scope> {
    match event {
        role::Event::Created { organisation, .. } | role::Event::Deleted { organisation, .. } => {
            Some(Scope::Organisation(*organisation))
        }
        role::Event::Changed { id, .. } => {
            state.roles.get(id).map(|role| Scope::Organisation(role.organisation))
        }
    }
}

fn budget_scope(state: &State, event: &budget::Event) -> Option<Scope> {
    let (owner, within) = match event {
        budget::Event::Created { project, .. } => return Some(Scope::Project(*project)),
        budget::Event::Opened(opened) => (opened.owner, opened.within),
        budget::Event::LimitSet { id, .. }
        | budget::Event::Exhausted { id, .. }
        | budget::Event::TermsSet { id, .. }
        | budget::Event::Alerted { id, .. }
        | budget::Event::UsedUp { id, .. } => {
            let budget = state.budgets.get(id)?;
            (budget.owner, budget.within)
        }
    };
    budget::scope_of(state, owner, within)
}

fn dataset_scope(state: &State, event: &dataset::Event) -> Option<Scope> {
    let of = |id| state.datasets.get(id).map(|dataset| Scope::Project(dataset.project));
    match event {
        dataset::Event::Created { project, .. }
        | dataset::Event::CreatedCaptured { project, .. } => Some(Scope::Project(*project)),
        dataset::Event::VersionAdded { id, .. } | dataset::Event::RetentionSet { id, .. } => of(id),
        dataset::Event::VersionDerived { version, .. } => of(&version.id),
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
    if let endpoint::Event::Created { project, .. } | endpoint::Event::Opened { project, .. } =
        event
    {
        return Some(Scope::Project(*project));
    }
    state.endpoints.get(&event.id()).map(|endpoint| Scope::Project(endpoint.project))
}

/// Places are the platform's; what a tenant took there is the tenant's.
fn storage_place(state: &State, event: &storage::Event) -> (Option<Scope>, Role) {
    match event {
        storage::Event::Sent { what, .. } => match what.scope(state) {
            Some(scope) => (Some(scope), Role::Administrator),
            None => (Some(Scope::Platform), Role::Operator),
        },
        storage::Event::Registered { .. } | storage::Event::Retired { .. } => {
            // A register, as above.
            (Some(Scope::Platform), Role::Viewer)
        }
    }
}
