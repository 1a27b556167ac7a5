//! Our two policies on the same lists: one that knows no duration, one that trusts declared work.
//!
//! Must play by the rules of the others: the same cluster, and at each event, be it an arrival, an end
//! or a moment the policy chose itself, every running job pays its restart overhead.

use sched::order::{
    Candidate, Discipline, GroupId, History, Key, Member, Outlook, Stamp, Standing, best_set,
};

use super::cluster::{Filling, GPUS};
use super::job::{Job, Outcome, left_us};

struct Active {
    job: Job,
    remaining_us: u64,
    attained_us: u64,
    running: bool,
    member: Member,
    outlook: Option<(Stamp, Outlook)>,
}

/// Runs a list, sorted by submission, to its end. Only [`Discipline::ShortestService`] is shown what
/// remains of a job; the others see what it has had.
pub(super) fn simulate(jobs: &[Job], discipline: Discipline) -> Outcome {
    let mut outcome = Outcome::default();
    let mut history = History::default();
    let mut coming = jobs;
    let mut active: Vec<Active> = Vec::new();
    let mut now = 0;
    let mut look_us: Option<u64> = None;
    loop {
        let arrival = coming.first().map(|job| job.submitted_us);
        let running = active.iter().filter(|one| one.running);
        let end = running.map(|one| now + one.remaining_us).min();
        let Some(event) = arrival.into_iter().chain(end).chain(look_us).min() else { break };
        let passed = event.saturating_sub(now);
        now = event;
        outcome.events += 1;
        for one in active.iter_mut().filter(|one| one.running) {
            one.run(passed, &mut history);
        }
        active.retain(|one| {
            let ended = one.remaining_us == 0;
            if ended {
                history.ended(one.member, one.service());
                outcome.end(&one.job, now);
            }
            !ended
        });
        let many = coming.iter().take_while(|job| job.submitted_us <= now).count();
        let (arrived, later) = coming.split_at(many);
        active.extend(arrived.iter().map(|job| Active::new(*job, &mut history)));
        coming = later;
        let keys: Vec<Key> = active
            .iter_mut()
            .map(|one| discipline.key(&one.standing(discipline, &history)))
            .collect();
        outcome.preemptions += choose(&mut active, &keys);
        look_us = next_look(&active, &keys, now);
    }
    outcome
}

/// Runs the best set of jobs; counts who had to stop.
fn choose(active: &mut [Active], keys: &[Key]) -> u64 {
    let candidates: Vec<Candidate> = active
        .iter()
        .zip(keys)
        .map(|(one, key)| Candidate { gpus: one.job.gpus, service: key.service })
        .collect();
    let mut chosen = best_set(&candidates, GPUS).into_iter().peekable();
    let mut picked: Vec<(&mut Active, bool)> = active
        .iter_mut()
        .enumerate()
        .map(|(position, one)| (one, chosen.next_if_eq(&position).is_some()))
        .collect();
    // Large ones first, so that whole nodes are left for them.
    picked.sort_by_key(|(one, _)| std::cmp::Reverse(one.job.gpus));
    let mut filling = Filling::empty();
    let mut stopped = 0;
    for (one, chosen) in picked {
        let runs = chosen && filling.take(one.job.gpus);
        stopped += u64::from(one.running && !runs);
        one.running = runs;
    }
    stopped
}

/// When to look again although nothing arrives or ends: when a running job will have outlived its
/// kind so far that the best waiting one deserves its place.
fn next_look(active: &[Active], keys: &[Key], now_us: u64) -> Option<u64> {
    let waiting = active.iter().zip(keys).filter(|(one, _)| !one.running);
    let best = waiting.map(|(_, key)| key.service).min()?;
    let running = active.iter().filter(|one| one.running);
    let looks = running.filter_map(|one| {
        let (_, outlook) = one.outlook.as_ref()?;
        // A running job's key is two thirds of its effort.
        let service = outlook.rises_above(one.service(), best.saturating_add(best / 2))?;
        let gpus = u64::from(one.job.gpus);
        Some(now_us + service.saturating_sub(one.service()).div_ceil(gpus))
    });
    looks.min()
}

impl Active {
    fn new(job: Job, history: &mut History) -> Self {
        let member = history.admit(GroupId(u64::from(job.gpus)));
        let remaining_us = job.work_us;
        Self { job, remaining_us, attained_us: 0, running: false, member, outlook: None }
    }

    /// Lets a running job run; its last stretch costs no overhead, as in the original.
    fn run(&mut self, passed_us: u64, history: &mut History) {
        self.attained_us += passed_us;
        self.remaining_us = if self.remaining_us <= passed_us {
            0
        } else {
            left_us(&self.job, self.remaining_us, passed_us)
        };
        history.attained(self.member, self.service());
    }

    fn service(&self) -> u64 {
        self.attained_us.saturating_mul(u64::from(self.job.gpus))
    }

    fn standing(&mut self, discipline: Discipline, history: &History) -> Standing {
        let gpus = u64::from(self.job.gpus);
        let remaining = self.remaining_us.saturating_mul(gpus);
        let (remaining, predicted) = match discipline {
            Discipline::ShortestService => (Some(remaining), None),
            Discipline::Predicted => (None, Some(self.effort(history))),
            Discipline::Fifo | Discipline::LeastAttained => (None, None),
        };
        let submitted = u64::from(self.job.position);
        Standing {
            submitted,
            attained: self.service(),
            remaining,
            predicted,
            running: self.running,
        }
    }

    fn effort(&mut self, history: &History) -> u64 {
        let stamp = history.stamp(self.member);
        let known = self.outlook.take().filter(|(at, _)| *at == stamp);
        let outlook = known.unwrap_or_else(|| (stamp, history.outlook(self.member)));
        let effort = outlook.1.effort(self.service());
        self.outlook = Some(outlook);
        effort
    }
}
