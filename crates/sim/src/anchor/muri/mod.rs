//! Muri's experiment (SIGCOMM 2022): lists of deep-learning jobs on 64 GPUs, under SRTF, SRSF and
//! Tiresias as published, and under two policies of ours.
//!
//! Must keep the published rules for all of them, ours included, and must compare only with figures
//! from the authors' file. Everything is computed in whole microseconds.

mod cluster;
mod job;
mod list;
mod ours;
mod published;
mod report;
mod shortest;
mod tiresias;

pub use job::Outcome;
pub use published::Published;
pub use report::{Report, Run};

pub use super::rows::Error;

use std::path::PathBuf;

use sched::order::Discipline;

use job::Job;
use shortest::Shortest;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder with `trace1.csv`, `trace1_pr.csv.gz` and so on.
    pub traces: PathBuf,
    /// Lists to run; each must be there. Empty for all published ones that are there.
    pub lists: Vec<String>,
    /// A clock in nanoseconds from any start, for the times in the report; this crate has none.
    pub clock_ns: Option<fn() -> u64>,
}

/// A policy of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Shortest remaining time first; knows durations. Published.
    Srtf,
    /// Shortest remaining service first; knows durations. Published.
    Srsf,
    /// Least attained service in three queues; knows nothing. Published.
    Tiresias,
    /// Ours: least predicted effort from what has run so far; is told nothing.
    Learned,
    /// Ours: the set of jobs whose declared work ends fastest; trusts iterations times their time.
    Declared,
}

impl Policy {
    /// All, in the order of reports.
    pub const ALL: [Self; 5] =
        [Self::Srtf, Self::Srsf, Self::Tiresias, Self::Learned, Self::Declared];

    /// The name in reports; for published policies that of the authors.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Srtf => "SRTF",
            Self::Srsf => "SRSF",
            Self::Tiresias => "Tiresias",
            Self::Learned => "ours, learned",
            Self::Declared => "ours, declared",
        }
    }

    fn simulate(self, jobs: &[Job]) -> Outcome {
        match self {
            Self::Srtf => shortest::simulate(jobs, Shortest::Time),
            Self::Srsf => shortest::simulate(jobs, Shortest::Service),
            Self::Tiresias => tiresias::simulate(jobs),
            Self::Learned => ours::simulate(jobs, Discipline::Predicted),
            Self::Declared => ours::simulate(jobs, Discipline::ShortestService),
        }
    }
}

/// Runs every policy on every list and compares.
///
/// # Errors
/// [`Error`] if a list is missing, cut off, or has a value out of range.
pub fn run(options: &Options) -> Result<Report, Error> {
    run_policies(options, &Policy::ALL)
}

/// The same for some policies.
///
/// # Errors
/// As [`run`].
pub fn run_policies(options: &Options, policies: &[Policy]) -> Result<Report, Error> {
    let published = published::all()?;
    let lists = if options.lists.is_empty() {
        lists_in(options, &published)?
    } else {
        options.lists.clone()
    };
    let clock = options.clock_ns.unwrap_or(|| 0);
    let mut runs = Vec::new();
    for list in lists {
        let jobs = list::read(&options.traces.join(format!("{list}.csv")))?;
        for policy in policies {
            let start_ns = clock();
            let outcome = policy.simulate(&jobs);
            let took_ns = clock().saturating_sub(start_ns);
            runs.push(Run { list: list.clone(), policy: *policy, outcome, took_ns });
        }
    }
    Ok(Report { runs, published })
}

/// The published lists that the folder has.
fn lists_in(options: &Options, published: &[Published]) -> Result<Vec<String>, Error> {
    let mut lists: Vec<String> = Vec::new();
    for Published { list, .. } in published {
        let there = ["csv", "csv.gz"]
            .iter()
            .any(|end| options.traces.join(format!("{list}.{end}")).exists());
        if there && !lists.contains(list) {
            lists.push(list.clone());
        }
    }
    if lists.is_empty() {
        let why = "it has none of the lists `trace1.csv`, `trace1_pr.csv`, …, packed or not";
        return Err(Error::Unreadable { path: options.traces.clone(), why: why.to_owned() });
    }
    Ok(lists)
}

#[cfg(test)]
mod tests;
