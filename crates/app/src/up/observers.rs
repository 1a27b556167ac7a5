//! Who looks at the gateway from outside, beside `/metrics`: the access log and the collector of traces.
//!
//! Both are off unless asked for. What cannot be sent is dropped and counted; nothing here makes a request
//! wait, and neither is given a prompt or an answer.

use std::{path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, ensure};
use gateway::{AccessLogTarget, Metrics, SpanBatch, SpanBatches};
use ureq::Agent;

/// Longest wait for a collector.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a batch is sent, the first time included, while the collector asks to retry.
const ATTEMPTS_MAX: u32 = 3;
/// Pause before the second attempt; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// What is observed beside `/metrics`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ObserverArgs {
    /// Write a line of JSON for each request of `/v1` to this file, or to standard output with `-`; never a
    /// prompt, an answer or a key's secret [default: none]
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// Send traces of requests of `/v1` to this OpenTelemetry collector, as OTLP over HTTP in JSON, such as
    /// `http://127.0.0.1:4318` [default: none]
    #[arg(long, value_name = "URL")]
    otlp_url: Option<String>,
    /// Share of the traces that start here to send; what a client samples is always sent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, requires = "otlp_url")]
    otlp_sampled_percent: f64,
}

/// Starts what was asked for.
///
/// # Errors
/// If the access log cannot be opened, or the address of the collector is none.
pub(crate) fn start(args: &ObserverArgs, metrics: &Metrics, version: String) -> anyhow::Result<()> {
    if let Some(path) = &args.access_log {
        let target = match path.as_os_str() == "-" {
            true => AccessLogTarget::Stdout,
            false => AccessLogTarget::File(path.clone()),
        };
        metrics
            .log_access(target)
            .with_context(|| format!("cannot open the access log `{}`", path.display()))?;
    }
    let Some(url) = &args.otlp_url else { return Ok(()) };
    let is_http = url.starts_with("http://") || url.starts_with("https://");
    ensure!(is_http, "`{url}` is no address of a collector: begin it with `https://`");
    let percent = args.otlp_sampled_percent;
    ensure!((0.0..=100.0).contains(&percent), "`{percent}` is no share: give 0 to 100 percent");
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 1,000,000, as was just ensured"
    )]
    let millionths = (percent * 10_000.0).round() as u32;
    let batches = metrics.trace(millionths, version);
    let target = target_of(url);
    let agent = agent(url);
    thread::Builder::new()
        .name("otlp".into())
        .spawn(move || send_all(&agent, &target, &batches))
        .context("cannot start the thread that sends traces")?;
    Ok(())
}

/// OTLP's own path is added to a bare address (OTLP 1.x, "OTLP/HTTP Request").
fn target_of(url: &str) -> String {
    let base = url.trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

fn agent(url: &str) -> Agent {
    let mut config = api::client::outgoing().timeout_global(Some(TIMEOUT));
    if url.starts_with("http://127.") || url.starts_with("http://localhost") {
        // A proxy of the environment cannot reach this machine's own loopback.
        config = config.proxy(None);
    }
    config.http_status_as_error(false).build().into()
}

fn send_all(agent: &Agent, target: &str, batches: &SpanBatches) {
    let mut is_failing = false;
    while let Some(batch) = batches.next_batch() {
        let sent = send(agent, target, &batch);
        batches.settle(&batch, sent.is_ok());
        match sent {
            Ok(()) => is_failing = false,
            // Once for a time of failure: the counter says the rest.
            Err(error) if !is_failing => {
                tracing::warn!(%error, target, "traces cannot be sent: spans are dropped and counted");
                is_failing = true;
            }
            Err(_) => {}
        }
    }
}

fn send(agent: &Agent, target: &str, batch: &SpanBatch) -> Result<(), String> {
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let sent = agent.post(target).content_type("application/json").send(&batch.body);
        let why = match sent {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            // The statuses that OTLP calls retryable.
            Ok(answer) if matches!(answer.status().as_u16(), 429 | 502 | 503 | 504) => {
                format!("the collector answered {}", answer.status())
            }
            Ok(answer) => return Err(format!("the collector answered {}", answer.status())),
            Err(error) => error.to_string(),
        };
        if attempt >= ATTEMPTS_MAX {
            return Err(why);
        }
        attempt += 1;
        thread::sleep(pause);
        pause *= 2;
    }
}
