//! The platform's own scheduler behind the twin's seam: the same code that places real work, under
//! virtual time.
//!
//! Must decide nothing itself. It tells the scheduler what arrives, ends and breaks, follows its
//! plans to the letter, and reports what happened.

mod convert;
mod extras;
mod run;

use sched::{Settings, share::Usage};
use units::DurationMicros;

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
    extras: Extras,
}

/// How long it takes on the platform until half of what a project used is forgotten.
const HALF_LIFE: DurationMicros = DurationMicros::from_secs(7 * 24 * 3_600);

impl Scheduled {
    /// The scheduler as the platform runs it.
    #[must_use]
    pub fn new(name: &str, settings: Settings) -> Self {
        let interval = DurationMicros::from_secs(30);
        let (name, extras) = (name.to_owned(), Extras::default());
        Self { name, settings, interval, minds_topology: true, half_life: HALF_LIFE, extras }
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
        if self.settings.past_use_milli > 0 && queues.len() > 1 {
            let tree = scheduler.tree();
            let hours = u32::try_from(self.half_life.as_secs() / 3_600).unwrap_or(u32::MAX);
            let usage = Usage::new(tree.n_queues(), tree.n_resources(), hours);
            scheduler.set_past_use(Some(usage));
        }
        let jobs = convert::jobs(input, &queues, self.minds_topology, &self.extras);
        let mut run = Run::new(input, scheduler, jobs, self.interval, &self.extras);
        Ok(run.live(observer, progress))
    }
}
