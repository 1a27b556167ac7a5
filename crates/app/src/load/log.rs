//! Load on the log alone: metered minutes through the gateway's door, as many a second as the log takes, with
//! its fsync, and witnesses as processes of their own that cosign it meanwhile. For `cocarde bench log`.
//!
//! What is measured: entries a second, and from the acknowledgement of an entry to the moment when a quorum
//! of witnesses has made a checkpoint that covers it final.

mod stand;
mod witness;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow, ensure};
use server::{Platform, TokenUsage};
use store::audit;
use tokio::task::JoinSet;

use super::measure::{Spread, spread_of};
use crate::output::say;
use stand::Stand;

/// How long the last entries may take to become final.
const SETTLE: Duration = Duration::from_secs(60);
/// How often a wait looks whether it is over.
const TICK: Duration = Duration::from_millis(5);

/// What is loaded, and how.
#[derive(Debug, Clone)]
pub(crate) struct LogConfig {
    /// For how long.
    pub(crate) duration: Duration,
    /// Callers that each wait for their last entry.
    pub(crate) callers: u32,
    /// Witnesses on loopback.
    pub(crate) witnesses: u32,
    /// Where the data goes; a temporary folder that is removed at the end if absent.
    pub(crate) data: Option<PathBuf>,
}

/// The figures of one run.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct LogReport {
    pub(crate) seconds: f64,
    pub(crate) callers: u32,
    pub(crate) witnesses: u32,
    /// Witnesses that must agree.
    pub(crate) quorum: usize,
    /// Entries acknowledged, each after its fsync.
    pub(crate) entries: u64,
    pub(crate) entries_per_s: f64,
    pub(crate) submit_to_acknowledged: Option<Spread>,
    /// Counted to the first final checkpoint of at least the log's size at the acknowledgement.
    pub(crate) acknowledged_to_final: Option<Spread>,
    /// Checkpoints that became final.
    pub(crate) finals: usize,
    /// Longest time between two of them.
    pub(crate) final_gap_ms_max: u64,
    /// False if a checkpoint was ever smaller than one before.
    pub(crate) sizes_only_grew: bool,
    /// The audit of what was written, with the witnesses' keys.
    pub(crate) audit: audit::AuditReport,
}

/// What was acknowledged: when it was submitted and acknowledged, and the log's size then.
type Acknowledged = (Instant, Instant, u64);
type Finals = Arc<Mutex<Vec<(Instant, u64)>>>;

/// Runs the load and audits what it wrote; ends early when `stop` is set.
///
/// # Errors
/// If the platform or a witness does not start, an entry is refused, or not everything becomes final.
pub(crate) fn run(config: &LogConfig, stop: &Arc<AtomicBool>) -> anyhow::Result<LogReport> {
    let temporary = tempfile::Builder::new().prefix("cocarde-bench-log-").tempdir()?;
    let data = config.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    let stand = Stand::start(&data, temporary.path(), config.witnesses)?;
    let quorum = stand.platform.finality().quorum().clone();
    say(&format!("{} callers, {} witnesses on loopback", config.callers, config.witnesses));
    let finals = Finals::default();
    let seen = Arc::clone(&finals);
    stand.platform.finality().on_final(move |size| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).push((Instant::now(), size));
    });
    let before = stand.platform.read_size();
    let begun = Instant::now();
    let acknowledged = stand.runtime.block_on(load(config, &stand, stop))?;
    let took = begun.elapsed();
    let entries = stand.platform.read_size().saturating_sub(before);
    if config.witnesses > 0 {
        settle(&stand.platform)?;
    }
    stand.close();
    let finals = std::mem::take(&mut *finals.lock().unwrap_or_else(PoisonError::into_inner));
    say("auditing what was written");
    let report = audit_of(&data, quorum.clone())?;
    Ok(figures(config, &acknowledged, &finals, (took, entries), (quorum.needed(), report)))
}

/// All callers until the time is over.
async fn load(
    config: &LogConfig,
    stand: &Stand,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<Acknowledged>> {
    let end = Instant::now() + config.duration;
    let mut callers = JoinSet::new();
    for _ in 0..config.callers {
        let usage = TokenUsage { gateway: stand.platform.fresh_id()?, ..stand.usage };
        callers.spawn(caller(Arc::clone(&stand.platform), usage, end, Arc::clone(stop)));
    }
    let mut all = Vec::new();
    while let Some(ended) = callers.join_next().await {
        all.extend(ended??);
    }
    Ok(all)
}

/// One gateway that reports minute after minute, each after the last is durable.
async fn caller(
    platform: Arc<Platform>,
    mut usage: TokenUsage,
    end: Instant,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<Vec<Acknowledged>> {
    let mut acknowledged = Vec::new();
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        usage.sequence = usage.sequence.saturating_add(1);
        let submitted = Instant::now();
        platform.record_tokens(&usage).await.context("an entry was refused")?;
        let now = Instant::now();
        // Not smaller than the entry's own position: the wait for finality is never understated.
        acknowledged.push((submitted, now, platform.read_size()));
    }
    Ok(acknowledged)
}

/// Waits until everything is final.
fn settle(platform: &Platform) -> anyhow::Result<()> {
    let end = Instant::now() + SETTLE;
    let size = platform.read_size();
    while platform.finality().size() < size {
        ensure!(
            Instant::now() < end,
            "the last entries did not become final: {:?}",
            platform.finality().status().witnesses
        );
        std::thread::sleep(TICK);
    }
    Ok(())
}

fn audit_of(data: &Path, quorum: store::witness::Quorum) -> anyhow::Result<audit::AuditReport> {
    let options = audit::Options { quorum, ..audit::Options::default() };
    audit::verify(data, &options).map_err(|error| anyhow!(error)).context("the audit could not run")
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn figures(
    config: &LogConfig,
    acknowledged: &[Acknowledged],
    finals: &[(Instant, u64)],
    (took, entries): (Duration, u64),
    (quorum, audit): (usize, audit::AuditReport),
) -> LogReport {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let answers = acknowledged.iter().map(|(from, to, _)| micros(to.duration_since(*from)));
    let to_final = acknowledged.iter().filter_map(|(_, at, size)| {
        let place = finals.partition_point(|(_, covered)| covered < size);
        finals.get(place).map(|(then, _)| micros(then.saturating_duration_since(*at)))
    });
    let pairs = finals.iter().zip(finals.iter().skip(1));
    let gaps = pairs.clone().map(|(one, next)| next.0.duration_since(one.0));
    let gap = gaps.max().unwrap_or_default();
    let seconds = took.as_secs_f64();
    LogReport {
        seconds,
        callers: config.callers,
        witnesses: config.witnesses,
        quorum,
        entries,
        entries_per_s: entries as f64 / seconds.max(1e-9),
        submit_to_acknowledged: spread_of(answers.collect()),
        acknowledged_to_final: spread_of(to_final.collect()),
        finals: finals.len(),
        final_gap_ms_max: u64::try_from(gap.as_millis()).unwrap_or(u64::MAX),
        sizes_only_grew: pairs.into_iter().all(|(one, next)| one.1 < next.1),
        audit,
    }
}
