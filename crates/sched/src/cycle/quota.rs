//! What a job's quotas allow it.

use std::collections::BTreeSet;

use super::failed::is_hopeless;
use crate::place::Ask;
use crate::problem::{CLASSES_MAX, ClassIdx, ClassSet, Job, JobIdx, NodeIdx};
use crate::reason::Reason;
use crate::scheduler::Scheduler;
use crate::share::{QueueIdx, Refusal};

/// The models that the job may have now, on its fewest nodes.
///
/// # Errors
/// Why there is none: of the models' refusals the one that time may change.
pub(crate) fn admitted(scheduler: &Scheduler, job: &Job) -> Result<ClassSet, Refusal> {
    let (allowed, refusal) = admissions(scheduler, job);
    verdict(job, allowed, refusal)
}

fn verdict(job: &Job, allowed: ClassSet, refusal: Option<Refusal>) -> Result<ClassSet, Refusal> {
    match refusal {
        Some(refusal) if allowed == ClassSet(0) => Err(refusal),
        // Models that the tree does not count are not for it to refuse.
        None if allowed == ClassSet(0) => Ok(job.classes),
        Some(_) | None => Ok(allowed),
    }
}

/// The same with regard to what there is: models that are allowed but would never do, while others
/// that would do are refused, are no more than a refusal.
pub(super) fn admitted_and_had(
    scheduler: &mut Scheduler,
    ask: &Ask<'_>,
) -> Result<ClassSet, Refusal> {
    let (allowed, refusal) = admissions(scheduler, ask.job);
    if let Some(refusal) = refusal.filter(|_| allowed != ClassSet(0))
        && is_hopeless(scheduler, &Ask { classes: allowed, ..*ask })
        && !is_hopeless(scheduler, ask)
    {
        return Err(refusal);
    }
    verdict(ask.job, allowed, refusal)
}

/// The models that the job may have now, and of the refusals the one that time may change.
fn admissions(scheduler: &Scheduler, job: &Job) -> (ClassSet, Option<Refusal>) {
    let tree = &scheduler.tree;
    if !tree.is_leaf(job.queue) {
        return (job.classes, None);
    }
    let admit = |class| tree.admit(job.queue, &scheduler.resources(job, class, job.nodes_min));
    if !job.uses_gpus() {
        return match admit(None) {
            Ok(()) => (job.classes, None),
            Err(refusal) => (ClassSet(0), Some(refusal)),
        };
    }
    let n_classes = u32::try_from(tree.n_resources()).unwrap_or(0).saturating_sub(2);
    let (mut allowed, mut first) = (ClassSet(0), None);
    for class in (0..n_classes.min(CLASSES_MAX)).map(ClassIdx) {
        if !job.classes.has(class) {
            continue;
        }
        match admit(Some(class)) {
            Ok(()) => allowed = allowed.or(ClassSet::one(class)),
            // What is lent out can be had back, and a model that there is none of is no news.
            Err(refusal) => {
                let other: Refusal = *first.get_or_insert(refusal);
                let weight = |r: &Refusal| (r.bound > 0, r.kind, r.bound);
                if weight(&refusal) > weight(&other) {
                    first = Some(refusal);
                }
            }
        }
    }
    (allowed, first)
}

/// The most nodes that the job's quotas allow of the model that these nodes have.
pub(super) fn nodes_allowed(scheduler: &Scheduler, job: &Job, nodes: &[NodeIdx]) -> u32 {
    let tree = &scheduler.tree;
    if job.nodes_min == job.nodes_max || !tree.is_leaf(job.queue) {
        return job.nodes_max;
    }
    let class = nodes.first().and_then(|node| scheduler.fleet.node(*node)?.class);
    let each = scheduler.resources(job, class, 1);
    let allowed = each.iter().enumerate().filter(|(_, each)| **each > 0).map(|(resource, each)| {
        tree.headroom(job.queue, resource).checked_div(*each).unwrap_or(u64::MAX)
    });
    let most = allowed.min().and_then(|most| u32::try_from(most).ok());
    most.unwrap_or(job.nodes_max).clamp(job.nodes_min, job.nodes_max)
}

/// What forbids the job to start on these nodes while others are still leaving theirs. Whose turn it is
/// goes by what will be; what a queue holds must be within its quotas at every moment.
pub(super) fn obstacle_now(
    scheduler: &mut Scheduler,
    condemned: &BTreeSet<JobIdx>,
    job: &Job,
    nodes: &[NodeIdx],
) -> Option<Refusal> {
    let leaving = scheduler.leaving.keys().chain(condemned);
    let leaving: Vec<(QueueIdx, Vec<u64>)> = leaving
        .filter_map(|index| scheduler.running.get(index))
        .map(|one| (one.job.queue, scheduler.used_by(&one.job, &one.nodes)))
        .collect();
    if leaving.is_empty() || !scheduler.tree.is_leaf(job.queue) {
        return None;
    }
    let amounts = scheduler.used_by(job, nodes);
    let tree = &mut scheduler.tree;
    let charged: Vec<&(QueueIdx, Vec<u64>)> =
        leaving.iter().filter(|(queue, held)| tree.charge(*queue, held).is_ok()).collect();
    let refusal = tree.admit(job.queue, &amounts).err();
    for (queue, held) in charged {
        // INVARIANT: it was charged above.
        let _ = tree.discharge(*queue, held);
    }
    refusal
}

/// A refusal as a reason.
pub(super) fn reason(refusal: &Refusal) -> Reason {
    Reason::OverQuota {
        queue: refusal.queue.0,
        resource: u32::try_from(refusal.resource).unwrap_or(u32::MAX),
        used: refusal.used,
        bound: refusal.bound,
        need: refusal.need,
    }
}
