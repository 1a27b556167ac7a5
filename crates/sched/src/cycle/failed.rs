//! What a cycle, and the scheduler from cycle to cycle, remembers of what did not fit.
//!
//! Must never change what is decided, only what it costs: `tests/memory.rs` compares plans with and
//! without. Within a cycle what is free only shrinks, so what did not fit fits no more, nor what is
//! like it and stays longer.

use std::collections::BTreeMap;

use crate::fleet::Need;
use crate::mask::SiteMask;
use crate::place::Ask;
use crate::problem::{ClassSet, Job, Micros, Topology};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::share::QueueIdx;
use crate::why;

/// What decides whether a job fits, but for how long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape<'a> {
    pub(super) need: Need,
    pub(super) nodes: (u32, u32),
    pub(super) classes: ClassSet,
    pub(super) topology: Topology,
    pub(super) sites: &'a SiteMask,
    pub(super) power_class: u32,
    /// Its queue, if that is promised nodes that others are not.
    pub(super) queue: Option<QueueIdx>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(job: &'a Job) -> Self {
        Self {
            need: Need::of(job),
            nodes: (job.nodes_min, job.nodes_max),
            classes: job.classes,
            topology: job.topology,
            sites: &job.allowed_sites,
            power_class: job.power_class,
            queue: None,
        }
    }
}

/// What is known of one shape.
#[derive(Debug, Default)]
struct Known {
    /// The earliest end with which it did not fit.
    end_us: Option<Micros>,
    /// Why, by time limit, where reasons are wanted.
    reasons: BTreeMap<Option<u64>, Reason>,
}

/// Shapes that did not fit in this cycle.
#[derive(Debug, Default)]
pub(super) struct Failed<'a>(BTreeMap<Shape<'a>, Known>);

impl<'a> Failed<'a> {
    /// True if a job of this shape that ends then is known not to fit.
    pub(super) fn has(&self, shape: &Shape<'a>, end_us: Micros) -> bool {
        let known = self.0.get(shape).and_then(|known| known.end_us);
        known.is_some_and(|known| known <= end_us)
    }

    pub(super) fn insert(&mut self, shape: Shape<'a>, end_us: Micros) {
        let known = self.0.entry(shape).or_default();
        known.end_us = Some(known.end_us.map_or(end_us, |known| known.min(end_us)));
    }

    /// The reason that the first job of this shape and limit was given.
    pub(super) fn reason(&self, shape: &Shape<'a>, limit_us: Option<u64>) -> Option<&Reason> {
        self.0.get(shape)?.reasons.get(&limit_us)
    }

    pub(super) fn explain(&mut self, shape: Shape<'a>, limit_us: Option<u64>, reason: Reason) {
        self.0.entry(shape).or_default().reasons.insert(limit_us, reason);
    }
}

/// What decides whether nodes that exist and take work would do for a job, were all of them free.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    need: Need,
    nodes: (u32, u32),
    classes: ClassSet,
    topology: Topology,
    sites: SiteMask,
}

/// For which wishes waiting is no use. It holds until some node changes its state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hopeless(BTreeMap<Wish, bool>);

/// Wishes that are remembered.
const WISHES_MAX: usize = 4_096;

impl Hopeless {
    /// A node changed its state.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }
}

/// True if no time helps a job that does not fit now: nodes are missing, or do not take work.
pub(super) fn is_hopeless(scheduler: &mut Scheduler, ask: &Ask<'_>) -> bool {
    let wish = Wish {
        need: ask.need,
        nodes: (ask.job.nodes_min, ask.job.nodes_max),
        classes: ask.classes,
        topology: ask.job.topology,
        sites: ask.job.allowed_sites.clone(),
    };
    if let Some(known) = scheduler.hopeless.0.get(&wish) {
        return *known;
    }
    let is_hopeless = why::no_hardware(&scheduler.fleet, ask).is_some()
        || !why::can_be_busy(&scheduler.fleet, ask);
    if scheduler.hopeless.0.len() >= WISHES_MAX {
        scheduler.hopeless.forget();
    }
    scheduler.hopeless.0.insert(wish, is_hopeless);
    is_hopeless
}
