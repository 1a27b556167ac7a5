//! Following the control plane: asking for what is newer, keeping the last of it on disk, going on without.
//!
//! While the control plane is away the gateway serves from what it was told last: a key that is revoked
//! meanwhile stays open until it is heard again, or until the time that the operator allows is over.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use api::{
    client::{Client, ClientError, Options},
    endpoint::Nothing,
    nouns::gateway::{
        GatewayAsk, GatewayFollow, GatewayHeld, GatewaySnapshot, GatewayUsage, GatewayUsageRecord,
    },
};
use gateway::{
    Allowance, BoxFuture, Caller, Capture, Checks, Clock, Directory, Meter, ModelCard, Recorder,
    Refusal, Rollup, Route, SinkError, UsageSink,
};
use units::{Id, kinds};

use super::view::{self, View};
use crate::up::Remotes;

/// Longest time that a question waits for something newer.
const WAIT: Duration = Duration::from_secs(5);
/// Longest time for an answer beyond that.
const ANSWER: Duration = Duration::from_secs(15);
/// How long after the control plane was heard last a request still waits for what only it can start.
const WAKES_FOR: Duration = Duration::from_secs(30);
/// Longest time to say goodbye.
const LEAVE: Duration = Duration::from_secs(3);
/// Pause after a question that was not answered.
const PAUSE: Duration = Duration::from_millis(500);

/// The control plane, as far as this gateway knows it.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) client: Client,
    file: PathBuf,
    /// True once the shares of budgets were given back; held while the file is written.
    left: Mutex<bool>,
    /// This run, as the platform tells it from others.
    run: u64,
    view: RwLock<Arc<View>>,
    /// Upstreams that can be spoken to.
    pub(super) remotes: Remotes,
    pub(super) started: Instant,
    /// For how long it had not been heard at this start.
    silent_before: Duration,
    /// When it was last heard, in milliseconds since `started`, plus one; 0 for never.
    heard_ms: AtomicU64,
    /// Longest time to serve without having heard it.
    stale_max: Option<Duration>,
    clock: Clock,
    pub(super) stop: AtomicBool,
    /// Set once nothing is served any more.
    pub(super) is_drained: AtomicBool,
    /// Takes what is captured of calls.
    pub(super) recorder: Arc<Recorder>,
}

