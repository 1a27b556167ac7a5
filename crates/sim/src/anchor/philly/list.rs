//! Reads the list of Philly jobs, and cuts the window that the literature uses.
//!
//! Must keep the order of lines among jobs of one second: with a queue whose head blocks, it decides.

use std::path::Path;

use super::job::{Job, NODE_GPUS, numbered};
use super::published::Tenant;
use crate::anchor::rows::{Error, Field, Row, Rows};

/// The window starts with the first job of October 2017 and lasts 60 days, 23 hours and 59 minutes.
const WINDOW_START: &str = "2017-10-01 00:00:00";
const WINDOW_S: u64 = 60 * 86_400 + 23 * 3_600 + 59 * 60;

const DURATION_S_MAX: u64 = 100 * 365 * 86_400;
const GPUS_MAX: u32 = 4_096;

/// All jobs of a list in the order of submission.
#[derive(Debug, Clone)]
pub(super) struct List {
    /// Numbered, from 0 s on.
    pub(super) jobs: Vec<Job>,
    /// Seconds of the first job since 1970, without a time zone.
    first_s: u64,
}

/// Reads all jobs; a virtual cluster that the table does not have is numbered after those it has.
pub(super) fn read(path: &Path, tenants: &[Tenant]) -> Result<List, Error> {
    let rows = Rows::open(path)?;
    let fields = Fields::new(&rows)?;
    let mut names: Vec<String> = tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let mut jobs = Vec::new();
    for row in rows.iter() {
        jobs.push(fields.job(row, &mut names)?);
    }
    jobs.sort_by_key(|job| job.submitted_s);
    let first_s = jobs.first().map(|job| job.submitted_s).ok_or_else(|| rows.empty("at all"))?;
    Ok(List { jobs: from_zero(jobs, first_s), first_s })
}

impl List {
    /// The jobs of the window that belong to a tenant of the table, from 0 s on.
    pub(super) fn window(&self, tenants: &[Tenant]) -> Vec<Job> {
        let start_s = seconds(WINDOW_START).unwrap_or(0).saturating_sub(self.first_s);
        let known = u32::try_from(tenants.len()).unwrap_or(u32::MAX);
        let after = self.jobs.iter().filter(|job| job.submitted_s >= start_s && job.tenant < known);
        let first_s = after.clone().map(|job| job.submitted_s).min().unwrap_or(start_s);
        let within = after.filter(|job| job.submitted_s - first_s <= WINDOW_S).copied().collect();
        from_zero(within, first_s)
    }
}

fn from_zero(jobs: Vec<Job>, first_s: u64) -> Vec<Job> {
    numbered(jobs.into_iter().map(|job| Job { submitted_s: job.submitted_s - first_s, ..job }))
}

struct Fields {
    submitted: Field,
    duration: Field,
    gpus: Field,
    tenant: Field,
}

impl Fields {
    fn new(rows: &Rows) -> Result<Self, Error> {
        Ok(Self {
            submitted: rows.field("submit_time")?,
            duration: rows.field("duration_s")?,
            gpus: rows.field("num_gpus")?,
            tenant: rows.field("vc")?,
        })
    }

    fn job(&self, row: Row<'_>, names: &mut Vec<String>) -> Result<Job, Error> {
        let text = row.text(self.submitted)?;
        let why = "must be a time such as `2017-10-01 07:30:19`, not before 1970";
        let submitted_s = seconds(text).ok_or_else(|| row.wrong(self.submitted, text, why))?;
        let why = "must be whole seconds from 1 to a hundred years";
        let duration_s = row.number(self.duration, 1..=DURATION_S_MAX, why)?;
        let gpus =
            row.number(self.gpus, 1..=GPUS_MAX, "must be a number of GPUs from 1 to 4096")?;
        let name = row.text(self.tenant)?;
        let known = names.iter().position(|known| known == name);
        let at = known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        });
        let tenant = u32::try_from(at).unwrap_or(u32::MAX);
        Ok(Job { position: 0, submitted_s, duration_s, gpus, tenant })
    }
}

/// Nodes that a job touches.
pub(super) fn nodes_of(gpus: u32) -> u32 {
    gpus.div_ceil(NODE_GPUS)
}

/// Seconds since 1970 of `YYYY-MM-DD hh:mm:ss`, as if it were UTC; `None` for anything else.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(' ')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month);
    if !valid || day < 1 || day > days_of(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum::<u64>();
    let months = (1..month).map(|month| days_of(year, month)).sum::<u64>();
    Some((years + months + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        *number = part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
