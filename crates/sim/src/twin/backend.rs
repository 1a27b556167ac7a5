//! The seam between the twin and whatever decides: a backend owns the event loop and the policy, and
//! tells what happened. [`FirstFit`](super::first_fit::FirstFit) is a trivial one; a scheduler
//! core joins here.

use super::{events::Observer, fleet::Fleet, time::Time, workload::Prepared};

/// What a backend runs.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The fleet.
    pub fleet: &'a Fleet,
    /// The jobs, sorted by submission.
    pub jobs: &'a Prepared,
    /// For everything that the backend draws, failures included.
    pub seed: u64,
    /// True if nodes, racks and links fail as the fleet says.
    pub has_failures: bool,
    /// Ends the run at this time if jobs are left; without it, it ends with the last job.
    pub horizon: Option<Time>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Simulated time.
    pub now: Time,
    /// Jobs that have ended.
    pub ended: u64,
}

/// Runs jobs on a fleet, in virtual time.
///
/// It must tell every event in order of time, never read a clock, and give the same events for the
/// same input.
pub trait Backend {
    /// The policy's name, as the command line has it.
    fn name(&self) -> &str;

    /// Runs from time zero to the end; gives the time of the end.
    ///
    /// `progress` is called now and then; the run stops early if it returns false.
    ///
    /// # Errors
    /// A message if the input cannot be run by this policy.
    fn run(
        &mut self,
        input: &Input<'_>,
        observer: &mut dyn Observer,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Time, String>;
}
