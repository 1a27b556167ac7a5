//! Our own table of jobs. The header names the columns, in any order; `job`, `submit_s` and
//! `duration_s` are needed, an empty cell is the default.
//!
//! | column | meaning | default |
//! |---|---|---|
//! | `job` | name, unique in the list | needed |
//! | `tenant` | `organisation/project/user`, later parts optional | `all` |
//! | `submit_s` | seconds since the start of the list, up to six decimals | needed |
//! | `duration_s` | seconds on the fewest nodes | unstated |
//! | `gpu_time_s` | seconds of GPU time instead of a duration | |
//! | `nodes` | `4`, or `4-16` for a job that can use more | 1 with `gpus_per_node` |
//! | `gpus_per_node` | GPUs on each node | 0 with `nodes` |
//! | `gpus` | GPUs in total, where nodes do not matter | 1 |
//! | `gpu_milli` | thousandths of each GPU; below 1,000 a share of one | 1000 |
//! | `cpu_milli` | thousandths of a core: on each node, or in total with `gpus` | 0 |
//! | `memory_mib` | memory on each node, or in total with `gpus` | 0 |
//! | `classes` | GPU classes that do, joined by `\|` | any |
//! | `within` | `require:rack` or `prefer:rack`; also `nvlink`, `row`, `hall`, `site` | |
//! | `segment` | nodes that must share an NVLink domain | 1 |
//! | `priority` | higher goes first; may be negative | 0 |
//! | `limit_s` | ended after so many seconds | |
//! | `deadline_s` | may start late as long as it ends by then, seconds as `submit_s` | |
//! | `checkpoint_s` | saves its progress so often | never |
//! | `array` | `name:index` | |
//! | `after` | names of jobs that must have ended, joined by `;` | |

use units::{Bytes, DurationMicros, MilliCpu};

use super::{
    Array, Builder, Job, Shape, Within, Work,
    job::GPU_MILLI,
    source::Lines,
    table::{Dialect, Failure, Row, each_row, whole},
};
use crate::twin::{
    error::{Bad, InputError},
    fleet::Level,
    time::{SECOND_MICROS, Time},
};

/// The columns, in the order in which they are written.
pub(super) const COLUMNS: [&str; 20] = [
    "job",
    "tenant",
    "submit_s",
    "duration_s",
    "gpu_time_s",
    "nodes",
    "gpus_per_node",
    "gpus",
    "gpu_milli",
    "cpu_milli",
    "memory_mib",
    "classes",
    "within",
    "segment",
    "priority",
    "limit_s",
    "deadline_s",
    "checkpoint_s",
    "array",
    "after",
];

/// The same as one line, which is the header of a list that we write.
pub(super) const COLUMNS_TEXT: &str = "job,tenant,submit_s,duration_s,gpu_time_s,nodes,gpus_per_node,gpus,gpu_milli,cpu_milli,memory_mib,classes,within,segment,priority,limit_s,deadline_s,checkpoint_s,array,after";

