//! Budgets as the API shows them.

use api::{
    nouns::{
        budget::{Budget, BudgetAlert, BudgetMeasure, BudgetPeriod},
        workload_insight::BudgetLeft,
    },
    text::Timestamp,
};
use kernel::{
    State,
    budget::{self, Owner, Period},
};
use units::{Allowance, Measure, MicroEuro, UnixMicros};

/// A budget as it stands at a time.
pub(crate) fn dto(state: &State, one: &budget::Budget, now: UnixMicros, seq: u64) -> Budget {
    let (limit, spent) = (one.terms.limit, one.spent_at(now));
    let remaining = limit.left_after(spent);
    let mut budget = Budget {
        id: one.id,
        owner: one.owner.describe(state),
        organisation: None,
        project: one.within,
        user: None,
        service_account: None,
        key: None,
        name: one.name.clone(),
        measure: measure(limit.measure()),
        period: match one.period {
            Period::Total => BudgetPeriod::Total,
            Period::Month => BudgetPeriod::Month,
        },
        limit: limit.to_string(),
        spent: spent.to_string(),
        remaining: remaining.to_string(),
        base_unit: limit.measure().base_unit().to_owned(),
        limit_base: limit.base(),
        spent_base: spent.base(),
        remaining_base: remaining.base(),
        limit_microeuro: money(limit),
        spent_microeuro: money(spent),
        remaining_microeuro: money(remaining),
        percent: spent.percent_of(limit),
        alerts: alerts(one, now),
        hard_stop: one.terms.hard_stop,
        exhausted: one.is_shut_at(now),
        resets_at: one.resets_at(now).map(Timestamp),
        version: one.meta.version,
        seq,
        created_at: Timestamp(one.meta.created_at),
    };
    match one.owner {
        Owner::Organisation(id) => budget.organisation = Some(id),
        Owner::Project(id) => budget.project = Some(id),
        Owner::User(id) => budget.user = Some(id),
        Owner::ServiceAccount(id) => budget.service_account = Some(id),
        Owner::Key(id) => budget.key = Some(id),
    }
    budget
}

/// Its thresholds; those of a month that is over are ahead again.
fn alerts(one: &budget::Budget, now: UnixMicros) -> Vec<BudgetAlert> {
    let is_of_now = one.spent_at(now) == one.spent;
    let alert = |percent: &u8| BudgetAlert {
        percent: *percent,
        alerted_at: one.alerted.get(percent).filter(|_| is_of_now).copied().map(Timestamp),
    };
    one.terms.alerts.iter().map(alert).collect()
}

/// What is left of one.
pub(crate) fn left(state: &State, one: &budget::Budget, now: UnixMicros) -> BudgetLeft {
    let remaining = one.terms.limit.left_after(one.spent_at(now));
    BudgetLeft {
        budget: one.id,
        name: one.name.clone(),
        owner: one.owner.describe(state),
        remaining: remaining.to_string(),
        remaining_microeuro: money(remaining),
    }
}

const fn money(amount: Allowance) -> Option<MicroEuro> {
    match amount {
        Allowance::Money(amount) => Some(amount),
        Allowance::GpuTime(_) | Allowance::Energy(_) | Allowance::Tokens(_) => None,
    }
}

const fn measure(measure: Measure) -> BudgetMeasure {
    match measure {
        Measure::Money => BudgetMeasure::Money,
        Measure::GpuTime => BudgetMeasure::GpuTime,
        Measure::Energy => BudgetMeasure::Energy,
        Measure::Tokens => BudgetMeasure::Tokens,
    }
}
