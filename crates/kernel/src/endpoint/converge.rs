//! Says as events what is to be done so that an endpoint has the services that it should have.
//!
//! What cannot be added is no failure of the rest: it is recorded with its reason, and tried again.

use std::borrow::Cow;

use units::{Id, kinds};

use super::{Endpoint, Event, Step, apply::creator, decide::one, steps};
use crate::{Ctx, Reject, State, limits, workload};

pub(super) fn converge(
    state: &State,
    endpoint: &Endpoint,
    quiet: &[Id<kinds::Workload>],
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let id = endpoint.id;
    let mut events = Vec::new();
    let mut numbers = 1_u16..;
    for step in steps(state, endpoint, quiet, ctx.now) {
        let event = match step {
            Step::Grow { arriving, n } => {
                let ids = numbers.by_ref().take(usize::try_from(n).unwrap_or(0));
                let ids: Vec<Id<kinds::Workload>> = ids.map(|number| ctx.id(number)).collect();
                events.extend(grow(state, endpoint, (arriving, ids), ctx));
                continue;
            }
            Step::Drain { workloads } => {
                Event::DrainStarted { id, workloads, until: ctx.now.plus(endpoint.drain()) }
            }
            Step::Resume { workloads } => Event::DrainCancelled { id, workloads },
            Step::Retire { workloads } => {
                let cause = workload::StopCause::ScaledDown;
                let stops: Vec<_> = workloads
                    .iter()
                    .filter_map(|id| workload::stop_one(state, *id, cause))
                    .collect();
                events.extend(one(Event::Retired { id, workloads }));
                events.extend(stops);
                continue;
            }
            Step::EndUpdate { updated } => Event::UpdateEnded { id, updated },
        };
        events.extend(one(event));
    }
    Ok(events)
}

/// Submits services, or records why that is not possible now.
fn grow(
    state: &State,
    endpoint: &Endpoint,
    (arriving, workloads): (bool, Vec<Id<kinds::Workload>>),
    ctx: &Ctx,
) -> Vec<crate::Event> {
    // They count for whoever made the endpoint: so do the budgets in the way.
    let ctx = Ctx { actor: creator(state, endpoint).unwrap_or(ctx.actor), ..*ctx };
    let mut events = Vec::new();
    let submitted = spec_of(state, endpoint, arriving).and_then(|spec| {
        let mut ids = workloads.iter();
        ids.try_for_each(|id| {
            workload::submit(state, (endpoint.project, &spec), *id, &ctx, &mut events)
        })
    });
    let id = endpoint.id;
    match submitted {
        Ok(()) => {
            events.extend(one(Event::Grown { id, workloads, arriving }));
            events
        }
        Err(reject) => {
            let reason = limits::cut(&reject.to_string());
            let known = endpoint.held.as_ref() == Some(&reason);
            if known { Vec::new() } else { one(Event::Held { id, reason }) }
        }
    }
}

/// How a service of one side is run: as was said with its version, or as the others are.
fn spec_of<'a>(
    state: &'a State,
    endpoint: &'a Endpoint,
    arriving: bool,
) -> Result<Cow<'a, workload::Spec>, Reject> {
    let rollout = endpoint.rollout.as_ref().filter(|_| arriving);
    let said = rollout.map(|rollout| &rollout.service).or(endpoint.service.as_ref());
    if let Some(spec) = said {
        return Ok(Cow::Borrowed(spec));
    }
    let first = endpoint.services(state).min_by_key(|one| one.submitted_seq);
    let first = first.ok_or_else(|| Reject::not_found("service of endpoint", endpoint.id))?;
    Ok(Cow::Borrowed(&first.spec))
}