/// What a segment can have at most, and `nodes` too.
const NODES_MAX: u32 = 1_000_000;

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    let needed = ["job", "submit_s", "duration_s"];
    let dialect =
        Dialect { separator: b',', needed: &needed, known: Some(&COLUMNS), has_quotes: true };
    each_row(builder, lines, &dialect, &mut |builder, line, row| {
        let job = job(builder, row)?;
        builder.push(line, job).map_err(Failure::from)
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Job, Bad> {
    let submit = row.needed("submit_s").and_then(|_| row.micros("submit_s", SECOND_MICROS))?;
    let tenant = builder.tenant(row.text("tenant"));
    let mut job =
        Job::plain(row.needed("job")?, tenant, Time(submit.unwrap_or_default()), work(row)?);
    job.shape = shape(row)?;
    job.gpu_milli = share(row, &job.shape)?;
    let mib = row.whole("memory_mib")?.unwrap_or(0);
    let too_large = || Bad::new("memory_mib", row.text("memory_mib"), "is too large");
    job.memory = Bytes(mib.checked_mul(1 << 20).ok_or_else(too_large)?);
    job.classes = names(row.text("classes"), '|');
    job.within = within(row)?;
    job.segment = segment(row, &job.shape)?;
    job.priority = priority(row)?;
    job.limit = row.micros("limit_s", SECOND_MICROS)?.map(DurationMicros);
    job.deadline = row.micros("deadline_s", SECOND_MICROS)?.map(Time);
    job.checkpoint = row.micros("checkpoint_s", SECOND_MICROS)?.map(DurationMicros);
    job.array = array(row)?;
    job.after = names(row.text("after"), ';');
    if job.deadline.is_some_and(|deadline| deadline <= job.submit) {
        return Err(Bad::new("deadline_s", row.text("deadline_s"), "is not after `submit_s`"));
    }
    if job.limit == Some(DurationMicros::ZERO) || job.checkpoint == Some(DurationMicros::ZERO) {
        let column =
            if job.limit == Some(DurationMicros::ZERO) { "limit_s" } else { "checkpoint_s" };
        return Err(Bad::new(column, row.text(column), "must be above zero: leave it empty"));
    }
    Ok(job)
}

fn work(row: &Row<'_>) -> Result<Work, Bad> {
    let duration = row.micros("duration_s", SECOND_MICROS)?.map(DurationMicros);
    let gpu_time = row.micros("gpu_time_s", SECOND_MICROS)?.map(DurationMicros);
    match (duration, gpu_time) {
        (Some(_), Some(_)) => {
            let message = "stands beside `duration_s`: keep one of them";
            Err(Bad::new("gpu_time_s", row.text("gpu_time_s"), message))
        }
        (Some(duration), None) => Ok(Work::Run(duration)),
        (None, Some(gpu_time)) => Ok(Work::GpuTime(gpu_time)),
        (None, None) => Ok(Work::Unstated),
    }
}

fn shape(row: &Row<'_>) -> Result<Shape, Bad> {
    let cpu = MilliCpu(row.whole("cpu_milli")?.unwrap_or(0));
    let gpus = row.small("gpus")?;
    let per_node = row.small("gpus_per_node")?;
    let nodes = row.text("nodes");
    if nodes.is_empty() && per_node.is_none() {
        return Ok(Shape::Total { gpus: gpus.unwrap_or(1), cpu });
    }
    if gpus.is_some() {
        let message = "stands beside `nodes` or `gpus_per_node`: keep one way to say it";
        return Err(Bad::new("gpus", row.text("gpus"), message));
    }
    let (min, max) = match nodes.split_once('-') {
        _ if nodes.is_empty() => (1, 1),
        None => (whole("nodes", nodes)?, whole("nodes", nodes)?),
        Some((min, max)) => (whole("nodes", min)?, whole("nodes", max)?),
    };
    let bad = |_| Bad::new("nodes", nodes, "is too large");
    let (min, max) = (u32::try_from(min).map_err(bad)?, u32::try_from(max).map_err(bad)?);
    if min == 0 || max < min || max > NODES_MAX {
        let message = "must be `n` or `min-max` with 1 ≤ min ≤ max ≤ 1,000,000";
        return Err(Bad::new("nodes", nodes, message));
    }
    Ok(Shape::Nodes { min, max, gpus: per_node.unwrap_or(0), cpu })
}

fn share(row: &Row<'_>, shape: &Shape) -> Result<u32, Bad> {
    let milli = row.small("gpu_milli")?.unwrap_or(GPU_MILLI);
    let bad = |message: &str| Err(Bad::new("gpu_milli", row.text("gpu_milli"), message));
    let gpus = match shape {
        Shape::Nodes { gpus, .. } | Shape::Total { gpus, .. } => *gpus,
    };
    match milli {
        0 => bad("must be above zero: write 0 GPUs instead"),
        1..GPU_MILLI if gpus != 1 => bad("a share is of one GPU: `gpus` must be 1"),
        1..=GPU_MILLI => Ok(milli),
        _ => bad("must be at most 1000, a whole GPU"),
    }
}

fn segment(row: &Row<'_>, shape: &Shape) -> Result<u32, Bad> {
    let segment = row.small("segment")?.unwrap_or(1);
    let bad = |message: &str| Err(Bad::new("segment", row.text("segment"), message));
    match shape {
        _ if segment == 1 => Ok(1),
        _ if segment == 0 => bad("must be 1 or more"),
        Shape::Total { .. } => bad("needs `nodes`: without them there is nothing to divide"),
        Shape::Nodes { min, max, .. } => {
            if min.is_multiple_of(segment) && max.is_multiple_of(segment) {
                Ok(segment)
            } else {
                bad("must divide `nodes`")
            }
        }
    }
}

fn within(row: &Row<'_>) -> Result<Option<Within>, Bad> {
    let text = row.text("within");
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || {
        let message = "write `require:` or `prefer:` and one of nvlink, rack, row, hall, site";
        Bad::new("within", text, message)
    };
    let (how, where_) = text.split_once(':').ok_or_else(bad)?;
    let level = match where_ {
        "nvlink" => Level::Nvlink,
        "rack" => Level::Rack,
        "row" => Level::Row,
        "hall" => Level::Hall,
        "site" => Level::Site,
        _ => return Err(bad()),
    };
    match how {
        "require" => Ok(Some(Within { level, is_hard: true })),
        "prefer" => Ok(Some(Within { level, is_hard: false })),
        _ => Err(bad()),
    }
}

fn priority(row: &Row<'_>) -> Result<i32, Bad> {
    let text = row.text("priority");
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        Bad::new("priority", text, "is not a whole number from -2,147,483,648 to 2,147,483,647")
    })
}

fn array(row: &Row<'_>) -> Result<Option<Array>, Bad> {
    let text = row.text("array");
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = text.rsplit_once(':').and_then(|(name, index)| {
        (!name.is_empty()).then_some(Array { name: name.into(), index: index.parse().ok()? })
    });
    parsed.map(Some).ok_or_else(|| Bad::new("array", text, "write `name:index`"))
}

fn names(text: &str, separator: char) -> Vec<Box<str>> {
    text.split(separator).map(str::trim).filter(|name| !name.is_empty()).map(Box::from).collect()
}
