//! GAIA: batch jobs of a cluster over a year, in two queues whose waiting is bounded: six hours for
//! jobs of up to two hours, a day for longer ones. The scheduler knows the mean length of each queue,
//! not that of a job.
//!
//! Source: Hanafy, Liang, Bashir, Souza, Irwin and Shenoy, "Going Green for Less Green: Optimizing
//! the Cost of Reducing Cloud Carbon Emissions", ASPLOS 2024; program and jobs at
//! github.com/umassos/GAIA. The study's figures are for South Australia, whose intensities are not
//! published with it, so only the order and the proportions of the policies can be compared. Its
//! program tries starts in whole hours after arrival; ours tries every border of a slot.

use sched::carbon::{
    Request, RequestError, Series, carbon_time_start, cheapest_runs, least_mean_start,
};

use super::Saving;
use super::decimal::scaled;
use super::error::CarbonError;
use super::series::line;

const HOUR_S: u64 = 3_600;
/// The longest job of the short queue.
const SHORT_S: u64 = 2 * HOUR_S;

/// A job of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// When it is submitted, in seconds from the start of the list.
    pub arrival_s: u64,
    /// How long it runs, in seconds; above 0.
    pub length_s: u64,
    /// Its size; draw is proportional to it.
    pub cpus: u64,
}

/// How starts are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// On arrival.
    AtOnce,
    /// In the slot of least intensity.
    LowestSlot,
    /// At the least mean over the mean length of the queue.
    LowestWindow,
    /// At the most saved for each hour until done, over the mean length of the queue.
    CarbonTime,
    /// Whenever the intensity is among the lowest 30 % of the next day, with interruptions
    /// (Ecovisor).
    Threshold,
    /// In the slots of least intensity, with interruptions, the length being known (Wait Awhile).
    WaitAwhile,
    /// As [`Self::LowestWindow`], the length being known.
    LowestWindowKnown,
    /// As [`Self::CarbonTime`], the length being known.
    CarbonTimeKnown,
}

impl Policy {
    /// All of them, in the order of the study's table.
    pub const ALL: [Self; 8] = [
        Self::AtOnce,
        Self::LowestSlot,
        Self::LowestWindow,
        Self::CarbonTime,
        Self::Threshold,
        Self::WaitAwhile,
        Self::LowestWindowKnown,
        Self::CarbonTimeKnown,
    ];
}

/// What a policy gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Carbon against starting at once.
    pub saving: Saving,
    /// Time from arrival to end beyond the length, over all jobs, in seconds.
    pub waited_s: u128,
    /// Number of jobs.
    pub n_jobs: u64,
}

impl Outcome {
    /// Mean waiting of a job, in seconds.
    #[must_use]
    pub fn mean_wait_s(&self) -> u64 {
        let mean_s = self.waited_s.checked_div(u128::from(self.n_jobs)).unwrap_or(0);
        u64::try_from(mean_s).unwrap_or(u64::MAX)
    }
}

/// Reads the jobs: columns `arrival_h`, `length_h` (hours) and `cpus`.
///
/// # Errors
/// [`CarbonError`] with line and column.
pub fn read_jobs(text: &str) -> Result<Vec<Job>, CarbonError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let position = |column: &str| {
        header.iter().position(|name| name == column).ok_or_else(|| CarbonError::Column {
            column: column.to_owned(),
            found: header.iter().collect::<Vec<_>>().join(", "),
        })
    };
    let (arrival, length) = (position("arrival_h")?, position("length_h")?);
    let cpus = position("cpus")?;
    let mut jobs = Vec::new();
    for record in reader.records() {
        let record = record?;
        let field = |position: usize, column: &str, places, wanted| {
            let value = record.get(position).unwrap_or("");
            let number = scaled(value, places).filter(|number| *number < 1 << 40);
            number.ok_or_else(|| CarbonError::Field {
                line: line(&record),
                column: column.to_owned(),
                value: value.to_owned(),
                wanted,
            })
        };
        let hours = |position, column| {
            let millionths = field(position, column, 6, "hours, at least 0")?;
            Ok::<u64, CarbonError>((millionths * HOUR_S + 500_000) / 1_000_000)
        };
        jobs.push(Job {
            arrival_s: hours(arrival, "arrival_h")?,
            length_s: hours(length, "length_h")?.max(1),
            cpus: field(cpus, "cpus", 0, "a whole number")?,
        });
    }
    Ok(jobs)
}

/// Mean lengths of the two queues, in seconds.
fn expected_s(jobs: &[Job]) -> Result<(u64, u64), CarbonError> {
    let mean = |is_short: bool, class: &'static str| {
        let lengths = jobs.iter().map(|job| job.length_s).filter(|s| (*s <= SHORT_S) == is_short);
        let (count, sum) = lengths.fold((0_u64, 0_u64), |(count, sum), s| (count + 1, sum + s));
        sum.checked_div(count).ok_or(CarbonError::NoJobs { class })
    };
    Ok((mean(true, "short")?, mean(false, "long")?))
}

