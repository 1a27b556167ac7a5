//! Tiresias (2D-LAS, "dlas-gpu") as in the published experiment: it knows no duration.
//!
//! Must keep the original's rules: three queues by attained GPU-time, first in first out within each
//! with what waits behind what runs, GPUs counted without node boundaries, an event of its own when a
//! job crosses its queue's limit, and each event charges every running job its restart overhead.

use super::cluster::GPUS;
use super::job::{Job, Outcome, left_us};

/// GPU-seconds at which a job leaves the first and the second queue.
const LIMITS_GPU_S: [u64; 2] = [3_250, 7_200];
const SECOND_US: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Active {
    job: Job,
    remaining_us: u64,
    attained_us: u64,
    checked_us: u64,
    running: bool,
}

type Queues = [Vec<Active>; 3];

/// Runs a list, sorted by submission, to its end.
pub(super) fn simulate(jobs: &[Job]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut coming = jobs;
    let mut queues: Queues = Default::default();
    let mut end_us: Option<u64> = None;
    let mut jump_us: Option<u64> = None;
    loop {
        let arrival = coming.first().map(|job| job.submitted_us);
        let Some(event_us) = arrival.into_iter().chain(end_us).min() else { break };
        let jumps_first = jump_us.filter(|jump| *jump < event_us);
        let now = jumps_first.unwrap_or(event_us);
        outcome.events += 1;
        if jumps_first.is_none() && end_us == Some(now) {
            for queue in &mut queues {
                queue.retain(|one| {
                    let ended = one.running && one.checked_us + one.remaining_us == now;
                    if ended {
                        outcome.end(&one.job, now);
                    }
                    !ended
                });
            }
        }
        let arrives = jumps_first.is_none() && arrival == Some(now);
        let many = coming.iter().take_while(|job| arrives && job.submitted_us == now).count();
        let (arrived, later) = coming.split_at(many);
        coming = later;
        advance(&mut queues, arrived, now);
        outcome.preemptions += fill(&mut queues);
        let running = || queues.iter().flatten().filter(|one| one.running);
        end_us = running().map(|one| now + one.remaining_us).min();
        jump_us = next_jump(&queues, now);
    }
    outcome
}

/// Lets time pass, takes in who arrived, and moves who crossed a limit to the end of the next queue,
/// in the order of submission.
fn advance(queues: &mut Queues, arrived: &[Job], now_us: u64) {
    let [first, second, last] = queues;
    first.extend(arrived.iter().map(|job| Active::new(*job)));
    for one in first.iter_mut().chain(second.iter_mut()).chain(last.iter_mut()) {
        one.advance(now_us);
    }
    let [first_limit, second_limit] = LIMITS_GPU_S;
    let from_first = leaving(first, first_limit);
    let from_second = leaving(second, second_limit);
    second.extend(from_first);
    last.extend(from_second);
}

fn leaving(queue: &mut Vec<Active>, limit_gpu_s: u64) -> Vec<Active> {
    let beyond = |one: &mut Active| one.running && one.service_us() >= limit_gpu_s * SECOND_US;
    let mut left: Vec<Active> = queue.extract_if(.., beyond).collect();
    left.sort_by_key(|one| one.job.position);
    left
}

/// Serves the queues in order, skipping what does not fit; counts who had to stop.
fn fill(queues: &mut Queues) -> u64 {
    let mut free = GPUS;
    let mut stopped = 0;
    for queue in queues {
        for one in queue.iter_mut() {
            let left = free.checked_sub(one.job.gpus);
            stopped += u64::from(one.running && left.is_none());
            one.running = left.is_some();
            free = left.unwrap_or(free);
        }
        // Stable: what runs moves to the front, and both halves keep their order.
        queue.sort_by_key(|one| !one.running);
    }
    stopped
}

/// The next moment at which a running job crosses its limit, in whole seconds of running.
fn next_jump(queues: &Queues, now_us: u64) -> Option<u64> {
    let limited = queues.iter().zip(LIMITS_GPU_S);
    let crossings = limited.flat_map(|(queue, limit)| {
        queue.iter().filter(|one| one.running).map(move |one| {
            let limit_us = limit.div_ceil(u64::from(one.job.gpus)) * SECOND_US;
            now_us + limit_us.saturating_sub(one.attained_us)
        })
    });
    crossings.min()
}

impl Active {
    fn new(job: Job) -> Self {
        let Job { work_us, submitted_us, .. } = job;
        let (remaining_us, checked_us) = (work_us, submitted_us);
        Self { job, remaining_us, attained_us: 0, checked_us, running: false }
    }

    fn advance(&mut self, now_us: u64) {
        if self.running {
            let ran_us = now_us.saturating_sub(self.checked_us);
            self.remaining_us = left_us(&self.job, self.remaining_us, ran_us);
            self.attained_us += ran_us;
        }
        self.checked_us = now_us;
    }

    fn service_us(&self) -> u64 {
        self.attained_us.saturating_mul(u64::from(self.job.gpus))
    }
}
