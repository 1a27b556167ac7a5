//! FIFO and SJF as the Helios artifact plays them: one queue whose head blocks all others.
//!
//! Must do the steps of a second in its order: release what ends, take in what arrives, sort, and start
//! jobs from the head until one does not fit. Nothing is ever stopped.

use std::collections::{BTreeMap, BTreeSet};

use super::job::{Job, Waits};
use super::pool::{Part, Pool};

/// How the queue is sorted; ties keep the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// By submission.
    Fifo,
    /// By duration, which it is told.
    ShortestJob,
}

/// Runs a numbered list on so many nodes. Jobs larger than the cluster must have been left out: as the
/// head of the queue they would block it for ever, so that nothing behind them starts.
pub(super) fn simulate(jobs: &[Job], nodes: u32, head: Head) -> Waits {
    let mut waits = Waits::none(jobs);
    let mut pool = Pool::new(nodes);
    let mut coming = jobs;
    let mut queue: BTreeSet<(u64, u32)> = BTreeSet::new();
    let mut running: BTreeMap<(u64, u32), (u64, Vec<Part>)> = BTreeMap::new();
    loop {
        let arrival = coming.first().map(|job| job.submitted_s);
        let end = running.first_key_value().map(|((end, _), _)| *end);
        let Some(now) = arrival.into_iter().chain(end).min() else { break };
        while let Some(ended) = running.first_entry().filter(|ended| ended.key().0 == now) {
            let (_, position) = *ended.key();
            let (started, parts) = ended.remove();
            pool.release(&parts, position, started);
        }
        let many = coming.iter().take_while(|job| job.submitted_s == now).count();
        let (arrived, later) = coming.split_at(many);
        queue.extend(arrived.iter().map(|job| (head.key(job), job.position)));
        coming = later;
        while let Some((_, position)) = queue.first().copied() {
            let Some(job) = usize::try_from(position).ok().and_then(|at| jobs.get(at)) else {
                break;
            };
            let Some(parts) = pool.place(job.gpus, position, now) else { break };
            queue.pop_first();
            waits.start(job, now);
            running.insert((now + job.duration_s, position), (now, parts));
        }
    }
    waits
}

impl Head {
    fn key(self, job: &Job) -> u64 {
        match self {
            Self::Fifo => job.submitted_s,
            Self::ShortestJob => job.duration_s,
        }
    }
}
