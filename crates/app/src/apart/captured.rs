//! Captured questions and answers on their way to the platform, which has the datasets that they go to.
//!
//! They are held in memory and nowhere else: a gateway apart has no disk that a retention reaches. While the platform
//! is away they wait within their room; what finds none is dropped and counted, and a call never notices.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use api::{
    client::Options,
    endpoint::Nothing,
    nouns::gateway_capture::{
        GatewayCaptured, GatewayCapturedRecord, GatewayCapturedSend, GatewayDropped,
    },
};
use gateway::{Captured, Recorder};
use tokio::sync::mpsc::UnboundedReceiver;

use super::follow::Control;

/// Bytes that records may hold in memory together.
pub(super) const HELD_BYTES_MAX: usize = 32 << 20;
/// Bytes handed in at once, as they are sent: the platform takes 1 MiB.
const SENT_BYTES_MAX: usize = 900 << 10;
/// Pause when nothing waits, or the platform does not answer.
const PAUSE: Duration = Duration::from_millis(500);
/// Longest time that handing in may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long what is left may take at the end.
const END: Duration = Duration::from_secs(3);

/// Hands in what comes until nothing is served any more, and then what is left. Blocks.
pub(super) fn run(control: &Control, mut records: UnboundedReceiver<Captured>) {
    let mut next = None;
    loop {
        // Asked before looking: what comes is there once nothing is served.
        let is_drained = control.is_drained.load(Ordering::Relaxed);
        let batch = gather(&control.recorder, &mut records, &mut next);
        let is_all = batch.is_empty();
        if !hand_in(control, &batch) || (is_all && is_drained) {
            return;
        }
        if is_all {
            std::thread::sleep(PAUSE);
        }
    }
}

/// As many records as may be handed in at once; the first that is one too many is kept for the next time.
fn gather(
    recorder: &Recorder,
    records: &mut UnboundedReceiver<Captured>,
    next: &mut Option<(Captured, usize)>,
) -> Vec<Captured> {
    let (mut batch, mut bytes) = (Vec::new(), 0_usize);
    loop {
        let taken = next.take().or_else(|| {
            records.try_recv().ok().map(|one| {
                let sent = sent_bytes(&one);
                (one, sent)
            })
        });
        let Some((record, sent)) = taken else { return batch };
        if sent > SENT_BYTES_MAX {
            recorder.drop_records(record.project, 1);
        } else if bytes.saturating_add(sent) > SENT_BYTES_MAX {
            *next = Some((record, sent));
            return batch;
        } else {
            bytes = bytes.saturating_add(sent);
            batch.push(record);
        }
    }
}

/// Bytes of a record as it is sent, a JSON text within a JSON text.
fn sent_bytes(record: &Captured) -> usize {
    let quoted = record.line.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    record.line.len().saturating_add(quoted).saturating_add(256)
}

/// Tries until the platform has them, or says that it does not want them; `false` if time is up before.
fn hand_in(control: &Control, batch: &[Captured]) -> bool {
    let recorder = &control.recorder;
    let dropped = recorder.take_dropped();
    if batch.is_empty() && dropped.is_empty() {
        return true;
    }
    let records = batch.iter().map(|one| GatewayCapturedRecord {
        project: one.project,
        dataset: one.dataset,
        at_unix_us: one.at.0,
        line: String::from_utf8_lossy(&one.line).trim_end().to_owned(),
    });
    let count =
        |(project, records): (&_, &_)| GatewayDropped { project: *project, records: *records };
    let body = GatewayCaptured {
        records: records.collect(),
        dropped: dropped.iter().map(count).collect(),
    };
    let (none, timeout) = (Nothing {}, Some(TIMEOUT));
    let options = Options { timeout, ..Options::default() };
    let mut end = None;
    loop {
        let sent = control.client.call::<GatewayCapturedSend>(&none, &none, &body, &options);
        match sent {
            Ok(_) => return true,
            Err(error) if error.code().is_some_and(|code| code.status() < 500) => {
                tracing::warn!(%error, "the platform does not take what was captured: it is dropped");
                batch.iter().for_each(|one| recorder.drop_records(one.project, 1));
                return true;
            }
            Err(error) => tracing::debug!(%error, "what was captured waits for the platform"),
        }
        if control.is_drained.load(Ordering::Relaxed) {
            let end = *end.get_or_insert_with(|| Instant::now() + END);
            if Instant::now() >= end {
                tracing::warn!(
                    records = batch.len(),
                    "what was captured is lost: the platform does not answer"
                );
                return false;
            }
        }
        std::thread::sleep(PAUSE);
    }
}
