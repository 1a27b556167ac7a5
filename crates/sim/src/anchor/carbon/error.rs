//! What can be wrong with a list of intensities or jobs, with the line and the field.
//!
//! Must never quote more of the input than the value at fault.

use sched::carbon::{RequestError, SeriesError};
use thiserror::Error;

/// Why a list cannot be read or a job cannot be placed.
#[derive(Debug, Error)]
pub enum CarbonError {
    /// The text is no CSV.
    #[error("the list is no CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("the list has no column `{column}`: its columns are {found}")]
    Column {
        /// What was looked for.
        column: String,
        /// What there is.
        found: String,
    },
    /// The list has no rows, or too few to tell the length of a slot.
    #[error("the list has {rows} rows: give at least two")]
    TooShort {
        /// Rows read.
        rows: usize,
    },
    /// A field cannot be read.
    #[error("line {line}: `{column}` is `{value}`: use {wanted}")]
    Field {
        /// Line in the text, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What stands there.
        value: String,
        /// What should.
        wanted: &'static str,
    },
    /// A row has fewer values than the list has columns.
    #[error("line {line}: a value is missing at `{column}`: fill it or cut the list there")]
    Gap {
        /// Line in the text, from 1.
        line: u64,
        /// The first column without a value.
        column: String,
    },
    /// A slot is missing, stands twice or lies between two slots.
    #[error(
        "line {line}: the time is {found}, {expected} was expected: fill gaps, sort, and leave out what stands twice"
    )]
    Time {
        /// Line in the text, from 1.
        line: u64,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// The values are no series.
    #[error("the values are no series: {0}")]
    Series(#[from] SeriesError),
    /// A job does not fit the series.
    #[error("job {job}: {source}")]
    Job {
        /// Position of the job, from 0.
        job: usize,
        /// Why.
        source: RequestError,
    },
    /// The jobs do not come in the order of their arrival, or a class of them is empty.
    #[error("the list of jobs has no {class} job: the expected length of that class is unknown")]
    NoJobs {
        /// `short` or `long`.
        class: &'static str,
    },
}