impl Control {
    /// Reads what was told last.
    pub(super) fn open(
        (client, remotes): (Client, Remotes),
        folder: &Path,
        (stale_max, recorder): (Option<Duration>, Arc<Recorder>),
    ) -> io::Result<Self> {
        let file = folder.join("control.json");
        let silent_before = silent_since(&file);
        let told = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => GatewaySnapshot::default(),
            Err(error) => return Err(error),
        };
        remotes.keep(view::remotes(&told));
        let clock = Clock::system();
        Ok(Self {
            client,
            file,
            left: Mutex::new(false),
            run: u64::from(std::process::id()).wrapping_add(clock.now().0.unsigned_abs() << 16),
            view: RwLock::new(Arc::new(View::new(told, None))),
            remotes,
            started: Instant::now(),
            silent_before,
            heard_ms: AtomicU64::new(0),
            stale_max,
            clock,
            stop: AtomicBool::new(false),
            is_drained: AtomicBool::new(false),
            recorder,
        })
    }

    /// Whether anything was ever told.
    pub(super) fn knows_something(&self) -> bool {
        self.view().snapshot.number > 0
    }

    /// Asks once; with `wait`, until there is something newer or the time is over.
    pub(super) fn ask(&self, meter: &Meter, wait: Duration) -> Result<(), ClientError> {
        let view = self.view();
        let prices = view.prices();
        let held = view
            .rooms()
            .map(|room| GatewayHeld { budget: room.budget, amount: meter.held(*room, &prices) });
        let ask = GatewayAsk {
            gateway: meter.gateway(),
            has: view.snapshot.number,
            seq: view.snapshot.seq,
            held: held.collect(),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            run: self.run,
            leaves: false,
        };
        let options = Options { timeout: Some(wait + ANSWER), ..Options::default() };
        let told = self.client.call::<GatewayFollow>(&Nothing {}, &Nothing {}, &ask, &options)?;
        // On disk first: what is served from is what the next start serves from.
        if let Err(error) = self.keep(&told) {
            tracing::warn!(%error, "what the control plane says is not kept for the next start");
        }
        self.remotes.keep(view::remotes(&told));
        let fresh = Arc::new(View::new(told, Some(&view)));
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(ms.saturating_add(1), Ordering::Relaxed);
        Ok(())
    }

    /// Follows until asked to stop. Blocks.
    pub(super) fn follow(&self, meter: &Meter) {
        let mut is_away = false;
        while !self.stop.load(Ordering::Relaxed) {
            match self.ask(meter, WAIT) {
                Ok(()) if is_away => {
                    is_away = false;
                    tracing::info!("the control plane is heard again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !is_away {
                        tracing::warn!(%error, "the control plane is not heard: serving from what it said last");
                    }
                    is_away = true;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Gives the shares of budgets back, once nothing is served any more and all that was counted is recorded:
    /// nobody else could use them. What is on disk allows nothing of them from here on.
    pub(super) fn leave(&self, meter: &Meter) -> anyhow::Result<()> {
        let mut told = self.view().snapshot.clone();
        told.budgets.iter_mut().for_each(|budget| budget.granted = 0);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&told)?;
        *left = true;
        drop(left);
        let ask = GatewayAsk {
            gateway: meter.gateway(),
            has: told.number,
            seq: told.seq,
            held: Vec::new(),
            wait_ms: 0,
            run: self.run,
            leaves: true,
        };
        let options = Options { timeout: Some(LEAVE), ..Options::default() };
        self.client.call::<GatewayFollow>(&Nothing {}, &Nothing {}, &ask, &options)?;
        Ok(())
    }

    fn keep(&self, told: &GatewaySnapshot) -> io::Result<()> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if *left {
            // An answer that came late: its shares have been given back.
            return Ok(());
        }
        self.write(told)
    }

    fn write(&self, told: &GatewaySnapshot) -> io::Result<()> {
        let fresh = self.file.with_extension("new");
        let mut told = told.clone();
        // Keys of upstreams stay in memory: one that needs its key waits for the platform after a start.
        told.upstreams.iter_mut().for_each(|one| one.key = None);
        fs::write(&fresh, serde_json::to_vec(&told)?)?;
        fs::rename(fresh, &self.file)
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses once the control plane was not heard for longer than is allowed.
    fn require_fresh(&self) -> Result<(), Refusal> {
        let Some(stale_max) = self.stale_max else { return Ok(()) };
        if self.silent_for() <= stale_max { Ok(()) } else { Err(Refusal::NoReplica) }
    }

    /// For how long it was not heard.
    fn silent_for(&self) -> Duration {
        let passed = self.started.elapsed();
        match self.heard_ms.load(Ordering::Relaxed).checked_sub(1) {
            Some(heard_ms) => passed.saturating_sub(Duration::from_millis(heard_ms)),
            None => passed.saturating_add(self.silent_before),
        }
    }
}

/// How long ago a file was written, so that a restart does not make what it says any younger. Nothing else tells
/// over a restart but the time of day: after that was set back it is taken to be from now.
fn silent_since(file: &Path) -> Duration {
    let written = fs::metadata(file).and_then(|about| about.modified());
    written.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default()
}

/// The control plane as directory and sink.
#[derive(Debug, Clone)]
pub(super) struct Remote(pub(super) Arc<Control>);

impl Directory for Remote {
    fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal> {
        self.0.require_fresh()?;
        self.0.view().caller(bearer, self.0.clock.now().0)
    }

    fn models(&self, caller: &Caller) -> Vec<ModelCard> {
        self.0.view().models(caller.key)
    }

    fn route(&self, caller: &Caller, model: &str) -> Result<Route, Refusal> {
        self.0.view().route(caller.key, model, &self.0.remotes)
    }

    fn wakes(&self, caller: &Caller, model: &str) -> Option<Id<kinds::Endpoint>> {
        // Waiting for what nobody can start would only hold the line up.
        if self.0.silent_for() > WAKES_FOR {
            return None;
        }
        self.0.view().wakes(caller.key, model)
    }

    fn checks(&self, route: &Route) -> Result<Option<Arc<Checks>>, Refusal> {
        self.0.view().checks(route)
    }

    fn capture(&self, caller: &Caller, route: &Route) -> Option<Capture> {
        let (dataset, permille) = self.0.view().capture(caller.key, route)?;
        Some(Capture { dataset, permille, recorder: Arc::clone(&self.0.recorder) })
    }

    fn checker(&self, upstream: Id<kinds::Upstream>) -> Option<Arc<gateway::Remote>> {
        self.0.remotes.get(upstream)
    }

    fn allowance(
        &self,
        _: Id<kinds::Gateway>,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> Allowance {
        self.0.view().allowance(key, endpoint)
    }

    fn recorded(&self, _: Id<kinds::Gateway>) -> u64 {
        self.0.view().snapshot.recorded
    }
}

impl UsageSink for Remote {
    fn record(&self, rollup: Rollup) -> BoxFuture<'_, Result<(), SinkError>> {
        let control = Arc::clone(&self.0);
        Box::pin(async move {
            let sent = tokio::task::spawn_blocking(move || {
                let (none, options) = (Nothing {}, Options::default());
                let usage = usage(rollup);
                control.client.call::<GatewayUsageRecord>(&none, &none, &usage, &options)
            });
            let sent = sent.await.map_err(|error| SinkError { detail: error.to_string() })?;
            sent.map(|_| ()).map_err(|error| SinkError { detail: error.to_string() })
        })
    }
}

fn usage(rollup: Rollup) -> GatewayUsage {
    GatewayUsage {
        gateway: rollup.gateway,
        sequence: rollup.sequence,
        key: rollup.key,
        endpoint: rollup.endpoint,
        minute_unix_s: rollup.minute_unix,
        requests: rollup.requests,
        errors: rollup.errors,
        prompt_tokens: rollup.prompt_tokens,
        completion_tokens: rollup.completion_tokens,
        estimated: rollup.estimated,
        answers: rollup.answers.map(|answers| answers.count),
        answers_root: rollup.answers.map(|answers| answers.root.hex()),
    }
}

#[cfg(test)]
mod tests;
