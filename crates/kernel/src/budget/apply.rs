//! Folds budget events.

use units::MicroEuro;

use super::{Budget, Event};
use crate::{Meta, Stamp, State};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, limit } => {
            state.index.budgets.entry(*project).or_default().push(*id);
            let budget = Budget {
                id: *id,
                project: *project,
                name: name.clone(),
                limit: *limit,
                spent: MicroEuro::ZERO,
                exhausted: false,
                meta: Meta::new(stamp),
            };
            state.budgets.insert(*id, budget);
        }
        Event::LimitSet { id, limit } => {
            if let Some(budget) = state.budgets.get_mut(id) {
                budget.limit = *limit;
                budget.exhausted = budget.spent >= budget.limit;
                budget.meta.touch(stamp);
            }
        }
        Event::Exhausted { id, spent: _ } => {
            if let Some(budget) = state.budgets.get_mut(id) {
                budget.exhausted = true;
                budget.meta.touch(stamp);
            }
        }
    }
}
