//! What is to be planned, in plain integers: machines, work that waits, work that runs, promises.
//!
//! Must stay free of ids, names and history: the caller maps indices back to its own things.
//! Times are microseconds since any epoch of the caller's; only their order and distance matter.

use serde::{Deserialize, Serialize};

use crate::carbon::Deferral;
use crate::mask::SiteMask;
use crate::part::{Part, Seat};
use crate::share::QueueIdx;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub u32);

    )*};
}

indices! {
    /// Position of a node in the fleet.
    NodeIdx;
    /// The caller's number of a job, waiting or running; unique among both.
    JobIdx;
    /// Number of a site.
    SiteIdx;
    /// Number of a GPU model, below [`CLASSES_MAX`].
    ClassIdx;
    /// The caller's number of a calendar reservation.
    ReservationIdx;
}

impl NodeIdx {
    pub(crate) fn at(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl ClassIdx {
    pub(crate) fn at(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// GPU models that a fleet can tell apart.
pub const CLASSES_MAX: u32 = 64;

/// Microseconds on the caller's clock.
pub type Micros = i64;

/// Amounts of every resource of one node; the order of the fields is that in which they are
/// compared and named as short.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amounts {
    /// Whole GPUs.
    pub gpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Processor in thousandths of a core.
    pub cpu_milli: u64,
}

impl Amounts {
    /// True if there is at least this much of everything.
    #[must_use]
    pub const fn covers(&self, need: &Self) -> bool {
        self.gpus >= need.gpus
            && self.memory_bytes >= need.memory_bytes
            && self.cpu_milli >= need.cpu_milli
    }

    /// What is left, at least nothing.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.saturating_sub(other.gpus),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            cpu_milli: self.cpu_milli.saturating_sub(other.cpu_milli),
        }
    }

    /// The larger of each.
    pub(crate) fn max_of(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.max(other.gpus),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            cpu_milli: self.cpu_milli.max(other.cpu_milli),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            gpus: self.gpus.saturating_add(other.gpus),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            cpu_milli: self.cpu_milli.saturating_add(other.cpu_milli),
        }
    }
}

/// Whether a node takes work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Takes any work.
    #[default]
    Ready,
    /// May be bad: takes work of one node when nothing else is free, never a gang.
    Suspect,
    /// Takes no new work.
    Cordoned,
    /// Takes no new work and loses what it runs.
    Draining,
    /// Is lost.
    Down,
}

/// A machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub site: SiteIdx,
    /// Rack group (spine block), a number within the site.
    pub group: u32,
    /// Rack (NVLink domain), a number within the group.
    pub rack: u32,
    /// Whether it takes work.
    pub state: NodeState,
    /// Model of its GPUs; `None` without GPUs. Below [`CLASSES_MAX`], or the node does not exist.
    pub class: Option<ClassIdx>,
    /// What is built in.
    pub total: Amounts,
}

/// What nodes have together, by resource of the tree of queues: milli-GPUs by model, then
/// processor, then memory.
#[must_use]
pub fn stock<'a>(nodes: impl Iterator<Item = &'a Node>, n_resources: usize) -> Vec<u64> {
    let mut sums = vec![0_u64; n_resources];
    let n_classes = n_resources.saturating_sub(2);
    for Node { class, total, .. } in nodes {
        let class = class.map(ClassIdx::at).filter(|class| *class < n_classes);
        let parts = [
            (class.unwrap_or(usize::MAX), u64::from(total.gpus).saturating_mul(1_000)),
            (n_classes, total.cpu_milli),
            (n_classes.saturating_add(1), total.memory_bytes),
        ];
        for (at, amount) in parts {
            if let Some(sum) = sums.get_mut(at) {
                *sum = sum.saturating_add(amount);
            }
        }
    }
    sums
}

/// GPU models as bits.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct ClassSet(pub u64);

impl ClassSet {
    /// Every model.
    pub const ANY: Self = Self(u64::MAX);

    /// One model.
    #[must_use]
    pub const fn one(class: ClassIdx) -> Self {
        Self(if class.0 < CLASSES_MAX { 1 << class.0 } else { 0 })
    }

    /// Both sets together.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if the model is in the set.
    #[must_use]
    pub const fn has(self, class: ClassIdx) -> bool {
        Self::one(class).0 & self.0 != 0
    }
}

/// A level of the fleet, from narrow to wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One rack, which is one NVLink domain.
    Rack,
    /// One rack group (spine block).
    Group,
    /// One site; no gang is ever wider.
    Site,
}

/// Where the nodes of a gang may lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Topology {
    /// The widest domain that may hold all nodes. Inside it the narrowest that can is preferred.
    pub within: Level,
    /// Nodes are dealt in blocks of this many, each block in one rack, blocks anywhere within the
    /// domain (Slurm's `--segment`). 0 and 1 mean no blocks. Must divide the number of nodes.
    pub segment: u32,
}

impl Default for Topology {
    fn default() -> Self {
        Self { within: Level::Site, segment: 1 }
    }
}

