//! What the ledger says of an owner: what `check` proves the budgets of projects and organisations by.

use units::{Id, Measure, kinds};

use super::{Budget, Owner, Period};
use crate::State;

/// What the ledger's lines of an owner add up to in a measure, in one month or in all; `None` for
/// owners that the ledger does not tell apart.
pub(crate) fn ledgered(
    state: &State,
    owner: Owner,
    measure: Measure,
    month: Option<i32>,
) -> Option<i64> {
    match owner {
        Owner::Project(project) => Some(of_project(state, project, measure, month)),
        Owner::Organisation(id) => {
            let own = state.projects.values().filter(|project| project.organisation == id);
            Some(own.fold(0_i64, |sum, project| {
                sum.saturating_add(of_project(state, project.id, measure, month))
            }))
        }
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => None,
    }
}

fn of_project(
    state: &State,
    project: Id<kinds::Project>,
    measure: Measure,
    month: Option<i32>,
) -> i64 {
    let lines = state.usage.lines_of(project);
    let lines = lines.filter(|(key, _)| month.is_none_or(|month| month == key.month));
    lines.fold(0_i64, |sum, (key, line)| {
        sum.saturating_add(match measure {
            Measure::Money => line.amount.0,
            Measure::GpuTime | Measure::Energy | Measure::Tokens
                if Measure::of(key.per) == Some(measure) =>
            {
                i64::try_from(line.quantity_base).unwrap_or(i64::MAX)
            }
            Measure::GpuTime | Measure::Energy | Measure::Tokens => 0,
        })
    })
}

/// What a budget should have spent by the ledger; `None` where the ledger does not say.
pub(crate) fn kept(state: &State, budget: &Budget) -> Option<i64> {
    if budget.within.is_some() {
        return None;
    }
    let month = match budget.period {
        Period::Total => None,
        Period::Month => Some(budget.month),
    };
    let all = ledgered(state, budget.owner, budget.terms.limit.measure(), month);
    all.map(|all| all.saturating_sub(budget.before))
}
