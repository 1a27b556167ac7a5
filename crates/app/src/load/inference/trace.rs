//! Published traces of inference as lists of requests. What a line lacks or gets wrong is an error with its
//! number, never a request that is left out.

use std::{fs::File, io::BufReader, path::Path};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use sim::Rng;

use super::arrivals::{Arrival, REQUESTS_MAX, Size, by_window};

/// Form of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// `TIMESTAMP,ContextTokens,GeneratedTokens` (Azure Public Dataset, 2023)
    Azure,
    /// Lines of JSON with `timestamp` in ms, lengths and `hash_ids` of 512-token blocks (Mooncake, FAST 2025)
    Mooncake,
    /// `category,t_s,total_rate_rps,…` in windows of ten minutes (ServeGen); arrivals are drawn from the rates
    Servegen,
}

/// Seconds of a window of ServeGen's rates.
const SERVEGEN_WINDOW_S: f64 = 600.0;

/// What a form needs besides the file.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    /// Of ServeGen: the category, such as `language/m-large`; the first of the file if absent.
    pub(crate) category: Option<&'a str>,
    /// Of ServeGen: the size of requests, which its rates do not tell.
    pub(crate) size: Size,
}

/// Reads a trace.
///
/// # Errors
/// The file and the line at fault.
pub(crate) fn read(
    path: &Path,
    form: Form,
    options: &Options<'_>,
    rng: &mut Rng,
) -> anyhow::Result<Vec<Arrival>> {
    let file = File::open(path).with_context(|| format!("cannot open `{}`", path.display()))?;
    let file = BufReader::new(file);
    let arrivals = match form {
        Form::Azure => azure(file),
        Form::Mooncake => mooncake(file),
        Form::Servegen => servegen(file, options, rng),
    };
    let arrivals = arrivals.with_context(|| {
        format!("`{}` is no trace of this form (is it unpacked?)", path.display())
    })?;
    ensure!(!arrivals.is_empty(), "`{}` has no requests", path.display());
    Ok(arrivals)
}

#[derive(Debug, Deserialize)]
struct AzureRow {
    #[serde(rename = "TIMESTAMP")]
    timestamp: String,
    #[serde(rename = "ContextTokens")]
    prompt_tokens: u32,
    #[serde(rename = "GeneratedTokens")]
    output_tokens: u32,
}

fn azure(file: impl std::io::Read) -> anyhow::Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    for row in csv::Reader::from_reader(file).into_deserialize().take(REQUESTS_MAX) {
        let row: AzureRow = row?;
        let at: jiff::civil::DateTime = row
            .timestamp
            .parse()
            .with_context(|| format!("`{}` is not a date and time", row.timestamp))?;
        let since = at.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_microsecond();
        arrivals.push(Arrival {
            due_us: u64::try_from(since).context("a time before 1970")?,
            prompt_tokens: row.prompt_tokens,
            output_tokens: row.output_tokens,
            blocks: Box::default(),
        });
    }
    Ok(arrivals)
}

#[derive(Debug, Deserialize)]
struct MooncakeRow {
    timestamp: u64,
    input_length: u32,
    output_length: u32,
    hash_ids: Box<[u64]>,
}

fn mooncake(file: impl std::io::BufRead) -> anyhow::Result<Vec<Arrival>> {
    let mut arrivals = Vec::new();
    for (number, line) in file.lines().enumerate().take(REQUESTS_MAX) {
        let line = line?;
        let row: MooncakeRow = serde_json::from_str(&line)
            .with_context(|| format!("line {}", number.saturating_add(1)))?;
        arrivals.push(Arrival {
            due_us: row.timestamp.saturating_mul(1_000),
            prompt_tokens: row.input_length,
            output_tokens: row.output_length,
            blocks: row.hash_ids,
        });
    }
    Ok(arrivals)
}

#[derive(Debug, Deserialize)]
struct ServegenRow {
    category: String,
    t_s: f64,
    total_rate_rps: f64,
}

fn servegen(
    file: impl std::io::Read,
    options: &Options<'_>,
    rng: &mut Rng,
) -> anyhow::Result<Vec<Arrival>> {
    let mut category = options.category.map(str::to_owned);
    let mut windows = Vec::new();
    for row in csv::Reader::from_reader(file).into_deserialize() {
        let row: ServegenRow = row?;
        if *category.get_or_insert_with(|| row.category.clone()) == row.category {
            windows.push((row.t_s, row.total_rate_rps));
        }
    }
    ensure!(!windows.is_empty(), "no category `{}`", category.unwrap_or_default());
    Ok(by_window(&windows, SERVEGEN_WINDOW_S, options.size, rng))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_to_its_last_line() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8";
        let arrivals = azure(text.as_bytes()).unwrap();
        assert_eq!(arrivals[1].due_us - arrivals[0].due_us, 52_000);
        assert_eq!((arrivals[1].prompt_tokens, arrivals[1].output_tokens), (3_180, 8));

        let text = "{\"timestamp\": 3, \"input_length\": 700, \"output_length\": 5, \"hash_ids\": [0, 46]}\n";
        let arrivals = mooncake(text.as_bytes()).unwrap();
        assert_eq!((arrivals[0].due_us, &*arrivals[0].blocks), (3_000, [0, 46].as_slice()));

        let text = "category,t_s,total_rate_rps,active_clients\na,0,2,1\nb,0,100,9\na,600,4,1\n";
        let size = Size { prompt_tokens: 1, output_tokens: 1 };
        let of = |category| {
            servegen(text.as_bytes(), &Options { category, size }, &mut Rng::new(3)).unwrap().len()
        };
        assert!((3_300..3_900).contains(&of(None)), "{}", of(None));
        assert!((59_000..61_000).contains(&of(Some("b"))), "{}", of(Some("b")));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let good =
            "{\"timestamp\": 3, \"input_length\": 7, \"output_length\": 5, \"hash_ids\": []}";
        let error = mooncake(format!("{good}\nnonsense\n").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 2");
        let error = azure("TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,1,1\n".as_bytes());
        assert_eq!(error.unwrap_err().to_string(), "`noon` is not a date and time");
    }
}
