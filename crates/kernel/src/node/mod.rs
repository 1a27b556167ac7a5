//! Nodes: machines that run work.
//!
//! States: ready ⇄ cordoned ⇄ draining; any → down when its engine is lost, → ready when it is back.
//! Cordoned takes no new work; draining also stops what runs there.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Bytes, GpuCount, Id, MilliCpu, Name, kinds};

use crate::{Meta, Subject};

/// What a node has, or what work takes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Whether a node takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Takes work.
    Ready,
    /// Takes no new work.
    Cordoned,
    /// Takes no new work and stops what it runs.
    Draining,
    /// Its engine is lost.
    Down,
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
    /// Whether it takes work.
    pub status: Status,
    /// Why it has that status.
    pub reason: String,
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
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "node.registered",
            Self::FactsChanged { .. } => "node.facts_changed",
            Self::StatusChanged { .. } => "node.status_changed",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Registered { id, .. }
            | Self::FactsChanged { id, .. }
            | Self::StatusChanged { id, .. } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Node>> {
    match command {
        Command::Register { .. } => None,
        Command::SetStatus { id, .. } => Some(*id),
    }
}
