//! Why a job was not placed: one dominant reason from a closed list, with its evidence.
//!
//! Must never be free text: programs act on the variant, people read `Display`.

mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::carbon::Measure;
use crate::problem::{JobIdx, Level, Micros};
use words::{Blocks, InParts, OfPower, Quantity, noun, plural};

/// What a node can be short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Whole GPUs.
    Gpu,
    /// Memory in bytes.
    Memory,
    /// Processor in thousandths of a core.
    Cpu,
}

/// What a job says that cannot be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contradiction {
    /// It asks for no node at all.
    NoNodesAsked,
    /// Its largest number of nodes is below its smallest.
    MaxBelowMin,
    /// No number of nodes that it accepts is a multiple of its segment.
    SegmentDoesNotDivide,
    /// It asks for whole GPUs and for a part of one, or for a share outside 1 to 999 thousandths.
    NoSuchPart,
}

/// The dominant reason, in the order in which they are looked for: what the job says, then its
/// gate, its sites, the hardware there, its queue's quota, the state of the hardware, and last what
/// others use or are promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// The job contradicts itself.
    Contradictory {
        /// How.
        what: Contradiction,
    },
    /// A budget that blocks is used up.
    BudgetExhausted,
    /// Jobs that it waits for have not ended.
    WaitingForJobs {
        /// How many.
        unfinished: u32,
    },
    /// As many tasks of its array run as it allows at once.
    ArrayLimit {
        /// How many may run.
        limit: u32,
    },
    /// It is not to start yet.
    NotBefore {
        /// When it may.
        at_us: Micros,
    },
    /// It is put off to a time of cleaner or cheaper energy, within its deadline.
    Deferred {
        /// Until when.
        until_us: Micros,
        /// What is least then.
        by: Measure,
        /// The mean over its run if it started now: milligrams of CO2e, or micro-euro, per kWh.
        now_per_kwh: i64,
        /// The same if it starts then.
        then_per_kwh: i64,
        /// How much less that is, in per mille of the former; 0 where that is not above 0.
        saved_permille: u32,
    },
    /// Policy allows no site that exists.
    NoSiteAllowed,
    /// No allowed site has a GPU of a model asked for.
    NoSuchGpuClass {
        /// The lowest number of a model asked for; 64 if none that exists is.
        class: u32,
    },
    /// No node of an allowed site is large enough even when empty.
    NoNodeLargeEnough {
        /// The first resource, in the order GPU, memory, processor, that no node has enough of
        /// (among nodes that have enough of the ones before).
        short_of: Resource,
        /// Asked for on one node, in the resource's base unit.
        need: u64,
        /// The most that one node has.
        largest: u64,
    },
    /// No allowed site has as many large enough nodes as the gang needs.
    GangTooLarge {
        /// Nodes needed in one site.
        need: u32,
        /// Large enough nodes in the best site, whatever their state.
        exist: u32,
    },
    /// There are enough nodes, but no domain of the level asked for could ever hold the gang.
    DomainTooSmall {
        /// The widest level that the job accepts.
        within: Level,
        /// Its segment, 1 if none.
        segment: u32,
        /// Nodes needed.
        need: u32,
        /// The most that one domain could give.
        exist: u32,
    },
    /// A quota on the path of its queue does not allow it now.
    OverQuota {
        /// The queue's number.
        queue: u32,
        /// Number of the resource in the tree.
        resource: u32,
        /// Used under that quota.
        used: u64,
        /// The most that may be.
        bound: u64,
        /// What the job adds.
        need: u64,
    },
    /// Too many of the nodes that could do it are cordoned, draining, down or suspect.
    NodesUnavailable {
        /// Large enough nodes that are schedulable, in the best site.
        ready: u32,
        /// Large enough nodes of that site.
        total: u32,
    },
    /// Work with a lesser claim is being evicted for it.
    Preempting {
        /// How many jobs are being evicted.
        victims: u32,
    },
    /// Enough nodes are free, but promised to others before this job would end.
    Promised {
        /// Nodes needed in one site.
        need_nodes: u32,
        /// Nodes with enough free.
        free_nodes: u32,
        /// Of these, nodes that are promised.
        promised_nodes: u32,
        /// The waiting job that one of them is kept for, unless it is a calendar reservation.
        job: Option<JobIdx>,
    },
    /// Enough nodes are free, but not in one domain of the level asked for.
    Fragmented {
        /// The widest level that the job accepts.
        within: Level,
        /// Its segment, 1 if none.
        segment: u32,
        /// Nodes needed.
        need_nodes: u32,
        /// Nodes with enough free, in the best site.
        free_nodes: u32,
    },
    /// Enough of GPUs is free together, but in parts of GPUs that others have parts of.
    GpusFragmented {
        /// Needed on one node, in thousandths of a GPU; below 1,000 a part of one GPU, else whole ones.
        need_milli: u64,
        /// Free in the best site, in thousandths, of GPUs that such work could have a part of.
        free_milli: u64,
        /// The most that is free of one GPU, in thousandths.
        largest_milli: u32,
    },
    /// Starting it would exceed the power that is allowed now.
    PowerCapped {
        /// Number of the feeder that is short of most.
        feeder: u32,
        /// What may be drawn there now, in milliwatts.
        allowed_mw: u64,
        /// What is drawn there, in milliwatts.
        drawn_mw: u64,
        /// What is kept there for slowed work and for jobs that were promised a start, in milliwatts.
        kept_mw: u64,
        /// What the job would add there, in milliwatts.
        need_mw: u64,
    },
    /// Everything exists and is ready, but is in use.
    WaitingForCapacity {
        /// The first resource, in the order GPU, memory, processor, that is in use.
        short_of: Resource,
        /// Nodes needed in one site.
        need_nodes: u32,
        /// Nodes that have enough free, in the best site.
        fit_nodes: u32,
    },
}

