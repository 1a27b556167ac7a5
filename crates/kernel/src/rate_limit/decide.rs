//! Validates commands about rate limits: the owner exists, and the terms can be counted.

use super::{Command, Event, RateLimit, Terms};
use crate::{Ctx, Reject, State, access, budget, budget::Owner, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Set { owner, terms } => {
            require_owner(state, *owner)?;
            check(*owner, *terms)?;
            let known = state.rate_limit_of(*owner);
            if known.is_some_and(|limit| limit.terms == *terms) {
                return Ok(Vec::new());
            }
            if known.is_none() {
                let count = state.rate_limits.len();
                Reject::limit("rate limits", count, limits::RATE_LIMITS_MAX)?;
            }
            let id = known.map_or_else(|| ctx.id(0), |limit| limit.id);
            Event::Set { id, owner: *owner, terms: *terms }
        }
        Command::Delete { id } => {
            let limit = state.rate_limits.get(id);
            let limit = limit.ok_or_else(|| Reject::not_found("rate limit", id))?;
            Event::Deleted { id: *id, owner: limit.owner }
        }
    };
    Ok(vec![crate::Event::RateLimit(event)])
}

/// The limit that a command would change.
pub(crate) fn existing<'a>(state: &'a State, command: &Command) -> Option<&'a RateLimit> {
    match command {
        Command::Set { owner, .. } => state.rate_limit_of(*owner),
        Command::Delete { id } => state.rate_limits.get(id),
    }
}

fn require_owner(state: &State, owner: Owner) -> Result<(), Reject> {
    let missing = || match owner {
        Owner::Organisation(id) => Reject::not_found("organisation", id),
        Owner::Project(id) => Reject::not_found("project", id),
        Owner::User(id) => Reject::not_found("user", id),
        Owner::ServiceAccount(id) => Reject::not_found("service account", id),
        Owner::Key(id) => Reject::not_found("key", id),
    };
    let scope = budget::scope_of(state, owner, None).ok_or_else(missing)?;
    access::scope_exists(state, scope)
}

fn check(owner: Owner, terms: Terms) -> Result<(), Reject> {
    let most = limits::RATE_PER_MINUTE_MAX;
    let rates = [
        ("requests_per_minute", terms.requests_per_minute),
        ("tokens_per_minute", terms.tokens_per_minute),
        ("concurrent_max", terms.concurrent_max.map(u64::from)),
    ];
    if rates.iter().all(|(_, rate)| rate.is_none()) && terms.weight.is_none() {
        let message = "nothing is limited: give at least one limit, or delete this one";
        return Err(Reject::invalid("requests_per_minute", message));
    }
    for (field, rate) in rates {
        if let Some(rate) = rate.filter(|rate| *rate > most) {
            let message = format!("`{rate}` is more than {most}: give less, or leave it out");
            return Err(Reject::invalid(field, message));
        }
    }
    let Some(weight) = terms.weight else { return Ok(()) };
    let most = limits::RATE_WEIGHT_MAX;
    if weight == 0 || weight > most {
        let message = format!("`{weight}` is not a weight: give 1 to {most}, 1 is everybody's");
        return Err(Reject::invalid("weight", message));
    }
    match owner {
        Owner::Organisation(_) | Owner::Project(_) => Ok(()),
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => Err(Reject::invalid(
            "weight",
            "only organisations and projects wait in line: leave it out for others",
        )),
    }
}
