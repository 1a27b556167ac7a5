//! Endpoints: a public model name with `service` workloads or upstreams behind it.
//!
//! States: active → deleted (its services are stopped; the record stays for the bill). How many services
//! there are is agreed once or follows the load ([`Scaling`]); another version comes beside the one in
//! force before it takes its place ([`Rollout`]).

mod apply;
mod converge;
mod decide;
mod event;
mod load;
mod rollout;
mod routing;
mod scaling;
mod serving;
mod steps;

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub use event::Event;
pub use load::{History, Observed, Sample, Standing, desired_replicas};
pub use rollout::{Rollout, Stage};
pub(crate) use routing::ask as route_ask;
pub use routing::{Backend, Canary, Opened, Opening, Routing};
pub use scaling::{DRAIN_DEFAULT, Scaling};
pub use serving::Serving;
pub use steps::{Step, steps};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{DataClass, DurationMicros, Id, Name, UnixMicros, kinds};

use crate::{Meta, State, workload};

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
    /// The services behind it, those that are to go and those of a version that arrives included.
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
    /// Bounds of its services; without, their number is what it was created with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Box<Scaling>>,
    /// How many services are wanted; as many as it was created with if never changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// When that was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resized_at: Option<UnixMicros>,
    /// Services that get no more requests, and when they are stopped at the latest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub draining: BTreeMap<Id<kinds::Workload>, UnixMicros>,
    /// Services that were its own, the last ones to go last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<Id<kinds::Workload>>,
    /// The version that is being introduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Box<Rollout>>,
    /// How a service of the version in force is run, if that is not how the first ones were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Box<workload::Spec>>,
    /// Why no service could be added when one was last to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Version and times.
    pub meta: Meta,
}

impl Endpoint {
    /// How many services are wanted.
    #[must_use]
    pub fn wanted(&self) -> u32 {
        let first = || u32::try_from(self.workloads.len()).unwrap_or(u32::MAX);
        self.replicas.unwrap_or_else(first)
    }

    /// Where it stands, for [`desired_replicas`].
    #[must_use]
    pub fn standing(&self, state: &State) -> Standing {
        let (replicas, ready) = (self.wanted(), self.n_serving(state));
        Standing { replicas, ready, resized_at: self.resized_at }
    }

    /// How long a service that goes may take to end what it has begun.
    #[must_use]
    pub fn drain(&self) -> DurationMicros {
        self.scaling.as_ref().map_or(DRAIN_DEFAULT, |scaling| scaling.drain)
    }
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
    /// Agrees bounds, and what decides between them.
    Scale {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// What is agreed.
        scaling: Box<Scaling>,
    },
    /// Wants another number of services, within the bounds.
    Resize {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// How many.
        replicas: u32,
        /// What was seen that led to it.
        observed: Observed,
    },
    /// Does what is to be done next so that it has the services that it should have.
    Converge {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// Services that get no requests any more and have none to end.
        quiet: Vec<Id<kinds::Workload>>,
    },
    /// Introduces another version.
    Update {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The model.
        model: Id<kinds::Model>,
        /// Its version.
        model_version: u32,
        /// How each of its services is run.
        service: Box<workload::Spec>,
        /// Its share of the requests until it is promoted, 1 to 99; without, it takes all.
        canary_percent: Option<u32>,
        /// After how long without an error it is promoted by itself.
        promote_after: Option<DurationMicros>,
    },
    /// The version that is being introduced takes the other's place.
    Promote {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
    /// The version that is being introduced goes again.
    RollBack {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.endpoints.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Endpoint>> {
    match command {
        Command::Create { .. } | Command::Open { .. } => None,
        Command::Route { id, .. }
        | Command::Delete { id }
        | Command::Scale { id, .. }
        | Command::Resize { id, .. }
        | Command::Converge { id, .. }
        | Command::Update { id, .. }
        | Command::Promote { id }
        | Command::RollBack { id } => Some(*id),
    }
}
