//! Fits a list to a fleet: names become indices, totals become nodes, and what can never run is said
//! before anything runs, with its line.

use std::collections::BTreeMap;

use units::{Bytes, DurationMicros, MilliCpu};

use super::{Job, Shape, TenantIdx, Tenants, Within, Work, Workload, job::GPU_MILLI};
use crate::twin::{
    error::InputError,
    fleet::{ClassIdx, Fleet},
    number,
    time::Time,
};

mod fit;
mod order;

use fit::Sizes;

/// Position in [`Prepared::requests`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobIdx(pub u32);

/// A set of GPU classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassSet(pub u64);

impl ClassSet {
    /// Every class.
    pub const ANY: Self = Self(u64::MAX);

    /// True if a node with this class of GPU will do; one without GPUs does for any class.
    #[must_use]
    pub fn allows(self, class: Option<ClassIdx>) -> bool {
        class.is_none_or(|class| self.0.checked_shr(class.0).is_some_and(|bits| bits & 1 == 1))
    }
}

/// What is assumed where a list does not say, or does not fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Assumptions {
    /// How long jobs run whose list does not say; refused without it.
    pub unstated: Option<DurationMicros>,
    /// Takes any GPU where a list names classes.
    pub any_class: bool,
    /// Leaves out jobs that the fleet can never run, and counts them; refused without it.
    pub skip_impossible: bool,
}

/// A job as a backend gets it. Amounts are for each node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose it is.
    pub tenant: TenantIdx,
    /// When it is submitted.
    pub submit: Time,
    /// How long it takes on `nodes_min` nodes.
    pub run: DurationMicros,
    /// Fewest nodes.
    pub nodes_min: u32,
    /// Most nodes that it can use.
    pub nodes_max: u32,
    /// GPUs.
    pub gpus: u32,
    /// Of each GPU, in thousandths; below 1,000 only with one GPU on one node.
    pub gpu_milli: u32,
    /// Processor.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
    /// Classes of GPU that do.
    pub classes: ClassSet,
    /// How close together its nodes must or should be.
    pub within: Option<Within>,
    /// Nodes that must share an NVLink domain; 1 is no wish.
    pub segment: u32,
    /// Higher goes first.
    pub priority: i32,
    /// When it is ended if it still runs, counted from its start.
    pub limit: Option<DurationMicros>,
    /// May start late as long as it ends by then.
    pub deadline: Option<Time>,
    /// How often it saves its progress.
    pub checkpoint: Option<DurationMicros>,
    /// Jobs that must have ended before it starts.
    pub after: Vec<JobIdx>,
}

impl Request {
    /// GPUs of the whole job on its fewest nodes, in thousandths.
    #[must_use]
    pub fn gpu_milli_total(&self) -> u64 {
        u64::from(self.nodes_min)
            .saturating_mul(u64::from(self.gpus))
            .saturating_mul(u64::from(self.gpu_milli))
    }

    /// True if it takes a part of one GPU.
    #[must_use]
    pub const fn is_share(&self) -> bool {
        self.gpu_milli < GPU_MILLI
    }
}

/// A list that fits its fleet, sorted by submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// What the list is called.
    pub file: String,
    /// Who the jobs belong to.
    pub tenants: Tenants,
    /// The jobs.
    pub requests: Vec<Request>,
    /// Their names in the list.
    pub names: Vec<Box<str>>,
    /// Jobs left out because the fleet can never run them.
    pub skipped: u64,
    /// Jobs whose duration was assumed.
    pub assumed: u64,
    /// Jobs that take more GPUs than they asked for, because nodes of a gang are alike.
    pub rounded: u64,
}

impl Prepared {
    /// A job.
    #[must_use]
    pub fn request(&self, job: JobIdx) -> Option<&Request> {
        self.requests.get(number::index(job.0))
    }

    /// A job's name in its list.
    #[must_use]
    pub fn name(&self, job: JobIdx) -> &str {
        self.names.get(number::index(job.0)).map_or("", |name| name)
    }

    /// All jobs with their indices.
    pub fn jobs(&self) -> impl Iterator<Item = (JobIdx, &Request)> {
        (0..).map(JobIdx).zip(&self.requests)
    }
}

