//! What a run is measured by: an [`Observer`](super::events::Observer) that needs the same memory for a
//! thousand jobs as for a million, besides those that are waiting or running.
//!
//! Integers throughout: thousandths or millionths of what is shown, so that a result has the same bytes
//! everywhere. Power, money and carbon are modelled from the fleet file and labelled so.

mod collector;
mod energy;
mod fairness;
mod files;
mod finish;
mod fragmentation;
mod gauge;
mod histogram;
mod live;
mod organisations;
mod outcome;
mod rackmap;
pub mod report;
mod sizes;
mod summary;

pub use collector::Collector;
pub use energy::SiteEnergy;
pub use files::{
    CDF_HEADER, Context, JOBS_HEADER, SERIES_HEADER, cdf_rows, results_json, series_rows,
};
pub use histogram::Distribution;
pub use outcome::{Curves, Outcome};
pub use sizes::SIZE_CLASSES;
pub use summary::{FinishTimes, JobCounts, OrganisationSummary, SizeSummary, Summary};

#[cfg(test)]
mod tests;
