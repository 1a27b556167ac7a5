//! A seeded workload with the mix of a fleet: sizes from 1 to 1,024 GPUs, durations like a log-normal,
//! arrivals by hour and weekday, tenants by Zipf weights. Same fleet, parameters and seed: same bytes.
//!
//! Only integers: tables instead of logarithms, so that no machine rounds differently.

mod arrivals;
mod tables;

use units::{Bytes, DurationMicros, MilliCpu};

use super::{
    fleet::{Fleet, Kind},
    number,
    time::{HOUR_MICROS, SECOND_MICROS, Time},
    workload::{Builder, Format, GPU_MILLI, Job, Shape, Work, Workload},
};
use crate::Rng;
use arrivals::Arrivals;
use tables::{MULTIPLES_MILLI, SIZES, Size};

#[cfg(test)]
mod tests;

/// What is to be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// Jobs.
    pub jobs: u64,
    /// GPU time asked for, in thousandths of what the fleet has within the horizon.
    pub load_milli: u32,
    /// All jobs are submitted within it.
    pub horizon: DurationMicros,
    /// The seed.
    pub seed: u64,
}

/// A generated workload with the load that it really has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The jobs.
    pub workload: Workload,
    /// GPU time asked for, in thousandths of what the fleet has. Differs from what was asked where
    /// durations reached a bound.
    pub load_milli: u64,
}

/// Shortest job.
const RUN_MICROS_MIN: u64 = 10 * SECOND_MICROS;
/// Longest job: thirty days.
const RUN_MICROS_MAX: u64 = 30 * 24 * HOUR_MICROS;
/// Passes in which the durations approach the load.
const PASSES: u32 = 6;
/// Most jobs.
const JOBS_MAX: u64 = 5_000_000;

/// Generates a workload for a fleet.
///
/// # Errors
/// A message if the fleet has no GPU or the parameters are out of range.
pub fn generate(fleet: &Fleet, parameters: &Parameters) -> Result<Generated, String> {
    let plan = Plan::new(fleet, parameters)?;
    let mut ratio_ppm = 1_000_000;
    let mut total = plan.gpu_time(ratio_ppm);
    for _ in 0..PASSES {
        // Bounded durations do not scale, so that one step is not always enough.
        ratio_ppm = number::scale_wide(u128::from(ratio_ppm), plan.target, total.max(1)).max(1);
        total = plan.gpu_time(ratio_ppm);
    }
    let file = format!("generated, seed {}", parameters.seed);
    let mut builder = Builder::new(&file, Format::Cocarde);
    plan.each(ratio_ppm, &mut |draw| {
        let job = plan.job(&mut builder, &draw);
        // The number of jobs is bounded above.
        let _ = builder.push(0, job);
    });
    let workload = builder.finish().map_err(|error| error.to_string())?;
    Ok(Generated { workload, load_milli: number::scale_wide(total, 1_000, plan.capacity.max(1)) })
}

/// What is drawn for one job.
#[derive(Debug)]
struct Draw {
    position: u64,
    gpus: u32,
    run: DurationMicros,
    submit: Time,
    /// For everything else about it.
    rng: Rng,
}

struct Plan<'a> {
    parameters: &'a Parameters,
    /// The kind of node that most GPUs are in.
    kind: &'a Kind,
    /// Nodes of one NVLink domain of it.
    domain_nodes: u32,
    sizes: Vec<Size>,
    root: Rng,
    /// GPU time of the fleet within the horizon, in GPU-microseconds.
    capacity: u128,
    /// What is to be asked for.
    target: u128,
}

impl<'a> Plan<'a> {
    fn new(fleet: &'a Fleet, parameters: &'a Parameters) -> Result<Self, String> {
        if !(1..=JOBS_MAX).contains(&parameters.jobs) {
            return Err(format!("`{}` jobs: ask for 1 to {JOBS_MAX}", parameters.jobs));
        }
        if parameters.horizon.0 < HOUR_MICROS {
            return Err(format!("a horizon of {}: give at least 1h", parameters.horizon));
        }
        if parameters.load_milli == 0 {
            return Err("a load of 0: give more than that".to_owned());
        }
        let gpus_of = |kind: &Kind| {
            let nodes = fleet.nodes.iter().filter(|node| fleet.kind(node.kind) == Some(kind));
            number::count(nodes.count()).saturating_mul(u64::from(kind.gpus))
        };
        let kinds = fleet.kinds.iter().map(|kind| (gpus_of(kind), kind));
        let (gpus, kind) = kinds.max_by_key(|(gpus, _)| *gpus).unzip();
        let (Some(gpus @ 1..), Some(kind)) = (gpus, kind) else {
            return Err(format!("fleet `{}` has no GPU to make jobs for", fleet.name));
        };
        let first = fleet.nodes.iter().find(|node| fleet.kind(node.kind) == Some(kind));
        let domain = first.map(|node| node.domain);
        let in_domain = fleet.nodes.iter().filter(|node| Some(node.domain) == domain).count();
        let capacity = u128::from(fleet.counts().gpus) * u128::from(parameters.horizon.0);
        Ok(Self {
            parameters,
            kind,
            domain_nodes: number::small(number::count(in_domain)),
            sizes: SIZES.into_iter().filter(|size| u64::from(size.gpus) <= gpus).collect(),
            root: Rng::new(parameters.seed).child("workload"),
            capacity,
            target: capacity * u128::from(parameters.load_milli) / 1_000,
        })
    }

