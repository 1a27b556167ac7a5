//! Reads a list of the experiment.
//!
//! Must give jobs in the order of submission, with the order of lines among those of one moment.

use std::path::Path;

use super::job::{ITERATION_MS_US, Job, overhead_us};
use crate::anchor::rows::{Error, Field, Row, Rows};

/// A millennium in milliseconds: no list is longer, and sums of such times stay far below overflow.
const TIME_MS_MAX: u64 = 1_000 * 365 * 24 * 3_600 * 1_000;

/// Reads all jobs of a list.
pub(super) fn read(path: &Path) -> Result<Vec<Job>, Error> {
    let rows = Rows::open(path)?;
    let reader = Reader::new(&rows)?;
    let mut jobs = rows.iter().map(|row| reader.job(row)).collect::<Result<Vec<Job>, Error>>()?;
    if jobs.is_empty() {
        return Err(rows.empty("at all"));
    }
    jobs.sort_by_key(|job| job.submitted_us);
    for (position, job) in (0..).zip(&mut jobs) {
        job.position = position;
    }
    Ok(jobs)
}

struct Reader {
    gpus: Field,
    submitted: Field,
    iterations: Field,
    iteration_time: Field,
    model: Field,
}

impl Reader {
    fn new(rows: &Rows) -> Result<Self, Error> {
        Ok(Self {
            gpus: rows.field("num_gpu")?,
            submitted: rows.field("submit_time")?,
            iterations: rows.field("iterations")?,
            iteration_time: rows.field("iteration_time")?,
            model: rows.field("model_name")?,
        })
    }

    fn job(&self, row: Row<'_>) -> Result<Job, Error> {
        const TIME: &str = "must be whole milliseconds from 0 to a thousand years";
        let gpus = row.number(self.gpus, 1..=32, "must be 1, 2, 4, 8, 16 or 32")?;
        let submitted_ms = row.number(self.submitted, 0..=TIME_MS_MAX, TIME)?;
        let why = "must be a whole number of iterations from 1 to 10^12";
        let iterations: u64 = row.number(self.iterations, 1..=1_000_000_000_000, why)?;
        let iteration_ms: u64 = row.number(self.iteration_time, 1..=TIME_MS_MAX, TIME)?;
        let work_ms = iterations.checked_mul(iteration_ms).filter(|work| *work <= TIME_MS_MAX);
        let why = "times `iteration_time` must be at most a thousand years";
        let work_ms =
            work_ms.ok_or_else(|| row.wrong(self.iterations, &iterations.to_string(), why))?;
        let overhead_us = overhead_us(row.text(self.model)?, gpus).ok_or_else(|| {
            row.wrong(self.gpus, &gpus.to_string(), "must be 1, 2, 4, 8, 16 or 32")
        })?;
        Ok(Job {
            position: 0,
            gpus,
            submitted_us: submitted_ms * 1_000,
            work_us: work_ms * ITERATION_MS_US,
            overhead_us,
        })
    }
}
