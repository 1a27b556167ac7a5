//! The Standard Workload Format, version 2.2 (cs.huji.ac.il/labs/parallel/workload/swf.html): 18
//! numbers a line, -1 for what is unknown, comments after `;`.
//!
//! Used are job number, submit, run time, processors (asked for, else given), requested time, memory
//! per processor, user, group, and the preceding job. A job that never ran (run time -1 or no
//! processors) is left out, because nothing is known of its length.

use units::{Bytes, DurationMicros, MilliCpu};

use super::{
    Builder, Job, Shape, Work,
    source::{Lines, each_line},
    table::{micros, whole},
};
use crate::twin::{
    error::{Bad, InputError},
    time::{SECOND_MICROS, Time},
};

/// Fields of a line.
const FIELDS: usize = 18;
/// What stands for something unknown.
const UNKNOWN: &str = "-1";

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    let file = builder.file.clone();
    each_line(&file, lines, &mut |line, text| {
        let text = text.split(';').next().unwrap_or_default();
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.is_empty() {
            return Ok(());
        }
        let Ok(fields) = <[&str; FIELDS]>::try_from(fields.as_slice()) else {
            let message =
                format!("has {} fields instead of {FIELDS}: the line is cut off", fields.len());
            return Err(InputError::file(&file, message).at(line));
        };
        match job(builder, fields).map_err(|bad| bad.at(&file, line))? {
            Some(job) => builder.push(line, job),
            None => Ok(()),
        }
    })
}

fn job(builder: &mut Builder, fields: [&str; FIELDS]) -> Result<Option<Job>, Bad> {
    let [
        number,
        submit,
        _,
        run,
        given,
        _,
        used_kib,
        asked,
        asked_s,
        asked_kib,
        _,
        user,
        group,
        _,
        queue,
        _,
        preceding,
        _,
    ] = fields.map(known);
    let time =
        |field, text: Option<&str>| text.map(|t| micros(field, t, SECOND_MICROS)).transpose();
    let count = |field, text: Option<&str>| text.map(|t| whole(field, t)).transpose();
    let need = |field| Bad::missing(field, "is -1 (unknown): the job needs it");
    let name = number.ok_or_else(|| need("job number"))?;
    let submit = Time(time("submit time", submit)?.ok_or_else(|| need("submit time"))?);
    let processors = count("processors", asked.or(given))?.filter(|count| *count > 0);
    let (Some(run), Some(processors)) = (time("run time", run)?, processors) else {
        builder.leave_out(name);
        return Ok(None);
    };
    let part = |text: Option<&str>| text.unwrap_or("0").to_owned();
    let tenant = format!("group-{}/queue-{}/user-{}", part(group), part(queue), part(user));
    let tenant = builder.tenant(&tenant);
    let mut job = Job::plain(name, tenant, submit, Work::Run(DurationMicros(run)));
    job.shape = Shape::Total { gpus: 0, cpu: MilliCpu(processors.saturating_mul(1_000)) };
    let kib = count("memory", asked_kib.or(used_kib))?.unwrap_or(0);
    job.memory = Bytes(kib.saturating_mul(1_024).saturating_mul(processors));
    job.limit = time("requested time", asked_s)?.filter(|limit| *limit > 0).map(DurationMicros);
    // A log's run time may pass its limit by the system's own slack; the job still ran so long.
    job.limit = job.limit.map(|limit| limit.max(DurationMicros(run)));
    job.after = preceding.filter(|job| *job != "0").map(Box::from).into_iter().collect();
    Ok(Some(job))
}

fn known(text: &str) -> Option<&str> {
    (text != UNKNOWN).then_some(text)
}
