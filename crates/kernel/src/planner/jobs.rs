//! What a workload is to the scheduler, in plain integers.

use sched::{ClassSet, Gate, Job, Micros, Running, SiteMask, Topology};
use units::{DurationMicros, UnixMicros};

use super::names::{Names, amounts};
use crate::{
    State, budget,
    workload::{Phase, Workload},
};

impl Names {
    /// A workload that waits.
    pub(super) fn waiting(&mut self, state: &State, workload: &Workload, now: UnixMicros) -> Job {
        let allowed_sites = self.mask(state, workload);
        Job { allowed_sites, gate: gate(state, workload, now), ..self.job(workload) }
    }

    /// A workload that holds nodes.
    pub(super) fn running(&self, workload: &Workload) -> Running {
        let attempt = workload.attempt();
        let ranks = attempt.into_iter().flat_map(|attempt| &attempt.ranks);
        let started_us = attempt.map_or(0, |attempt| attempt.placed_at.0);
        Running {
            nodes: ranks.filter_map(|rank| Some(self.node_index(rank.node)?.0)).collect(),
            started_us,
            saved_us: started_us,
            gone_by_us: None,
            job: self.job(workload),
        }
    }

    /// What holds of a workload whether it waits or runs.
    fn job(&self, workload: &Workload) -> Job {
        let spec = &workload.spec;
        Job {
            queue: self.queue(workload.project),
            priority: spec.priority,
            submitted_order: workload.submitted_seq,
            submitted_us: workload.meta.created_at.0,
            nodes_min: spec.nodes_min,
            nodes_max: spec.nodes_max,
            need: amounts(spec.per_node),
            exclusive: false,
            classes: spec.gpu_model.as_ref().map_or(ClassSet::ANY, |model| self.classes(model)),
            topology: Topology::default(),
            allowed_sites: SiteMask::none(),
            limit_us: spec.time_limit.map(|limit| limit.0),
            predicted_us: None,
            preemptible: false,
            guaranteed_us: 0,
            gate: Gate::Open,
        }
    }
}

/// What keeps a waiting workload from being looked at now.
pub(super) fn gate(state: &State, workload: &Workload, now: UnixMicros) -> Gate {
    if budget::require_open(state, workload.project).is_err() {
        return Gate::Budget;
    }
    match &workload.phase {
        Phase::Queued { not_before: Some(time), .. } if *time > now => {
            Gate::NotBefore { at_us: time.0 }
        }
        Phase::Queued { .. }
        | Phase::Placed { .. }
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Ended { .. } => Gate::Open,
    }
}

pub(super) fn later(time: UnixMicros, by: DurationMicros) -> Micros {
    time.0.saturating_add(i64::try_from(by.0).unwrap_or(i64::MAX))
}
