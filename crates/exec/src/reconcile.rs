//! The loop that makes an engine's node what the platform says it must be.
//!
//! One tick: read the desired state, observe, start what must run, stop what must not (whatever is
//! not listed included), report what changed. Nothing is remembered between ticks but which reports
//! were accepted, so a tick can fail anywhere and the next one repairs it.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use api::engine::{AttemptReport, AttemptUsage, DesiredNode, DesiredProcess, Goal, Phase};
use units::DurationMicros;

use crate::{
    engine::{AttemptKey, ControlPlane, Engine, EngineError, Observed, ReportError, StopOrder},
    shim,
};

/// How the loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcilerConfig {
    /// Longest time between two ticks.
    pub tick: Duration,
    /// Use is reported again once it has advanced by this much wall time.
    pub usage_interval: DurationMicros,
    /// Grace for what is not desired at all.
    pub undesired_grace: DurationMicros,
    /// Most reports in one call.
    pub n_reports_max: usize,
}

impl Default for ReconcilerConfig {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(500),
            usage_interval: DurationMicros::from_secs(5),
            undesired_grace: DurationMicros::from_secs(10),
            n_reports_max: 256,
        }
    }
}

/// What the platform has last accepted of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Accepted {
    phase: Phase,
    generation: u64,
    wall_micros: u64,
}

/// Drives one engine for one node.
#[derive(Debug, Default)]
pub struct Reconciler {
    config: ReconcilerConfig,
    accepted: BTreeMap<AttemptKey, Accepted>,
}

impl Reconciler {
    /// A loop that has reported nothing yet, so it will report everything once.
    #[must_use]
    pub fn new(config: ReconcilerConfig) -> Self {
        Self { config, accepted: BTreeMap::new() }
    }

    /// Ticks on every change and at least every [`ReconcilerConfig::tick`] until `shutdown`
    /// completes. Workloads are left running then: the next platform adopts them.
    pub async fn run<C: ControlPlane, E: Engine>(
        mut self,
        control: Arc<C>,
        engine: Arc<E>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            self.tick(&*control, &*engine).await;
            tokio::select! {
                () = &mut shutdown => return,
                () = control.changed() => {}
                () = tokio::time::sleep(self.config.tick) => {}
            }
        }
    }

    /// One comparison of what must be with what is.
    pub async fn tick<C: ControlPlane, E: Engine>(&mut self, control: &C, engine: &E) {
        let desired = control.desired();
        let observed = match engine.observe(&desired).await {
            Ok(observed) => observed,
            Err(error) => {
                tracing::warn!(node.id = %desired.node, %error, "cannot observe the node");
                return;
            }
        };
        self.stop_undesired(&desired, &observed, engine).await;
        for process in &desired.processes {
            let seen = observed.iter().find(|seen| seen.key == AttemptKey::from(process));
            act(process, seen, engine).await;
        }
        self.report(control, &desired, &observed).await;
    }

    async fn stop_undesired<E: Engine>(
        &self,
        desired: &DesiredNode,
        observed: &[Observed],
        engine: &E,
    ) {
        let order = StopOrder { grace: self.config.undesired_grace, generation: None };
        for seen in observed.iter().filter(|seen| seen.is_alive()) {
            if desired.processes.iter().any(|process| AttemptKey::from(process) == seen.key) {
                continue;
            }
            let key = seen.key;
            if let Err(error) = engine.ensure_stopped(key, order).await {
                tracing::warn!(job.id = %key.workload, attempt = key.attempt, %error,
                    "cannot stop an attempt that is not desired");
            }
        }
    }

    /// Sends what the platform has not accepted yet.
    async fn report<C: ControlPlane>(
        &mut self,
        control: &C,
        desired: &DesiredNode,
        observed: &[Observed],
    ) {
        let wanted: Vec<AttemptKey> = desired.processes.iter().map(AttemptKey::from).collect();
        self.accepted.retain(|key, _| wanted.contains(key));
        let due: Vec<AttemptReport> = observed
            .iter()
            .filter(|seen| wanted.contains(&seen.key))
            .filter_map(|seen| self.due(seen))
            .collect();
        for batch in due.chunks(self.config.n_reports_max.max(1)) {
            let refused = match self.send(control, batch).await {
                Ok(()) => continue,
                Err(ReportError::Unavailable { .. }) => return,
                Err(ReportError::Refused { .. }) => batch,
            };
            // One of them was refused: the others must not be lost with it.
            for report in refused {
                match self.send(control, std::slice::from_ref(report)).await {
                    Ok(()) => {}
                    Err(ReportError::Unavailable { .. }) => return,
                    Err(ReportError::Refused { .. }) => {
                        self.accepted.insert(key_of(report), accepted(report));
                    }
                }
            }
        }
    }

    /// Sends some reports; what is not accepted stays due, so the next tick sends it again.
    async fn send<C: ControlPlane>(
        &mut self,
        control: &C,
        reports: &[AttemptReport],
    ) -> Result<(), ReportError> {
        let sent = control.report(reports.to_vec()).await;
        match &sent {
            Ok(()) => {
                for report in reports {
                    self.accepted.insert(key_of(report), accepted(report));
                }
            }
            Err(error) => {
                tracing::warn!(n_reports = reports.len(), %error, "reports are not accepted");
            }
        }
        sent
    }

    fn due(&self, seen: &Observed) -> Option<AttemptReport> {
        let phase = seen.phase.clone()?;
        let report = AttemptReport {
            workload: seen.key.workload,
            attempt: seen.key.attempt,
            rank: seen.key.rank,
            generation: seen.generation,
            phase,
            usage: seen.usage.clone(),
            observed_at: shim::now(),
        };
        let is_due = self.accepted.get(&seen.key).is_none_or(|before| {
            before.phase != report.phase
                || before.generation != report.generation
                || advanced(before, &report.usage) >= self.config.usage_interval.0
        });
        is_due.then_some(report)
    }
}

/// Makes one listed attempt what it must be.
async fn act<E: Engine>(process: &DesiredProcess, seen: Option<&Observed>, engine: &E) {
    let outcome = match process.goal {
        Goal::Run => engine.ensure_running(process).await,
        Goal::Stop { grace } => {
            // An ended attempt is told too, because it may be of an older generation.
            let order = StopOrder { grace, generation: Some(process.generation) };
            engine.ensure_stopped(AttemptKey::from(process), order).await
        }
    };
    match outcome {
        // Both clear up by themselves: the platform lists the newer generation, the other attempt ends.
        Ok(()) | Err(EngineError::Occupied { .. }) => {}
        Err(EngineError::Stale { asked, known }) => {
            tracing::debug!(job.id = %process.workload, asked, known, "a stale order is refused");
        }
        Err(error @ (EngineError::InUse { .. } | EngineError::Io { .. })) => {
            let phase = seen.and_then(|seen| seen.phase.as_ref());
            tracing::warn!(job.id = %process.workload, attempt = process.attempt, ?phase, %error,
                "cannot bring an attempt to its goal");
        }
    }
}

fn advanced(before: &Accepted, usage: &AttemptUsage) -> u64 {
    usage.wall_micros.saturating_sub(before.wall_micros)
}

fn key_of(report: &AttemptReport) -> AttemptKey {
    AttemptKey { workload: report.workload, rank: report.rank, attempt: report.attempt }
}

fn accepted(report: &AttemptReport) -> Accepted {
    Accepted {
        phase: report.phase.clone(),
        generation: report.generation,
        wall_micros: report.usage.wall_micros,
    }
}

#[cfg(test)]
mod tests;
