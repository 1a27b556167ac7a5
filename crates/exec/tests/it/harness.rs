//! An engine over a temporary folder, a loop to drive it, and waiting with a deadline.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use api::engine::{DesiredNode, DesiredProcess, Goal, Launch, Phase};
use exec::{
    ArtefactError, Artefacts, AttemptKey, Engine, EngineError, LocalConfig, LocalEngine, Observed,
    StopOrder,
};
use units::{Bytes, Digest, DurationMicros, GpuCount, Id, MilliCpu};

/// Longest wait for anything; generous, because the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Artefacts by digest: one file `content`.
pub(crate) struct Store(pub(crate) BTreeMap<Digest, String>);

impl Artefacts for Store {
    fn materialise(&self, manifest: Digest, into: &Path) -> Result<(), ArtefactError> {
        let content = self.0.get(&manifest).ok_or(ArtefactError::Missing { manifest })?;
        fs::write(into.join("content"), content)
            .map_err(|source| ArtefactError::Io { manifest, source })
    }
}

pub(crate) fn digest(byte: &str) -> Digest {
    format!("sha256:{}", byte.repeat(32)).parse().unwrap()
}

/// A run folder and an engine on it, which can be replaced as a restart of the platform does.
pub(crate) struct Node {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) config: LocalConfig,
    engine: Option<LocalEngine>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut LocalConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = PathBuf::from(env!("CARGO_BIN_EXE_exec-test-host"));
        let store = Store(BTreeMap::from([(digest("11"), "eleven".to_owned())]));
        let mut config = LocalConfig::new(folder.path().join("run"), program, Arc::new(store));
        config.sample_interval_ms = 100;
        config.containers.sockets = vec![folder.path().join("no-runtime.sock")];
        change(&mut config);
        let engine = Some(LocalEngine::new(config.clone()).unwrap());
        Self { folder, config, engine }
    }

    pub(crate) fn engine(&self) -> &LocalEngine {
        self.engine.as_ref().unwrap()
    }

    /// The platform dies and another one starts on the same folder.
    pub(crate) fn restart(&mut self) {
        self.die();
        // A process that another test forks has the dead engine's lock open until it becomes its
        // own program, which takes it a moment on a busy machine.
        let deadline = Instant::now() + Duration::from_secs(10);
        self.engine = Some(loop {
            match LocalEngine::new(self.config.clone()) {
                Err(EngineError::InUse { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                started => break started.unwrap(),
            }
        });
    }

    /// The platform dies; the folder stays.
    pub(crate) fn die(&mut self) {
        self.engine = None;
    }

    pub(crate) async fn run(&self, process: &DesiredProcess) -> Result<(), EngineError> {
        self.engine().ensure_running(process).await
    }

    pub(crate) async fn stop(&self, process: &DesiredProcess, grace: DurationMicros) {
        let order = StopOrder { grace, generation: Some(process.generation) };
        self.engine().ensure_stopped(AttemptKey::from(process), order).await.unwrap();
    }

    pub(crate) async fn see(&self, process: &DesiredProcess) -> Option<Observed> {
        let node = Id::from_bytes([1; 16]);
        let desired = DesiredNode { node, processes: vec![process.clone()] };
        let seen = self.engine().observe(&desired).await.unwrap();
        seen.into_iter().find(|seen| seen.key == AttemptKey::from(process))
    }

    /// Starts it and waits for its end.
    pub(crate) async fn to_end(&self, process: &DesiredProcess) -> Observed {
        self.run(process).await.unwrap();
        self.end(process).await
    }

    pub(crate) async fn end(&self, process: &DesiredProcess) -> Observed {
        self.until(process, |seen| !seen.is_alive()).await
    }

    pub(crate) async fn until(
        &self,
        process: &DesiredProcess,
        done: impl Fn(&Observed) -> bool,
    ) -> Observed {
        let until = Instant::now() + DEADLINE;
        loop {
            let seen = self.see(process).await;
            match seen {
                Some(seen) if done(&seen) => return seen,
                seen => assert!(
                    Instant::now() < until,
                    "in time; last: {seen:?}; log: {}",
                    self.log(process)
                ),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn attempt_dir(&self, process: &DesiredProcess) -> PathBuf {
        self.engine().attempt_dir(AttemptKey::from(process))
    }

    pub(crate) fn work(&self, process: &DesiredProcess) -> PathBuf {
        self.engine().work_dir(AttemptKey::from(process))
    }

    /// The whole log without its head line.
    pub(crate) fn log(&self, process: &DesiredProcess) -> String {
        let bytes = exec::logs::tail(&self.attempt_dir(process), usize::MAX - 1).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match text.split_once('\n') {
            Some((head, rest)) if head.starts_with("cocarde:") => rest.to_owned(),
            _ => text,
        }
    }

    /// Waits until a file of the working folder has content, and returns it.
    pub(crate) async fn file(&self, process: &DesiredProcess, name: &str) -> String {
        let path = self.work(process).join(name);
        eventually(|| fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')))
            .await
            .trim()
            .to_owned()
    }
}

impl Drop for Node {
    /// A failed test must not leave workloads behind.
    fn drop(&mut self) {
        let run = self.folder.path().join("run");
        let folders = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten();
        for attempt in folders(&run).flat_map(|home| folders(&home.path())) {
            let dir = attempt.path();
            let Ok(text) = fs::read_to_string(dir.join("shim.json")) else { continue };
            if dir.join("exit.json").exists() {
                continue;
            }
            let record: exec::spec::ShimRecord = serde_json::from_str(&text).unwrap();
            let _ = fs::write(dir.join("stop.json"), r#"{"grace":0,"asked_at":0}"#);
            let pid = rustix::process::Pid::from_raw(record.shim.pid).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let until = Instant::now() + Duration::from_secs(5);
            while !dir.join("exit.json").exists() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// Polls until there is an answer.
pub(crate) async fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "no answer in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A workload of its own with a script; ids come from the clock and a counter, so that tests that
/// run side by side share nothing.
pub(crate) fn process(script: &str) -> DesiredProcess {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut random = [0; 10];
    random[..4].copy_from_slice(&std::process::id().to_be_bytes());
    random[4..].copy_from_slice(&unique.to_be_bytes()[2..]);
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let launch = Launch {
        name: "test".to_owned(),
        script: script.to_owned(),
        image: None,
        environment: BTreeMap::new(),
        n_ranks: 1,
        cpu: MilliCpu(1_000),
        memory: Bytes(256 << 20),
        gpus: GpuCount(0),
        part: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        time_limit: None,
        service: false,
    };
    DesiredProcess {
        workload: Id::from_parts(u64::try_from(since.as_millis()).unwrap(), random),
        attempt: 1,
        rank: 0,
        generation: 1,
        goal: Goal::Run,
        launch,
    }
}

pub(crate) fn exited(code: Option<i32>, signal: Option<i32>, reason: Option<&str>) -> Phase {
    Phase::Exited { code, signal, reason: reason.map(str::to_owned) }
}

/// True if a process exists and is no zombie.
pub(crate) fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|line| !line.rsplit_once(')').unwrap().1.trim_start().starts_with('Z'))
}

pub(crate) fn python_exists() -> bool {
    Path::new("/usr/bin/python3").exists()
}
