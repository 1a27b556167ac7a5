//! Workloads of Pollux (github.com/petuum/adaptdl, branch osdi21-artifact, Apache-2.0). They say how
//! many replicas a user would ask for, but not how long a job takes: that depends on throughput tables
//! of that repository. The work is therefore unstated here and must be assumed to be simulated.

use units::MilliCpu;

use super::{
    Builder, Job, Shape, Work,
    source::Lines,
    table::{Dialect, Failure, Row, each_row},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

const NEEDED: [&str; 4] = ["name", "time", "application", "num_replicas"];

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    each_row(builder, lines, &Dialect::commas(&NEEDED), &mut |builder, line, row| {
        let job = job(builder, row)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Job, Bad> {
    row.needed("time")?;
    let submit = Time(row.micros("time", SECOND_MICROS)?.unwrap_or_default());
    let tenant = builder.tenant(&format!("all/applications/{}", row.needed("application")?));
    let mut job = Job::plain(row.needed("name")?, tenant, submit, Work::Unstated);
    row.needed("num_replicas")?;
    let gpus = row.small("num_replicas")?.unwrap_or(0);
    job.shape = Shape::Total { gpus, cpu: MilliCpu(0) };
    Ok(job)
}
