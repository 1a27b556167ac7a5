//! Which nodes a job gets: the whole of placement, without order, time or money.
//!
//! Must never give nodes that do not fit, and never miss that some do. Every tie-break is fixed,
//! because tie-breaks decide as much as scores do, and must not change unnoticed.

mod gang;
mod part;
mod powered;
mod single;
mod tails;

pub(crate) use powered::check;
pub(crate) use tails::Broken;

use std::ops::Range;

use crate::fleet::{Asker, Fleet, Need, Pool, Shelf};
use crate::power::Grid;
use crate::problem::{ClassSet, Job, JobIdx, Micros, NodeIdx, after};

/// Nodes for a job, and how well they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// In ascending order; for segmented gangs block after block, each ascending.
    pub(crate) nodes: Vec<NodeIdx>,
    pub(crate) rank: Rank,
}

/// How well a choice lies; smaller is better, field after field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// Nodes short of what an elastic job could use.
    pub(crate) n_short: u32,
    /// Racks used.
    pub(crate) n_racks: u32,
    /// Rack groups used.
    pub(crate) n_groups: u32,
    /// What it breaks in the racks it takes from.
    pub(crate) broken: Broken,
}

/// The question behind a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) job: &'a Job,
    pub(crate) need: Need,
    /// Models that it may have: those that it can use and that its quotas allow.
    pub(crate) classes: ClassSet,
    /// Most nodes that it may have.
    pub(crate) nodes_max: u32,
    pub(crate) asker: Asker,
    /// True if others wait for whole blocks, so that who asked for no closeness leaves them alone.
    pub(crate) spares_blocks: bool,
    /// Budgets that the search must mind, where they turned out to matter.
    pub(crate) grid: Option<&'a Grid>,
}

impl<'a> Ask<'a> {
    /// Asks for a job that would start at this time.
    pub(crate) fn new(index: JobIdx, job: &'a Job, start_us: Micros) -> Self {
        let end_us = job.limit_us.map_or(Micros::MAX, |limit| after(start_us, limit));
        let asker = Asker { job: index, queue: job.queue, start_us, end_us };
        Self {
            job,
            need: Need::of(job),
            classes: job.classes,
            nodes_max: job.nodes_max,
            asker,
            spares_blocks: false,
            grid: None,
        }
    }

    /// True if the job may be in the pool.
    pub(crate) fn allows(&self, pool: &Pool) -> bool {
        let class_fits =
            !self.need.uses_gpus() || pool.class.is_some_and(|class| self.classes.has(class));
        class_fits
            && self.job.allowed_sites.allows(pool.site)
            && self.need.part.is_none_or(|part| pool.can_cut(part))
    }
}

/// The nodes for a job now, or `None` if no site fits it or has the power.
pub(crate) fn find(fleet: &Fleet, grid: Option<&Grid>, ask: &Ask<'_>) -> Option<Choice> {
    match grid {
        None => search(fleet, ask),
        Some(grid) => powered::find(fleet, ask, grid),
    }
}

/// The nodes for a job now, or `None` if no site fits it.
fn search(fleet: &Fleet, ask: &Ask<'_>) -> Option<Choice> {
    if ask.nodes_max <= 1 { single::find(fleet, ask) } else { gang::find(fleet, ask) }
}

/// The shelves that the ranks of a job may share: those of one pool, or of one site for work without
/// GPUs, which may mix.
pub(crate) fn scopes(fleet: &Fleet, ask: &Ask<'_>) -> Vec<Range<usize>> {
    let allowed = fleet.pools().iter().filter(|pool| ask.allows(pool));
    if ask.need.uses_gpus() {
        return allowed.map(Pool::shelves).collect();
    }
    let allowed: Vec<&Pool> = allowed.collect();
    allowed
        .chunk_by(|a, b| a.site == b.site)
        .filter_map(|site| Some(site.first()?.first..site.last()?.shelves().end))
        .collect()
}

/// The most nodes that one domain of the job's topology could give if just these nodes were free.
pub(crate) fn most(
    fleet: &Fleet,
    scope: Range<usize>,
    ask: &Ask<'_>,
    nodes: &dyn Fn(&Shelf) -> u64,
) -> u32 {
    gang::most(fleet, scope, ask, nodes)
}
