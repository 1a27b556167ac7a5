//! Endpoints: a public model name with `service` workloads or upstreams behind it.
//!
//! States: active → deleted (its services are stopped; the record stays for the bill).

mod apply;
mod decide;
mod routing;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

pub use routing::{Backend, Canary, Opened, Opening, Routing};

use std::collections::BTreeSet;

use policy::Ask;
use serde::{Deserialize, Serialize};
use units::{Country, DataClass, Id, Name, UnixMicros, kinds};

use crate::{
    Meta, State, Subject, limits,
    workload::{self, Attempt, Workload},
};

/// A public model name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id.
    pub id: Id<kinds::Endpoint>,
    /// Its owner.
    pub project: Id<kinds::Project>,
    /// The model name that clients ask for; unique in the project among endpoints not deleted.
    pub name: Name,
    /// The model behind its services; `None` if only upstreams are behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Id<kinds::Model>>,
    /// Its version; 0 without a model.
    pub model_version: u32,
    /// The services behind it.
    pub workloads: Vec<Id<kinds::Workload>>,
    /// The most sensitive prompts that it may take; that of its services if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<DataClass>,
    /// Upstreams behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<Backend>,
    /// Routes to upstreams that are open, or were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub openings: Vec<Opening>,
    /// Endpoints that take a part of its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Canary>,
    /// Endpoints that answer when nothing of its own does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Id<kinds::Endpoint>>,
    /// Since when it is deleted.
    pub deleted_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Endpoint {
    /// Addresses that answer their health probe now and to which policy, on record, allows a route.
    #[must_use]
    pub fn ready_addresses(&self, state: &State) -> Vec<String> {
        let services = self.workloads.iter().filter_map(|id| state.workloads.get(id));
        let routed = services.filter(|service| is_routed(state, service));
        routed.flat_map(workload::Workload::ready_addresses).collect()
    }

    /// The same of services that run in certain countries, each with its site.
    #[must_use]
    pub fn ready_replicas_in(
        &self,
        state: &State,
        allowed: impl Fn(Country) -> bool,
    ) -> Vec<(String, Id<kinds::Site>)> {
        let services = self.workloads.iter().filter_map(|id| state.workloads.get(id));
        let here = services.filter(|service| is_routed(state, service)).filter(|service| {
            let ranks = service.attempt().into_iter().flat_map(|attempt| &attempt.ranks);
            let mut sites = ranks
                .map(|rank| state.nodes.get(&rank.node))
                .map(|node| node.and_then(|node| state.sites.get(&node.site)));
            sites.all(|site| site.is_some_and(|site| allowed(site.config.country)))
        });
        let placed = here.filter_map(|service| Some((service, service.attempt()?.site)));
        placed
            .flat_map(|(service, site)| service.ready_addresses().map(move |one| (one, site)))
            .collect()
    }

    /// Positions of the decisions for the routes that were open at any time since then.
    #[must_use]
    pub fn routes_since(&self, state: &State, since: UnixMicros) -> Vec<u64> {
        let mut routes = BTreeSet::new();
        for service in self.workloads.iter().filter_map(|id| state.workloads.get(id)) {
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

/// What can be asked about endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one with its services.
    Create {
        /// Its owner.
        project: Id<kinds::Project>,
        /// The public model name.
        name: Name,
        /// The model.
        model: Id<kinds::Model>,
        /// Its version.
        model_version: u32,
        /// How many services.
        replicas: u32,
        /// How each is run; its kind must be `service` and the model version one of its inputs.
        service: Box<workload::Spec>,
    },
    /// Creates one over upstreams, without services of its own.
    Open {
        /// Its owner.
        project: Id<kinds::Project>,
        /// The public model name.
        name: Name,
        /// The most sensitive prompts that it may take.
        class: DataClass,
        /// Where its requests go.
        routing: Routing,
    },
    /// Sets where its requests go besides its services.
    Route {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// Where they go from now on.
        routing: Routing,
    },
    /// Deletes one and stops its services.
    Delete {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
}

/// What can happen to endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created; its services follow as events of their own.
    Created {
        /// Its id.
        id: Id<kinds::Endpoint>,
        /// Its owner.
        project: Id<kinds::Project>,
        /// The public model name.
        name: Name,
        /// The model.
        model: Id<kinds::Model>,
        /// Its version.
        model_version: u32,
        /// The services.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// One was created over upstreams.
    Opened {
        /// Its id.
        id: Id<kinds::Endpoint>,
        /// Its owner.
        project: Id<kinds::Project>,
        /// The public model name.
        name: Name,
        /// The most sensitive prompts that it may take.
        class: DataClass,
        /// Where its requests go.
        routing: Routing,
        /// The routes with the decisions that allow them.
        opened: Vec<Opened>,
    },
    /// Its requests go elsewhere besides its services.
    Routed {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The most sensitive prompts that it takes.
        class: DataClass,
        /// Where they go from now on.
        routing: Routing,
        /// The routes with the decisions that allow them.
        opened: Vec<Opened>,
    },
    /// One was deleted.
    Deleted {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "endpoint.created",
            Self::Opened { .. } => "endpoint.opened",
            Self::Routed { .. } => "endpoint.routed",
            Self::Deleted { .. } => "endpoint.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::Opened { id, .. }
            | Self::Routed { id, .. }
            | Self::Deleted { id } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Endpoint>> {
    match command {
        Command::Create { .. } | Command::Open { .. } => None,
        Command::Route { id, .. } | Command::Delete { id } => Some(*id),
    }
}
