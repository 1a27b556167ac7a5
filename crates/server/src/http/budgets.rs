//! Budgets: create, list, get.

use api::{
    nouns::{
        budget::{Budget, BudgetCreate, BudgetGet, BudgetList},
        common::Page,
    },
    text::Timestamp,
};
use kernel::{
    Command, Subject,
    access::{Role, Scope},
    budget,
};
use units::MicroEuro;

use super::{
    access,
    fail::Fail,
    mount::{Call, as_of},
    resolve::{self, Listing},
    unexpected,
};

/// `POST /api/v1/budgets`
pub(crate) async fn create(call: Call<BudgetCreate>) -> Result<Budget, Fail> {
    let new = &call.body;
    let project = call
        .read(|state| resolve::project(state, &call.caller, Role::Administrator, &new.project))?;
    let (name, limit) = (new.name.clone(), new.limit.0);
    let command = Command::Budget(budget::Command::Create { project, name, limit });
    let accepted = call.submit(command).await?;
    let Some(Subject::Budget(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.budgets.get(&id).map(|b| dto(b, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/budgets`
pub(crate) async fn list(call: Call<BudgetList>) -> Result<Page<Budget>, Fail> {
    call.read(|state| {
        let listing = Listing { state, caller: &call.caller, query: &call.query };
        listing.page(&state.budgets, |b| (b.project, &b.name), |b| dto(b, as_of(state)))
    })
}

/// `GET /api/v1/budgets/{id}`
pub(crate) async fn get(call: Call<BudgetGet>) -> Result<Budget, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.budgets.get(&id).map(|b| (b, Scope::Project(b.project)));
        let found = access::find(state, &call.caller, Role::Viewer, found, ("budget", &id))?;
        Ok(dto(found, as_of(state)))
    })
}

fn dto(budget: &budget::Budget, seq: u64) -> Budget {
    let remaining = budget.limit.saturating_sub(budget.spent).max(MicroEuro::ZERO);
    Budget {
        id: budget.id,
        project: budget.project,
        name: budget.name.clone(),
        limit_microeuro: budget.limit,
        spent_microeuro: budget.spent,
        remaining_microeuro: remaining,
        exhausted: remaining == MicroEuro::ZERO,
        version: budget.meta.version,
        seq,
        created_at: Timestamp(budget.meta.created_at),
    }
}
