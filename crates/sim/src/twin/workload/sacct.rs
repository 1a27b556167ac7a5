//! Slurm's accounting as `sacct -P` (or `--parsable2`) prints it, with its header. Any choice of
//! `--format` will do that has JobID, Submit and Elapsed; useful are also User, Account, Partition,
//! NNodes, ReqTRES or AllocTRES, Start and Timelimit (slurm.schedmd.com/sacct.html).
//!
//! Steps (`123.batch`) are skipped, and so are jobs that never started: nothing is known of their
//! length.

use units::{Bytes, DurationMicros, MilliCpu};

use super::{
    Array, Builder, Job, Shape, Work,
    source::Lines,
    table::{Dialect, Failure, Row, each_row, whole},
};
use crate::twin::{
    calendar,
    error::{Bad, InputError},
    number,
    time::{SECOND_MICROS, Time},
};

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    builder.counts_from_1970();
    // A job's name may hold a lone quote.
    let dialect = Dialect { separator: b'|', needed: &["Submit"], known: None, has_quotes: false };
    each_row(builder, lines, &dialect, &mut |builder, line, row| match job(builder, row)? {
        Some(job) => builder.push(line, job).map_err(Failure::from),
        None => Ok(()),
    })
}

fn job(builder: &mut Builder, row: &Row<'_>) -> Result<Option<Job>, Bad> {
    let (column, name) = row.one_of(&["JobID", "JobIDRaw"]);
    if name.is_empty() {
        return Err(Bad::missing(if column.is_empty() { "JobID" } else { column }, "is missing"));
    }
    let elapsed = elapsed(row)?;
    let never_started = matches!(row.text("Start"), "Unknown" | "None") || elapsed.0 == 0;
    if name.contains(['.', '[']) || never_started {
        return Ok(None);
    }
    let message = "is no date: write `2024-01-02T03:04:05`";
    let text = row.needed("Submit")?;
    let submit = calendar::seconds(text).ok_or_else(|| Bad::new("Submit", text, message))?;
    let part = |column: &str, otherwise: &str| match row.text(column) {
        "" => otherwise.to_owned(),
        text => text.replace('/', "-"),
    };
    let account = part("Account", "default");
    let tenant = format!("{account}/{}/{}", part("Partition", "default"), part("User", "unknown"));
    let tenant = builder.tenant(&tenant);
    let submit = Time(submit.saturating_mul(SECOND_MICROS));
    let mut job = Job::plain(name, tenant, submit, Work::Run(elapsed));
    resources(row, &mut job)?;
    job.limit = limit(row)?.map(|limit| limit.max(elapsed));
    let array = name.split_once('_');
    job.array = array
        .and_then(|(array, index)| Some(Array { name: array.into(), index: index.parse().ok()? }));
    Ok(Some(job))
}

fn elapsed(row: &Row<'_>) -> Result<DurationMicros, Bad> {
    if let Some(raw) = row.micros("ElapsedRaw", SECOND_MICROS)? {
        return Ok(DurationMicros(raw));
    }
    let text = row.needed("Elapsed")?;
    clock(text).ok_or_else(|| Bad::new("Elapsed", text, "is no time: write `1-02:03:04`"))
}

/// `None` for `UNLIMITED`, `Partition_Limit` and the like.
fn limit(row: &Row<'_>) -> Result<Option<DurationMicros>, Bad> {
    let raw = row.text("TimelimitRaw");
    if !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit()) {
        return row.micros("TimelimitRaw", 60 * SECOND_MICROS).map(|v| v.map(DurationMicros));
    }
    let text = row.text("Timelimit");
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(None);
    }
    let wrong = || Bad::new("Timelimit", text, "is no time: write `1-02:03:04`");
    clock(text).map(Some).ok_or_else(wrong)
}

