//! A job of the list, in whole seconds, and what a policy made of it.
//!
//! Must keep waits by job: means over tenants, over all, or over those that a small cluster could run
//! are all sums of the same numbers.

/// GPUs of a node, in every cluster of the experiment.
pub(super) const NODE_GPUS: u32 = 8;

/// One job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Position in its list; jobs are in the order of submission.
    pub(super) position: u32,
    /// When it arrives, in seconds from the first job of the list.
    pub(super) submitted_s: u64,
    /// How long it runs, in seconds.
    pub(super) duration_s: u64,
    /// GPUs it needs, all or none.
    pub(super) gpus: u32,
    /// Its virtual cluster, as a number in the order of the table of tenants, then of the list.
    pub(super) tenant: u32,
}

/// A list numbered anew, as every simulation needs it.
pub(super) fn numbered(jobs: impl Iterator<Item = Job>) -> Vec<Job> {
    (0..).zip(jobs).map(|(position, job)| Job { position, ..job }).collect()
}

/// How long each job of a list waited, by position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Waits {
    seconds: Vec<u64>,
}

/// Sums over some jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Jobs.
    pub jobs: u64,
    /// Their waits together, in seconds.
    pub waited_s: u64,
    /// Their durations together, in seconds.
    pub ran_s: u64,
    /// The longest wait, in seconds.
    pub longest_s: u64,
}

impl Waits {
    pub(super) fn none(jobs: &[Job]) -> Self {
        Self { seconds: vec![0; jobs.len()] }
    }

    pub(super) fn start(&mut self, job: &Job, now_s: u64) {
        let position = usize::try_from(job.position).unwrap_or(usize::MAX);
        if let Some(wait) = self.seconds.get_mut(position) {
            *wait = now_s.saturating_sub(job.submitted_s);
        }
    }

    /// Sums over the jobs of the same list that a condition picks.
    pub(super) fn sums(&self, jobs: &[Job], picks: impl Fn(&Job) -> bool) -> Sums {
        let mut sums = Sums::default();
        for (job, wait) in jobs.iter().zip(&self.seconds).filter(|(job, _)| picks(job)) {
            sums.jobs += 1;
            sums.waited_s += wait;
            sums.ran_s += job.duration_s;
            sums.longest_s = sums.longest_s.max(*wait);
        }
        sums
    }
}

impl Sums {
    /// Mean wait in hundredths of a second, rounded to the nearest.
    #[must_use]
    pub fn mean_wait_cs(&self) -> u64 {
        hundredths(self.waited_s, self.jobs)
    }

    /// Mean time from submission to end in hundredths of a second, rounded to the nearest.
    #[must_use]
    pub fn mean_completion_cs(&self) -> u64 {
        hundredths(self.waited_s + self.ran_s, self.jobs)
    }
}

fn hundredths(sum: u64, jobs: u64) -> u64 {
    let jobs = u128::from(jobs);
    let rounded = (u128::from(sum) * 200 + jobs).checked_div(2 * jobs).unwrap_or(0);
    u64::try_from(rounded).unwrap_or(u64::MAX)
}
