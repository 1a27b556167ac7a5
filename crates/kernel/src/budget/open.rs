//! May somebody go on using? Answered from the index of budgets that are used up, which events keep:
//! as long as none is, no answer costs more than a look at an empty map.

use units::{Id, Measure, UnixMicros, kinds};

use super::{Budget, owners_over};
use crate::{
    Actor, Reject, State,
    workload::{Spec, Workload},
};

/// The first budget that stands in the way of using more of some measures in a project now.
#[must_use]
pub fn shut_for(
    state: &State,
    (project, by): (Id<kinds::Project>, Actor),
    now: UnixMicros,
    spends: impl Fn(Measure) -> bool,
) -> Option<&Budget> {
    let shut = &state.index.shut_budgets;
    if shut.is_empty() {
        return None;
    }
    owners_over(state, project, by)
        .filter_map(|owner| shut.get(&owner))
        .flatten()
        .filter_map(|id| state.budgets.get(id))
        .find(|budget| {
            budget.within.is_none_or(|within| within == project)
                && spends(budget.terms.limit.measure())
                && budget.is_shut_at(now)
        })
}

/// Refuses work that would use up more of what is used up.
///
/// # Errors
/// [`Reject::BudgetExhausted`] naming the first budget in the way.
pub fn require_open_for_work(
    state: &State,
    whose: (Id<kinds::Project>, Actor),
    spec: &Spec,
    now: UnixMicros,
) -> Result<(), Reject> {
    let shut = shut_for(state, whose, now, |measure| is_spent_by(spec, measure));
    shut.map_or(Ok(()), |budget| Err(refuse(state, budget, now)))
}

/// Refuses calls of models with a key that would use up more of what is used up.
///
/// # Errors
/// [`Reject::BudgetExhausted`] naming the first budget in the way.
pub fn require_open_for_calls(
    state: &State,
    project: Id<kinds::Project>,
    key: Id<kinds::Key>,
    now: UnixMicros,
) -> Result<(), Reject> {
    let shut = shut_for(state, (project, Actor::Key(key)), now, Measure::is_spent_by_calls);
    shut.map_or(Ok(()), |budget| Err(refuse(state, budget, now)))
}

/// True if running this work uses the measure up: tokens are used by calls, GPU time by work that
/// may have GPUs.
#[must_use]
pub(super) fn is_spent_by(spec: &Spec, measure: Measure) -> bool {
    match measure {
        Measure::Money | Measure::Energy => true,
        Measure::GpuTime => spec.may_use_gpus(),
        Measure::Tokens => false,
    }
}

/// True if the budget counts what this workload uses of its measure.
#[must_use]
pub fn is_over(state: &State, budget: &Budget, workload: &Workload) -> bool {
    budget.within.is_none_or(|within| within == workload.project)
        && is_spent_by(&workload.spec, budget.terms.limit.measure())
        && owners_over(state, workload.project, workload.by).any(|owner| owner == budget.owner)
}

fn refuse(state: &State, budget: &Budget, now: UnixMicros) -> Reject {
    Reject::BudgetExhausted {
        budget: budget.id,
        name: budget.name.to_string(),
        owner: budget.owner.describe(state),
        limit: budget.terms.limit,
        spent: budget.spent_at(now),
        resets_at: budget.resets_at(now),
    }
}
