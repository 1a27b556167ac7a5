//! Budgets: create, list, get, change.
//!
//! Whoever administers an organisation gives budgets to it and to all below it; whoever administers a
//! project to what is in it. People see those over themselves even where they see nothing else.

use api::nouns::{
    budget::{Budget, BudgetCreate, BudgetGet, BudgetList, BudgetNew, BudgetPeriod, BudgetSet},
    common::Page,
};
use kernel::{
    Actor, Command, State, Subject,
    access::{Role, Scope},
    budget::{self, ALERTS_DEFAULT, Change, Open, Owner, Period, Terms},
};
use units::{Id, Name, UnixMicros, kinds};

use super::{
    access, budgets_dto,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, unexpected,
};

/// `POST /api/v1/budgets`
pub(crate) async fn create(call: Call<BudgetCreate>) -> Result<Budget, Fail> {
    let new = &call.body;
    let (owner, within) = call.read(|state| owner_of(state, &call.caller, new))?;
    let terms = Terms {
        limit: new.limit.0,
        alerts: new.alerts.clone().unwrap_or_else(|| ALERTS_DEFAULT.to_vec()),
        hard_stop: new.hard_stop.unwrap_or(true),
    };
    let period = match new.period.unwrap_or_default() {
        BudgetPeriod::Total => Period::Total,
        BudgetPeriod::Month => Period::Month,
    };
    let open = Open { owner, within, name: new.name.clone(), period, terms };
    let command = Command::Budget(budget::Command::Open(Box::new(open)));
    let accepted = call.submit(command).await?;
    let Some(Subject::Budget(id)) = accepted.subject else { return Err(unexpected()) };
    let now = call.app.platform.now();
    let made = call.read(|state| {
        state.budgets.get(&id).map(|budget| budgets_dto::dto(state, budget, now, accepted.seq))
    });
    made.ok_or_else(unexpected)
}

