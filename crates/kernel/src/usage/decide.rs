//! Rates use at the price in force and lets budgets block.

use units::{Id, MicroEuro, PriceUnit, kinds};

use super::{
    Answers, Charge, Command, EgressMetered, EgressPurpose, Event, SWITCH_FREE_FROM, TokensMetered,
};
use crate::{Ctx, Reject, State, budget, limits, price, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let Command::RecordTokens {
        gateway,
        sequence,
        key,
        endpoint,
        minute,
        requests,
        errors,
        tokens_in,
        tokens_out,
        estimated,
        answers,
    } = command
    else {
        return egress(state, command, ctx);
    };
    if !is_next(state, *gateway, *sequence)? {
        return Ok(Vec::new());
    }
    check_answers(answers.as_ref(), *requests)?;
    if !state.keys.contains_key(key) {
        return Err(Reject::not_found("key", key));
    }
    let found =
        state.endpoints.get(endpoint).ok_or_else(|| Reject::not_found("endpoint", endpoint))?;
    let charges = [(PriceUnit::MTokensIn, tokens_in.0), (PriceUnit::MTokensOut, tokens_out.0)]
        .into_iter()
        .filter_map(|(per, quantity)| charge(state, per, quantity))
        .collect();
    let event = Event::Tokens(TokensMetered {
        gateway: *gateway,
        sequence: *sequence,
        key: *key,
        project: found.project,
        endpoint: *endpoint,
        minute: *minute,
        requests: *requests,
        errors: *errors,
        tokens_in: *tokens_in,
        tokens_out: *tokens_out,
        estimated: *estimated,
        charges,
        decided: found.routes_since(state, *minute),
        answers: *answers,
    });
    Ok(metered(state, event, ctx))
}

/// True for the next roll-up of a gateway, false for one that is recorded.
fn is_next(state: &State, gateway: Id<kinds::Gateway>, sequence: u64) -> Result<bool, Reject> {
    let last = state.usage.gateways.get(&gateway).copied();
    if last.is_some_and(|last| sequence <= last) {
        return Ok(false);
    }
    if sequence != last.unwrap_or(0).saturating_add(1) {
        let message = format!(
            "roll-up {sequence} of gateway `{gateway}` leaves a gap after {}: send each in order",
            last.unwrap_or(0)
        );
        return Err(Reject::invalid("sequence", message));
    }
    if last.is_none() {
        Reject::limit("gateways", state.usage.gateways.len(), limits::GATEWAYS_KEPT)?;
    }
    Ok(true)
}

/// No request has more than one answer.
fn check_answers(answers: Option<&Answers>, requests: u64) -> Result<(), Reject> {
    match answers {
        Some(answers) if answers.count == 0 || answers.count > requests => {
            let message = format!(
                "{} answers to {requests} requests: give one leaf to each request that was answered",
                answers.count
            );
            Err(Reject::invalid("answers", message))
        }
        Some(_) | None => Ok(()),
    }
}

/// Data that left: a switch costs nothing from its date on, whatever the list says.
fn egress(state: &State, command: &Command, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let Command::RecordEgress { project, purpose, size } = command else { return Ok(Vec::new()) };
    project::get(state, *project)?;
    let per = match purpose {
        EgressPurpose::Switch => PriceUnit::EgressSwitchGib,
        EgressPurpose::Parallel => PriceUnit::EgressParallelGib,
    };
    let mut charges: Vec<Charge> = charge(state, per, size.0).into_iter().collect();
    if *purpose == EgressPurpose::Switch && ctx.now >= SWITCH_FREE_FROM {
        charges.iter_mut().for_each(|charge| charge.price = MicroEuro::ZERO);
    }
    let (project, purpose, size) = (*project, *purpose, *size);
    let event = Event::Egress(EgressMetered { project, purpose, size, charges });
    Ok(metered(state, event, ctx))
}

/// A quantity at the price in force; nothing for a quantity of zero.
pub(crate) fn charge(state: &State, per: PriceUnit, quantity_base: u64) -> Option<Charge> {
    let price = price::current(state, per).amount;
    (quantity_base > 0).then_some(Charge { per, price, quantity_base })
}

/// The events of a metered use: the use itself, then what it does to the budgets over it, then the
/// stop of what would spend those that it uses up.
pub(crate) fn metered(state: &State, event: Event, ctx: &Ctx) -> Vec<crate::Event> {
    let project = event.project();
    let added = state.usage.preview(project, ctx.now, event.charges());
    let whose = (project, event.by(state, ctx.actor));
    let follows = budget::consequences(state, whose, (added, event.charges()), ctx.now);
    std::iter::once(crate::Event::Usage(event)).chain(follows).collect()
}
