//! `bench routing`: which replica gets a request, on a published trace with simulated caches.

use std::path::PathBuf;

use sim::Rng;

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    load::{
        inference::{
            arrivals::Size,
            trace::{self, Form, Options},
        },
        routing::{self, Outcome, Setting, Way},
    },
    output::table::{Table, left, right},
};

/// Which replica gets a request: ours and others on a published trace, with simulated caches
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench routing --trace conversation_trace.jsonl
  cocarde bench routing --prompt-bytes 4096 --prompt-bytes 1048576
  cocarde bench routing --trace conversation_trace.jsonl --cache-blocks 4000 --way ours --miss-milli 500

The trace is Mooncake's (FAST 2025, Apache-2.0): https://github.com/kvcache-ai/Mooncake, unpacked. Engines
are simulated: nothing here is the time of a GPU.")]
pub(crate) struct RoutingArgs {
    /// The trace: lines of JSON with `timestamp`, lengths and `hash_ids`
    #[arg(long, value_name = "FILE", required_unless_present = "prompt_bytes")]
    trace: Option<PathBuf>,
    /// Only time our choice, for prompts of so many bytes of which no two are alike; repeat for several
    #[arg(long, value_name = "BYTES", conflicts_with = "trace")]
    prompt_bytes: Vec<usize>,
    /// Engines
    #[arg(long, default_value_t = 8)]
    replicas: usize,
    /// Blocks of 512 tokens that each engine's cache holds [default: no limit]
    #[arg(long, value_name = "BLOCKS")]
    cache_blocks: Option<usize>,
    /// Time to read one token that the cache does not have
    #[arg(long, value_name = "US", default_value_t = 100)]
    prefill_us: u64,
    /// Time between two tokens of an answer
    #[arg(long, value_name = "US", default_value_t = 20_000)]
    gap_us: u64,
    /// What of an engine's time one token of an answer takes, of which many are written at once
    #[arg(long, value_name = "US", default_value_t = 600)]
    decode_us: u64,
    /// How much faster than in the trace requests come
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Ways to choose; all if absent
    #[arg(long = "way", value_enum)]
    ways: Vec<Way>,
    /// What reading a token anew weighs against one outstanding token, in thousandths
    #[arg(long)]
    miss_milli: Option<u64>,
    /// What a token sent of late weighs against one outstanding token, in thousandths
    #[arg(long)]
    recent_milli: Option<u64>,
    /// After how many seconds a token sent counts half
    #[arg(long, value_name = "SECONDS")]
    half_life_s: Option<u64>,
    /// Beginnings of prompts that are remembered
    #[arg(long)]
    prefixes_max: Option<usize>,
}

/// Runs the verb.
pub(super) fn run(args: &RoutingArgs, session: &Session) -> Result<Exit, Failure> {
    if !(args.speed.is_finite() && args.speed > 0.0) || args.replicas == 0 {
        return Err(Failure::usage("`--speed` and `--replicas` must be more than 0"));
    }
    let setting = setting(args);
    let Some(trace) = &args.trace else {
        let timed = args.prompt_bytes.iter();
        let timed: Vec<_> =
            timed.map(|bytes| (*bytes, routing::choice_us(&setting, *bytes))).collect();
        session.output.show(&timed, || {
            let mut table = Table::new(&[right("PROMPT BYTES"), right("CHOICE US")]);
            for (bytes, us) in &timed {
                table.row([bytes.to_string(), format!("{us:.2}")]);
            }
            table
        })?;
        return Ok(Exit::Ok);
    };
    let size = Size { prompt_tokens: 1, output_tokens: 1 };
    let options = Options { category: None, size };
    let arrivals = trace::read(trace, Form::Mooncake, &options, &mut Rng::new(1))?;
    let ways = if args.ways.is_empty() { Way::ALL.to_vec() } else { args.ways.clone() };
    let outcomes = routing::run(&setting, &arrivals, &ways);
    session.output.show(&outcomes, || table(&outcomes))?;
    Ok(Exit::Ok)
}

fn setting(args: &RoutingArgs) -> Setting {
    let usual = gateway::BalanceConfig::default();
    let half_life = args.half_life_s.map(std::time::Duration::from_secs);
    let balance = gateway::BalanceConfig {
        miss_milli: args.miss_milli.unwrap_or(usual.miss_milli),
        recent_milli: args.recent_milli.unwrap_or(usual.recent_milli),
        recent_half_life: half_life.unwrap_or(usual.recent_half_life),
        prefixes_max: args.prefixes_max.unwrap_or(usual.prefixes_max),
        ..usual
    };
    Setting {
        replicas: args.replicas,
        cache_blocks: args.cache_blocks.unwrap_or(usize::MAX),
        prefill_us: args.prefill_us,
        gap_us: args.gap_us,
        decode_us: args.decode_us,
        speed: args.speed,
        balance,
    }
}

fn table(outcomes: &[Outcome]) -> Table {
    let columns = [left("WAY"), right("HIT RATE"), right("OF INFINITE"), right("PREFILL MAX/MEAN")];
    let more = [right("BUSY MAX/MEAN"), right("TTFT MEAN MS"), right("P99 MS"), right("CHOICE US")];
    let mut table = Table::new(&[&columns[..], &more[..]].concat());
    for one in outcomes {
        table.row([
            one.way.clone(),
            format!("{:.4}", one.hit_rate),
            format!("{:.3}", one.of_infinite),
            format!("{:.3}", one.imbalance_prefill),
            format!("{:.3}", one.imbalance_busy),
            format!("{:.0}", one.ttft_ms_mean),
            format!("{:.0}", one.ttft_ms_p99),
            format!("{:.2}", one.choice_us),
        ]);
    }
    table
}
