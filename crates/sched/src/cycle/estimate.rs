//! When jobs without a promise may start: a rough look at the GPUs that running work gives back.
//!
//! Must never look better than a promise: it counts limits, in the order of the plan, and says
//! nothing beyond the last known end.

use std::collections::BTreeMap;

use crate::plan::Plan;
use crate::problem::{ClassIdx, ClassSet, JobIdx, Micros};
use crate::scheduler::Scheduler;

/// Thousandths of GPUs given back over time by one set of models, and how many are spoken for.
struct Stream {
    given_back: Vec<(Micros, u64)>,
    at: usize,
    sum: u64,
    spoken_for: u64,
}

impl Stream {
    /// All ends of work whose GPUs are of these models.
    fn of(ends: &[(Micros, ClassIdx, u64)], classes: ClassSet) -> Self {
        let of_class = ends.iter().filter(|(_, class, _)| classes.has(*class));
        let given_back = of_class.map(|(end, _, gpus)| (*end, *gpus)).collect();
        Self { given_back, at: 0, sum: 0, spoken_for: 0 }
    }

    /// When the next so many thousandths are there.
    fn take(&mut self, gpus: u64) -> Option<Micros> {
        self.spoken_for = self.spoken_for.saturating_add(gpus);
        let mut last = None;
        while self.sum < self.spoken_for {
            let (end, given) = self.given_back.get(self.at)?;
            self.sum = self.sum.saturating_add(*given);
            self.at = self.at.saturating_add(1);
            last = Some(*end);
        }
        last.or_else(|| self.given_back.get(self.at.checked_sub(1)?).map(|(end, _)| *end))
    }
}

/// Fills in what the plan does not know yet.
pub(super) fn fill(scheduler: &Scheduler, plan: &mut Plan) {
    if plan.unplaced.iter().all(|one| one.start_us.is_some()) {
        return;
    }
    let ends = ends(scheduler);
    let mut streams: BTreeMap<ClassSet, Stream> = BTreeMap::new();
    for one in &mut plan.unplaced {
        let Some(gpus) = gpus_of(scheduler, one.job).filter(|_| one.reason.is_about_time()) else {
            continue;
        };
        let Some(job) = scheduler.waiting.get(&one.job) else { continue };
        let stream = streams.entry(job.classes).or_insert_with(|| Stream::of(&ends, job.classes));
        let start = stream.take(gpus);
        one.start_us = one.start_us.or(start);
    }
}

fn ends(scheduler: &Scheduler) -> Vec<(Micros, ClassIdx, u64)> {
    let end = |(end, index): &(Micros, JobIdx)| {
        let running = scheduler.running.get(index)?;
        let node = scheduler.fleet.node(*running.nodes.first()?)?;
        let n = u64::try_from(running.nodes.len()).ok()?;
        let milli = scheduler.gpu_milli(&running.job, node.class);
        Some((*end, node.class?, n.saturating_mul(milli)))
    };
    scheduler.ends.iter().filter_map(end).collect()
}

fn gpus_of(scheduler: &Scheduler, job: JobIdx) -> Option<u64> {
    let job = scheduler.waiting.get(&job)?;
    let milli = scheduler.gpu_milli(job, None).saturating_mul(u64::from(job.nodes_min));
    (milli > 0).then_some(milli)
}
