//! Load on a whole platform: the real API on loopback, the real log with its fsync, the real planner;
//! only the nodes are simulated. For `cocarde bench jobs`; in folders of their own the log alone, and inference.
//!
//! It must never go round the platform's own doors: jobs come in over HTTP, nodes report as engines do.

mod fleet;
pub(crate) mod inference;
pub(crate) mod log;
mod measure;
mod process;
mod report;
pub(crate) mod routing;
mod stand;
mod submit;
mod wire;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, anyhow};

use crate::output::say;
pub(crate) use log::{LogConfig, LogReport};
use measure::Measure;
pub(crate) use report::Report;
use stand::Stand;

/// How long the last jobs may take to be placed once nothing is submitted any more.
const SETTLE: Duration = Duration::from_secs(30);
/// How often a wait looks whether it is over.
const TICK: Duration = Duration::from_millis(20);

/// What is loaded, and how.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Jobs submitted each second, whether earlier ones were answered or not.
    pub(crate) rate: u32,
    /// For how long.
    pub(crate) duration: Duration,
    /// How long each job runs on its node.
    pub(crate) job_duration: Duration,
    /// HTTP connections.
    pub(crate) connections: u32,
    /// Projects that take turns.
    pub(crate) projects: u32,
    /// Simulated nodes.
    pub(crate) nodes: u32,
    /// GPUs of each.
    pub(crate) gpus: u32,
    /// Racks in which they stand.
    pub(crate) racks: u32,
    /// Where the data goes; a temporary folder that is removed at the end if absent.
    pub(crate) data: Option<PathBuf>,
}

impl Config {
    /// How many jobs that is.
    fn n_jobs(&self) -> u64 {
        let millis = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        u64::from(self.rate).saturating_mul(millis) / 1_000
    }
}

/// Runs the load; ends early, with what was measured so far, when `stop` is set.
///
/// # Errors
/// If the platform does not start, or jobs are refused.
pub(crate) fn run(config: &Config, stop: &Arc<AtomicBool>) -> anyhow::Result<Report> {
    let temporary = match &config.data {
        Some(_) => None,
        None => Some(tempfile::Builder::new().prefix("cocarde-bench-").tempdir()?),
    };
    let folder = config.data.clone().or_else(|| temporary.as_ref().map(|t| t.path().to_owned()));
    let folder = folder.ok_or_else(|| anyhow!("no folder for the data"))?;
    let started = Instant::now();
    let stand = Stand::start(&folder, config)?;
    say(&format!(
        "platform on {}, {} simulated nodes registered in {:.1} s",
        stand.address,
        config.nodes,
        started.elapsed().as_secs_f64()
    ));
    let measure = Arc::new(Measure::new(config.n_jobs()));
    let loaded = load(config, &stand, &measure, stop);
    let closing = Instant::now();
    stand.close();
    let closed = closing.elapsed();
    let mut report = Report::new(config, &loaded?, &measure);
    report.close_ms = u64::try_from(closed.as_millis()).unwrap_or(u64::MAX);
    report.log_bytes = process::folder_bytes(&folder);
    Ok(report)
}

/// What was read before the first job and after the last.
#[derive(Debug)]
struct Span {
    before: process::Sample,
    after: process::Sample,
    entries: u64,
    took: Duration,
    is_whole: bool,
    failure: Option<String>,
}

/// What the load's own thread says at its end.
struct Loaded {
    took: Duration,
    cpu_ms: u64,
    is_whole: bool,
    failure: Option<String>,
}

/// Submits everything and waits until it is placed. The load has a thread of its own, so that what
/// the platform costs can be told from what the load costs.
fn load(
    config: &Config,
    stand: &Stand,
    measure: &Arc<Measure>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Span> {
    let entries_before = stand.platform.read_size();
    let before = process::sample(0);
    let (config, address, token) = (config.clone(), stand.address, stand.token.clone());
    let (platform, measure, stop) =
        (Arc::clone(&stand.platform), Arc::clone(measure), Arc::clone(stop));
    let work = {
        let platform = Arc::clone(&platform);
        move || -> anyhow::Result<Loaded> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let begun = Instant::now();
                measure.begin(begun);
                let fleet = tokio::spawn(fleet::run(
                    Arc::clone(&platform),
                    Arc::clone(&measure),
                    config.job_duration,
                ));
                let submitters = submit::start(&config, address, &token, &measure, &stop);
                let bar = submit::progress(&measure, &stop, config.n_jobs());
                let failure = submit::join(submitters).await;
                let settled = settle(&measure, &stop).await;
                bar.abort();
                fleet.abort();
                let (took, cpu_ms) = (begun.elapsed(), process::own_cpu_ms());
                Ok(Loaded { took, cpu_ms, is_whole: settled && failure.is_none(), failure })
            })
        }
    };
    let thread = std::thread::Builder::new().name("load".to_owned()).spawn(work)?;
    let ended = thread.join().map_err(|_| anyhow!("the load panicked"))?;
    let Loaded { took, cpu_ms, is_whole, failure } = ended.context("the load could not run")?;
    let after = process::sample(cpu_ms);
    let entries = platform.read_size().saturating_sub(entries_before);
    Ok(Span { before, after, entries, took, is_whole, failure })
}

/// Waits until everything that was accepted is placed; false if it was not, or not all was submitted.
async fn settle(measure: &Measure, stop: &AtomicBool) -> bool {
    let end = Instant::now() + SETTLE;
    while Instant::now() < end && !stop.load(Ordering::Relaxed) {
        if measure.n_placed() >= measure.n_accepted() {
            return true;
        }
        tokio::time::sleep(TICK).await;
    }
    false
}
