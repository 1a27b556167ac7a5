//! The loop over a fake engine and a fake platform: convergence from any state, and reports until
//! accepted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use api::engine::{
    AttemptReport, AttemptUsage, DesiredNode, DesiredProcess, Goal, Launch, NodeFacts, Phase,
};
use units::{Bytes, DurationMicros, GpuCount, Id, MilliCpu};

use super::{Reconciler, ReconcilerConfig};
use crate::engine::{
    AttemptKey, ControlPlane, Engine, EngineError, Observed, ReportError, StopOrder,
};

/// An engine in memory: what was started runs, what was stopped has ended.
#[derive(Default)]
struct Fake {
    alive: Mutex<BTreeSet<AttemptKey>>,
    ended: Mutex<BTreeMap<AttemptKey, Phase>>,
    generation: Mutex<u64>,
    wall_micros: Mutex<u64>,
    n_starts: Mutex<u32>,
}

impl Engine for Fake {
    async fn facts(&self) -> NodeFacts {
        NodeFacts {
            hostname: String::new(),
            system: String::new(),
            cpu_model: String::new(),
            cpu: MilliCpu(1_000),
            memory: Bytes(1),
            gpus: Vec::new(),
            limits: "none: fake".to_owned(),
            sandbox: "none: fake".to_owned(),
            power: "none: fake".to_owned(),
            virtual_host: None,
            container: None,
        }
    }

    async fn observe(&self, _wanted: &DesiredNode) -> Result<Vec<Observed>, EngineError> {
        let wall_micros = *self.wall_micros.lock().unwrap();
        let seen = |key: &AttemptKey, phase: Phase| Observed {
            key: *key,
            generation: *self.generation.lock().unwrap(),
            phase: Some(phase),
            usage: AttemptUsage { wall_micros, ..AttemptUsage::default() },
        };
        let alive = self.alive.lock().unwrap();
        let ended = self.ended.lock().unwrap();
        let running = alive.iter().map(|key| seen(key, Phase::Running));
        Ok(running.chain(ended.iter().map(|(key, phase)| seen(key, phase.clone()))).collect())
    }

    async fn ensure_running(&self, process: &DesiredProcess) -> Result<(), EngineError> {
        let mut known = self.generation.lock().unwrap();
        if process.generation < *known {
            return Err(EngineError::Stale { asked: process.generation, known: *known });
        }
        *known = process.generation;
        let key = AttemptKey::from(process);
        if !self.ended.lock().unwrap().contains_key(&key) && self.alive.lock().unwrap().insert(key)
        {
            *self.n_starts.lock().unwrap() += 1;
        }
        Ok(())
    }

    async fn ensure_stopped(&self, key: AttemptKey, _order: StopOrder) -> Result<(), EngineError> {
        self.alive.lock().unwrap().remove(&key);
        let end = Phase::Exited { code: None, signal: None, reason: Some("stopped".to_owned()) };
        self.ended.lock().unwrap().insert(key, end);
        Ok(())
    }
}

#[derive(Default)]
struct Platform {
    processes: Mutex<Vec<DesiredProcess>>,
    accepted: Mutex<Vec<AttemptReport>>,
    n_unavailable: Mutex<u32>,
    refuses_attempt: Mutex<Option<u32>>,
}

impl ControlPlane for Platform {
    fn desired(&self) -> DesiredNode {
        let processes = self.processes.lock().unwrap().clone();
        DesiredNode { node: Id::from_bytes([1; 16]), processes }
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<(), ReportError> {
        let mut left = self.n_unavailable.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(ReportError::Unavailable { message: "starting".to_owned() });
        }
        let refused = *self.refuses_attempt.lock().unwrap();
        if reports.iter().any(|report| Some(report.attempt) == refused) {
            return Err(ReportError::Refused { message: "unknown".to_owned() });
        }
        self.accepted.lock().unwrap().extend(reports);
        Ok(())
    }

    async fn changed(&self) {
        std::future::pending::<()>().await;
    }
}

fn process(attempt: u32, generation: u64, goal: Goal) -> DesiredProcess {
    let launch = Launch {
        name: "test".to_owned(),
        script: "true".to_owned(),
        image: None,
        environment: BTreeMap::new(),
        n_ranks: 1,
        cpu: MilliCpu(1_000),
        memory: Bytes(1 << 20),
        gpus: GpuCount(0),
        part: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        time_limit: None,
        service: false,
    };
    let workload = Id::from_bytes([7; 16]);
    DesiredProcess { workload, attempt, rank: 0, generation, goal, launch }
}

