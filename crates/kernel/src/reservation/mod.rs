//! Reservations: a block of whole nodes for a window of time, for a project or for maintenance.
//!
//! States: booked → in force (from ≤ now < until) → over; booked or in force → cancelled. Time moves
//! it along without an event. A node is in at most one reservation at any time. Nothing is stopped or
//! kept away here: the scheduler reads what is reserved and places around it.

mod apply;
mod block;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Id, Name, UnixMicros, kinds};

use crate::{Meta, State, Subject, quota::Class};

/// For whom nodes are reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// Work of this project.
    Project(Id<kinds::Project>),
    /// Nobody's work: people work on the nodes.
    Maintenance,
}

/// A window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// Its first moment.
    pub from: UnixMicros,
    /// The first moment after it.
    pub until: UnixMicros,
}

impl Window {
    /// True if both have a moment in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.from < other.until && other.from < self.until
    }

    /// True if the moment lies in it.
    #[must_use]
    pub fn contains(self, at: UnixMicros) -> bool {
        self.from <= at && at < self.until
    }
}

/// Which nodes are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// These, all of one site.
    Nodes(Vec<Id<kinds::Node>>),
    /// So many of a site, chosen when it is decided: in as few racks as possible.
    Count {
        /// The site.
        site: Id<kinds::Site>,
        /// How many.
        count: u32,
        /// Only nodes of this rack.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rack: Option<Name>,
        /// True if all must stand in one rack.
        #[serde(default)]
        one_rack: bool,
        /// Only nodes with GPUs of this class; `cpu` for nodes without GPUs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<Class>,
    },
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: Id<kinds::Reservation>,
    /// Unique among those that are not over.
    pub name: Name,
    /// For whom.
    pub holder: Holder,
    /// Where.
    pub site: Id<kinds::Site>,
    /// The nodes, ascending.
    pub nodes: Vec<Id<kinds::Node>>,
    /// When.
    pub window: Window,
    /// When it was cancelled, if it was.
    pub cancelled_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Reservation {
    /// True if it holds nodes now or will.
    #[must_use]
    pub fn is_open(&self, now: UnixMicros) -> bool {
        self.cancelled_at.is_none() && now < self.window.until
    }
}

/// What can be asked about reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Reserves nodes.
    Create {
        /// Unique among those that are not over.
        name: Name,
        /// For whom.
        holder: Holder,
        /// Which nodes.
        block: Block,
        /// When.
        window: Window,
    },
    /// Gives the nodes back.
    Cancel {
        /// The reservation.
        id: Id<kinds::Reservation>,
    },
}

/// What can happen to reservations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Nodes were reserved.
    Created {
        /// Its id.
        id: Id<kinds::Reservation>,
        /// Its name.
        name: Name,
        /// For whom.
        holder: Holder,
        /// Where.
        site: Id<kinds::Site>,
        /// The nodes, ascending.
        nodes: Vec<Id<kinds::Node>>,
        /// When.
        window: Window,
    },
    /// The nodes were given back.
    Cancelled {
        /// The reservation.
        id: Id<kinds::Reservation>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "reservation.created",
            Self::Cancelled { .. } => "reservation.cancelled",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Cancelled { id } => (*id).into(),
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Reservation>> {
    match command {
        Command::Create { .. } => None,
        Command::Cancel { id } => Some(*id),
    }
}

impl State {
    /// Reservations in force at a moment, by id: each of their nodes is in no other of them.
    pub fn reservations_at(&self, now: UnixMicros) -> impl Iterator<Item = &Reservation> {
        let kept = self.reservations.values();
        kept.filter(move |r| r.cancelled_at.is_none() && r.window.contains(now))
    }

    /// Reservations in force or still to come, by id: what a plan for the future must respect.
    pub fn reservations_from(&self, now: UnixMicros) -> impl Iterator<Item = &Reservation> {
        self.reservations.values().filter(move |reservation| reservation.is_open(now))
    }

    /// Reservations of a node that were not cancelled, over ones included, by id.
    pub fn reservations_of(&self, node: Id<kinds::Node>) -> impl Iterator<Item = &Reservation> {
        let ids = self.index.reservations.get(&node).into_iter().flatten();
        ids.filter_map(|id| self.reservations.get(id))
    }
}
