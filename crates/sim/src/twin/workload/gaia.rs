//! Samples of cluster traces that GAIA used (github.com/umassos/GAIA, MIT; the originals are Alibaba
//! PAI 2020 and Azure, CC-BY-4.0, and LANL Mustang): arrival and length in seconds, or in hours with
//! the header `arrival_h,length_h,cpus`. Jobs are of processors only.

use units::{DurationMicros, MilliCpu};

use super::{
    Builder, Job, Shape, Work,
    source::Lines,
    table::{Dialect, Failure, Row, each_row, micros, whole},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{HOUR_MICROS, SECOND_MICROS, Time},
};

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    each_row(builder, lines, &Dialect::commas(&["cpus"]), &mut |builder, line, row| {
        let job = job(builder, row)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Job, Bad> {
    let time = |columns: [&'static str; 2]| {
        let (column, text) = row.one_of(&columns);
        let unit = if column.ends_with("_h") { HOUR_MICROS } else { SECOND_MICROS };
        micros(column, text, unit)
    };
    let submit = Time(time(["arrival_h", "arrival_time"])?);
    let work = Work::Run(DurationMicros(time(["length_h", "length"])?));
    let tenant = builder.tenant("");
    let mut job = Job::plain(&builder.next_name(), tenant, submit, work);
    let cpus = whole("cpus", row.needed("cpus")?)?;
    job.shape = Shape::Total { gpus: 0, cpu: MilliCpu(cpus.saturating_mul(1_000)) };
    Ok(job)
}
