//! Validates budget commands.

use units::MicroEuro;

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits, project, workload};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { project, name, limit } => {
            project::get(state, *project)?;
            check(*limit)?;
            let count = state.budgets_of(*project).count();
            Reject::limit("budgets of this project", count, limits::BUDGETS_PER_PROJECT_MAX)?;
            if state.budgets_of(*project).any(|budget| budget.name == *name) {
                return Err(Reject::NameTaken { kind: "budget", name: name.to_string() });
            }
            Event::Created { id: ctx.id(0), project: *project, name: name.clone(), limit: *limit }
        }
        Command::SetLimit { id, limit } => {
            let budget = state.budgets.get(id).ok_or_else(|| Reject::not_found("budget", id))?;
            check(*limit)?;
            if budget.limit == *limit {
                return Ok(Vec::new());
            }
            let event = crate::Event::Budget(Event::LimitSet { id: *id, limit: *limit });
            // A limit set below what was spent uses the budget up, so it also stops the work.
            let stops = if budget.spent >= *limit {
                workload::stop_all_of(state, budget.project, workload::StopCause::Budget)
            } else {
                Vec::new()
            };
            return Ok(std::iter::once(event).chain(stops).collect());
        }
    };
    Ok(vec![crate::Event::Budget(event)])
}

fn check(limit: MicroEuro) -> Result<(), Reject> {
    if limit.0 > 0 {
        Ok(())
    } else {
        Err(Reject::invalid(
            "limit",
            format!("`{limit}` is not above zero: give an amount such as `10 EUR`"),
        ))
    }
}
