//! "Let's Wait Awhile", scenario II: 3,387 machine learning jobs of 4 to 90 hours, issued on working
//! days of 2020 between 9:00 and 17:00, each with a deadline that a person would not notice.
//!
//! Source: Wiesner, Behnke, Scheinert, Kordian and Thamsen, Middleware 2021; program and data at
//! github.com/dos-group/lets-wait-awhile. Read from the program and kept here:
//! - A job that would end outside working hours may end by 9:00 of the next working day; after 17:00
//!   on a Friday that is Saturday, 9:00. One that would end within them must not wait at all.
//! - Semi-weekly: it may end by 9:00 of the next Monday or Thursday.
//! - The program looks one slot further than that, for the baseline without waiting as well
//!   ([`Setup::grace_s`]).
//! - It decides by the forecast and pays by the true series.

use sched::carbon::{Request, Series, cheapest_runs, least_mean_start};

use super::Saving;
use super::dates::{DAY_S, parse, second_of_day, weekday};
use super::decimal::scaled;
use super::error::CarbonError;
use super::forecast::Forecast;
use super::series::line;

const NINE_S: i64 = 9 * 3_600;
const SEVENTEEN_S: i64 = 17 * 3_600;

/// A job of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// When it is issued, in seconds since 1970.
    pub arrival_s: i64,
    /// How long it runs, in seconds.
    pub length_s: u64,
}

/// By when a job must be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// As early as it can.
    AtOnce,
    /// When people come to work after its earliest end.
    NextWorkday,
    /// The next Monday or Thursday, 9:00.
    SemiWeekly,
}

/// One run of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// By when jobs must be done.
    pub deadline: Deadline,
    /// Whether jobs may be interrupted at every slot.
    pub interruptible: bool,
    /// Time beyond the deadline that the study's program allows, the baseline included, in seconds:
    /// 1,800 there, 0 if deadlines are kept.
    pub grace_s: u64,
    /// How wrong the forecast is.
    pub forecast: Forecast,
}

/// Reads the jobs: columns `arrival_min` (minutes since the given date) and `length_min`.
///
/// # Errors
/// [`CarbonError`] with line and column; also for a date that is none.
pub fn read_jobs(text: &str, since: &str) -> Result<Vec<Job>, CarbonError> {
    let field = |line, column: &str, value: &str, wanted| CarbonError::Field {
        line,
        column: column.to_owned(),
        value: value.to_owned(),
        wanted,
    };
    let since_s =
        parse(since).ok_or_else(|| field(0, "since", since, "a date such as `2020-01-01`"))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let columns = ["arrival_min", "length_min"].map(|column| {
        header.iter().position(|name| name == column).ok_or_else(|| CarbonError::Column {
            column: column.to_owned(),
            found: header.iter().collect::<Vec<_>>().join(", "),
        })
    });
    let [arrival, length] = columns;
    let (arrival, length) = (arrival?, length?);
    let mut jobs = Vec::new();
    for record in reader.records() {
        let record = record?;
        let minutes = |position: usize, column: &str| {
            let value = record.get(position).unwrap_or("");
            let minutes = scaled(value, 0).filter(|minutes| *minutes < 1 << 32);
            minutes.ok_or_else(|| field(line(&record), column, value, "whole minutes"))
        };
        let arrival_s = minutes(arrival, "arrival_min")? * 60;
        jobs.push(Job {
            arrival_s: since_s.saturating_add_unsigned(arrival_s),
            length_s: minutes(length, "length_min")? * 60,
        });
    }
    Ok(jobs)
}

impl Deadline {
    /// The deadline of a job that would end then if it did not wait.
    #[must_use]
    pub fn of(self, end_s: i64) -> i64 {
        let nine = |days: i64| end_s - second_of_day(end_s) + days * DAY_S + NINE_S;
        let (day, second) = (weekday(end_s), second_of_day(end_s));
        match self {
            Self::AtOnce => end_s,
            Self::NextWorkday => match day {
                5 => nine(2),
                6 => nine(1),
                _ if second > SEVENTEEN_S => nine(1),
                _ if second < NINE_S => nine(0),
                _ => end_s,
            },
            Self::SemiWeekly => {
                let days_to = |target: i64| (target - day).rem_euclid(7);
                let candidates = [0, 3].map(|target| match (days_to(target), second > NINE_S) {
                    (0, true) => 7,
                    (days, _) => days,
                });
                nine(candidates.into_iter().min().unwrap_or(0))
            }
        }
    }
}

/// Runs all jobs and adds up what they emit at a constant draw.
///
/// # Errors
/// [`CarbonError::Job`] if the series does not cover a job, [`CarbonError::Series`] if the forecast
/// is no series.
pub fn run(series: &Series, jobs: &[Job], setup: &Setup) -> Result<Saving, CarbonError> {
    let forecast = setup.forecast.of(series)?;
    let mut saving = Saving::default();
    for (index, job) in jobs.iter().enumerate() {
        let end_s = job.arrival_s.saturating_add_unsigned(job.length_s);
        let until = |finish_by_s: i64| Request {
            earliest_s: job.arrival_s,
            length_s: job.length_s,
            finish_by_s: finish_by_s.saturating_add_unsigned(setup.grace_s),
            wait_max_s: u64::MAX,
        };
        let refused = |source| CarbonError::Job { job: index, source };
        let baseline = least_mean_start(series, &until(end_s)).map_err(refused)?;
        let request = until(setup.deadline.of(end_s));
        let runs = match setup.interruptible {
            true => cheapest_runs(&forecast, &request).map_err(refused)?.runs,
            false => {
                let start_s = least_mean_start(&forecast, &request).map_err(refused)?.start_s;
                vec![(start_s, start_s.saturating_add_unsigned(job.length_s))]
            }
        };
        // The forecast covers the same time as the series, so each run lies within it.
        let paid = runs.iter().filter_map(|(from_s, to_s)| series.sum(*from_s, *to_s));
        saving.at_once += u128::from(baseline.sum);
        saving.waited += paid.map(u128::from).sum::<u128>();
    }
    Ok(saving)
}

/// The mean over several seeds of the noise.
///
/// # Errors
/// As [`run`].
pub fn run_seeds(
    series: &Series,
    jobs: &[Job],
    setup: &Setup,
    seeds: std::ops::Range<u64>,
) -> Result<Saving, CarbonError> {
    let mut saving = Saving::default();
    for seed in seeds {
        let forecast = Forecast { seed, ..setup.forecast };
        saving = saving.plus(run(series, jobs, &Setup { forecast, ..*setup })?);
    }
    Ok(saving)
}
