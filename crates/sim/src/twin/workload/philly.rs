//! Microsoft's Philly cluster as one table: `philly.csv` of petuum/adaptdl (branch osdi21-artifact),
//! from msr-fiddle/philly-traces (CC-BY-4.0). Two headers are about: the original one, and one
//! with `submit_time,duration_s,num_gpus,vc`. Times are local dates.

use units::{DurationMicros, MilliCpu};

use super::{
    Builder, Job, Shape, Work,
    source::Lines,
    table::{Dialect, Failure, Row, each_row, micros},
};
use crate::twin::{
    calendar,
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    builder.counts_from_1970();
    each_row(builder, lines, &Dialect::commas(&["num_gpus"]), &mut |builder, line, row| {
        let job = job(builder, row)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Job, Bad> {
    let (column, text) = row.one_of(&["submit_time", "timestamp"]);
    let message = "is no date: write `2017-10-09 07:01:55`";
    let secs = calendar::seconds(text).ok_or_else(|| Bad::new(column, text, message))?;
    let (column, text) = row.one_of(&["duration_s", "duration"]);
    let run = DurationMicros(micros(column, text, SECOND_MICROS)?);
    let (_, vc) = row.one_of(&["vc", "cluster"]);
    let tenant = builder.tenant(vc);
    let name = builder.next_name();
    let submit = Time(secs.saturating_mul(SECOND_MICROS));
    let mut job = Job::plain(&name, tenant, submit, Work::Run(run));
    let gpus = row.small("num_gpus")?.unwrap_or(0);
    job.shape = Shape::Total { gpus, cpu: MilliCpu(0) };
    Ok(job)
}
