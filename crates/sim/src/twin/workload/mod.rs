//! Lists of jobs: one row for each, whatever format it comes from.
//!
//! [`read`] recognises the format, unpacks gzip, and goes through the source line by line; only the
//! rows are kept. [`Workload::prepare`] then fits them to a fleet. Neither invents anything: what a
//! list does not say stays unsaid, and what must be assumed is asked for in [`Assumptions`].

mod builder;
mod format;
mod gaia;
mod gavel;
mod job;
mod muri;
mod openb;
mod own;
mod philly;
mod platform;
mod pollux;
mod prepare;
mod sacct;
mod source;
mod swf;
mod table;
mod tenants;
mod write;

pub use format::Format;
pub use job::{Array, GPU_MILLI, Job, Shape, Within, Work};
pub use platform::LogReader;
pub use prepare::{Assumptions, ClassSet, JobIdx, Prepared, Request};
pub use source::read;
pub use tenants::{TenantIdx, Tenants};
pub use write::write;

pub(crate) use builder::Builder;

#[cfg(test)]
mod tests;

/// A list of jobs, sorted by submission; equal times keep the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// What the list is called in errors.
    pub file: String,
    /// What it was read as.
    pub format: Format,
    /// Who the jobs belong to.
    pub tenants: Tenants,
    /// The jobs.
    pub jobs: Vec<Job>,
}
