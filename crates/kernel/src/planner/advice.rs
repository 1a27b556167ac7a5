//! What would start a waiting workload now, in the words of its file.
//!
//! Must never advise what was not tried: the scheduler tries each change on what its plan leaves.

use sched::{Change, Level, Plan, Reason};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::Planner;

/// A change of one thing that a workload asks for, which would start it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// A time limit of at most this.
    TimeLimit(DurationMicros),
    /// Nodes within one domain of this level, in segments of so many (1 for none).
    Topology(Level, u32),
    /// GPUs of this model.
    GpuModel(String),
    /// So many nodes.
    Nodes(u32),
    /// So many GPUs on each node.
    Gpus(u32),
    /// A share of a GPU of so many thousandths.
    Share(u32),
}

impl Planner {
    /// What would start a workload that the plan leaves waiting, once the plan has come true. The
    /// planner is of no use for anything else afterwards.
    #[must_use]
    pub fn advise(
        mut self,
        plan: &Plan,
        workload: Id<kinds::Workload>,
        now: UnixMicros,
    ) -> Option<Advice> {
        let job = *self.jobs.get(&workload)?;
        let unplaced = plan.unplaced.iter().find(|unplaced| unplaced.job == job)?;
        if !is_about_size(&unplaced.reason) {
            return None;
        }
        self.scheduler.settle(plan, now.0);
        Some(match self.scheduler.advise(job, now.0)? {
            Change::Limit { limit_us } => Advice::TimeLimit(DurationMicros(limit_us)),
            Change::Topology { within, segment } => Advice::Topology(within, segment),
            Change::Class { class } => {
                let model =
                    usize::try_from(class.0).ok().and_then(|at| self.names.models().get(at));
                Advice::GpuModel(model?.clone())
            }
            Change::Nodes { nodes } => Advice::Nodes(nodes),
            Change::Gpus { gpus } => Advice::Gpus(gpus),
            Change::Share { milli } => Advice::Share(milli),
        })
    }
}

/// True if asking for something else could help.
const fn is_about_size(reason: &Reason) -> bool {
    match reason {
        Reason::NoSuchGpuClass { .. }
        | Reason::NoNodeLargeEnough { .. }
        | Reason::GangTooLarge { .. }
        | Reason::DomainTooSmall { .. }
        | Reason::OverQuota { .. }
        | Reason::NodesUnavailable { .. }
        | Reason::Promised { .. }
        | Reason::Fragmented { .. }
        | Reason::GpusFragmented { .. }
        | Reason::PowerCapped { .. }
        | Reason::WaitingForCapacity { .. } => true,
        Reason::Contradictory { .. }
        | Reason::BudgetExhausted
        | Reason::WaitingForJobs { .. }
        | Reason::ArrayLimit { .. }
        | Reason::NotBefore { .. }
        | Reason::Deferred { .. }
        | Reason::NoSiteAllowed
        | Reason::Preempting { .. } => false,
    }
}
