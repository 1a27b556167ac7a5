//! The platform's own scheduler behind the twin's seam: the same code that places real work, under
//! virtual time.
//!
//! Must decide nothing itself. It tells the scheduler what arrives, ends and breaks, follows its
//! plans to the letter, and reports what happened. Work that asks for a part of a GPU holds a whole
//! one, as it does on the platform.

mod convert;
mod energy;
mod life;
mod power;
mod run;

use sched::{Settings, carbon::Measure};
use units::DurationMicros;

#[cfg(test)]
mod tests;

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
    /// What jobs with a deadline wait for; nothing if they start at once.
    defers: Option<Measure>,
}

impl Scheduled {
    /// The scheduler as the platform runs it.
    #[must_use]
    pub fn new(name: &str, settings: Settings) -> Self {
        let interval = DurationMicros::from_secs(30);
        let (name, defers) = (name.to_owned(), Some(Measure::Carbon));
        Self { name, settings, interval, minds_topology: true, defers }
    }

    /// Plans at most once in this time while something waits.
    #[must_use]
    pub const fn every(mut self, interval: DurationMicros) -> Self {
        self.interval = interval;
        self
    }

    /// Jobs with a deadline wait for this to be least, or for nothing.
    #[must_use]
    pub const fn deferring(mut self, by: Option<Measure>) -> Self {
        self.defers = by;
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
        let (mut scheduler, queues) =
            convert::scheduler(input, self.settings, self.minds_topology)?;
        scheduler.set_grid(energy::grid(input, scheduler.fleet())?);
        if let Some(by) = self.defers {
            for (site, forecast) in energy::forecasts(input, by) {
                scheduler.set_forecast(by, site, Some(forecast));
            }
        }
        let mut jobs = convert::jobs(input, &queues, self.minds_topology);
        jobs.iter_mut().for_each(|job| job.deferral = convert::deferral(job, self.defers));
        let mut run = Run::new(input, scheduler, jobs, self.interval);
        Ok(run.live(observer, progress))
    }
}
