//! The one place where commands and events find their noun: two exhaustive matches without `_`.

use crate::{
    Command, Ctx, Event, Reject, Stamp, State, Submission, binding, budget, capability, consent,
    course, dataset, decision, endpoint, entity, erasure, evidence, group, identity_provider, key,
    model, node, organisation, policy_set, power, price, project, quota, rate_limit, reservation,
    role, service_account, site, storage, transfer, upstream, usage, user, workload,
};

/// Decides a command: the events that it would cause, or why not. Only reads.
///
/// An empty list is a command that is already true (a repeated report, a stop of what has ended).
///
/// # Errors
/// [`Reject`]; nothing has changed.
pub fn decide(state: &State, submission: &Submission, ctx: &Ctx) -> Result<Vec<Event>, Reject> {
    if let Some(expected) = submission.expected_version
        && let Some(current) = version_of(state, &submission.command)
        && current != expected
    {
        return Err(Reject::VersionConflict { expected, current });
    }
    let events = match &submission.command {
        Command::Organisation(c) => organisation::decide(state, c, ctx),
        Command::Project(c) => project::decide(state, c, ctx),
        Command::Key(c) => key::decide(state, c, ctx),
        Command::PolicySet(c) => policy_set::decide(state, c, ctx),
        Command::Site(c) => site::decide(state, c, ctx),
        Command::Node(c) => node::decide(state, c, ctx),
        Command::Budget(c) => budget::decide(state, c, ctx),
        Command::Quota(c) => quota::decide(state, c, ctx),
        Command::RateLimit(c) => rate_limit::decide(state, c, ctx),
        Command::Reservation(c) => reservation::decide(state, c, ctx),
        Command::Power(c) => power::decide(state, c, ctx),
        Command::Price(c) => price::decide(state, c, ctx),
        Command::Dataset(c) => dataset::decide(state, c, ctx),
        Command::Model(c) => model::decide(state, c, ctx),
        Command::Workload(c) => workload::decide(state, c, ctx),
        Command::Endpoint(c) => endpoint::decide(state, c, ctx),
        Command::Upstream(c) => upstream::decide(state, c, ctx),
        Command::Usage(c) => usage::decide(state, c, ctx),
        Command::Entity(c) => entity::decide(state, c, ctx),
        Command::Storage(c) => storage::decide(state, c, ctx),
        Command::Decision(c) => decision::decide(state, c),
        Command::Evidence(c) => evidence::decide(state, c, ctx),
        Command::User(c) => user::decide(state, c, ctx),
        Command::Group(c) => group::decide(state, c, ctx),
        Command::ServiceAccount(c) => service_account::decide(state, c, ctx),
        Command::Role(c) => role::decide(state, c, ctx),
        Command::Binding(c) => binding::decide(state, c, ctx),
        Command::IdentityProvider(c) => identity_provider::decide(state, c, ctx),
        Command::Capability(c) => capability::decide(state, c, ctx),
        Command::Consent(c) => consent::decide(state, c, ctx),
        Command::Erasure(c) => erasure::decide(state, c, ctx),
        Command::Transfer(c) => transfer::decide(state, c, ctx),
        Command::Course(c) => course::decide(state, c, ctx),
    };
    // Whoever changes what is allowed asks again for what runs.
    let events = events.map(|events| decision::with_review(state, events, ctx));
    // Whoever ends a workload ends what waits for it: not only commands about workloads do.
    events.map(|events| workload::with_consequences(state, events))
}