/// `GET /api/v1/budgets`
pub(crate) async fn list(call: Call<BudgetList>) -> Result<Page<Budget>, Fail> {
    let (query, caller, now) = (&call.query, &call.caller, call.app.platform.now());
    let wanted = page::Wanted::<Id<kinds::Budget>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let project = query.project.as_ref();
        let project =
            project.map(|p| resolve::project(state, caller, Role::Viewer, p)).transpose()?;
        let organisation = query.organisation.as_ref();
        let organisation =
            organisation.map(|o| resolve::organisation(state, caller, Role::Viewer, o));
        let organisation = organisation.transpose()?;
        let wished = |one: &budget::Budget| {
            let scope = budget::scope_of(state, one.owner, one.within);
            let own = scope.and_then(|scope| kernel::access::organisation_of(state, scope));
            is_named(one, query.name.as_ref())
                && project.is_none_or(|id| scope == Some(Scope::Project(id)))
                && organisation.is_none_or(|id| own == Some(id))
                && query.user.is_none_or(|id| one.owner == Owner::User(id))
                && may_see(state, caller, one)
        };
        let all = state.budgets.range(page::after(&wanted)).filter(|(_, one)| wished(one));
        let items = all.map(|(id, one)| (*id, budgets_dto::dto(state, one, now, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

fn is_named(one: &budget::Budget, name: Option<&Name>) -> bool {
    name.is_none_or(|name| one.name == *name)
}

/// `GET /api/v1/budgets/{id}`
pub(crate) async fn get(call: Call<BudgetGet>) -> Result<Budget, Fail> {
    let (id, now) = (call.path.id, call.app.platform.now());
    call.read(|state| {
        let found = state.budgets.get(&id);
        let own = found.filter(|one| is_over_caller(state, &call.caller, one));
        let found = match own {
            Some(one) => one,
            None => find(state, &call.caller, Role::Viewer, id)?,
        };
        Ok(budgets_dto::dto(state, found, now, as_of(state)))
    })
}

/// `POST /api/v1/budgets/{id}/terms`
pub(crate) async fn set(call: Call<BudgetSet>) -> Result<Budget, Fail> {
    let (id, now) = (call.path.id, call.app.platform.now());
    call.read(|state| require_changer(state, &call.caller, id))?;
    let change = Change {
        limit: call.body.limit.map(|limit| limit.0),
        alerts: call.body.alerts.clone(),
        hard_stop: call.body.hard_stop,
    };
    let command = Command::Budget(budget::Command::SetTerms { id, change });
    let accepted = call.submit(command).await?;
    let is = call.read(|state| {
        state.budgets.get(&id).map(|budget| budgets_dto::dto(state, budget, now, accepted.seq))
    });
    is.ok_or_else(unexpected)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Budget>,
) -> Result<&'a budget::Budget, Fail> {
    let found = state.budgets.get(&id);
    let found = found.and_then(|one| Some((one, budget::scope_of(state, one.owner, one.within)?)));
    access::find_hidden(state, caller, role, found, ("budget", &id))
}

/// Nobody raises what was set for them from above: a project's budget is its organisation's to change.
fn require_changer(state: &State, caller: &Caller, id: Id<kinds::Budget>) -> Result<(), Fail> {
    let found = find(state, caller, Role::Administrator, id)?;
    let above = match found.owner {
        Owner::Project(project) => state.projects.get(&project).map(|p| p.organisation),
        Owner::Organisation(_) | Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => None,
    };
    let Some(organisation) = above else { return Ok(()) };
    // Whoever administers the project alone may know of it.
    let needs = || access::needs(Role::Administrator);
    let scope = Scope::Organisation(organisation);
    access::require(state, caller, Role::Administrator, scope, needs)
}

/// Whose budget is meant, if the caller administers that.
fn owner_of(
    state: &State,
    caller: &Caller,
    new: &BudgetNew,
) -> Result<(Owner, Option<Id<kinds::Project>>), Fail> {
    let role = Role::Administrator;
    let project = || {
        let project = new.project.as_ref();
        project.map(|p| resolve::project(state, caller, role, p)).transpose()
    };
    let alone = |owner: Owner| match project()? {
        Some(_) => Err(one_owner()),
        None => Ok((owner, None)),
    };
    match (&new.organisation, new.user, new.service_account, new.key) {
        (Some(reference), None, None, None) => {
            alone(Owner::Organisation(resolve::organisation(state, caller, role, reference)?))
        }
        (None, Some(id), None, None) => somebody(state, caller, Owner::User(id), project()?),
        (None, None, Some(id), None) => {
            somebody(state, caller, Owner::ServiceAccount(id), project()?)
        }
        (None, None, None, Some(id)) => alone(somebody(state, caller, Owner::Key(id), None)?.0),
        (None, None, None, None) => match project()? {
            Some(id) => Ok((Owner::Project(id), None)),
            None => Err(one_owner()),
        },
        _ => Err(one_owner()),
    }
}

/// Somebody in a project that the caller administers, or anywhere where the caller administers all that
/// is theirs. Who does not exist and who is another's answer alike.
pub(super) fn somebody(
    state: &State,
    caller: &Caller,
    owner: Owner,
    within: Option<Id<kinds::Project>>,
) -> Result<(Owner, Option<Id<kinds::Project>>), Fail> {
    let id: String = match owner {
        Owner::User(id) => id.to_string(),
        Owner::ServiceAccount(id) => id.to_string(),
        Owner::Key(id) => id.to_string(),
        Owner::Organisation(id) => id.to_string(),
        Owner::Project(id) => id.to_string(),
    };
    let missing = || Fail::not_found(owner.kind(), &id);
    let scope = budget::scope_of(state, owner, None).ok_or_else(missing)?;
    if let Some(project) = within {
        let covered = kernel::access::covers(state, scope, Scope::Project(project));
        return if covered { Ok((owner, within)) } else { Err(missing()) };
    }
    let found = Some((&(), scope));
    access::find_hidden(state, caller, Role::Administrator, found, (owner.kind(), &id))?;
    Ok((owner, None))
}

fn one_owner() -> Fail {
    let text = "name one owner: `organisation`, `project`, `user`, `service_account` or `key`; \
        beside a user or service account, `project` confines it";
    Fail::field("/project", text)
}

fn may_see(state: &State, caller: &Caller, one: &budget::Budget) -> bool {
    let scope = budget::scope_of(state, one.owner, one.within);
    scope.is_some_and(|scope| access::allows(state, caller, Role::Viewer, scope))
        || is_over_caller(state, caller, one)
}

/// True if the budget counts what the caller uses: their own, their key's, their organisation's.
fn is_over_caller(state: &State, caller: &Caller, one: &budget::Budget) -> bool {
    match one.owner {
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => {
            budget::causes(state, actor_of(caller)).contains(&Some(one.owner))
        }
        Owner::Organisation(id) => {
            state.projects.values().filter(|project| project.organisation == id).any(|project| {
                access::allows(state, caller, Role::Member, Scope::Project(project.id))
            })
        }
        Owner::Project(_) => false,
    }
}

/// Who acts when this caller submits work.
pub(crate) fn actor_of(caller: &Caller) -> Actor {
    // Nobody in particular has no budgets of their own, as the platform has none.
    caller.actor().unwrap_or(Actor::System)
}

/// What is left of the budgets that would count work of this caller in a project.
pub(crate) fn left(
    state: &State,
    caller: &Caller,
    project: Id<kinds::Project>,
    now: UnixMicros,
) -> Vec<api::nouns::workload_insight::BudgetLeft> {
    let owners = budget::owners_over(state, project, actor_of(caller));
    let over = owners.flat_map(|owner| state.budgets_of(owner));
    let counts = over.filter(|one| one.within.is_none_or(|within| within == project));
    counts.map(|one| budgets_dto::left(state, one, now)).collect()
}
