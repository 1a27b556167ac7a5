//! A meter for counts that nobody is billed for, and what a stream needs beside its bytes.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use http::HeaderMap;
use units::{Id, kinds};

use crate::admission::Standing;
use crate::call::Call;
use crate::config::MeterConfig;
use crate::directory::{Caller, Directory, ModelCard, Refusal, Route};
use crate::guard::Checks;
use crate::meter::{Meter, Said};
use crate::metrics::Metrics;
use crate::observe::Seen;
use crate::tally::Tally;
use crate::usage::{Rollup, SinkError, UsageSink};

/// Requests after which a fresh folder is taken, so that the spool does not fill the disk.
const USES_MAX: u32 = 20_000;
/// The guess at a prompt whose engine does not tell.
pub(super) const PROMPT_ESTIMATE: u64 = 7;

/// One meter, for one thread.
pub(super) struct Bench {
    metrics: Arc<Metrics>,
    meter: Meter,
    folder: PathBuf,
    uses: u32,
}

/// Tokens read and written, and how often they were estimated.
pub(super) type Counted = (u64, u64, u64);

thread_local! {
    static BENCH: RefCell<Option<Bench>> = const { RefCell::new(None) };
}

/// Runs with a meter; gives what it counted meanwhile.
pub(super) fn counted(run: impl FnOnce(&Bench)) -> Counted {
    BENCH.with_borrow_mut(|kept| {
        let bench = match kept {
            Some(bench) if bench.uses < USES_MAX => bench,
            _ => {
                *kept = None;
                kept.insert(Bench::new())
            }
        };
        bench.uses += 1;
        let before = bench.figures();
        run(bench);
        let after = bench.figures();
        let since = |after: u64, before: u64| after.wrapping_sub(before);
        (since(after.0, before.0), since(after.1, before.1), since(after.2, before.2))
    })
}

impl Bench {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("gateway-fuzz-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let metrics = Arc::new(Metrics::default());
        let config = MeterConfig::new(folder.clone(), Id::from_bytes([1; 16]), [7; 32]);
        let meter = Meter::open(config, &Nobody, Arc::new(Nobody), Arc::clone(&metrics));
        let meter = meter.expect("a folder of its own in the system's folder for such");
        Self { metrics, meter, folder, uses: 0 }
    }

    fn figures(&self) -> Counted {
        let Metrics { prompt_tokens, completion_tokens, usage_estimated, .. } = &*self.metrics;
        (prompt_tokens.get(), completion_tokens.get(), usage_estimated.get())
    }

    pub(super) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The count of one answer.
    pub(super) fn tally(&self) -> Tally {
        let standing = Standing::default();
        let (key, project) = (Id::from_bytes([2; 16]), Id::from_bytes([3; 16]));
        let caller = Caller { key, project, standing, charge: None };
        let said = Said::new("chatcmpl-1".into(), "our/model".into());
        let seen = Seen::begin(&self.metrics, Call::Chat, &HeaderMap::new());
        let about = (Id::from_bytes([4; 16]), PROMPT_ESTIMATE);
        Tally::new(self.meter.clone(), caller, about, said, seen)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What stays behind lies in the system's folder for such.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Knows nobody, and takes everything.
pub(crate) struct Nobody;

impl Directory for Nobody {
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
        0
    }
}

impl UsageSink for Nobody {
    fn record(&self, _: Rollup) -> BoxFuture<'_, Result<(), SinkError>> {
        Box::pin(async { Ok(()) })
    }
}
