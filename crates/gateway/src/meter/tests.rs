//! Checks of the spool across restarts, failures and damage, without HTTP.

mod answers;
mod clock;

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use units::{Id, UnixMicros, kinds};

use super::deliver::Cut;
use super::{Entry, Meter, MeterError};
use crate::config::{Clock, MeterConfig};
use crate::directory::{Caller, Directory, ModelCard, Refusal, Route};
use crate::guard::Checks;
use crate::metrics::Metrics;
use crate::usage::{Rollup, SinkError, UsageSink};

/// A log that refuses, or takes without saying so, on demand.
#[derive(Default)]
struct Log {
    rollups: Mutex<Vec<Rollup>>,
    fault: Mutex<Option<Fault>>,
}

#[derive(Clone, Copy)]
enum Fault {
    Refuse,
    TakeButFail,
}

impl UsageSink for Log {
    fn record(&self, rollup: Rollup) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async move {
            let fault = *self.fault.lock().unwrap();
            let mut rollups = self.rollups.lock().unwrap();
            let known = rollups.iter().any(|r| r.sequence == rollup.sequence);
            if !known && !matches!(fault, Some(Fault::Refuse)) {
                rollups.push(rollup);
            }
            fault.map_or(Ok(()), |_| Err(SinkError { detail: "down".into() }))
        })
    }
}

impl Directory for Log {
    fn authenticate(&self, _: &str) -> Result<Caller, Refusal> {
        Err(Refusal::InvalidKey)
    }
    fn models(&self, _: &Caller) -> Vec<ModelCard> {
        Vec::new()
    }
    fn route(&self, _: &Caller, _: &str) -> Result<Route, Refusal> {
        Err(Refusal::ModelNotFound)
    }
    fn checks(&self, _: &Route) -> Result<Option<Arc<Checks>>, Refusal> {
        Ok(None)
    }
    fn recorded(&self, _: Id<kinds::Gateway>) -> u64 {
        self.rollups.lock().unwrap().iter().map(|r| r.sequence).max().unwrap_or(0)
    }
}

struct Bench {
    folder: tempfile::TempDir,
    log: Arc<Log>,
    seconds: Arc<AtomicI64>,
}

impl Bench {
    fn new() -> Self {
        let seconds = Arc::new(AtomicI64::new(6_000));
        Self { folder: tempfile::tempdir().unwrap(), log: Arc::default(), seconds }
    }

    fn config(&self, id: u8) -> MeterConfig {
        let seconds = Arc::clone(&self.seconds);
        let now = move || UnixMicros(seconds.load(Ordering::Relaxed) * 1_000_000);
        let fresh_id = Id::from_bytes([id; 16]);
        let config = MeterConfig::new(self.folder.path().join("spool"), fresh_id, [3; 32]);
        MeterConfig { clock: Clock::from_fn(now), ..config }
    }

    fn try_open(&self, config: MeterConfig) -> Result<Meter, MeterError> {
        let sink: Arc<dyn UsageSink> = Arc::clone(&self.log) as _;
        Meter::open(config, self.log.as_ref(), sink, Arc::new(Metrics::default()))
    }

    fn open(&self) -> Meter {
        self.try_open(self.config(1)).unwrap()
    }

    fn fault(&self, fault: Option<Fault>) {
        *self.log.fault.lock().unwrap() = fault;
    }

    fn total(&self) -> (u64, u64) {
        let rollups = self.log.rollups.lock().unwrap();
        for (index, rollup) in rollups.iter().enumerate() {
            assert_eq!(rollup.sequence, u64::try_from(index).unwrap() + 1, "no holes, in order");
        }
        (rollups.iter().map(|r| r.requests).sum(), rollups.iter().map(|r| r.prompt_tokens).sum())
    }

    fn segments(&self) -> Vec<std::path::PathBuf> {
        let files = std::fs::read_dir(self.folder.path().join("spool")).unwrap();
        let mut files: Vec<_> = files.map(|f| f.unwrap().path()).collect();
        files.retain(|path| path.to_string_lossy().contains("segment-"));
        files.sort();
        files
    }
}