/// The version of the resource that a command changes; `None` for commands that create.
fn version_of(state: &State, command: &Command) -> Option<u64> {
    match command {
        Command::Entity(c) => entity::version(state, c),
        Command::Storage(c) => storage::version(state, c),
        Command::Evidence(c) => evidence::version(state, c),
        Command::Project(c) => project::version(state, c),
        Command::Usage(_) | Command::Transfer(_) | Command::Decision(_) => None,
        Command::Organisation(c) => organisation::target(c)
            .and_then(|id| state.organisations.get(&id))
            .map(|o| o.meta.version),
        Command::Power(c) => power::existing(state, c).map(|meta| meta.version),
        Command::Course(c) => {
            course::target(c).and_then(|id| state.courses.get(&id)).map(|c| c.meta.version)
        }
        Command::Erasure(c) => {
            erasure::target(c).and_then(|id| state.erasures.get(&id)).map(|e| e.meta.version)
        }
        Command::Price(_) => state.prices.last().map(|book| book.meta.version),
        Command::Key(c) => {
            key::target(c).and_then(|id| state.keys.get(&id)).map(|k| k.meta.version)
        }
        Command::PolicySet(c) => policy_set::existing(state, c).map(|p| p.meta.version),
        Command::Site(c) => site::version(state, c),
        Command::Node(c) => {
            node::target(c).and_then(|id| state.nodes.get(&id)).map(|n| n.meta.version)
        }
        Command::Budget(c) => {
            budget::target(c).and_then(|id| state.budgets.get(&id)).map(|b| b.meta.version)
        }
        Command::Quota(c) => quota::existing(state, c).map(|q| q.meta.version),
        Command::RateLimit(c) => rate_limit::existing(state, c).map(|l| l.meta.version),
        Command::Reservation(c) => reservation::target(c)
            .and_then(|id| state.reservations.get(&id))
            .map(|r| r.meta.version),
        Command::Dataset(c) => {
            dataset::target(c).and_then(|id| state.datasets.get(&id)).map(|d| d.meta.version)
        }
        Command::Model(c) => {
            model::target(c).and_then(|id| state.models.get(&id)).map(|m| m.meta.version)
        }
        Command::Workload(c) => {
            workload::target(c).and_then(|id| state.workloads.get(&id)).map(|w| w.meta.version)
        }
        Command::User(c) => user::version(state, c),
        Command::Group(c) => group::version(state, c),
        Command::ServiceAccount(c) => service_account::version(state, c),
        Command::Role(c) => role::version(state, c),
        Command::Consent(c) => consent::version(state, c),
        Command::Binding(c) => binding::version(state, c),
        Command::Capability(_) => None,
        Command::IdentityProvider(c) => identity_provider::target(c)
            .and_then(|id| state.identity_providers.get(&id))
            .map(|x| x.meta.version),
        Command::Upstream(c) => upstream::version(state, c),
        Command::Endpoint(c) => endpoint::version(state, c),
    }
}

/// Applies an event to its noun.
pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Organisation(e) => organisation::apply(state, e, stamp),
        Event::Project(e) => project::apply(state, e, stamp),
        Event::Key(e) => key::apply(state, e, stamp),
        Event::PolicySet(e) => policy_set::apply(state, e, stamp),
        Event::Site(e) => site::apply(state, e, stamp),
        Event::Node(e) => node::apply(state, e, stamp),
        Event::Budget(e) => budget::apply(state, e, stamp),
        Event::Quota(e) => quota::apply(state, e, stamp),
        Event::RateLimit(e) => rate_limit::apply(state, e, stamp),
        Event::Reservation(e) => reservation::apply(state, e, stamp),
        Event::Power(e) => power::apply(state, e, stamp),
        Event::Price(e) => price::apply(state, e, stamp),
        Event::Dataset(e) => dataset::apply(state, e, stamp),
        Event::Model(e) => model::apply(state, e, stamp),
        Event::Workload(e) => workload::apply(state, e, stamp),
        Event::Endpoint(e) => endpoint::apply(state, e, stamp),
        Event::Usage(e) => usage::apply(state, e, stamp),
        Event::Entity(e) => entity::apply(state, e, stamp),
        Event::Storage(e) => storage::apply(state, e, stamp),
        Event::Decision(e) => decision::apply(state, e, stamp),
        Event::Evidence(e) => evidence::apply(state, e, stamp),
        Event::User(e) => user::apply(state, e, stamp),
        Event::Group(e) => group::apply(state, e, stamp),
        Event::ServiceAccount(e) => service_account::apply(state, e, stamp),
        Event::Role(e) => role::apply(state, e, stamp),
        Event::Binding(e) => binding::apply(state, e, stamp),
        Event::IdentityProvider(e) => identity_provider::apply(state, e, stamp),
        Event::Capability(e) => capability::apply(state, e, stamp),
        Event::Consent(e) => consent::apply(state, e, stamp),
        Event::Erasure(e) => erasure::apply(state, e, stamp),
        Event::Transfer(e) => transfer::apply(state, e, stamp),
        Event::Course(e) => course::apply(state, e, stamp),
        Event::Upstream(e) => upstream::apply(state, e, stamp),
    }
}