const STOP: Goal = Goal::Stop { grace: DurationMicros(1) };

fn attempts(reports: &Mutex<Vec<AttemptReport>>) -> Vec<(u32, bool)> {
    let reports = reports.lock().unwrap();
    let ended = |phase: &Phase| matches!(phase, Phase::Exited { .. });
    reports.iter().map(|report| (report.attempt, ended(&report.phase))).collect()
}

async fn ticks(loop_: &mut Reconciler, platform: &Platform, engine: &Fake, n_ticks: u32) {
    for _ in 0..n_ticks {
        loop_.tick(platform, engine).await;
    }
}

#[tokio::test]
async fn it_starts_once_reports_once_and_again_when_use_advances() {
    let (platform, engine) = (Platform::default(), Fake::default());
    *platform.processes.lock().unwrap() = vec![process(1, 1, Goal::Run)];
    let mut loop_ = Reconciler::new(ReconcilerConfig::default());
    ticks(&mut loop_, &platform, &engine, 5).await;
    assert_eq!(*engine.n_starts.lock().unwrap(), 1);
    assert_eq!(attempts(&platform.accepted), [(1, false)]);
    *engine.wall_micros.lock().unwrap() = 4_999_999;
    ticks(&mut loop_, &platform, &engine, 2).await;
    assert_eq!(attempts(&platform.accepted).len(), 1);
    *engine.wall_micros.lock().unwrap() = 5_000_000;
    ticks(&mut loop_, &platform, &engine, 2).await;
    assert_eq!(attempts(&platform.accepted).len(), 2);
}

#[tokio::test]
async fn from_any_state_the_listed_runs_and_the_unlisted_is_gone() {
    for found in [vec![], vec![1], vec![2], vec![1, 2, 3]] {
        let (platform, engine) = (Platform::default(), Fake::default());
        *platform.processes.lock().unwrap() = vec![process(2, 1, Goal::Run)];
        let key = |attempt| AttemptKey::from(&process(attempt, 1, Goal::Run));
        engine.alive.lock().unwrap().extend(found.iter().map(|attempt| key(*attempt)));
        ticks(&mut Reconciler::default(), &platform, &engine, 2).await;
        assert_eq!(*engine.alive.lock().unwrap(), BTreeSet::from([key(2)]), "{found:?}");
    }
}

#[tokio::test]
async fn a_stop_of_something_never_started_is_reported_as_ended() {
    let (platform, engine) = (Platform::default(), Fake::default());
    *platform.processes.lock().unwrap() = vec![process(1, 3, STOP)];
    ticks(&mut Reconciler::default(), &platform, &engine, 3).await;
    assert_eq!(attempts(&platform.accepted), [(1, true)]);
    assert_eq!(*engine.n_starts.lock().unwrap(), 0);
}

#[tokio::test]
async fn reports_are_sent_until_accepted() {
    let (platform, engine) = (Platform::default(), Fake::default());
    *platform.processes.lock().unwrap() = vec![process(1, 1, Goal::Run)];
    *platform.n_unavailable.lock().unwrap() = 3;
    let mut loop_ = Reconciler::default();
    ticks(&mut loop_, &platform, &engine, 4).await;
    assert!(attempts(&platform.accepted).is_empty());
    ticks(&mut loop_, &platform, &engine, 1).await;
    assert_eq!(attempts(&platform.accepted), [(1, false)]);
}

#[tokio::test]
async fn a_refused_report_takes_no_other_with_it() {
    let (platform, engine) = (Platform::default(), Fake::default());
    *platform.processes.lock().unwrap() = vec![process(1, 1, STOP), process(2, 1, STOP)];
    *platform.refuses_attempt.lock().unwrap() = Some(1);
    ticks(&mut Reconciler::default(), &platform, &engine, 3).await;
    assert_eq!(attempts(&platform.accepted), [(2, true)]);
}

#[tokio::test]
async fn an_older_generation_starts_nothing() {
    let (platform, engine) = (Platform::default(), Fake::default());
    *engine.generation.lock().unwrap() = 9;
    *platform.processes.lock().unwrap() = vec![process(1, 8, Goal::Run)];
    ticks(&mut Reconciler::default(), &platform, &engine, 3).await;
    assert_eq!(*engine.n_starts.lock().unwrap(), 0);
    assert!(attempts(&platform.accepted).is_empty());
}