impl Workload {
    /// Fits the list to a fleet.
    ///
    /// # Errors
    /// [`InputError`] with the line of a job that names a class or a job that does not exist, waits
    /// for itself, is too large for the fleet, or does not say how long it runs.
    pub fn prepare(self, fleet: &Fleet, assumptions: &Assumptions) -> Result<Prepared, InputError> {
        order::check(&self)?;
        let sizes = Sizes::of(fleet);
        let mut prepared = Prepared {
            file: self.file.clone(),
            tenants: Tenants::default(),
            requests: Vec::with_capacity(self.jobs.len()),
            names: Vec::with_capacity(self.jobs.len()),
            skipped: 0,
            assumed: 0,
            rounded: 0,
        };
        for job in &self.jobs {
            match request(job, &sizes, assumptions, &mut prepared) {
                Ok(request) => {
                    prepared.requests.push(request);
                    prepared.names.push(job.name.clone());
                }
                Err(why) if why.can_skip && assumptions.skip_impossible => {
                    prepared.skipped = prepared.skipped.saturating_add(1);
                }
                Err(why) => return Err(why.at(&self.file, job)),
            }
        }
        if prepared.requests.is_empty() {
            return Err(InputError::file(&self.file, "has no job that the fleet can run"));
        }
        resolve(&self, &mut prepared);
        prepared.tenants = self.tenants;
        Ok(prepared)
    }
}

/// Why a job cannot be fitted.
#[derive(Debug)]
struct Misfit {
    field: &'static str,
    value: String,
    message: String,
    /// True if the fleet is too small or other, false if the list is wrong.
    can_skip: bool,
}

impl Misfit {
    fn at(self, file: &str, job: &Job) -> InputError {
        let error = InputError::file(file, self.message).field(self.field).value(&self.value);
        if job.line == 0 { error } else { error.at(u64::from(job.line)) }
    }
}

fn request(
    job: &Job,
    sizes: &Sizes<'_>,
    assumptions: &Assumptions,
    counts: &mut Prepared,
) -> Result<Request, Misfit> {
    let classes =
        if assumptions.any_class { ClassSet::ANY } else { sizes.classes(&job.classes)? };
    let laid = sizes.lay_out(job, classes)?;
    if let Shape::Total { gpus, .. } = job.shape
        && laid.nodes_min.saturating_mul(laid.gpus) != gpus
    {
        counts.rounded = counts.rounded.saturating_add(1);
    }
    let gpu_milli = u64::from(laid.nodes_min)
        .saturating_mul(u64::from(laid.gpus))
        .saturating_mul(u64::from(job.gpu_milli));
    let run = match (job.work, assumptions.unstated) {
        (Work::Run(duration), _) => duration,
        (Work::GpuTime(_), _) if gpu_milli == 0 => {
            let message = "is GPU time of a job without GPUs: state its duration".to_owned();
            let value = job.name.to_string();
            return Err(Misfit { field: "gpu_time_s", value, message, can_skip: false });
        }
        (Work::GpuTime(time), _) => DurationMicros(number::scale(time.0, 1_000, gpu_milli)),
        (Work::Unstated, Some(assumed)) => {
            counts.assumed = counts.assumed.saturating_add(1);
            assumed
        }
        (Work::Unstated, None) => {
            let message = "its list does not say how long it runs: assume a duration".to_owned();
            let value = job.name.to_string();
            return Err(Misfit { field: "duration", value, message, can_skip: false });
        }
    };
    Ok(Request {
        tenant: job.tenant,
        submit: job.submit,
        run,
        nodes_min: laid.nodes_min,
        nodes_max: laid.nodes_max,
        gpus: laid.gpus,
        gpu_milli: job.gpu_milli,
        cpu: laid.cpu,
        memory: laid.memory,
        classes,
        within: job.within,
        segment: job.segment,
        priority: job.priority,
        limit: job.limit,
        deadline: job.deadline,
        checkpoint: job.checkpoint,
        after: Vec::new(),
    })
}

/// Turns the names that jobs wait for into indices; one that was left out is not waited for.
fn resolve(workload: &Workload, prepared: &mut Prepared) {
    if workload.jobs.iter().all(|job| job.after.is_empty()) {
        return;
    }
    let names: BTreeMap<Box<str>, JobIdx> =
        prepared.names.iter().cloned().zip((0..).map(JobIdx)).collect();
    for job in workload.jobs.iter().filter(|job| !job.after.is_empty()) {
        let Some(index) = names.get(&job.name) else { continue };
        let after = job.after.iter().filter_map(|name| names.get(name).copied()).collect();
        if let Some(request) = prepared.requests.get_mut(number::index(index.0)) {
            request.after = after;
        }
    }
}
