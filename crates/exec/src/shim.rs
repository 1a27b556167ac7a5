//! The shim: one small process per attempt that outlives the platform.
//!
//! It holds the attempt's lock for its whole life, starts the workload once, keeps its log, samples
//! its use, ends it on order or at its time limit, and writes `exit.json` as its last act. It is a
//! subreaper: whatever the workload starts, in whatever session, stays below it and is killed at
//! the end. It must never start anything if `shim.json` or `exit.json` exists.

mod container;
mod process;
mod stop;

use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rustix::{
    fs::{FlockOperation, flock},
    process::{getpid, set_child_subreaper, setsid},
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use units::UnixMicros;

use crate::{
    files::{self, Durability},
    power::Meter,
    procfs,
    spec::{AttemptDir, ExitRecord, LaunchSpec, ShimRecord, StopRequest},
};
use stop::Stopper;

/// How long a shim waits for the lock: a second shim of the same attempt gives up after it.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Time between two tries.
const LOCK_RETRY: Duration = Duration::from_millis(20);

/// The meter of an attempt: of a shared GPU only its share counts.
fn meter(spec: &LaunchSpec) -> Meter {
    let meter = Meter::start(spec.power, &spec.gpus);
    if spec.launch.part.is_some() { meter.of_share(spec.launch.gpu_milli()) } else { meter }
}

/// Supervises the attempt in a folder to its end. The app exposes it as a hidden subcommand.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    let dir = AttemptDir(folder.to_path_buf());
    // Our own session: a signal to the platform's terminal or group does not reach us. It fails
    // only for a process-group leader, which a fresh child of the platform is not.
    let _ = setsid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(supervise(&dir))) {
        Ok(()) => ExitCode::SUCCESS,
        // The engine finds the attempt without an end and reports it as lost.
        Err(_) => ExitCode::FAILURE,
    }
}

async fn supervise(dir: &AttemptDir) -> io::Result<()> {
    let Some(_lock) = lock(dir).await? else { return Ok(()) };
    if dir.shim().exists() || dir.exit().exists() {
        return Ok(());
    }
    set_child_subreaper(Some(getpid()))?;
    let signals = Signals::install()?;
    let own = procfs::identify(getpid().as_raw_nonzero().get())
        .ok_or_else(|| io::Error::other("/proc does not show this process"))?;
    let record = ShimRecord { shim: own, workload: None, started_at: now() };
    files::write_json(&dir.shim(), &record, Durability::Synced)?;
    let end = match files::read_json::<LaunchSpec>(&dir.launch())? {
        None => failed("launch.json is missing"),
        Some(_) if dir.stop().exists() => {
            ExitRecord { reason: Some(stop::STOPPED.to_owned()), ..ExitRecord::default() }
        }
        Some(spec) => {
            let stopper =
                Stopper::new(Instant::now(), spec.launch.time_limit, spec.time_limit_grace);
            let attempt = Attempt { dir, spec: &spec, record };
            if spec.launch.image.is_some() {
                Box::pin(container::supervise(attempt, stopper, signals)).await
            } else {
                Box::pin(process::supervise(attempt, stopper, signals)).await
            }
        }
    };
    files::write_json(&dir.exit(), &ExitRecord { ended_at: now(), ..end }, Durability::Synced)
}

/// What both kinds of workload are supervised with.
struct Attempt<'a> {
    dir: &'a AttemptDir,
    spec: &'a LaunchSpec,
    record: ShimRecord,
}

/// The signals that wake a shim; installing them also keeps them from ending it.
struct Signals {
    /// `stop.json` has been written.
    stop: Signal,
    /// A child has ended.
    child: Signal,
    /// A terminal went away; nothing to do, but it must not end us.
    _hangup: Signal,
    /// Likewise.
    _interrupt: Signal,
}

impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self {
            stop: signal(SignalKind::terminate())?,
            child: signal(SignalKind::child())?,
            _hangup: signal(SignalKind::hangup())?,
            _interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// The order to end, if one was given; an unreadable one counts as given without grace.
fn stop_request(dir: &AttemptDir) -> Option<StopRequest> {
    let at_once = StopRequest { grace: units::DurationMicros::ZERO, asked_at: UnixMicros(0) };
    files::read_json(&dir.stop()).unwrap_or(Some(at_once))
}

/// Takes the attempt's lock; `None` if another shim holds it.
async fn lock(dir: &AttemptDir) -> io::Result<Option<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(dir.lock())?;
    let until = Instant::now() + LOCK_WAIT;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < until => {
                tokio::time::sleep(LOCK_RETRY).await;
            }
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// True if the attempt's folder was removed: nobody could ever adopt or stop the workload then.
fn is_abandoned(dir: &AttemptDir) -> bool {
    dir.shim().try_exists().is_ok_and(|exists| !exists)
}

fn failed(message: &str) -> ExitRecord {
    ExitRecord { launch_error: Some(message.to_owned()), ..ExitRecord::default() }
}

/// The wall clock.
pub(crate) fn now() -> UnixMicros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
