//! Ordering an attempt to end. The order is a file, so it holds if the platform dies right after.

use std::fs;

use rustix::process::Signal;
use units::DurationMicros;

use super::{Inner, Stage, Tracked, start};
use crate::{
    engine::{AttemptKey, EngineError, StopOrder},
    files::{self, Durability},
    procfs, shim,
    spec::{AttemptDir, ExitRecord, ShimRecord, StopRequest},
};

/// Beyond the grace, how long a shim may take to end before it is killed itself.
const SHIM_ENDS_MAX: DurationMicros = DurationMicros::from_secs(15);

/// Writes the order and wakes the shim; called again on every tick until the attempt has ended.
pub(super) fn stop(inner: &Inner, key: AttemptKey, order: StopOrder) -> Result<(), EngineError> {
    let mut index = inner.index();
    if let Some(generation) = order.generation {
        start::note_generation(inner, &mut index, key, generation)?;
    }
    let dir = inner.dir(key);
    match index.attempts.get_mut(&key) {
        Some(Tracked { stage: Stage::Ended(_), .. }) => Ok(()),
        None => {
            // Never started: recorded as ended, so that it never will be.
            let end = stopped();
            start::record_end(&dir, &end);
            index.attempts.insert(key, Tracked::new(Stage::Ended(end), Vec::new()));
            Ok(())
        }
        Some(Tracked { stage: Stage::Preparing, .. }) => write_order(&dir, order.grace).map(|_| ()),
        Some(Tracked { stage: Stage::Started { .. }, .. }) => {
            let request = write_order(&dir, order.grace)?;
            if wake(&dir, request)? == Shim::NeverCame {
                // Should it still come, it finds the end and does nothing.
                let end = stopped();
                start::record_end(&dir, &end);
                index.attempts.insert(key, Tracked::new(Stage::Ended(end), Vec::new()));
            }
            Ok(())
        }
    }
}

/// Writes `stop.json` unless one with the same or a shorter grace is there.
fn write_order(dir: &AttemptDir, grace: DurationMicros) -> Result<StopRequest, EngineError> {
    let path = dir.stop();
    let before: Option<StopRequest> = files::read_json(&path).unwrap_or(None);
    let request = match before {
        Some(before) if before.grace <= grace => return Ok(before),
        Some(before) => StopRequest { grace, ..before },
        None => StopRequest { grace, asked_at: shim::now() },
    };
    fs::create_dir_all(&dir.0)
        .and_then(|()| files::write_json(&path, &request, Durability::Synced))
        .map_err(|error| EngineError::io("write", &path, error))?;
    Ok(request)
}

fn stopped() -> ExitRecord {
    ExitRecord {
        reason: Some("stopped".to_owned()),
        ended_at: shim::now(),
        ..ExitRecord::default()
    }
}

/// What a wake-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shim {
    /// It runs, or is still coming up.
    Told,
    /// It has left no sign of life for too long.
    NeverCame,
}

/// Tells the shim to look at the order; kills a shim that has not obeyed for long.
fn wake(dir: &AttemptDir, request: StopRequest) -> Result<Shim, EngineError> {
    let path = dir.shim();
    let record: Option<ShimRecord> =
        files::read_json(&path).map_err(|error| EngineError::io("read", &path, error))?;
    let overdue = shim::now() > request.asked_at.plus(request.grace).plus(SHIM_ENDS_MAX);
    let Some(record) = record else {
        // One that has not written its record yet looks for the order by itself after that.
        return Ok(if overdue { Shim::NeverCame } else { Shim::Told });
    };
    procfs::signal(&record.shim, if overdue { Signal::KILL } else { Signal::TERM });
    Ok(Shim::Told)
}
