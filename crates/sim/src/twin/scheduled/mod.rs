//! The platform's own scheduler behind the twin's seam: the same code that places real work, under
//! virtual time.
//!
//! Must decide nothing itself. It tells the scheduler what arrives, ends and breaks, follows its
//! plans to the letter, and reports what happened.

mod convert;
mod energy;
mod extras;
mod life;
mod power;
mod run;

use sched::{Scheduler, Settings, carbon::Measure, share::Usage};
use units::DurationMicros;

#[cfg(test)]
mod tests;

use super::{
    backend::{Backend, Input, Progress},
    events::Observer,
    time::Time,
};
pub use extras::{Entitled, Extras, Order, Terms};
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
    /// How long it takes until half of what a tenant used is forgotten.
    half_life: DurationMicros,
    /// What jobs with a deadline wait for; nothing if they start at once.
    defers: Option<Measure>,
    extras: Extras,
}

/// How long it takes on the platform until half of what a project used is forgotten.
const HALF_LIFE: DurationMicros = DurationMicros::from_secs(7 * 24 * 3_600);

impl Scheduled {
    /// The scheduler as the platform runs it.
    #[must_use]
    pub fn new(name: &str, settings: Settings) -> Self {
        Self {
            name: name.to_owned(),
            settings,
            interval: DurationMicros::from_secs(30),
            minds_topology: true,
            half_life: HALF_LIFE,
            defers: Some(Measure::Carbon),
            extras: Extras::default(),
        }
    }

    /// Plans at most once in this time while something waits.
    #[must_use]
    pub const fn every(mut self, interval: DurationMicros) -> Self {
        self.interval = interval;
        self
    }

    /// Forgets half of what a tenant used in this time, reckoned in whole hours.
    #[must_use]
    pub const fn forgetting_in(mut self, half_life: DurationMicros) -> Self {
        self.half_life = half_life;
        self
    }

    /// Jobs with a deadline wait for this to be least, or for nothing.
    #[must_use]
    pub const fn deferring(mut self, by: Option<Measure>) -> Self {
        self.defers = by;
        self
    }

    /// How it plans.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// With what neither the list of jobs nor the fleet's file says.
    #[must_use]
    pub fn with(mut self, extras: Extras) -> Self {
        self.extras = extras;
        self
    }

    /// Treats all nodes of a site as equally near, and drops all wishes for closeness.
    #[must_use]
    pub const fn blind(mut self) -> Self {
        self.minds_topology = false;
        self
    }
}

impl Scheduled {
    /// Tells the scheduler of power, of what energy costs, and that past use counts.
    fn tell(&self, input: &Input<'_>, scheduler: &mut Scheduler) -> Result<(), String> {
        let grid = energy::grid(input, scheduler.fleet())?;
        scheduler.set_grid(grid);
        if let Some(by) = self.defers {
            for (site, forecast) in energy::forecasts(input, by) {
                scheduler.set_forecast(by, site, Some(forecast));
            }
        }
        if self.settings.past_use_milli > 0 && input.jobs.tenants.paths().len() > 1 {
            let tree = scheduler.tree();
            let hours = u32::try_from(self.half_life.as_secs() / 3_600).unwrap_or(u32::MAX);
            let usage = Usage::new(tree.n_queues(), tree.n_resources(), hours);
            scheduler.set_past_use(Some(usage));
        }
        Ok(())
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
        if self.minds_topology {
            convert::check(input)?;
        }
        let (mut scheduler, queues) =
            convert::scheduler(input, self.settings, self.minds_topology, &self.extras)?;
        self.tell(input, &mut scheduler)?;
        let mut jobs = convert::jobs(input, &queues, self.minds_topology, &self.extras);
        jobs.iter_mut().for_each(|job| job.deferral = convert::deferral(job, self.defers));
        let mut run = Run::new(input, scheduler, jobs, self.interval, &self.extras);
        Ok(run.live(observer, progress))
    }
}
