//! Nodes: machines that run work.
//!
//! States: ready ⇄ suspect ⇄ cordoned ⇄ draining; any → down when its engine is lost, → ready when it
//! is back. What ran on a node that is down is lost with it, and goes back to the queue. Suspect takes work of one node but no gang; cordoned takes no new work; draining also
//! stops what runs there, at once or when its grace is over.

mod apply;
mod decide;
mod hardware;

pub(crate) use apply::apply;
pub(crate) use decide::{decide, get};
pub use hardware::Hardware;
pub(crate) use hardware::{Kinds, index_into};

use serde::{Deserialize, Serialize};
use units::{Bytes, DurationMicros, GpuCount, Id, MilliCpu, Name, UnixMicros, kinds};

use crate::{Meta, Subject};

/// What a node has, or what work takes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Capacity {
    /// Cores × 1,000.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
    /// Whole GPUs.
    pub gpus: GpuCount,
}

impl Capacity {
    /// What is left after taking `other`, or `None` if it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self {
            cpu: self.cpu.checked_sub(other.cpu)?,
            memory: self.memory.checked_sub(other.memory)?,
            gpus: self.gpus.checked_sub(other.gpus)?,
        })
    }

    /// Both together, saturating.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
            gpus: self.gpus.saturating_add(other.gpus),
        }
    }

    /// What is left, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
            gpus: self.gpus.saturating_sub(other.gpus),
        }
    }
}

/// One GPU as its driver reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// Model.
    pub model: String,
    /// Universally unique id.
    pub uuid: String,
    /// Memory.
    pub memory: Bytes,
}

/// What is known of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Host name.
    pub hostname: String,
    /// Kernel and architecture.
    pub system: String,
    /// Processor model.
    pub cpu_model: String,
    /// What it has.
    pub capacity: Capacity,
    /// Its GPUs.
    pub gpus: Vec<Gpu>,
    /// How limits are enforced.
    pub limits: String,
    /// How work is sandboxed.
    pub sandbox: String,
    /// Where energy figures come from.
    pub power: String,
    /// The machine that shows itself as this node among others; its GPUs are then not real and
    /// nothing is measured of them. `None` for a machine of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_host: Option<String>,
}

/// Where a node stands in the network; nothing is assumed of what is not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Topology {
    /// Group of racks (spine block), unique in the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
    /// Rack (NVLink domain), unique in the site: a rack stands in one group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<Name>,
}

impl Topology {
    /// True if neither is given.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.group.is_none() && self.rack.is_none()
    }
}

/// Whether a node takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Takes work.
    Ready,
    /// Takes work of one node, but no gang: somebody doubts its health.
    Suspect,
    /// Takes no new work.
    Cordoned,
    /// Takes no new work and stops what it runs.
    Draining,
    /// Its engine is lost.
    Down,
}

impl Status {
    /// True if new work of so many nodes may start on such a node.
    #[must_use]
    pub const fn takes(self, n_nodes: usize) -> bool {
        match self {
            Self::Ready => true,
            Self::Suspect => n_nodes <= 1,
            Self::Cordoned | Self::Draining | Self::Down => false,
        }
    }
}

/// A machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: Id<kinds::Node>,
    /// Where it stands.
    pub site: Id<kinds::Site>,
    /// Unique in the site.
    pub name: Name,
    /// What it is.
    pub facts: Facts,
    /// Where it stands in the network.
    #[serde(default, skip_serializing_if = "Topology::is_unknown")]
    pub topology: Topology,
    /// Whether it takes work.
    pub status: Status,
    /// Why it has that status.
    pub reason: String,
    /// When a drain stops what still runs; `None` if nothing is to be stopped later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at: Option<UnixMicros>,
    /// Taken by placed work; never exceeds the capacity.
    pub allocated: Capacity,
    /// Version and times.
    pub meta: Meta,
}

impl Node {
    /// What is free.
    #[must_use]
    pub const fn free(&self) -> Capacity {
        self.facts.capacity.saturating_sub(self.allocated)
    }
}

/// What can be asked about nodes.
#[expect(clippy::large_enum_variant, reason = "a command lives for one decision, one at a time")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Registers a machine, or refreshes what is known of it and brings it back.
    Register {
        /// Where it stands.
        site: Id<kinds::Site>,
        /// Unique in the site.
        name: Name,
        /// What it is.
        facts: Facts,
        /// Where it stands in the network; unknown leaves what was known before.
        #[serde(default, skip_serializing_if = "Topology::is_unknown")]
        topology: Topology,
    },
    /// Lets it take no more work, and stops what still runs when the grace is over.
    Drain {
        /// The node.
        id: Id<kinds::Node>,
        /// How long its work may go on; nothing stops it at once.
        grace: DurationMicros,
        /// Why.
        reason: String,
    },
    /// Stops what still runs on a drained node whose grace is over; the platform's clock asks.
    EndGrace {
        /// The node.
        id: Id<kinds::Node>,
    },
    /// Changes whether it takes work.
    SetStatus {
        /// The node.
        id: Id<kinds::Node>,
        /// The status.
        status: Status,
        /// Why.
        reason: String,
    },
}

/// What can happen to nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was registered.
    Registered {
        /// Its id.
        id: Id<kinds::Node>,
        /// Where it stands.
        site: Id<kinds::Site>,
        /// Its name.
        name: Name,
        /// What it is.
        facts: Facts,
        /// Where it stands in the network.
        #[serde(default, skip_serializing_if = "Topology::is_unknown")]
        topology: Topology,
    },
    /// It stands elsewhere in the network.
    Moved {
        /// The node.
        id: Id<kinds::Node>,
        /// Where it stands.
        topology: Topology,
    },
    /// What is known of it changed.
    FactsChanged {
        /// The node.
        id: Id<kinds::Node>,
        /// What it is.
        facts: Facts,
    },
    /// Whether it takes work changed.
    StatusChanged {
        /// The node.
        id: Id<kinds::Node>,
        /// The status.
        status: Status,
        /// Why.
        reason: String,
    },
    /// It takes no more work; what runs there may go on until the time given.
    DrainStarted {
        /// The node.
        id: Id<kinds::Node>,
        /// When what still runs is stopped.
        stop_at: UnixMicros,
        /// Why.
        reason: String,
    },
    /// The grace of its drain is over: what still ran is stopped by the events that follow.
    GraceEnded {
        /// The node.
        id: Id<kinds::Node>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "node.registered",
            Self::Moved { .. } => "node.moved",
            Self::FactsChanged { .. } => "node.facts_changed",
            Self::StatusChanged { .. } => "node.status_changed",
            Self::DrainStarted { .. } => "node.drain_started",
            Self::GraceEnded { .. } => "node.grace_ended",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }

    pub(crate) const fn id(&self) -> Id<kinds::Node> {
        match self {
            Self::Registered { id, .. }
            | Self::Moved { id, .. }
            | Self::FactsChanged { id, .. }
            | Self::StatusChanged { id, .. }
            | Self::DrainStarted { id, .. }
            | Self::GraceEnded { id } => *id,
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Node>> {
    match command {
        Command::Register { .. } => None,
        Command::SetStatus { id, .. } | Command::Drain { id, .. } | Command::EndGrace { id } => {
            Some(*id)
        }
    }
}
