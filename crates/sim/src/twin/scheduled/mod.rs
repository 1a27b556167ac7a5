//! The platform's own scheduler behind the twin's seam: the same code that places real work, under
//! virtual time.
//!
//! Must decide nothing itself. It tells the scheduler what arrives, ends and breaks, follows its
//! plans to the letter, and reports what happened.

mod convert;
mod run;

use sched::Settings;
use units::DurationMicros;

use super::{
    backend::{Backend, Input, Progress},
    events::Observer,
    time::Time,
};
use run::Run;

/// The scheduler with its settings.
#[derive(Debug, Clone)]
pub struct Scheduled {
    name: String,
    settings: Settings,
    /// Least time between two plans while something waits, as a real scheduler's interval is.
    interval: DurationMicros,
    /// False if racks and rack groups are ignored: the baseline that shows what topology costs.
    minds_topology: bool,
}

impl Scheduled {
    /// The scheduler as the platform runs it.
    #[must_use]
    pub fn new(name: &str, settings: Settings) -> Self {
        let interval = DurationMicros::from_secs(30);
        Self { name: name.to_owned(), settings, interval, minds_topology: true }
    }

    /// Plans at most once in this time while something waits.
    #[must_use]
    pub const fn every(mut self, interval: DurationMicros) -> Self {
        self.interval = interval;
        self
    }

    /// Treats all nodes of a site as equally near, and drops all wishes for closeness.
    #[must_use]
    pub const fn blind(mut self) -> Self {
        self.minds_topology = false;
        self
    }
}

impl Backend for Scheduled {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(
        &mut self,
        input: &Input<'_>,
        observer: &mut dyn Observer,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> Result<Time, String> {
        let (scheduler, queues) = convert::scheduler(input, self.settings, self.minds_topology)?;
        let jobs = convert::jobs(input, &queues, self.minds_topology);
        let mut run = Run::new(input, scheduler, jobs, self.interval);
        Ok(run.live(observer, progress))
    }
}
