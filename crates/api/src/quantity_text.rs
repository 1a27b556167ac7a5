//! Quantities as people write them in job files: `4`, `64..`, `500m`, `400GB`, `GB200:4`, `8..16`.
//!
//! Integers only: a decimal that is not a whole number of base units is refused, never rounded.

use units::{Bytes, GpuCount, MilliCpu};

/// Most nodes of a job.
pub const NODES_MAX: u32 = 100_000;
/// Most GPUs on a node.
pub const GPUS_PER_NODE_MAX: u32 = 256;
/// Most cores on a node, in thousandths.
pub const CPU_MILLI_MAX: u64 = 100_000_000;
/// Most memory on a node: 1 PiB.
pub const MEMORY_BYTES_MAX: u64 = 1 << 50;

/// A quantity, exact or with `..` after it: at least so much, more if the node has it to spare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLeast<T> {
    /// What is reserved.
    pub least: T,
    /// True if more may be used.
    pub open: bool,
}

/// GPUs on each node: one wish, or several of which any will do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuRequest {
    /// The first choice.
    pub first: GpuChoice,
    /// What will do instead, in order of preference.
    pub others: Vec<GpuChoice>,
    /// Thousandths of the one GPU that are used, 1 to 999; 0 for whole GPUs.
    pub share_milli: u32,
    /// The MIG profile of the one GPU, such as `1g.10gb`.
    pub profile: Option<String>,
}

/// One wish for GPUs on each node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GpuChoice {
    /// The model, or any.
    pub model: Option<String>,
    /// How many on each node.
    pub count: GpuCount,
}

/// Why a text is not the quantity that it should be; the message says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseQuantityError {
    /// The text given, cut to 40 characters.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

const CPU: &str =
    "a number of cores from 0.001 to 100000: write for example `4`, `0.5`, `500m` or `64..`";
const MEMORY: &str =
    "a size with a unit up to 1PiB: write for example `400GB`, `16GiB` or `16GiB..`";
const NODES: &str = "a number of nodes from 1 to 100000: write for example `16` or `8..16`";
const GPUS: &str = "GPUs for each node, at most 256: write for example `4`, `GB200:4`, \
                    `GB200|B200:4`, `0.5` or `H100:1g.10gb`";

/// Memory units, in the order in which [`memory_text`] tries them.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

fn refusal(text: &str, expected: &'static str) -> ParseQuantityError {
    ParseQuantityError { text: text.chars().take(40).collect(), expected }
}