fn entry(key: u8, tokens: u64) -> Entry {
    Entry {
        key: Id::from_bytes([key; 16]),
        project: Id::from_bytes([9; 16]),
        endpoint: Id::from_bytes([8; 16]),
        error: false,
        prompt_tokens: tokens,
        completion_tokens: 1,
        estimated: false,
        answer: None,
    }
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

#[tokio::test]
async fn a_minute_becomes_one_rollup_per_key() {
    let bench = Bench::new();
    let meter = bench.open();
    for (key, tokens) in [(1, 5), (2, 7), (1, 6)] {
        meter.record(entry(key, tokens));
    }
    meter.deliver_closed(Cut::Minute).await.unwrap();
    assert_eq!(bench.total(), (0, 0), "the minute is still running");
    bench.seconds.store(6_060, Ordering::Relaxed);
    meter.deliver_closed(Cut::Minute).await.unwrap();
    assert_eq!(bench.total(), (3, 18));
    let rollups = bench.log.rollups.lock().unwrap().clone();
    assert_eq!(rollups.len(), 2);
    assert_eq!((rollups[0].minute_unix, rollups[0].prompt_tokens), (6_000, 11));
    assert_eq!(bench.segments().len(), 1, "only the empty new segment is left");
}

#[tokio::test]
async fn minutes_are_parted_by_records_too() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    bench.seconds.store(6_061, Ordering::Relaxed);
    meter.record(entry(1, 7));
    meter.deliver_closed(Cut::Minute).await.unwrap();
    assert_eq!(bench.total(), (1, 5));
    meter.flush().await.unwrap();
    assert_eq!(bench.total(), (2, 12));
}

#[tokio::test]
async fn a_restart_delivers_what_was_only_spooled_once() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    drop(meter);
    let meter = bench.try_open(bench.config(2)).unwrap();
    assert_eq!(meter.gateway(), Id::from_bytes([1; 16]), "the folder keeps its id");
    meter.record(entry(1, 7));
    meter.flush().await.unwrap();
    meter.flush().await.unwrap();
    drop(meter);
    bench.open().flush().await.unwrap();
    assert_eq!(bench.total(), (2, 12));
}

#[tokio::test]
async fn a_lost_acknowledgement_is_no_second_record() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    meter.record(entry(2, 5));
    bench.fault(Some(Fault::TakeButFail));
    assert!(matches!(meter.flush().await, Err(MeterError::Sink { undelivered: 2, .. })));
    drop(meter);
    bench.fault(None);
    let meter = bench.open();
    meter.record(entry(1, 7));
    meter.flush().await.unwrap();
    assert_eq!(bench.total(), (3, 17));
}

#[tokio::test]
async fn a_sink_that_is_down_stops_admission_and_loses_nothing() {
    let bench = Bench::new();
    let config = MeterConfig { groups_max: 2, ..bench.config(1) };
    let meter = bench.try_open(config).unwrap();
    bench.fault(Some(Fault::Refuse));
    assert!(meter.has_room());
    meter.record(entry(1, 5));
    assert!(meter.flush().await.is_err());
    meter.record(entry(1, 6));
    assert!(!meter.has_room());
    bench.fault(None);
    meter.flush().await.unwrap();
    assert!(meter.has_room());
    assert_eq!(bench.total(), (2, 11));
}

#[tokio::test]
async fn damaged_lines_are_skipped_and_counted() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    let segment = bench.segments().pop().unwrap();
    append(&segment, b"{\"minute_unix\":6000,\"en\n");
    append(&segment, "x".repeat(10_000).as_bytes());
    append(&segment, b"\n");
    meter.record(entry(1, 6));
    append(&segment, b"{\"minute_unix\":6000,");
    drop(meter);
    let meter = bench.open();
    assert_eq!(meter.metrics().spool_lines_corrupt(), 3);
    meter.flush().await.unwrap();
    assert_eq!(bench.total(), (2, 11));
}

#[tokio::test]
async fn a_segment_that_was_sealed_but_not_removed_is_not_counted_again() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    let segment = bench.segments().pop().unwrap();
    let lines = std::fs::read(&segment).unwrap();
    meter.flush().await.unwrap();
    drop(meter);
    std::fs::write(&segment, lines).unwrap();
    bench.open().flush().await.unwrap();
    assert_eq!(bench.total(), (1, 5));
}

#[tokio::test]
async fn a_folder_serves_one_process_and_damaged_state_is_not_replaced() {
    let bench = Bench::new();
    let meter = bench.open();
    assert!(matches!(bench.try_open(bench.config(1)), Err(MeterError::InUse { .. })));
    drop(meter);
    std::fs::write(bench.folder.path().join("spool/state.json"), "{").unwrap();
    assert!(matches!(bench.try_open(bench.config(1)), Err(MeterError::Damaged { .. })));
}

#[tokio::test]
async fn numbers_the_log_has_seen_are_never_used_again() {
    let bench = Bench::new();
    let meter = bench.open();
    meter.record(entry(1, 5));
    meter.flush().await.unwrap();
    drop(meter);
    let old = std::fs::read(bench.folder.path().join("spool/state.json")).unwrap();
    let meter = bench.open();
    meter.record(entry(1, 6));
    meter.flush().await.unwrap();
    drop(meter);
    // The folder goes back to an older copy: its next number is already in the log.
    std::fs::write(bench.folder.path().join("spool/state.json"), old).unwrap();
    let meter = bench.open();
    meter.record(entry(1, 7));
    meter.flush().await.unwrap();
    assert_eq!(bench.total(), (3, 18));
}
