//! Traces of Gavel (github.com/stanford-futuredata/gavel, MIT) and Shockwave
//! (github.com/uw-mad-dash/shockwave, MIT): twelve columns between tabs, no header. The job's type is
//! kept as its user, because predictors group by it; steps and SLO are not used.

use units::{DurationMicros, MilliCpu};

use super::{
    Builder, Job, Shape, Work,
    source::{Lines, each_line},
    table::{micros, whole},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

/// Columns of a line.
const COLUMNS: usize = 12;

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    let file = builder.file.clone();
    each_line(&file, lines, &mut |line, text| {
        let columns: Vec<&str> = text.trim_end_matches('\r').split('\t').map(str::trim).collect();
        let [kind, _, _, _, _, _, gpus, _, weight, _, duration, arrival] = columns.as_slice()
        else {
            let message =
                format!("has {} columns instead of {COLUMNS}: the line is cut off", columns.len());
            return Err(InputError::file(&file, message).at(line));
        };
        let job = job(builder, kind, [gpus, weight, duration, arrival]);
        builder.push(line, job.map_err(|bad| bad.at(&file, line))?)
    })
}

fn job(builder: &mut Builder, kind: &str, columns: [&str; 4]) -> Result<Job, Bad> {
    let [gpus, weight, duration, arrival] = columns;
    let submit = Time(micros("arrival", arrival, SECOND_MICROS)?);
    let work = Work::Run(DurationMicros(micros("duration", duration, SECOND_MICROS)?));
    let tenant = builder.tenant(&format!("all/types/{}", kind.replace('/', "-")));
    let mut job = Job::plain(&builder.next_name(), tenant, submit, work);
    let too_large = |_| Bad::new("scale_factor", gpus, "is too large");
    let gpus = u32::try_from(whole("scale_factor", gpus)?).map_err(too_large)?;
    job.shape = Shape::Total { gpus, cpu: MilliCpu(0) };
    let too_large = |_| Bad::new("weight", weight, "is too large");
    job.priority = i32::try_from(whole("weight", weight)?).map_err(too_large)?;
    Ok(job)
}