/// Digits only, so neither a sign nor a space.
fn whole(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `12` or `1.5` times `scale`, if that is whole; at most six decimals.
fn scaled(text: &str, scale: u64) -> Option<u64> {
    let Some((integer, decimals)) = text.split_once('.') else {
        return whole(text)?.checked_mul(scale);
    };
    if decimals.len() > 6 {
        return None;
    }
    let power = 10u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let fraction = whole(decimals)?.checked_mul(scale)?;
    if fraction.checked_rem(power)? != 0 {
        return None;
    }
    whole(integer)?.checked_mul(scale)?.checked_add(fraction.checked_div(power)?)
}

/// Splits `..` off the end.
fn open_end(text: &str) -> (&str, bool) {
    let text = text.trim();
    text.strip_suffix("..").map_or((text, false), |rest| (rest, true))
}

/// Reads processor cores: `4`, `0.5`, `500m`, `64..`.
///
/// # Errors
/// If it is not such a text, is zero or above [`CPU_MILLI_MAX`].
pub fn parse_cpu(text: &str) -> Result<AtLeast<MilliCpu>, ParseQuantityError> {
    let (number, open) = open_end(text);
    let milli = number.strip_suffix('m').map_or_else(|| scaled(number, 1_000), whole);
    let least = milli.filter(|m| (1..=CPU_MILLI_MAX).contains(m)).map(MilliCpu);
    least.map(|least| AtLeast { least, open }).ok_or_else(|| refusal(text, CPU))
}

/// Reads memory: `400GB`, `16GiB..`; `Gi` and `G` are read as Kubernetes reads them.
///
/// # Errors
/// If it is not such a text, has no unit, is zero or above [`MEMORY_BYTES_MAX`].
pub fn parse_memory(text: &str) -> Result<AtLeast<Bytes>, ParseQuantityError> {
    let (amount, open) = open_end(text);
    let split = amount.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(amount.len());
    let (number, unit) = amount.split_at(split);
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let scale = UNITS.iter().find(|(name, _)| name.strip_suffix('B') == Some(unit));
    // A bare number stays refused: `400` would be bytes for one reader and gigabytes for another.
    let bytes = scale.filter(|_| split < amount.len()).and_then(|s| scaled(number.trim(), s.1));
    let least = bytes.filter(|b| (1..=MEMORY_BYTES_MAX).contains(b)).map(Bytes);
    least.map(|least| AtLeast { least, open }).ok_or_else(|| refusal(text, MEMORY))
}

/// Reads a number of nodes, exact or elastic: `16`, `8..16`; gives the least and the most.
///
/// # Errors
/// If it is not such a text, is zero, above [`NODES_MAX`], or the least is above the most.
pub fn parse_nodes(text: &str) -> Result<(u32, u32), ParseQuantityError> {
    let number = |part: &str| {
        let n = whole(part.trim()).and_then(|n| u32::try_from(n).ok());
        n.filter(|n| (1..=NODES_MAX).contains(n)).ok_or_else(|| refusal(text, NODES))
    };
    let (least, most) = match text.split_once("..") {
        Some((least, most)) => (number(least)?, number(most)?),
        None => (number(text)?, number(text)?),
    };
    if least <= most { Ok((least, most)) } else { Err(refusal(text, NODES)) }
}

/// Most models of which any will do.
pub const GPU_CHOICES_MAX: usize = 9;

/// Reads GPUs for each node: `4`, `GB200:4`, `GB200` for one, `GB200|B200:4` for either, `0.5` or
/// `H100:0.5` for a share of one, `H100:1g.10gb` for a MIG instance.
///
/// # Errors
/// If it is not such a text or above [`GPUS_PER_NODE_MAX`].
pub fn parse_gpus(text: &str) -> Result<GpuRequest, ParseQuantityError> {
    let wrong = || refusal(text, GPUS);
    let trimmed = text.trim();
    let (before, last) = trimmed.rsplit_once(':').map_or((None, trimmed), |(b, l)| (Some(b), l));
    if is_profile(last) {
        // A MIG instance is of one GPU.
        let one = before.map_or_else(|| "1".to_owned(), |models| format!("{models}:1"));
        let whole = parse_gpus(&one).map_err(|_| wrong())?;
        return Ok(GpuRequest { profile: Some(last.to_owned()), ..whole });
    }
    let (models, milli) = match (scaled(trimmed, 1_000), trimmed.split_once(':')) {
        (Some(milli), _) => (None, Some(milli)),
        (None, Some((models, count))) => (Some(models), scaled(count, 1_000)),
        (None, None) => (Some(trimmed), Some(1_000)),
    };
    let milli = milli.ok_or_else(wrong)?;
    let (count, share_milli) = match (milli.checked_div(1_000), milli.checked_rem(1_000)) {
        (Some(count), Some(0)) => (count, 0),
        // A share of one GPU; one and a half is neither.
        (Some(0), Some(share)) => (1, share),
        _ => return Err(wrong()),
    };
    let count = u32::try_from(count).ok().filter(|c| *c <= GPUS_PER_NODE_MAX);
    let count = GpuCount(count.ok_or_else(wrong)?);
    let share_milli = u32::try_from(share_milli).map_err(|_| wrong())?;
    let Some(models) = models else {
        let first = GpuChoice { model: None, count };
        return Ok(GpuRequest { first, share_milli, ..GpuRequest::default() });
    };
    let mut choices = Vec::new();
    for model in models.split('|').map(str::trim) {
        if !is_model(model) || choices.len() == GPU_CHOICES_MAX {
            return Err(wrong());
        }
        choices.push(GpuChoice { model: Some(model.to_owned()), count });
    }
    let first = if choices.is_empty() { return Err(wrong()) } else { choices.remove(0) };
    Ok(GpuRequest { first, others: choices, share_milli, profile: None })
}

/// True for a text like `1g.10gb` or `1g.10gb+me`; which there are, the platform knows.
fn is_profile(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_suffix("+me").unwrap_or(text);
    let halves = text.strip_suffix("gb").and_then(|text| text.split_once("g."));
    halves.is_some_and(|(compute, memory)| digits(compute) && digits(memory))
}

fn is_model(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=63).contains(&text.len())
        && text.bytes().all(letter)
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Writes cores as [`parse_cpu`] reads them.
#[must_use]
pub fn cpu_text(cpu: AtLeast<MilliCpu>) -> String {
    let open = if cpu.open { ".." } else { "" };
    match (cpu.least.0.checked_div(1_000), cpu.least.0.checked_rem(1_000)) {
        (Some(cores), Some(0)) => format!("{cores}{open}"),
        _ => format!("{}m{open}", cpu.least.0),
    }
}

/// Writes memory as [`parse_memory`] reads it, in the largest unit that is exact.
#[must_use]
pub fn memory_text(memory: AtLeast<Bytes>) -> String {
    let open = if memory.open { ".." } else { "" };
    let exact = |scale: u64| memory.least.0.checked_rem(scale) == Some(0);
    let (unit, scale) = UNITS.into_iter().find(|(_, scale)| exact(*scale)).unwrap_or(("B", 1));
    format!("{}{unit}{open}", memory.least.0.checked_div(scale).unwrap_or(0))
}

/// Writes a number of nodes as [`parse_nodes`] reads it.
#[must_use]
pub fn nodes_text(least: u32, most: u32) -> String {
    if least == most { least.to_string() } else { format!("{least}..{most}") }
}

/// Writes GPUs as [`parse_gpus`] reads them: one text for each number of GPUs.
#[must_use]
pub fn gpus_texts(request: &GpuRequest) -> Vec<String> {
    let mut groups: Vec<(Vec<&str>, GpuCount)> = Vec::new();
    let choices = std::iter::once(&request.first).chain(&request.others);
    for choice in choices {
        let model = choice.model.as_deref().unwrap_or_default();
        match groups.last_mut() {
            Some((models, count)) if *count == choice.count => models.push(model),
            _ => groups.push((vec![model], choice.count)),
        }
    }
    let amount = |count: GpuCount| match (&request.profile, request.share_milli) {
        (Some(profile), _) => profile.clone(),
        (None, 0) => count.0.to_string(),
        (None, share) => format!("0.{share:03}").trim_end_matches('0').to_owned(),
    };
    let text = |(models, count): (Vec<&str>, GpuCount)| match models.join("|") {
        models if models.is_empty() => amount(count),
        models => format!("{models}:{}", amount(count)),
    };
    groups.into_iter().map(text).collect()
}
