//! Writes a list in our own format. Reading it back gives the same jobs, memory rounded up to MiB.

use std::io::{self, Write};

use super::{Job, Shape, Tenants, Work, Workload, job::GPU_MILLI, own};
use crate::twin::{fleet::Level, number};

/// Writes a list with its header.
///
/// # Errors
/// Those of `out`.
pub fn write(workload: &Workload, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = Rows::start(out)?;
    workload.jobs.iter().try_for_each(|job| rows.row(job, &workload.tenants))
}

/// A list that is written row by row.
pub(crate) struct Rows<'a> {
    out: csv::Writer<&'a mut dyn Write>,
}

impl<'a> Rows<'a> {
    /// Begins with the header.
    pub(crate) fn start(out: &'a mut dyn Write) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(own::COLUMNS)?;
        Ok(Self { out })
    }

    /// Adds a job.
    pub(crate) fn row(&mut self, job: &Job, tenants: &Tenants) -> io::Result<()> {
        let seconds = number::seconds_text;
        let (duration, gpu_time) = match job.work {
            Work::Run(duration) => (seconds(duration.0), String::new()),
            Work::GpuTime(time) => (String::new(), seconds(time.0)),
            Work::Unstated => (String::new(), String::new()),
        };
        let [nodes, per_node, gpus, cpu] = shape(&job.shape);
        let within = job.within.map(|within| {
            let how = if within.is_hard { "require" } else { "prefer" };
            format!("{how}:{}", level(within.level))
        });
        let array = job.array.as_ref().map(|array| format!("{}:{}", array.name, array.index));
        let record = [
            job.name.to_string(),
            tenants.path(job.tenant).to_owned(),
            seconds(job.submit.0),
            duration,
            gpu_time,
            nodes,
            per_node,
            gpus,
            unless(job.gpu_milli == GPU_MILLI, job.gpu_milli),
            cpu,
            unless(job.memory.0 == 0, job.memory.0.div_ceil(1 << 20)),
            job.classes.join("|"),
            within.unwrap_or_default(),
            unless(job.segment == 1, job.segment),
            unless(job.priority == 0, job.priority),
            job.limit.map(|limit| seconds(limit.0)).unwrap_or_default(),
            job.deadline.map(|at| seconds(at.0)).unwrap_or_default(),
            job.checkpoint.map(|every| seconds(every.0)).unwrap_or_default(),
            array.unwrap_or_default(),
            job.after.join(";"),
        ];
        self.out.write_record(&record)?;
        Ok(())
    }
}

/// Nodes, GPUs of each, GPUs in total, processor.
fn shape(shape: &Shape) -> [String; 4] {
    match shape {
        Shape::Nodes { min, max, gpus, cpu } => {
            let nodes = if min == max { min.to_string() } else { format!("{min}-{max}") };
            [nodes, gpus.to_string(), String::new(), unless(cpu.0 == 0, cpu.0)]
        }
        Shape::Total { gpus, cpu } => {
            [String::new(), String::new(), gpus.to_string(), unless(cpu.0 == 0, cpu.0)]
        }
    }
}

/// Empty for the default.
fn unless(is_default: bool, value: impl ToString) -> String {
    if is_default { String::new() } else { value.to_string() }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Nvlink => "nvlink",
        Level::Rack => "rack",
        Level::Row => "row",
        Level::Hall => "hall",
        Level::Site => "site",
    }
}
