//! SRTF and SRSF as in the published experiment: both know every duration.
//!
//! Must keep the original's rules even where one would choose others: at each arrival or end every
//! running job pays its restart overhead, the cluster is emptied and filled anew in the order of the
//! keys, a job that does not fit is skipped, and ends within a part in 10⁹ of each other are one event.

use super::cluster::Filling;
use super::job::{Job, Outcome, left_us};

/// What a job is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortest {
    /// Remaining time (SRTF).
    Time,
    /// Remaining time times GPUs (SRSF).
    Service,
}

#[derive(Clone, Copy)]
struct Active {
    job: Job,
    remaining_us: u64,
    checked_us: u64,
    running: bool,
}

/// Jobs that end in the same event.
struct End {
    at_us: u64,
    positions: Vec<u32>,
}

/// Runs a list, sorted by submission, to its end.
pub(super) fn simulate(jobs: &[Job], shortest: Shortest) -> Outcome {
    let mut outcome = Outcome::default();
    let mut coming = jobs;
    let mut active: Vec<Active> = Vec::new();
    let mut ends: Vec<End> = Vec::new();
    loop {
        let arrival = coming.first().map(|job| job.submitted_us);
        let end = ends.first().map(|end| end.at_us);
        let Some(now) = arrival.into_iter().chain(end).min() else { break };
        outcome.events += 1;
        if let Some(ending) = ends.first().filter(|end| end.at_us == now) {
            active.retain(|one| {
                let ended = ending.positions.contains(&one.job.position);
                if ended {
                    outcome.end(&one.job, now);
                }
                !ended
            });
        }
        if arrival == Some(now) {
            let many = coming.iter().take_while(|job| is_close(job.submitted_us, now)).count();
            let (arrived, later) = coming.split_at(many);
            active.extend(arrived.iter().map(|job| Active::new(*job)));
            coming = later;
        }
        for one in &mut active {
            one.advance(now);
        }
        active.sort_by_key(|one| one.key(shortest));
        outcome.preemptions += fill(&mut active);
        ends = next_ends(&active, now);
    }
    outcome
}

/// Empties the cluster and fills it in the order given; counts who had to stop.
fn fill(active: &mut [Active]) -> u64 {
    let mut filling = Filling::empty();
    let mut stopped = 0;
    for one in active {
        let runs = filling.take(one.job.gpus);
        stopped += u64::from(one.running && !runs);
        one.running = runs;
    }
    stopped
}

fn next_ends(active: &[Active], now_us: u64) -> Vec<End> {
    let mut ends: Vec<End> = Vec::new();
    for one in active.iter().filter(|one| one.running) {
        let at_us = now_us + one.remaining_us;
        match ends.iter_mut().find(|end| is_close(end.at_us, at_us)) {
            Some(end) => end.positions.push(one.job.position),
            None => ends.push(End { at_us, positions: vec![one.job.position] }),
        }
    }
    ends.sort_by_key(|end| end.at_us);
    ends
}

/// Within a part in 10⁹, as the original compares times.
fn is_close(left_us: u64, right_us: u64) -> bool {
    let apart = u128::from(left_us.abs_diff(right_us));
    apart * 1_000_000_000 <= u128::from(left_us.max(right_us))
}

impl Active {
    fn new(job: Job) -> Self {
        let Job { work_us, submitted_us, .. } = job;
        Self { job, remaining_us: work_us, checked_us: submitted_us, running: false }
    }

    fn advance(&mut self, now_us: u64) {
        if self.running {
            let ran_us = now_us.saturating_sub(self.checked_us);
            self.remaining_us = left_us(&self.job, self.remaining_us, ran_us);
        }
        self.checked_us = now_us;
    }

    fn key(&self, shortest: Shortest) -> u64 {
        match shortest {
            Shortest::Time => self.remaining_us,
            Shortest::Service => self.remaining_us.saturating_mul(u64::from(self.job.gpus)),
        }
    }
}