/// Work that waits or runs. Resources are per node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The queue that it stands in: a leaf of the tree.
    pub queue: QueueIdx,
    /// Higher goes first within its queue.
    pub priority: i32,
    /// Lower goes first among equal priorities.
    pub submitted_order: u64,
    /// When it was submitted.
    pub submitted_us: Micros,
    /// Nodes without which it cannot start; at least 1.
    pub nodes_min: u32,
    /// Nodes it can make use of; at least `nodes_min`.
    pub nodes_max: u32,
    /// What it takes of each node.
    pub need: Amounts,
    /// A part of one GPU on each node; then `need.gpus` is 0.
    pub part: Option<Part>,
    /// True if it shares its nodes with nobody.
    pub exclusive: bool,
    /// Models of GPU it can use. Without meaning where it needs no GPU. A gang gets one model.
    pub classes: ClassSet,
    /// Where its nodes may lie.
    pub topology: Topology,
    /// Sites where policy allows it.
    pub allowed_sites: SiteMask,
    /// Longest run time; `None` if it may run forever.
    pub limit_us: Option<u64>,
    /// How long it is likely to run, if anything is known. Orders, never promises.
    pub predicted_us: Option<u64>,
    /// True if it may be evicted for other work.
    pub preemptible: bool,
    /// Run time before which it is not evicted.
    pub guaranteed_us: u64,
    /// Why it must not start yet, whatever is free.
    pub gate: Gate,
    /// Class of work by its power; see [`GridSpec::classes`](crate::power::GridSpec::classes).
    pub power_class: u32,
    /// How far its start may be put off for cleaner or cheaper energy, if at all.
    pub deferral: Option<Deferral>,
}

/// What keeps a job from being looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Nothing.
    #[default]
    Open,
    /// A budget that blocks is used up.
    Budget,
    /// Jobs that it waits for have not ended.
    Dependency {
        /// How many.
        unfinished: u32,
    },
    /// As many tasks of its array run as it allows at once.
    ArrayLimit {
        /// How many may run.
        limit: u32,
    },
    /// It is not to start before this time (back-off, or deferred to cleaner power).
    NotBefore {
        /// When.
        at_us: Micros,
    },
}

/// Work that holds nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// What it asked for.
    pub job: Job,
    /// Its nodes, distinct.
    pub nodes: Vec<NodeIdx>,
    /// Where its part of a GPU lies on each node, in their order. Where it is not given it lies where
    /// the next one would.
    pub seats: Vec<Seat>,
    /// When it started.
    pub started_us: Micros,
    /// When its last checkpoint was complete; work since then is lost if it is evicted.
    pub saved_us: Micros,
    /// When it will be gone at the latest, once it is being stopped.
    pub gone_by_us: Option<Micros>,
}

impl Job {
    /// True if it takes GPUs or a part of one.
    #[must_use]
    pub const fn uses_gpus(&self) -> bool {
        self.need.gpus > 0 || self.part.is_some()
    }
}

impl Running {
    /// Its nodes, each with the place of its part of a GPU.
    pub(crate) fn seated(&self) -> impl Iterator<Item = (NodeIdx, Option<Seat>)> + '_ {
        seated(&self.nodes, &self.seats)
    }

    /// True if it may be made to go at this time.
    pub(crate) fn may_go(&self, now_us: Micros) -> bool {
        self.job.preemptible && now_us >= after(self.started_us, self.job.guaranteed_us)
    }

    /// Time since its last checkpoint, which is lost if it goes now.
    pub(crate) fn unsaved_us(&self, now_us: Micros) -> u64 {
        let since = self.saved_us.max(self.started_us);
        u64::try_from(now_us.saturating_sub(since)).unwrap_or(0)
    }

    /// How much its work weighs among that of others: at least 1, more with priority.
    pub(crate) fn weight(&self) -> u64 {
        let priority = u64::try_from(self.job.priority.clamp(0, 1_000)).unwrap_or(0);
        priority.saturating_add(1)
    }

    /// When its nodes are free again at the latest; `None` if nobody knows.
    #[must_use]
    pub fn ends_by_us(&self) -> Option<Micros> {
        self.gone_by_us.or_else(|| self.job.limit_us.map(|limit| after(self.started_us, limit)))
    }
}

/// Nodes promised for a window of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The caller's number.
    pub id: ReservationIdx,
    /// The queue whose jobs may use them; `None` for nobody's (maintenance).
    pub holder: Option<QueueIdx>,
    /// Which nodes.
    pub nodes: Vec<NodeIdx>,
    /// From when.
    pub from_us: Micros,
    /// Until when, not included.
    pub until_us: Micros,
}

/// A time some way after another.
pub(crate) fn after(time: Micros, distance_us: u64) -> Micros {
    time.saturating_add(i64::try_from(distance_us).unwrap_or(i64::MAX))
}

/// Nodes with the seats on them, as far as there are seats.
pub(crate) fn seated<'a>(
    nodes: &'a [NodeIdx],
    seats: &'a [Seat],
) -> impl Iterator<Item = (NodeIdx, Option<Seat>)> + 'a {
    nodes.iter().enumerate().map(|(at, node)| (*node, seats.get(at).copied()))
}
