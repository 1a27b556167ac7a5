//! The simulated nodes: they accept what they are given at once, and end it after its time, by the
//! same reports that engines give. Nothing runs on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use api::engine::{AttemptReport, AttemptUsage, Energy, Phase};
use server::{Assigned, Platform, SubmitFailure};
use tokio::{sync::Semaphore, task::JoinSet, time::sleep_until};
use units::{Bytes, Id, MilliJoule, UnixMicros, kinds};

use super::measure::Measure;

/// Reports on their way at once: the nodes of a real fleet are as many callers.
const REPORTS_MAX: usize = 2_048;
/// Pause before a report is sent again that could not be taken.
const AGAIN: Duration = Duration::from_millis(50);
/// Watt of a busy simulated GPU.
const GPU_W: u64 = 700;

/// What runs, and until when.
type Running = BTreeMap<(Instant, Id<kinds::Workload>), Assigned>;

/// Plays all nodes until it is aborted.
pub(super) async fn run(platform: Arc<Platform>, measure: Arc<Measure>, job_duration: Duration) {
    let mut changes = platform.watch();
    let mut seen = platform.read_size();
    let mut known: BTreeSet<(Id<kinds::Workload>, u32)> = BTreeSet::new();
    let mut running = Running::new();
    let mut reports = JoinSet::new();
    let room = Arc::new(Semaphore::new(REPORTS_MAX));
    loop {
        let next = running.keys().next().map(|(end, _)| *end);
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = wait_until(next) => {}
            Some(_) = reports.join_next() => {}
        }
        let now = Instant::now();
        let assigned = platform.assigned_since(seen);
        seen = assigned.size;
        for one in assigned.ranks {
            measure.placed(one.name.as_str());
            if known.insert((one.workload, one.attempt)) {
                let sender = Sender { platform: Arc::clone(&platform), room: Arc::clone(&room) };
                let report = report(&one, Phase::Running, Duration::ZERO);
                reports.spawn(async move { sender.send(report).await });
                running.insert((now + job_duration, one.workload), one);
            }
        }
        while let Some(entry) = running.first_entry().filter(|entry| entry.key().0 <= now) {
            let one = entry.remove();
            known.remove(&(one.workload, one.attempt));
            let sender = Sender { platform: Arc::clone(&platform), room: Arc::clone(&room) };
            let phase = Phase::Exited { code: Some(0), signal: None, reason: None };
            let (report, measure) = (report(&one, phase, job_duration), Arc::clone(&measure));
            reports.spawn(async move {
                sender.send(report).await;
                measure.ended();
            });
        }
    }
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Sends reports as an engine does: again until they are taken or refused.
struct Sender {
    platform: Arc<Platform>,
    room: Arc<Semaphore>,
}

impl Sender {
    async fn send(&self, report: AttemptReport) {
        // The semaphore is never closed.
        let _room = self.room.acquire().await;
        loop {
            match self.platform.report(&report).await {
                Ok(()) => return,
                Err(SubmitFailure::Reject(reject)) => {
                    tracing::debug!(%reject, workload.id = %report.workload, "a report was refused");
                    return;
                }
                Err(SubmitFailure::Unavailable(_) | SubmitFailure::Unknown(_)) => {
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

fn report(one: &Assigned, phase: Phase, ran: Duration) -> AttemptReport {
    let micros = u64::try_from(ran.as_micros()).unwrap_or(u64::MAX);
    let energy = MilliJoule(micros.saturating_mul(GPU_W) / 1_000);
    let source = format!("simulated: {GPU_W} W of each GPU");
    AttemptReport {
        workload: one.workload,
        attempt: one.attempt,
        rank: one.rank,
        generation: one.generation,
        phase,
        usage: AttemptUsage {
            cpu_micros: micros,
            gpu_micros: micros,
            wall_micros: micros,
            memory_peak: Bytes(0),
            energy: (micros > 0).then_some(Energy { energy, measured: false, source }),
        },
        observed_at: UnixMicros(0),
    }
}
