//! Collects the rows of a list as its reader finds them, and puts them into order.

use std::collections::BTreeSet;

use super::{Format, Job, TenantIdx, Tenants, Workload};
use crate::twin::{error::InputError, number, time::Time};

/// Most jobs of a list.
pub(super) const JOBS_MAX: usize = 20_000_000;

/// A list that grows.
#[derive(Debug)]
pub(crate) struct Builder {
    pub(super) file: String,
    format: Format,
    tenants: Tenants,
    jobs: Vec<Job>,
    /// True once a time is a date: then the first submission becomes zero.
    has_dates: bool,
    /// Jobs that nothing is known of, so that others do not wait for them.
    left_out: BTreeSet<Box<str>>,
}

impl Builder {
    pub(crate) fn new(file: &str, format: Format) -> Self {
        let (tenants, jobs) = (Tenants::default(), Vec::new());
        let (file, left_out) = (file.to_owned(), BTreeSet::new());
        Self { file, format, tenants, jobs, has_dates: false, left_out }
    }

    /// The tenant with a path.
    pub(crate) fn tenant(&mut self, path: &str) -> TenantIdx {
        self.tenants.intern(path)
    }

    /// Says that times count from 1970.
    pub(super) fn counts_from_1970(&mut self) {
        self.has_dates = true;
    }

    /// Leaves out a job that nothing is known of.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.left_out.insert(name.into());
    }

    /// The next position, for lists without names.
    pub(super) fn next_name(&self) -> String {
        (number::count(self.jobs.len()).saturating_add(1)).to_string()
    }

    /// Adds a job that stands on a line.
    pub(crate) fn push(&mut self, line: u64, mut job: Job) -> Result<(), InputError> {
        if self.jobs.len() >= JOBS_MAX {
            let message = format!("has more than {JOBS_MAX} jobs");
            return Err(InputError::file(&self.file, message).at(line));
        }
        job.line = number::small(line);
        self.jobs.push(job);
        Ok(())
    }

    /// The list in order of submission.
    pub(crate) fn finish(mut self) -> Result<Workload, InputError> {
        if self.jobs.is_empty() {
            return Err(InputError::file(&self.file, "has no job"));
        }
        if self.has_dates {
            let first = self.jobs.iter().map(|job| job.submit).min().unwrap_or_default();
            for job in &mut self.jobs {
                job.submit = Time(job.submit.0.saturating_sub(first.0));
                job.deadline = job.deadline.map(|at| Time(at.0.saturating_sub(first.0)));
            }
        }
        if !self.left_out.is_empty() {
            for job in &mut self.jobs {
                job.after.retain(|name| !self.left_out.contains(name));
            }
        }
        self.jobs.sort_by_key(|job| job.submit);
        self.check_names()?;
        self.number_tenants();
        let Self { file, format, tenants, jobs, .. } = self;
        Ok(Workload { file, format, tenants, jobs })
    }

    /// Numbers tenants by their first submission, so that the order of lines does not matter.
    fn number_tenants(&mut self) {
        let mut tenants = Tenants::default();
        for job in &mut self.jobs {
            job.tenant = tenants.intern(self.tenants.path(job.tenant));
        }
        self.tenants = tenants;
    }

    /// A name that stands twice makes `after` ambiguous and hides a list that was joined with itself.
    fn check_names(&self) -> Result<(), InputError> {
        let mut names = BTreeSet::new();
        match self.jobs.iter().find(|job| !names.insert(&*job.name)) {
            None => Ok(()),
            Some(job) => Err(InputError::file(&self.file, "is the name of two jobs")
                .at(u64::from(job.line))
                .field("job")
                .value(&job.name)),
        }
    }
}
