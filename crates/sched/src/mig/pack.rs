//! Whether several instances fit one GPU together.

use std::collections::BTreeSet;

use super::geometry::{Geometry, ProfileIdx};
use super::slices::Slices;

/// Start positions for all of the profiles beside what is taken, in the order given, or `None` if
/// there are none. The search is exact: it tries large profiles first, low positions first, and
/// remembers the dead ends, of which there are at most (states × profiles).
#[must_use]
pub fn pack(geometry: &Geometry, taken: Slices, profiles: &[ProfileIdx]) -> Option<Vec<u8>> {
    if profiles.len() > usize::from(geometry.memory_slices) {
        return None;
    }
    let mut order = Vec::with_capacity(profiles.len());
    for (position, index) in profiles.iter().enumerate() {
        let size = geometry.profile(*index)?.memory_slices;
        order.push((u8::MAX.saturating_sub(size), position, *index));
    }
    order.sort_unstable();
    let order: Vec<ProfileIdx> = order.iter().map(|(_, _, index)| *index).collect();
    let mut starts = Vec::with_capacity(profiles.len());
    if !search(geometry, taken, &order, &mut starts, &mut BTreeSet::new()) {
        return None;
    }
    let mut found: Vec<(ProfileIdx, u8)> = order.into_iter().zip(starts).collect();
    let in_order = profiles.iter().map(|index| {
        let position = found.iter().position(|(placed, _)| placed == index)?;
        Some(found.remove(position).1)
    });
    in_order.collect()
}

fn search(
    geometry: &Geometry,
    taken: Slices,
    left: &[ProfileIdx],
    starts: &mut Vec<u8>,
    dead: &mut BTreeSet<(usize, Slices)>,
) -> bool {
    let Some((first, rest)) = left.split_first() else { return true };
    let Some(profile) = geometry.profile(*first) else { return false };
    if dead.contains(&(left.len(), taken)) {
        return false;
    }
    for start in profile.free_starts(taken) {
        starts.push(start);
        if search(geometry, taken.with(profile.slices(start)), rest, starts, dead) {
            return true;
        }
        starts.pop();
    }
    dead.insert((left.len(), taken));
    false
}
