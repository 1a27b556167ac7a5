//! When deferrable work should start, by the carbon intensity of a site's electricity.
//!
//! Invariant: an answer lies within the deadline, the bound on waiting and the series, and no other
//! answer within them is better; of equally good ones the earliest is taken. A series never repeats
//! itself and is never continued: what lies beyond it is an error that names the time.
//! Nothing here may fetch a forecast or know the time of day.
//!
//! - [`least_mean_start`]: the start of least mean intensity, for work that runs in one piece.
//! - [`cheapest_runs`]: the times of least mean intensity, for work that can be interrupted.
//! - [`carbon_time_start`]: the start that saves most for each hour until the work is done.
//! - [`StartTable`]: the first of these for every slot of a series at once, in O(slots).
//! - [`Outlook`]: the first of these over the sites where policy allows the work.
//! - [`Deferral`]: the first of these as a gate of waiting jobs, by [`Forecast`] of carbon or price.
//!
//! Sources: Wiesner et al., "Let's Wait Awhile" (Middleware 2021), for the first two; Hanafy et al.,
//! "Going Green for Less Green" (GAIA, ASPLOS 2024), for Carbon-Time.

mod defer;
mod request;
mod runs;
mod series;
mod site;
mod start;
mod table;

pub(crate) use defer::Deferrals;
pub use defer::{Deferral, Forecast, Measure};
pub use request::{Request, RequestError};
pub use runs::{Runs, cheapest_runs};
pub use series::{SLOTS_MAX, STEP_S_MAX, Series, SeriesError, VALUE_MG_PER_KWH_MAX, carbon_mg};
pub use site::{Outlook, SiteStart};
pub use start::{Start, carbon_time_start, least_mean_start};
pub use table::StartTable;

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "tests compute with small known numbers"
)]
mod tests;