/// What a measure is counted in.
struct Unit(Measure);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Measure::Carbon => "mg of CO2e",
            Measure::Price => "micro-euro",
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contradictory { what } => what.fmt(f),
            Self::BudgetExhausted => f.write_str("A budget over it is used up."),
            Self::WaitingForJobs { unfinished } => {
                write!(f, "Waiting for {unfinished} other {} to end.", plural(*unfinished, "job"))
            }
            Self::ArrayLimit { limit } => {
                let tasks = plural(*limit, "task");
                write!(f, "{limit} {tasks} of its array run, as many as it allows.")
            }
            Self::NotBefore { .. } => f.write_str("It is not to start yet."),
            Self::Deferred { by, now_per_kwh, then_per_kwh, saved_permille: saved, .. } => {
                let unit = Unit(*by);
                write!(
                    f,
                    "It is put off within its deadline: {then_per_kwh} {unit} for each kWh "
                )?;
                write!(f, "then, {now_per_kwh} now, which saves {}.{} %.", saved / 10, saved % 10)
            }
            Self::NoSiteAllowed => f.write_str("Policy allows the job at no site."),
            Self::NoSuchGpuClass { .. } => {
                f.write_str("No allowed site has GPUs of the model asked for.")
            }
            Self::NoNodeLargeEnough { short_of, need, largest } => write!(
                f,
                "No node of an allowed site is large enough: the job needs {} on one node, the \
                 largest has {}.",
                Quantity(*short_of, *need),
                Quantity(*short_of, *largest)
            ),
            Self::GangTooLarge { need, exist } => write!(
                f,
                "The job needs {need} nodes in one site, but no allowed site has more than \
                 {exist} that are large enough."
            ),
            Self::DomainTooSmall { within, segment, need, exist } => write!(
                f,
                "The job needs {need} nodes{} in one {}, but none could give more than {exist}.",
                Blocks(*segment),
                within
            ),
            Self::OverQuota { used, bound, need, .. } => write!(
                f,
                "The quota of its queue is used: {used} of {bound}, and the job needs {need} more."
            ),
            Self::NodesUnavailable { .. }
            | Self::Preempting { .. }
            | Self::Promised { .. }
            | Self::Fragmented { .. }
            | Self::GpusFragmented { .. }
            | Self::PowerCapped { .. }
            | Self::WaitingForCapacity { .. } => self.fmt_busy(f),
        }
    }
}