/// Runs the list from the start of the series on.
///
/// # Errors
/// [`CarbonError::Job`] if the series does not cover a job with its waiting.
pub fn run(series: &Series, jobs: &[Job], policy: Policy) -> Result<Outcome, CarbonError> {
    let expected = expected_s(jobs)?;
    let mut outcome = Outcome::default();
    for (index, job) in jobs.iter().enumerate() {
        let refused = |source| CarbonError::Job { job: index, source };
        let expected_s = if job.is_short() { expected.0 } else { expected.1 };
        let arrival_s = series.start_s().saturating_add_unsigned(job.arrival_s);
        let runs = chosen(series, job, expected_s, policy).map_err(refused)?;
        let waited = emitted(series, &runs).map_err(refused)?;
        let at_once = emitted(series, &[job.from(arrival_s)]).map_err(refused)?;
        let cpus = u128::from(job.cpus);
        outcome.saving =
            outcome.saving.plus(Saving { at_once: at_once * cpus, waited: waited * cpus });
        let end_s = runs.last().map_or(arrival_s, |(_, to_s)| *to_s);
        let waited_s = end_s.abs_diff(arrival_s).saturating_sub(job.length_s);
        outcome.waited_s += u128::from(waited_s);
        outcome.n_jobs += 1;
    }
    Ok(outcome)
}

impl Job {
    const fn is_short(&self) -> bool {
        self.length_s <= SHORT_S
    }

    /// The job in one piece.
    const fn from(&self, start_s: i64) -> (i64, i64) {
        (start_s, start_s.saturating_add_unsigned(self.length_s))
    }
}

/// When the job runs.
fn chosen(
    series: &Series,
    job: &Job,
    expected_s: u64,
    policy: Policy,
) -> Result<Vec<(i64, i64)>, RequestError> {
    let arrival_s = series.start_s().saturating_add_unsigned(job.arrival_s);
    let known = Request {
        earliest_s: arrival_s,
        length_s: job.length_s,
        finish_by_s: i64::MAX,
        wait_max_s: if job.is_short() { 6 * HOUR_S } else { 24 * HOUR_S },
    };
    let expected = Request { length_s: expected_s, ..known };
    let start_s = match policy {
        Policy::AtOnce => arrival_s,
        Policy::LowestSlot => lowest_slot(series, &known)?,
        Policy::LowestWindow => least_mean_start(series, &expected)?.start_s,
        Policy::LowestWindowKnown => least_mean_start(series, &known)?.start_s,
        Policy::CarbonTime => carbon_time_start(series, &expected)?.start_s,
        Policy::CarbonTimeKnown => carbon_time_start(series, &known)?.start_s,
        Policy::Threshold => return threshold_runs(series, &known),
        Policy::WaitAwhile => return Ok(cheapest_runs(series, &known)?.runs),
    };
    Ok(vec![job.from(start_s)])
}

fn emitted(series: &Series, runs: &[(i64, i64)]) -> Result<u128, RequestError> {
    let mut sum = 0;
    for (from_s, to_s) in runs {
        let outside = || {
            let (needed_s, series_s) = ((*from_s, *to_s), (series.start_s(), series.end_s()));
            RequestError::OutsideSeries { needed_s, series_s }
        };
        sum += u128::from(series.sum(*from_s, *to_s).ok_or_else(outside)?);
    }
    Ok(sum)
}

/// The slots from arrival to the end of the waiting, each with the time at which work could start in
/// it.
fn slots_from(series: &Series, from_s: i64, to_s: i64) -> impl Iterator<Item = (i64, u32)> {
    let first = series.slot_at(from_s).unwrap_or(usize::MAX);
    let slots = series.values().iter().enumerate().skip(first);
    let slots = slots.map(move |(slot, value)| (series.slot_start_s(slot).max(from_s), *value));
    slots.take_while(move |(start_s, _)| *start_s <= to_s)
}

fn lowest_slot(series: &Series, request: &Request) -> Result<i64, RequestError> {
    // The check of the request is that of every other policy.
    least_mean_start(series, request)?;
    let last_s = request.last_end_s().saturating_sub_unsigned(request.length_s);
    let best = slots_from(series, request.earliest_s, last_s)
        .min_by_key(|(start_s, value)| (*value, *start_s));
    Ok(best.map_or(request.earliest_s, |(start_s, _)| start_s))
}

/// Runs while the intensity is below the threshold, or when all waiting is used up.
fn threshold_runs(series: &Series, request: &Request) -> Result<Vec<(i64, i64)>, RequestError> {
    least_mean_start(series, request)?;
    let day_s = request.earliest_s.saturating_add_unsigned(24 * HOUR_S - 1);
    let mut next_day: Vec<u32> =
        slots_from(series, request.earliest_s, day_s).map(|(_, value)| value).collect();
    next_day.sort_unstable();
    let rank = next_day.len() * 3 / 10;
    let threshold = next_day.get(rank).copied().unwrap_or(0);
    let (mut rest_s, mut wait_s) = (request.length_s, request.wait_max_s);
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for (from_s, value) in slots_from(series, request.earliest_s, request.last_end_s()) {
        let slot = series.slot_at(from_s).unwrap_or(0);
        let in_slot_s = series.slot_start_s(slot + 1).abs_diff(from_s);
        let idle_s = if value < threshold { 0 } else { in_slot_s.min(wait_s) };
        let run_s = rest_s.min(in_slot_s - idle_s);
        wait_s -= idle_s;
        rest_s -= run_s;
        let start_s = from_s.saturating_add_unsigned(idle_s);
        let end_s = start_s.saturating_add_unsigned(run_s);
        match runs.last_mut() {
            Some(last) if last.1 == start_s => last.1 = end_s,
            Some(_) | None if run_s > 0 => runs.push((start_s, end_s)),
            Some(_) | None => {}
        }
        if rest_s == 0 {
            break;
        }
    }
    Ok(runs)
}
