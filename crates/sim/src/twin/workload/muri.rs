//! Job lists of Muri (github.com/Rivendile/Muri, Apache-2.0; milliseconds) and Tiresias
//! (github.com/SymbioticLab/Tiresias, Apache-2.0; seconds). The model is kept as the job's user,
//! because predictors group by it. Columns on how a job shares a GPU with others are not used.

use units::{DurationMicros, MilliCpu};

use super::{
    Builder, Format, Job, Shape, Work,
    source::Lines,
    table::{Dialect, Failure, Row, each_row},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

const NEEDED: [&str; 4] = ["job_id", "num_gpu", "submit_time", "duration"];

pub(super) fn read(builder: &mut Builder, lines: Lines, format: Format) -> Result<(), InputError> {
    let unit = if format == Format::Muri { SECOND_MICROS / 1_000 } else { SECOND_MICROS };
    each_row(builder, lines, &Dialect::commas(&NEEDED), &mut |builder, line, row| {
        let job = job(builder, row, unit)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>, unit: u64) -> Result<Job, Bad> {
    let time = |column: &'static str| {
        row.needed(column)?;
        row.micros(column, unit).map(Option::unwrap_or_default)
    };
    let submit = Time(time("submit_time")?);
    let work = Work::Run(DurationMicros(time("duration")?));
    let model = row.text("model_name");
    let tenant = if model.is_empty() { String::new() } else { format!("all/models/{model}") };
    let tenant = builder.tenant(&tenant);
    let mut job = Job::plain(row.needed("job_id")?, tenant, submit, work);
    row.needed("num_gpu")?;
    let gpus = row.small("num_gpu")?.unwrap_or(0);
    job.shape = Shape::Total { gpus, cpu: MilliCpu(0) };
    Ok(job)
}
