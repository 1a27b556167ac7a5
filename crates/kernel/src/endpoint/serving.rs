//! Where an endpoint's requests go: which of its services answer, and each one's share.
//!
//! Never to a service that is to go, and never where policy on record does not allow it.

use std::collections::BTreeSet;

use policy::Ask;
use units::{Country, Id, UnixMicros, kinds};

use super::{Endpoint, Opening, Stage};
use crate::{
    State, limits,
    workload::{self, Attempt, Workload},
};

/// The usual share of a service, relative to others.
const WEIGHT: u32 = 100;

/// A service that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The service.
    pub workload: Id<kinds::Workload>,
    /// Its `host:port`.
    pub address: String,
    /// Its site.
    pub site: Id<kinds::Site>,
    /// Its share of the requests relative to the others; 0 for none unless no other answers.
    pub weight: u32,
}

impl Endpoint {
    /// Addresses that answer their health probe now and to which policy, on record, allows a route.
    #[must_use]
    pub fn ready_addresses(&self, state: &State) -> Vec<String> {
        self.serving_in(state, |_| true).into_iter().map(|one| one.address).collect()
    }

    /// The same of services that run in certain countries, each with its site and share.
    #[must_use]
    pub fn serving_in(&self, state: &State, allowed: impl Fn(Country) -> bool) -> Vec<Serving> {
        let (arriving, others) = (self.n_ready(state, true), self.n_ready(state, false));
        let here = self.ready(state).filter(|service| {
            let ranks = service.attempt().into_iter().flat_map(|attempt| &attempt.ranks);
            let mut sites = ranks
                .map(|rank| state.nodes.get(&rank.node))
                .map(|node| node.and_then(|node| state.sites.get(&node.site)));
            sites.all(|site| site.is_some_and(|site| allowed(site.config.country)))
        });
        let placed = here.filter_map(|service| Some((service, service.attempt()?.site)));
        placed
            .flat_map(|(service, site)| {
                let weight = self.weight(self.is_arriving(service.id), arriving, others);
                let workload = service.id;
                let one = move |address| Serving { workload, address, site, weight };
                service.ready_addresses().map(one)
            })
            .collect()
    }

    /// The share of one service, of a version with so many that answer beside the other's.
    fn weight(&self, is_arriving: bool, arriving: u32, others: u32) -> u32 {
        // Together they keep what those of the version in force have: upstreams beside them have theirs.
        let part = |percent: u32, among: u32| {
            let whole = others.max(1).saturating_mul(percent);
            whole.checked_div(among).unwrap_or(0).max(1)
        };
        match self.rollout.as_deref().map(|rollout| &rollout.stage) {
            None | Some(Stage::Replacing) => WEIGHT,
            Some(Stage::Canary { percent }) if is_arriving => part(*percent, arriving),
            Some(Stage::Canary { percent }) => part(100_u32.saturating_sub(*percent), others),
            Some(Stage::Leaving) if is_arriving && others > 0 => 0,
            Some(Stage::Leaving) => WEIGHT,
        }
    }

    /// True for a service of the version that is being introduced.
    #[must_use]
    pub fn is_arriving(&self, service: Id<kinds::Workload>) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.workloads.contains(&service))
    }

    /// How many services of one side answer and may be asked.
    pub(super) fn n_ready(&self, state: &State, arriving: bool) -> u32 {
        let side = self.ready(state).filter(|service| self.is_arriving(service.id) == arriving);
        u32::try_from(side.count()).unwrap_or(u32::MAX)
    }

    /// How many services answer and are not to go.
    #[must_use]
    pub fn n_serving(&self, state: &State) -> u32 {
        u32::try_from(self.ready(state).count()).unwrap_or(u32::MAX)
    }

    /// Services that answer, are routed, and are not to go.
    fn ready<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Workload> {
        let staying = self.workloads.iter().filter(|id| !self.draining.contains_key(id));
        let services = staying.filter_map(|id| state.workloads.get(id));
        services.filter(|service| {
            service.ready_addresses().next().is_some() && is_routed(state, service)
        })
    }

    /// Every service on record, those that are gone included.
    pub fn services<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Workload> + Clone {
        let all = self.workloads.iter().chain(&self.retired);
        all.filter_map(|id| state.workloads.get(id))
    }

    /// Positions of the decisions for the routes that were open at any time since then.
    #[must_use]
    pub fn routes_since(&self, state: &State, since: UnixMicros) -> Vec<u64> {
        let mut routes = BTreeSet::new();
        for service in self.services(state) {
            let open = |one: &&Attempt| one.ended_at.is_none_or(|ended| ended >= since);
            for attempt in service.attempts.iter().filter(open) {
                routes.extend(attempt.decided.iter().copied());
                let asks = asks_of(service, attempt);
                let found = asks.filter_map(|ask| {
                    state.decisions.find(&ask).filter(|(_, decision)| decision.allowed)
                });
                routes.extend(found.map(|(seq, _)| seq));
            }
        }
        let open = |one: &&(&Opening, Ask)| one.0.until.is_none_or(|until| until >= since);
        for (opening, ask) in self.opening_asks().collect::<Vec<_>>().iter().filter(open) {
            routes.insert(opening.decided);
            let found = state.decisions.find(ask).filter(|(_, decision)| decision.allowed);
            routes.extend(found.map(|(seq, _)| seq));
        }
        routes.into_iter().take(limits::ROUTES_MAX).collect()
    }
}

/// True if every answer that a route to this service needs is on record and is a yes.
fn is_routed(state: &State, service: &Workload) -> bool {
    let attempt = service.attempt();
    attempt.is_some_and(|attempt| asks_of(service, attempt).all(|ask| state.decisions.allows(&ask)))
}

fn asks_of(service: &Workload, attempt: &Attempt) -> impl Iterator<Item = Ask> {
    workload::asks(service.project, &service.spec, service.class, attempt.site)
}
