//! For each profile, the pairs of a GPU's state and a start position, best first.
//!
//! The order is policy and must never change unnoticed: the fewest legal places destroyed, by the
//! weights of the profiles; then the fullest GPU; then the lowest start; then the lowest state. The
//! caller breaks the last tie by the lowest number of the GPU.

use std::collections::BTreeSet;

use super::geometry::{Geometry, Profile, ProfileIdx};
use super::slices::Slices;

/// A place for a profile on any GPU in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Weighted number of legal places that it destroys.
    lost: u64,
    n_free: u32,
    pub(super) start: u8,
    pub(super) taken: Slices,
}

/// The candidates of each profile, best first.
pub(super) fn candidates(geometry: &Geometry, weights: &[u64]) -> Vec<Vec<Candidate>> {
    let states = states(geometry);
    let of_profile = |profile: &Profile| {
        let mut found = Vec::new();
        for taken in &states {
            found.extend(profile.free_starts(*taken).map(|start| {
                let after = taken.with(profile.slices(start));
                let lost = places(geometry, weights, *taken)
                    .saturating_sub(places(geometry, weights, after));
                let n_free = u32::from(geometry.memory_slices).saturating_sub(taken.n_memory());
                Candidate { lost, n_free, start, taken: *taken }
            }));
        }
        found.sort_unstable();
        found
    };
    geometry.profiles.iter().map(of_profile).collect()
}

/// Weighted number of legal places that are left.
fn places(geometry: &Geometry, weights: &[u64], taken: Slices) -> u64 {
    let profiles = geometry.profiles.iter().zip(weights);
    let weighted = profiles.map(|(profile, weight)| {
        let count = u64::try_from(profile.free_starts(taken).count()).unwrap_or(u64::MAX);
        count.saturating_mul(*weight)
    });
    weighted.fold(0, u64::saturating_add)
}

/// Every state that instances can bring a GPU into.
pub(super) fn states(geometry: &Geometry) -> BTreeSet<Slices> {
    let mut states = BTreeSet::from([Slices::NONE]);
    let mut open = vec![Slices::NONE];
    while let Some(taken) = open.pop() {
        for profile in geometry.profiles {
            for start in profile.free_starts(taken) {
                let after = taken.with(profile.slices(start));
                if states.insert(after) {
                    open.push(after);
                }
            }
        }
    }
    states
}

/// Where instances of one model go first, when each profile is expected equally often.
#[derive(Debug)]
pub(crate) struct Choices(Vec<Vec<Candidate>>);

impl Choices {
    pub(crate) fn new(geometry: &Geometry) -> Self {
        Self(candidates(geometry, &vec![1; geometry.profiles.len()]))
    }

    /// States of a GPU that have a place for the profile, best first, with the start position.
    pub(crate) fn of(&self, profile: ProfileIdx) -> impl Iterator<Item = (Slices, u8)> + '_ {
        let candidates = self.0.get(profile.position()).into_iter().flatten();
        candidates.map(|candidate| (candidate.taken, candidate.start))
    }
}
