//! Figures of each project, key and endpoint, for their owners: exact sums in bounded memory.
//!
//! When there are too many series, the least used of a shard are added to the rest of their project, and
//! projects beyond [`PROJECTS_MAX`] to one common rest that belongs to nobody: sums stay exact, names go.
//! Counters start at zero with the process, as Prometheus expects of counters; bills are made from the
//! meter's roll-ups in the log, never from here.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use units::{Id, kinds};

/// Locks that requests spread over.
const SHARDS: usize = 16;
/// Most series kept apart by key and endpoint, in all.
pub(crate) const SERIES_MAX: usize = 8_192;
/// Most projects whose rests are kept apart, in each shard.
const PROJECTS_MAX: usize = 1_024;

/// Of whom figures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    project: Id<kinds::Project>,
    key: Id<kinds::Key>,
    endpoint: Option<Id<kinds::Endpoint>>,
}

/// Sums over requests since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantSums {
    /// Requests that ended.
    pub requests: u64,
    /// Those that did not end well.
    pub errors: u64,
    /// Those that a guardrail refused; errors too.
    pub refused: u64,
    /// Texts in which guardrails replaced something.
    pub redacted: u64,
    /// Matches of guardrails that only report.
    pub reported: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Time from arrival to the last byte, in microseconds.
    pub duration_us: u64,
    /// Streams that gave a token.
    pub streams: u64,
    /// Their time from arrival to the first token, in microseconds.
    pub first_token_us: u64,
}

/// One line of figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// The project of the key; zero for a key of wider scope.
    pub project: Id<kinds::Project>,
    /// The key; `None` for the rest of a project.
    pub key: Option<Id<kinds::Key>>,
    /// The endpoint; `None` for requests that reached none, and for a rest.
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// The model as it was asked for; empty without an endpoint.
    pub model: String,
    /// The sums.
    pub sums: TenantSums,
}

#[derive(Debug, Default)]
struct Shard {
    series: BTreeMap<Series, (String, TenantSums)>,
    rests: BTreeMap<Id<kinds::Project>, TenantSums>,
    common: TenantSums,
}

/// All figures of tenants.
#[derive(Debug)]
pub(crate) struct Tenants {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    folded: AtomicU64,
}

impl Default for Tenants {
    fn default() -> Self {
        Self { shards: Default::default(), hasher: RandomState::new(), folded: AtomicU64::new(0) }
    }
}

impl TenantSums {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.errors, other.errors),
            (&mut self.refused, other.refused),
            (&mut self.redacted, other.redacted),
            (&mut self.reported, other.reported),
            (&mut self.prompt_tokens, other.prompt_tokens),
            (&mut self.completion_tokens, other.completion_tokens),
            (&mut self.duration_us, other.duration_us),
            (&mut self.streams, other.streams),
            (&mut self.first_token_us, other.first_token_us),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

impl Tenants {
    /// Adds one request. `model` is kept with the first request of a series.
    pub(crate) fn add(
        &self,
        (project, key): (Id<kinds::Project>, Id<kinds::Key>),
        endpoint: Option<Id<kinds::Endpoint>>,
        model: &str,
        sums: &TenantSums,
    ) {
        let series = Series { project, key, endpoint };
        let place = usize::try_from(self.hasher.hash_one((project.as_bytes(), key.as_bytes())))
            .unwrap_or(0)
            % SHARDS;
        let Some(shard) = self.shards.get(place) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.series.len() >= SERIES_MAX / SHARDS && !shard.series.contains_key(&series) {
            self.folded.fetch_add(shard.fold(), Ordering::Relaxed);
        }
        match shard.series.entry(series) {
            Entry::Occupied(mut known) => known.get_mut().1.add(sums),
            Entry::Vacant(fresh) => {
                fresh.insert((model.to_owned(), sums.clone()));
            }
        }
    }

    /// Series that lost their own line.
    pub(crate) fn folded(&self) -> u64 {
        self.folded.load(Ordering::Relaxed)
    }

    /// Everything, in no order; the common rest is under the zero project without a key.
    pub(crate) fn rows(&self) -> Vec<TenantRow> {
        let mut rows = Vec::new();
        let mut rests: BTreeMap<Id<kinds::Project>, TenantSums> = BTreeMap::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            rows.extend(shard.series.iter().map(|(series, (model, sums))| TenantRow {
                project: series.project,
                key: Some(series.key),
                endpoint: series.endpoint,
                model: model.clone(),
                sums: sums.clone(),
            }));
            for (project, sums) in &shard.rests {
                rests.entry(*project).or_default().add(sums);
            }
            if shard.common.requests > 0 {
                rests.entry(Id::from_bytes([0; 16])).or_default().add(&shard.common);
            }
        }
        rows.extend(rests.into_iter().map(|(project, sums)| TenantRow {
            project,
            key: None,
            endpoint: None,
            model: String::new(),
            sums,
        }));
        rows
    }
}

impl Shard {
    /// Adds the less used half of the series to the rests; tells how many went.
    fn fold(&mut self) -> u64 {
        let mut uses: Vec<u64> = self.series.values().map(|(_, sums)| sums.requests).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let most = *median;
        let mut folded = 0_u64;
        let Self { series, rests, common } = self;
        series.retain(|series, (_, sums)| {
            let stays = sums.requests > most;
            if !stays {
                folded = folded.saturating_add(1);
                if rests.len() < PROJECTS_MAX || rests.contains_key(&series.project) {
                    rests.entry(series.project).or_default().add(sums);
                } else {
                    common.add(sums);
                }
            }
            stays
        });
        folded
    }
}
