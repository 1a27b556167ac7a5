//! What a scheduler is told about power and energy: budgets, limits in force, forecasts.
//!
//! Must never do anything itself: plans say what is to be done, and whoever did it says so here.

use crate::carbon::{Forecast, Measure};
use crate::fleet::Asker;
use crate::plan::Promise;
use crate::power::{FeederIdx, Grid, Pledge};
use crate::problem::{JobIdx, Micros, SiteIdx};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Limits the power of the fleet, or no longer; the grid must be of this scheduler's fleet. What
    /// runs draws from it without a limit until [`Self::set_cap`] says otherwise.
    pub fn set_grid(&mut self, grid: Option<Grid>) {
        self.grid = grid.map(Box::new);
        if let Some(grid) = &mut self.grid {
            for (index, running) in &self.running {
                grid.adopt(*index, &running.job, &running.nodes, &self.fleet);
            }
        }
    }

    /// The power of the fleet, if it is limited.
    #[must_use]
    pub fn grid(&self) -> Option<&Grid> {
        self.grid.as_deref()
    }

    /// True if a feeder is above what it is allowed, or some work is under a limit.
    #[must_use]
    pub fn has_power_work(&self) -> bool {
        self.grid().is_some_and(|grid| {
            grid.shortfalls().next().is_some() || grid.capped().next().is_some()
        })
    }

    /// Sets what a feeder is allowed now; false if there is none such or more than is contracted.
    pub fn set_allowed(&mut self, feeder: FeederIdx, allowed_mw: u64) -> bool {
        self.grid.as_mut().is_some_and(|grid| grid.set_allowed(feeder, allowed_mw))
    }

    /// Running work is under this limit from now on; 0 is none.
    pub fn set_cap(&mut self, job: JobIdx, cap: u32) {
        if let Some(grid) = &mut self.grid {
            grid.set_cap(job, cap);
        }
    }

    /// Sets or removes what energy costs at a site, and decides anew what is put off.
    pub fn set_forecast(&mut self, by: Measure, site: SiteIdx, forecast: Option<Forecast>) {
        self.deferrals.set(by, site, forecast);
        for (index, job) in self.waiting.iter().filter(|(_, job)| job.deferral.is_some()) {
            self.deferrals.decide(*index, job);
        }
    }

    /// When the next of the starts that are put off now is due.
    #[must_use]
    pub fn next_deferred_us(&self, now_us: Micros) -> Option<Micros> {
        self.deferrals.next_us(now_us)
    }

    /// Keeps the power of a promise; reckoned as if nothing ended before, so that nothing is advised
    /// that would not work.
    pub(crate) fn promise_power(&mut self, promise: &Promise) {
        let Some((grid, job)) = self.grid.as_ref().zip(self.waiting.get(&promise.job)) else {
            return;
        };
        let loads = grid.loads(job, &promise.nodes, &self.fleet);
        let (start_us, end_us) = (promise.from_us, promise.until_us);
        let asker = Asker { job: promise.job, queue: job.queue, start_us, end_us };
        let pledge = grid.pledge(&asker, &loads, &[]);
        self.keep_power(pledge);
    }

    /// Keeps power for a waiting job, for as long as this scheduler lives or the cycle lasts.
    pub(crate) fn keep_power(&mut self, pledge: Pledge) {
        if let Some(grid) = &mut self.grid {
            grid.keep(pledge);
        }
    }
}
