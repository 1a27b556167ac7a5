//! What a change of policies, sites or entities means for what runs: asked in the same command, so
//! that no work and no route ever stands on an answer that is gone.
//!
//! Work that is no longer allowed where it is goes back to the queue; it is never moved without being
//! asked for again.

use std::collections::BTreeMap;

use super::{
    Command,
    require::{ask_now, made},
};
use crate::{
    Ctx, Event, Reject, Stamp, State, Subject, dispatch, entity, policy_set, project, site,
    workload,
};
use policy::Ask;

pub(crate) fn decide(state: &State, command: &Command) -> Result<Vec<Event>, Reject> {
    match command {
        Command::Review => Ok(review(state, state)),
    }
}

/// The events of a command with the answers that they make necessary.
pub(crate) fn with_review(state: &State, mut events: Vec<Event>, ctx: &Ctx) -> Vec<Event> {
    if !events.iter().any(touches_answers) {
        return events;
    }
    let mut after = state.policy_view();
    for event in &events {
        let stamp = Stamp { seq: after.size, at: ctx.now, actor: ctx.actor };
        dispatch::apply(&mut after, event, &stamp);
        after.size = after.size.saturating_add(1);
    }
    events.extend(review(state, &after));
    events
}

/// True for what changes an answer that may be on record.
const fn touches_answers(event: &Event) -> bool {
    match event {
        Event::PolicySet(
            policy_set::Event::Set { .. } | policy_set::Event::ResidencySet { .. },
        )
        | Event::Site(site::Event::Updated { .. })
        | Event::Entity(entity::Event::Updated { .. }) => true,
        Event::PolicySet(policy_set::Event::Refused(_))
        | Event::Site(site::Event::Created { .. })
        | Event::Entity(entity::Event::Registered { .. })
        | Event::Organisation(_)
        | Event::Project(_)
        | Event::Key(_)
        | Event::Node(_)
        | Event::Budget(_)
        | Event::Quota(_)
        | Event::RateLimit(_)
        | Event::Reservation(_)
        | Event::Price(_)
        | Event::Dataset(_)
        | Event::Model(_)
        | Event::Workload(_)
        | Event::Endpoint(_)
        | Event::Upstream(_)
        | Event::Usage(_)
        | Event::Power(_)
        | Event::Storage(_)
        | Event::Decision(_)
        | Event::Evidence(_)
        | Event::User(_)
        | Event::Group(_)
        | Event::ServiceAccount(_)
        | Event::Role(_)
        | Event::Binding(_)
        | Event::IdentityProvider(_)
        | Event::Capability(_)
        | Event::Consent(_)
        | Event::Course(_)
        | Event::Erasure(_)
        | Event::Transfer(_) => false,
    }
}

/// Answers for everything that runs and has none in `after`, and stops for what is not allowed.
fn review(state: &State, after: &State) -> Vec<Event> {
    let mut asks: BTreeMap<Ask, Vec<Subject>> = BTreeMap::new();
    for workload in state.active_workloads().filter(|workload| workload.holds_nodes()) {
        let Some(attempt) = workload.attempt() else { continue };
        for ask in workload::asks(workload.project, &workload.spec, workload.class, attempt.site) {
            if after.decisions.find(&ask).is_none() {
                asks.entry(ask).or_default().push(workload.id.into());
            }
        }
    }
    for endpoint in state.endpoints.values().filter(|one| one.deleted_at.is_none()) {
        let open = endpoint.opening_asks().filter(|(one, _)| one.until.is_none());
        for (_, ask) in open.filter(|(_, ask)| after.decisions.find(ask).is_none()) {
            asks.entry(ask).or_default().push(endpoint.id.into());
        }
    }
    for (project, ask) in project::asked_before(state) {
        if after.decisions.find(&ask).is_none() {
            asks.entry(ask).or_default().push(project.into());
        }
    }
    let mut answers = Vec::new();
    let mut stops = BTreeMap::new();
    for (ask, ids) in asks {
        let Some(first) = ids.first() else { continue };
        let Some((question, decision)) = ask_now(after, &ask) else { continue };
        if !decision.allowed {
            // A route to an upstream is closed by the answer alone.
            let stop = |subject: &Subject| {
                let Subject::Workload(id) = subject else { return None };
                workload::stop_one(state, *id, workload::StopCause::PolicyChanged)
                    .map(|event| (*id, event))
            };
            stops.extend(ids.iter().filter_map(stop));
        }
        answers.push(made(*first, question, decision));
    }
    answers.extend(stops.into_values());
    answers
}
