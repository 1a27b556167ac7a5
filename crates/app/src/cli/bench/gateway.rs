//! `bench gateway`: what a gateway, router or engine gives under load, and what it takes.

use std::{path::PathBuf, sync::atomic::Ordering, time::Duration};

use sim::Rng;
use units::Bytes;

use crate::{
    cli::{exit::Exit, failure::Failure, interrupt, session::Session},
    load::inference::{
        self, BLOCK_TOKENS, Config, Objective, Report, Style, Work,
        arrivals::{self, Rhythm, Size},
        trace::{self, Form, Options},
    },
    output::{
        human::size,
        table::{Table, left, right},
    },
};

/// Chat completions under load: a rate, a published trace, or as many as there is time for
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench gateway --url http://127.0.0.1:7711/v1 --model nombres --rate 200 --seconds 30 --stream
  cocarde bench gateway --url http://127.0.0.1:7711/v1 --model mock --trace conversation_trace.jsonl --form mooncake --speed-up 10
  cocarde bench gateway --url http://127.0.0.1:8000/v1 --model mock --seconds 10 --connections 64 --pid 4242

Anything that speaks OpenAI's chat completions can be asked. With a rate or a trace, requests are due at their
times whatever becomes of earlier ones, and all times count from then; with neither, each connection asks again as
soon as it is answered. The key is `--token`'s, or the one that is remembered for that address. Traces are public: Azure's of 2023 (github.com/Azure/AzurePublicDataset),
Mooncake's (github.com/kvcache-ai/Mooncake), ServeGen's rates (github.com/alibaba/ServeGen), as plain files.")]
pub(crate) struct GatewayArgs {
    /// Where completions are asked for, without `/chat/completions`
    #[arg(long, value_name = "URL")]
    url: String,
    /// The model's name there
    #[arg(long)]
    model: String,
    /// Take answers as events
    #[arg(long)]
    stream: bool,
    /// Requests a second
    #[arg(long, value_name = "N", value_parser = rate, conflicts_with = "trace")]
    rate: Option<f64>,
    /// How requests of a rate follow each other
    #[arg(long, value_enum, default_value = "poisson")]
    rhythm: Rhythm,
    /// A published trace, in place of a rate
    #[arg(long, value_name = "FILE", requires = "form")]
    trace: Option<PathBuf>,
    /// The form of the trace
    #[arg(long, value_enum)]
    form: Option<Form>,
    /// Of ServeGen's rates: the category [default: the first]
    #[arg(long)]
    category: Option<String>,
    /// Run the trace so many times as fast
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = rate)]
    speed_up: f64,
    /// For how long; a trace runs to its end if absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: Option<u32>,
    /// HTTP connections
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    connections: u32,
    /// Tokens of a prompt, where no trace says
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    prompt_tokens: u32,
    /// Tokens of an answer, where no trace says
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    output_tokens: u32,
    /// Bytes of text for one token
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    bytes_per_token: u32,
    /// Draws arrivals and texts
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A process whose processor time and memory are measured too
    #[arg(long)]
    pid: Option<u32>,
    /// A good answer begins within so many milliseconds
    #[arg(long, value_name = "MS", default_value_t = 500)]
    ttft_max: u64,
    /// And then takes at most so many milliseconds for each token
    #[arg(long, value_name = "MS", default_value_t = 50)]
    per_token_max: u64,
}

/// A number above zero.
fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let is_good = number.is_finite() && number > 0.0 && number <= 1e6;
    if is_good { Ok(number) } else { Err("must be above 0 and at most 1,000,000".to_owned()) }
}

/// Runs the verb.
pub(super) fn run(args: &GatewayArgs, session: &Session) -> Result<Exit, Failure> {
    let asked = interrupt::flag_on_stop();
    let config = Config {
        url: args.url.clone(),
        // Never the key of another platform: what is asked here may be anybody's.
        key: session.token_for(args.url.trim_end_matches('/').trim_end_matches("/v1"))?,
        style: Style {
            model: args.model.clone(),
            stream: args.stream,
            bytes_per_token: args.bytes_per_token,
            salt: args.seed,
        },
        work: work(args)?,
        connections: args.connections,
        pid: args.pid,
        objective: Objective { ttft_ms_max: args.ttft_max, per_token_ms_max: args.per_token_max },
    };
    let report = inference::run(config, &asked.stop)?;
    session.output.show(&report, || table(&report))?;
    if asked.stop.load(Ordering::Relaxed) {
        return Ok(asked.exit());
    }
    let is_good = report.figures.statuses.keys().all(|status| (200..300).contains(status));
    Ok(if is_good { Exit::Ok } else { Exit::Failed })
}

/// How long a run takes that is not told.
const DURATION: Duration = Duration::from_secs(10);

fn duration(args: &GatewayArgs) -> Option<Duration> {
    args.seconds.map(|seconds| Duration::from_secs(u64::from(seconds)))
}

fn work(args: &GatewayArgs) -> Result<Work, Failure> {
    let size = Size { prompt_tokens: args.prompt_tokens, output_tokens: args.output_tokens };
    let mut rng = Rng::new(args.seed).child("arrivals");
    Ok(match (&args.trace, args.form, args.rate) {
        (Some(path), Some(form), _) => {
            let options = Options { category: args.category.as_deref(), size };
            let trace = trace::read(path, form, &options, &mut rng)?;
            Work::Due(arrivals::at_speed(trace, args.speed_up, duration(args)))
        }
        (_, _, Some(rate)) => {
            let duration = duration(args).unwrap_or(DURATION);
            Work::Due(arrivals::at_rate(rate, duration, args.rhythm, size, &mut rng))
        }
        (_, _, None) => Work::BackToBack { size, duration: duration(args).unwrap_or(DURATION) },
    })
}

fn table(report: &Report) -> Table {
    let mut table = Table::new(&[left("WHAT"), right("FIGURE")]);
    let mut row = |what: &str, figure: String| table.row([what.to_owned(), figure]);
    let figures = &report.figures;
    row("requests, connections", format!("{}, {}", figures.requests, report.connections));
    for (status, count) in &figures.statuses {
        let what = if *status == 0 { "broken".to_owned() } else { format!("answered {status}") };
        row(&what, count.to_string());
    }
    for (failure, count) in &figures.failures {
        row(&format!("  {failure}"), count.to_string());
    }
    row("good answers a second", format!("{:.1}", figures.answers_per_s));
    let Objective { ttft_ms_max, per_token_ms_max } = report.objective;
    row(
        &format!("goodput: {ttft_ms_max} ms, then {per_token_ms_max} ms a token"),
        format!("{:.2} %", figures.goodput_percent),
    );
    for (what, spread) in [
        ("due to sent", figures.due_to_sent),
        ("due to first piece (TTFT)", figures.ttft),
        ("due to end", figures.due_to_end),
        ("between two pieces", figures.gap),
    ] {
        if let Some(spread) = spread {
            let figures = [spread.p50_ms, spread.p95_ms, spread.p99_ms, spread.max_ms];
            let [p50, p95, p99, max] = figures.map(|ms| format!("{ms:.2}"));
            row(what, format!("p50 {p50}, p95 {p95}, p99 {p99}, max {max} ms"));
        }
    }
    row("tokens in, out", format!("{}, {}", figures.prompt_tokens, figures.output_tokens));
    row("cached", format!("{:.2} % of tokens in ({BLOCK_TOKENS} a block)", figures.cached_percent));
    if let Some(taken) = &report.process {
        row("processor time a request", format!("{} us", taken.cpu_us_per_request));
        row("resident memory", size(Bytes(taken.resident_bytes)));
    }
    table
}
