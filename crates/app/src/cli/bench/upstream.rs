//! `bench upstream`: a mock of an engine, to measure what stands before engines. It computes nothing.

use std::{net::SocketAddr, time::Duration};

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    load::inference::{
        BLOCK_TOKENS,
        upstream::{self, Behaviour},
    },
    output::say,
};

/// A mock of an inference engine: answers at once, or at times that you choose
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench upstream --listen 127.0.0.1:9001
  cocarde bench upstream --listen 127.0.0.1:9001 --first-token-ms 80 --gap-ms 12 --cache-blocks 20000

Serves `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings`, `/v1/models` and `/health`, for the model `mock`.
Answers have as many tokens as `max_tokens` asks for, each streamed in a write of its own. The cache of prefixes is
simulated. Asked for functions, a JSON schema, log-probabilities or several answers, it gives what is the same each
time, so that clients can be tried on those paths.")]
pub(crate) struct UpstreamArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Tokens of an answer when the request does not say
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tokens: u32,
    /// Time until the first token
    #[arg(long, value_name = "MS", default_value_t = 0)]
    first_token_ms: u64,
    /// Time between two tokens
    #[arg(long, value_name = "MS", default_value_t = 0)]
    gap_ms: u64,
    /// Time to read one token of the prompt that is not cached
    #[arg(long, value_name = "US", default_value_t = 0)]
    prefill_us: u64,
    /// Bytes of text for one token
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    bytes_per_token: u32,
    /// Blocks of 512 tokens that the simulated cache holds; 0 for none
    #[arg(long, default_value_t = 0)]
    cache_blocks: usize,
}

/// Runs the verb; it ends with the process.
pub(super) fn run(args: &UpstreamArgs, _session: &Session) -> Result<Exit, Failure> {
    let behaviour = Behaviour {
        tokens: args.tokens,
        first_token: Duration::from_millis(args.first_token_ms),
        gap: Duration::from_millis(args.gap_ms),
        prefill_per_token: Duration::from_micros(args.prefill_us),
        bytes_per_token: args.bytes_per_token,
        block_tokens: BLOCK_TOKENS,
        cache_blocks: args.cache_blocks,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(|error| {
            anyhow::Error::from(error).context(format!("cannot listen on `{}`", args.listen))
        })?;
        let address = listener.local_addr().map_err(anyhow::Error::from)?;
        say(&format!("mock engine (computes nothing) on http://{address}/v1"));
        tokio::select! {
            served = upstream::serve(listener, behaviour) => served?,
            _ = tokio::signal::ctrl_c() => {}
        }
        Ok(Exit::Ok)
    })
}