    /// Draws every job, in order of submission.
    fn each(&self, ratio_ppm: u64, act: &mut dyn FnMut(Draw)) {
        let mut shapes = self.root.child("shapes");
        let mut others = self.root.child("others");
        let arrivals = Arrivals::new(self.parameters, self.root.child("arrivals"));
        for (position, submit) in (1..).zip(arrivals) {
            let (gpus, run) = self.shape(&mut shapes, ratio_ppm);
            let rng = Rng::new(others.next_u64());
            act(Draw { position, gpus, run, submit, rng });
        }
    }

    /// GPU time asked for with a ratio, in GPU-microseconds.
    fn gpu_time(&self, ratio_ppm: u64) -> u128 {
        let mut shapes = self.root.child("shapes");
        (0..self.parameters.jobs)
            .map(|_| {
                let (gpus, run) = self.shape(&mut shapes, ratio_ppm);
                u128::from(gpus).saturating_mul(u128::from(run.0))
            })
            .sum()
    }

    /// GPUs and duration of the next job.
    fn shape(&self, rng: &mut Rng, ratio_ppm: u64) -> (u32, DurationMicros) {
        let total: u64 = self.sizes.iter().map(|size| size.weight).sum();
        let mut left = rng.below(total);
        let mut chosen = SIZES[0];
        for size in &self.sizes {
            chosen = *size;
            match left.checked_sub(size.weight) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        let multiple = rng.pick(&MULTIPLES_MILLI).copied().unwrap_or(1_000);
        // A tenth up or down, so that durations are not a few values.
        let spread = rng.between(900, 1_100);
        let micros = u128::from(chosen.median_s) * u128::from(multiple) * u128::from(spread);
        let run = number::scale_wide(micros, u128::from(ratio_ppm), 1_000_000);
        // Whole seconds, as lists have them.
        let run = run.clamp(RUN_MICROS_MIN, RUN_MICROS_MAX) / SECOND_MICROS * SECOND_MICROS;
        (chosen.gpus, DurationMicros(run))
    }

    fn job(&self, builder: &mut Builder, draw: &Draw) -> Job {
        let mut rng = draw.rng.clone();
        let [organisations, projects, users] = tables::TENANTS;
        let mut one_of = |count| tables::zipf(count, |bound| rng.below(bound));
        let (organisation, project, user) =
            (one_of(organisations), one_of(projects), one_of(users));
        let path = format!("org-{organisation}/project-{project}/user-{user}");
        let tenant = builder.tenant(&path);
        let name = format!("job-{}", draw.position);
        let mut job = Job::plain(&name, tenant, draw.submit, Work::Run(draw.run));
        let (nodes, gpus) = (draw.gpus.div_ceil(self.kind.gpus), draw.gpus.min(self.kind.gpus));
        // Nine tenths of what belongs to its GPUs, so that nobody's processors strand a GPU.
        let part =
            |whole: u64| number::scale(whole, u64::from(gpus) * 9, u64::from(self.kind.gpus) * 10);
        let cpu = MilliCpu(part(self.kind.cpu.0));
        job.shape = Shape::Nodes { min: nodes, max: nodes, gpus, cpu };
        job.memory = Bytes(part(self.kind.memory.0) >> 20 << 20);
        let segment = tables::segment(draw.gpus);
        if nodes.is_multiple_of(segment) && segment <= self.domain_nodes {
            job.segment = segment;
        }
        if draw.gpus == 1 && rng.chance(10) {
            job.gpu_milli = if rng.chance(50) { GPU_MILLI / 4 } else { GPU_MILLI / 2 };
        }
        job.priority = match rng.below(100) {
            0..70 => 0,
            70..95 => 10,
            _ => 100,
        };
        let limit = number::scale(draw.run.0, rng.between(12, 40), 10);
        let half_hour = HOUR_MICROS / 2;
        job.limit = Some(DurationMicros(limit.div_ceil(half_hour) * half_hour));
        if rng.chance(10) {
            let slack =
                DurationMicros(draw.run.0.saturating_mul(2).saturating_add(12 * HOUR_MICROS));
            job.deadline = Some(draw.submit.plus(slack));
        }
        job.checkpoint = (draw.gpus >= 8).then_some(DurationMicros(half_hour));
        job
    }
}
#[cfg(test)]
pub(crate) use tests::example;
