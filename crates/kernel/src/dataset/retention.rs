//! How long captured texts stay. A retention is the dataset's own, so that it holds for what lies there
//! when nothing is captured any more, or is captured elsewhere.
//!
//! Age is counted from the oldest text of a version: no text is ever kept longer than was said, and
//! some go up to a version's span earlier.

use std::collections::BTreeSet;

use units::{DurationMicros, Id, UnixMicros, kinds};

use super::{Dataset, Event, get};
use crate::{Reject, State, erasure};

/// Longest retention in days.
pub const KEEP_DAYS_MAX: u16 = 365;

/// The event that gives a dataset a retention; none if it has that one.
pub(crate) fn retain(
    state: &State,
    id: Id<kinds::Dataset>,
    keep_days: u16,
) -> Result<Option<crate::Event>, Reject> {
    let dataset = get(state, id)?;
    erasure::require_kept(dataset)?;
    if dataset.origin.is_given() {
        let message = format!(
            "`{}` is of data that somebody put there: make one of origin `captured`",
            dataset.name
        );
        return Err(Reject::invalid("dataset", message));
    }
    if !(1..=KEEP_DAYS_MAX).contains(&keep_days) {
        let message = format!("is {keep_days}: give 1 to {KEEP_DAYS_MAX}");
        return Err(Reject::invalid("keep_days", message));
    }
    let event = Event::RetentionSet { id, keep_days };
    Ok((dataset.keep_days != Some(keep_days)).then_some(crate::Event::Dataset(event)))
}

/// Datasets with versions whose time is over and of which no erasure is open, each with the number up to
/// which they are to go. Versions
/// before an old one go with it, even if theirs came later: what was promised is the longest time.
#[must_use]
pub fn expired(state: &State, now: UnixMicros) -> Vec<(Id<kinds::Dataset>, u32)> {
    let open = state.erasures.values().filter(|erasure| erasure.is_open());
    let going: BTreeSet<_> = open.filter_map(|erasure| erasure.target.dataset()).collect();
    let kept = state.datasets.values().filter(|dataset| {
        dataset.keep_days.is_some()
            && !going.contains(&dataset.id)
            && dataset.erased_at.is_none()
            && !erasure::project_is_closed(state, dataset.project)
    });
    kept.filter_map(|dataset| Some((dataset.id, last_expired(dataset, now)?))).collect()
}

fn last_expired(dataset: &Dataset, now: UnixMicros) -> Option<u32> {
    let days = u64::from(dataset.keep_days?);
    let kept_for = DurationMicros(erasure::DAY.0.saturating_mul(days));
    let is_over = |from: UnixMicros| from.plus(kept_for) <= now;
    let over = dataset.kept().rev().find(|v| is_over(v.since.unwrap_or(v.created_at)));
    over.map(|version| version.number)
}

/// Removes what is gone from the state: contents of versions up to a number are named nowhere any more.
pub(crate) fn forget(state: &mut State, id: Id<kinds::Dataset>, through: u32) {
    let Some(dataset) = state.datasets.get_mut(&id) else { return };
    let (gone, kept) = dataset.versions.drain(..).partition(|version| version.number <= through);
    let gone: Vec<super::Version> = gone;
    dataset.versions = kept;
    for manifest in gone.into_iter().map(|version| version.manifest) {
        if dataset.versions.iter().all(|version| version.manifest != manifest) {
            state.index.captured.remove(&(manifest, id));
        }
    }
}