impl Reason {
    /// The reasons that time or a repair will change.
    fn fmt_busy(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodesUnavailable { total: 0, .. } => {
                f.write_str("The sites where the job is allowed have no nodes.")
            }
            Self::NodesUnavailable { ready, total } => write!(
                f,
                "Only {ready} of {total} large enough nodes can take work now; the others are \
                 cordoned, draining or down."
            ),
            Self::Preempting { victims } => {
                write!(f, "{victims} {} with a lesser claim make room.", plural(*victims, "job"))
            }
            Self::Promised { need_nodes, free_nodes, promised_nodes, .. } => write!(
                f,
                "The job needs {need_nodes} {}; {free_nodes} have enough free, but \
                 {promised_nodes} of them are promised to others before it would end.",
                plural(*need_nodes, "node")
            ),
            Self::Fragmented { within, segment, need_nodes, free_nodes } => write!(
                f,
                "{free_nodes} nodes have enough free, but not {need_nodes}{} in one {}.",
                Blocks(*segment),
                within
            ),
            Self::GpusFragmented { need_milli, free_milli, largest_milli } => {
                write!(f, "{}", InParts(*need_milli, *free_milli, *largest_milli))
            }
            Self::PowerCapped { allowed_mw, drawn_mw, kept_mw, need_mw, .. } => {
                write!(f, "{}", OfPower([*allowed_mw, *drawn_mw, *kept_mw, *need_mw]))
            }
            Self::WaitingForCapacity { short_of, need_nodes, fit_nodes } => write!(
                f,
                "Waiting for {}: the job needs {need_nodes} {} with enough free in one site, \
                 {fit_nodes} {} it now.",
                noun(*short_of),
                plural(*need_nodes, "node"),
                if *fit_nodes == 1 { "has" } else { "have" },
            ),
            Self::Contradictory { .. }
            | Self::BudgetExhausted
            | Self::WaitingForJobs { .. }
            | Self::ArrayLimit { .. }
            | Self::NotBefore { .. }
            | Self::Deferred { .. }
            | Self::NoSiteAllowed
            | Self::NoSuchGpuClass { .. }
            | Self::NoNodeLargeEnough { .. }
            | Self::GangTooLarge { .. }
            | Self::DomainTooSmall { .. }
            | Self::OverQuota { .. } => Ok(()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rack => "rack",
            Self::Group => "rack group",
            Self::Site => "site",
        })
    }
}

impl Reason {
    /// True if waiting for work to end is what helps.
    pub(crate) const fn is_about_time(&self) -> bool {
        match self {
            Self::Preempting { .. }
            | Self::Promised { .. }
            | Self::Fragmented { .. }
            | Self::GpusFragmented { .. }
            | Self::PowerCapped { .. }
            | Self::OverQuota { .. }
            | Self::WaitingForCapacity { .. } => true,
            Self::Contradictory { .. }
            | Self::BudgetExhausted
            | Self::WaitingForJobs { .. }
            | Self::ArrayLimit { .. }
            | Self::NotBefore { .. }
            | Self::Deferred { .. }
            | Self::NoSiteAllowed
            | Self::NoSuchGpuClass { .. }
            | Self::NoNodeLargeEnough { .. }
            | Self::GangTooLarge { .. }
            | Self::DomainTooSmall { .. }
            | Self::NodesUnavailable { .. } => false,
        }
    }
}