/// `[days-][hours:]minutes:seconds`, a fraction of a second ignored.
fn clock(text: &str) -> Option<DurationMicros> {
    let (days, rest) = text.split_once('-').unwrap_or(("0", text));
    let whole_seconds = rest.split('.').next().unwrap_or(rest);
    let mut seconds: u64 = 0;
    let parts: Vec<&str> = whole_seconds.split(':').collect();
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    for part in parts {
        seconds = seconds.checked_mul(60)?.checked_add(digits(part)?)?;
    }
    let days = digits(days)?.checked_mul(86_400)?;
    Some(DurationMicros::from_secs(days.checked_add(seconds)?))
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

fn resources(row: &Row<'_>, job: &mut Job) -> Result<(), Bad> {
    let (column, tres) = match row.one_of(&["ReqTRES"]) {
        (_, "") => row.one_of(&["AllocTRES"]),
        found => found,
    };
    let tres = Tres::read(column, tres)?;
    let count = |columns: &[&'static str]| {
        let (column, text) = row.one_of(columns);
        if text.is_empty() { Ok(None) } else { whole(column, text).map(Some) }
    };
    let nodes = count(&["NNodes", "AllocNodes", "ReqNodes"])?.or(tres.nodes).unwrap_or(1).max(1);
    let cpus =
        tres.cpus.map_or_else(|| count(&["ReqCPUS", "NCPUS", "AllocCPUS"]), |c| Ok(Some(c)))?;
    let cpu = MilliCpu(cpus.unwrap_or(0).saturating_mul(1_000));
    let (gpus, memory) = (tres.gpus, tres.memory.unwrap_or(0));
    let many = u64::from(u32::MAX);
    if nodes > many || gpus > many {
        return Err(Bad::new(column, row.text(column), "is too large"));
    }
    job.classes = tres.class.into_iter().collect();
    // Unequal shares of a gang are told as totals; the fleet decides how they are laid out.
    if gpus.is_multiple_of(nodes) {
        let per_node = |value: u64| value.div_ceil(nodes);
        let (min, gpus) = (number::small(nodes), number::small(gpus / nodes));
        job.shape = Shape::Nodes { min, max: min, gpus, cpu: MilliCpu(per_node(cpu.0)) };
        job.memory = Bytes(per_node(memory));
    } else {
        job.shape = Shape::Total { gpus: number::small(gpus), cpu };
        job.memory = Bytes(memory);
    }
    Ok(())
}

/// Trackable resources: `billing=8,cpu=8,gres/gpu=4,gres/gpu:a100=4,mem=64G,node=1`.
#[derive(Debug, Default)]
struct Tres {
    cpus: Option<u64>,
    memory: Option<u64>,
    nodes: Option<u64>,
    gpus: u64,
    class: Option<Box<str>>,
}

impl Tres {
    fn read(column: &str, text: &str) -> Result<Self, Bad> {
        let mut found = Self::default();
        let mut of_classes = 0_u64;
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let wrong = || Bad::new(column, text, format!("`{part}` is not `resource=number`"));
            let (name, value) = part.split_once('=').ok_or_else(wrong)?;
            match name.split_once(':') {
                None if name == "cpu" => found.cpus = Some(digits(value).ok_or_else(wrong)?),
                None if name == "node" => found.nodes = Some(digits(value).ok_or_else(wrong)?),
                None if name == "mem" => found.memory = Some(size(value).ok_or_else(wrong)?),
                None if name == "gres/gpu" => found.gpus = digits(value).ok_or_else(wrong)?,
                Some(("gres/gpu", class)) => {
                    found.class = Some(class.into());
                    of_classes = of_classes.saturating_add(digits(value).ok_or_else(wrong)?);
                }
                None | Some(_) => {}
            }
        }
        found.gpus = found.gpus.max(of_classes);
        Ok(found)
    }
}

/// `64G`, `4000M`, `62.5G`; mebibytes without a letter.
fn size(text: &str) -> Option<u64> {
    let letter = text.chars().last().filter(char::is_ascii_alphabetic);
    let digits = letter.map_or(text, |_| text.get(..text.len().saturating_sub(1)).unwrap_or(text));
    let shift = match letter {
        Some('K') => 10,
        Some('M') | None => 20,
        Some('G') => 30,
        Some('T') => 40,
        Some(_) => return None,
    };
    let milli = number::fixed(digits, 3).ok()?;
    Some(number::scale(milli, 1 << shift, 1_000))
}
