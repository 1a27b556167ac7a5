//! What a metered use does to the budgets over it: they count it, alert, and stop work.

use std::collections::BTreeSet;

use units::{Allowance, Id, Measure, MicroEuro, UnixMicros, kinds};

use super::{Budget, Event, is_over, owners_over};
use crate::{Actor, Stamp, State, usage::Charge, workload};

/// Budgets that count what somebody uses in a project.
fn over(
    state: &State,
    project: Id<kinds::Project>,
    by: Actor,
) -> impl Iterator<Item = &Budget> + '_ {
    owners_over(state, project, by)
        .filter_map(|owner| state.index.budgets.get(&owner))
        .flatten()
        .filter_map(|id| state.budgets.get(id))
        .filter(move |budget| budget.within.is_none_or(|within| within == project))
}

/// How much of a measure a use adds: money as it was rated, the rest as it was metered.
fn added(measure: Measure, money: MicroEuro, charges: &[Charge]) -> i64 {
    if measure == Measure::Money {
        return money.0;
    }
    let own = charges.iter().filter(|charge| Measure::of(charge.per) == Some(measure));
    own.fold(0, |sum, charge| {
        sum.saturating_add(i64::try_from(charge.quantity_base).unwrap_or(i64::MAX))
    })
}

/// Counts a use in every budget over it.
pub(crate) fn charge(
    state: &mut State,
    (project, by): (Id<kinds::Project>, Actor),
    (money, charges): (MicroEuro, &[Charge]),
    stamp: &Stamp,
) {
    let ids: Vec<Id<kinds::Budget>> = over(state, project, by).map(|budget| budget.id).collect();
    for id in ids {
        let Some(budget) = state.budgets.get_mut(&id) else { continue };
        let more = added(budget.terms.limit.measure(), money, charges);
        if more != 0 {
            budget.roll(stamp.at);
            budget.spent = budget.spent.plus(more);
            budget.meta.updated_at = stamp.at;
            state.note_shut(id);
        }
    }
}

/// What follows from a use: alerts, budgets used up, and the stop of the work that would spend them.
pub(crate) fn consequences(
    state: &State,
    (project, by): (Id<kinds::Project>, Actor),
    (money, charges): (MicroEuro, &[Charge]),
    now: UnixMicros,
) -> Vec<crate::Event> {
    let mut events = Vec::new();
    let mut used_up = Vec::new();
    for budget in over(state, project, by) {
        let before = budget.spent_at(now);
        let after = before.plus(added(before.measure(), money, charges));
        if after == before {
            continue;
        }
        let limit = budget.terms.limit;
        events.extend(alerts(budget, (before, limit), (after, limit)));
        if budget.terms.hard_stop && !budget.is_shut_at(now) && after >= limit {
            events.push(ended(budget, after));
            used_up.push(budget);
        }
    }
    events.extend(stops(state, &used_up));
    events
}

/// The alerts between two states of a budget: thresholds that were ahead and are behind now.
pub(super) fn alerts(
    budget: &Budget,
    (before, limit_before): (Allowance, Allowance),
    (spent, limit): (Allowance, Allowance),
) -> Vec<crate::Event> {
    let (was, is) = (before.percent_of(limit_before), spent.percent_of(limit));
    let crossed = budget.terms.alerts.iter().filter(|percent| {
        let percent = u32::from(**percent);
        was < percent && percent <= is
    });
    crossed.map(|percent| alert(budget, *percent, limit, spent)).collect()
}

fn alert(budget: &Budget, percent: u8, limit: Allowance, spent: Allowance) -> crate::Event {
    let (id, owner) = (budget.id, budget.owner);
    crate::Event::Budget(Event::Alerted { id, owner, percent, limit, spent })
}

/// The entry that says that it is used up, which for money is the one that always said so.
fn ended(budget: &Budget, spent: Allowance) -> crate::Event {
    let (id, owner, limit) = (budget.id, budget.owner, budget.terms.limit);
    crate::Event::Budget(match spent {
        Allowance::Money(spent) => Event::Exhausted { id, spent },
        Allowance::GpuTime(_) | Allowance::Energy(_) | Allowance::Tokens(_) => {
            Event::UsedUp { id, owner, limit, spent }
        }
    })
}

/// Stops what would spend these budgets, each workload once.
pub(super) fn stops(state: &State, used_up: &[&Budget]) -> Vec<crate::Event> {
    if used_up.is_empty() {
        return Vec::new();
    }
    let covered: BTreeSet<Id<kinds::Workload>> = state
        .active_workloads()
        .filter(|workload| used_up.iter().any(|budget| is_over(state, budget, workload)))
        .map(|workload| workload.id)
        .collect();
    let cause = workload::StopCause::Budget;
    covered.iter().filter_map(|id| workload::stop_one(state, *id, cause)).collect()
}
