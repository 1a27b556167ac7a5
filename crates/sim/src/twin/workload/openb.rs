//! Pod lists of Alibaba's openb cluster (github.com/hkust-adsl/kubernetes-scheduler-simulator,
//! Apache-2.0): one pod is one job on one node, with its share of a GPU and the models it may use.
//!
//! Some of these lists have no times: they are given one by one in the order of their lines, and nothing
//! is known of how long a pod runs.

use units::{Bytes, DurationMicros, MilliCpu};

use super::{
    Builder, Job, Shape, Work,
    job::GPU_MILLI,
    source::Lines,
    table::{Dialect, Failure, Row, each_row},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

const NEEDED: [&str; 5] = ["name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"];

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    each_row(builder, lines, &Dialect::commas(&NEEDED), &mut |builder, line, row| {
        let job = job(builder, row)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Job, Bad> {
    let (submit, work) =
        if row.has("creation_time") { times(row)? } else { (Time::ZERO, Work::Unstated) };
    let tenant = builder.tenant(row.text("qos"));
    let mut job = Job::plain(row.needed("name")?, tenant, submit, work);
    let gpus = row.small("num_gpu")?.unwrap_or(0);
    let cpu = MilliCpu(row.whole("cpu_milli")?.unwrap_or(0));
    job.shape = Shape::Nodes { min: 1, max: 1, gpus, cpu };
    job.gpu_milli = match (gpus, row.small("gpu_milli")?.unwrap_or(0)) {
        (0, _) => GPU_MILLI,
        (1, milli @ 1..=GPU_MILLI) => milli,
        (_, GPU_MILLI) => GPU_MILLI,
        (_, _) => {
            let message = "must be 1 to 1000 with one GPU, and 1000 with several";
            return Err(Bad::new("gpu_milli", row.text("gpu_milli"), message));
        }
    };
    job.memory = Bytes(row.whole("memory_mib")?.unwrap_or(0).saturating_mul(1 << 20));
    let models = row.text("gpu_spec").split('|').map(str::trim);
    job.classes = models.filter(|model| !model.is_empty()).map(Box::from).collect();
    Ok(job)
}

/// When a pod was created, and how long it ran.
fn times(row: &Row<'_>) -> Result<(Time, Work), Bad> {
    let time = |column: &'static str| {
        row.needed(column)?;
        row.micros(column, SECOND_MICROS).map(Option::unwrap_or_default)
    };
    let (created, deleted) = (time("creation_time")?, time("deletion_time")?);
    // A pod runs from when it was scheduled; where that is unknown, from its creation.
    let started = row.micros("scheduled_time", SECOND_MICROS)?.unwrap_or(created);
    let message = "is before the pod was created or scheduled";
    let run = deleted
        .checked_sub(started.max(created))
        .ok_or_else(|| Bad::new("deletion_time", row.text("deletion_time"), message))?;
    Ok((Time(created), Work::Run(DurationMicros(run))))
}
