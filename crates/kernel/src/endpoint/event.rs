//! What can happen to endpoints.

use serde::{Deserialize, Serialize};
use units::{DataClass, DurationMicros, Id, Name, UnixMicros, kinds};

use super::{Observed, Opened, Routing, Scaling};
use crate::{Subject, workload};

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
    /// Its bounds were agreed, and what decides between them.
    ScalingSet {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// What was agreed.
        scaling: Box<Scaling>,
    },
    /// Another number of replicas is wanted.
    Resized {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// How many.
        replicas: u32,
        /// What was seen that led to it; absent if the bounds alone did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        observed: Option<Observed>,
    },
    /// Services were added; they were submitted by the events before this one.
    Grown {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The services.
        workloads: Vec<Id<kinds::Workload>>,
        /// True if they serve the version that is being introduced.
        arriving: bool,
    },
    /// No service could be added.
    Held {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// Why, with the remedy.
        reason: String,
    },
    /// Services get no more requests, and end what they have begun.
    DrainStarted {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The services.
        workloads: Vec<Id<kinds::Workload>>,
        /// They are stopped no later.
        until: UnixMicros,
    },
    /// Services that were to go are needed again.
    DrainCancelled {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The services.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// Services belong to it no more; those that still ran are stopped by the events after this one.
    Retired {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The services.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// Another version is being introduced.
    UpdateStarted {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// The model.
        model: Id<kinds::Model>,
        /// Its version.
        model_version: u32,
        /// How each of its services is run.
        service: Box<workload::Spec>,
        /// Its share of the requests until it is promoted; absent if it takes all at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        canary_percent: Option<u32>,
        /// After how long without an error it is promoted by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promote_after: Option<DurationMicros>,
    },
    /// The version that is being introduced takes the other's place.
    Promoted {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
    /// The version that was being introduced goes again.
    RolledBack {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
    },
    /// Introducing a version is over.
    UpdateEnded {
        /// The endpoint.
        id: Id<kinds::Endpoint>,
        /// True if the endpoint now serves it.
        updated: bool,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "endpoint.created",
            Self::Opened { .. } => "endpoint.opened",
            Self::Routed { .. } => "endpoint.routed",
            Self::Deleted { .. } => "endpoint.deleted",
            Self::ScalingSet { .. } => "endpoint.scaling_set",
            Self::Resized { .. } => "endpoint.resized",
            Self::Grown { .. } => "endpoint.grown",
            Self::Held { .. } => "endpoint.held",
            Self::DrainStarted { .. } => "endpoint.drain_started",
            Self::DrainCancelled { .. } => "endpoint.drain_cancelled",
            Self::Retired { .. } => "endpoint.retired",
            Self::UpdateStarted { .. } => "endpoint.update_started",
            Self::Promoted { .. } => "endpoint.promoted",
            Self::RolledBack { .. } => "endpoint.rolled_back",
            Self::UpdateEnded { .. } => "endpoint.update_ended",
        }
    }

    /// The endpoint that it happened to.
    #[must_use]
    pub const fn id(&self) -> Id<kinds::Endpoint> {
        match self {
            Self::Created { id, .. }
            | Self::Opened { id, .. }
            | Self::Routed { id, .. }
            | Self::Deleted { id }
            | Self::ScalingSet { id, .. }
            | Self::Resized { id, .. }
            | Self::Grown { id, .. }
            | Self::Held { id, .. }
            | Self::DrainStarted { id, .. }
            | Self::DrainCancelled { id, .. }
            | Self::Retired { id, .. }
            | Self::UpdateStarted { id, .. }
            | Self::Promoted { id }
            | Self::RolledBack { id }
            | Self::UpdateEnded { id, .. } => *id,
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }
}
