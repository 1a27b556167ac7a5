//! What a workload is to the scheduler, in plain integers.

use sched::{ClassSet, Gate, Job, Micros, Running, SiteMask, Topology};
use units::{DurationMicros, UnixMicros};

use super::{
    names::{Names, amounts},
    power,
};
use crate::{
    State,
    workload::{self, Level, Phase, Spec, Workload},
};

impl Names {
    /// A workload that waits.
    pub(super) fn waiting(&mut self, state: &State, workload: &Workload) -> Job {
        let allowed_sites = self.mask(state, workload);
        Job { allowed_sites, ..self.job(workload) }
    }

    /// A workload that holds nodes.
    pub(super) fn running(&self, workload: &Workload) -> Running {
        let attempt = workload.attempt();
        let ranks = attempt.into_iter().flat_map(|attempt| &attempt.ranks);
        let started_us = attempt.map_or(0, |attempt| attempt.placed_at.0);
        let mut job = self.job(workload);
        let known = ranks.filter_map(|rank| Some((self.node_index(rank.node)?.0, rank.seat)));
        let (nodes, seats): (Vec<_>, Vec<_>) = known.unzip();
        let seats: Vec<sched::Seat> = seats.into_iter().flatten().map(Into::into).collect();
        if seats.is_empty() {
            // Placed before parts were: it has a whole GPU.
            job = Job { need: amounts(workload.spec.per_node), part: None, ..job };
        }
        Running { nodes, seats, started_us, saved_us: started_us, gone_by_us: None, job }
    }

    /// What holds of a workload whether it waits or runs.
    fn job(&self, workload: &Workload) -> Job {
        let spec = &workload.spec;
        let terms = &spec.terms;
        let index = workload.task.map_or(0, |task| u64::from(task.index));
        Job {
            queue: self.queue(workload.project),
            priority: spec.priority,
            // The tasks of an array were submitted by one entry, in order of their numbers.
            submitted_order: workload.submitted_seq << 20 | index & 0xf_ffff,
            submitted_us: workload.meta.created_at.0,
            nodes_min: spec.nodes_min,
            nodes_max: spec.nodes_max,
            need: amounts(spec.beside_part(spec.per_node)),
            part: spec.part(),
            exclusive: terms.exclusive,
            classes: self.acceptable(spec),
            topology: topology(spec),
            allowed_sites: SiteMask::none(),
            limit_us: spec.time_limit.map(|limit| limit.0),
            predicted_us: None,
            preemptible: spec.is_preemptible(),
            guaranteed_us: terms.guaranteed.0,
            gate: Gate::Open,
            power_class: power::class_number(terms.power_class),
            deferral: terms.deferrable.as_ref().map(power::deferral),
        }
    }

    /// Models of GPU that will do. Alternatives of other counts are not offered to anybody yet.
    fn acceptable(&self, spec: &Spec) -> ClassSet {
        let first = spec.gpu_model.as_deref();
        let others = spec.terms.gpu_alternatives.iter();
        let others = others.filter(|choice| choice.gpus == spec.per_node.gpus);
        let wishes = std::iter::once(first).chain(others.map(|choice| choice.model.as_deref()));
        wishes.fold(ClassSet(0), |set, wish| {
            set.or(wish.map_or(ClassSet::ANY, |model| self.classes(model)))
        })
    }
}

/// The level that is a condition; closer is always preferred.
fn topology(spec: &Spec) -> Topology {
    let wish = spec.terms.topology;
    let within = match wish.fallback {
        Level::Node | Level::Nvlink => sched::Level::Rack,
        Level::Spine => sched::Level::Group,
        Level::Site => sched::Level::Site,
    };
    if wish.segment <= 1 {
        return Topology { within, segment: 1 };
    }
    match within {
        // Only the blocks must be that close; they may stand anywhere on the site.
        sched::Level::Rack => Topology { within: sched::Level::Site, segment: wish.segment },
        // A whole gang in one group has all its blocks there.
        sched::Level::Group | sched::Level::Site => Topology { within, segment: 1 },
    }
}

/// What keeps a waiting workload from being looked at now. `is_due` is the kernel's own word on all
/// but money, which counts the tasks of an array together.
pub(super) fn gate(state: &State, workload: &Workload, now: UnixMicros, is_due: bool) -> Gate {
    if let Phase::Queued { not_before: Some(time), .. } = &workload.phase
        && *time > now
    {
        return Gate::NotBefore { at_us: time.0 };
    }
    if is_due {
        return Gate::Open;
    }
    let unfinished = workload::n_unmet(state, workload);
    if unfinished > 0 {
        return Gate::Dependency { unfinished };
    }
    let array = workload.task.and_then(|task| state.workloads.get(&task.array));
    let limit = array.and_then(|array| array.spec.terms.array?.running_max);
    Gate::ArrayLimit { limit: limit.unwrap_or(0) }
}

pub(super) fn later(time: UnixMicros, by: DurationMicros) -> Micros {
    time.0.saturating_add(i64::try_from(by.0).unwrap_or(i64::MAX))
}
