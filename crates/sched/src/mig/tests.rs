//! Tests of the partitions, against slices kept as plain lists.

mod choice;
mod single;

use super::{Geometry, ProfileIdx};

/// The slices of an instance as a list, and whether it takes the media engines; written apart from
/// the bits.
fn slices(geometry: &Geometry, profile: ProfileIdx, start: u8) -> (Vec<u8>, bool) {
    let profile = &geometry.profiles[profile.0 as usize];
    ((start..start + profile.memory_slices).collect(), profile.media)
}

/// The legal starts that overlap none of the instances, found by comparing the lists.
fn starts(geometry: &Geometry, held: &[(ProfileIdx, u8)], profile: ProfileIdx) -> Vec<u8> {
    let clashes = |start: u8| {
        let (mine, my_media) = slices(geometry, profile, start);
        held.iter().any(|(other, at)| {
            let (theirs, their_media) = slices(geometry, *other, *at);
            (my_media && their_media) || mine.iter().any(|slice| theirs.contains(slice))
        })
    };
    let legal = geometry.profiles[profile.0 as usize].starts;
    legal.iter().copied().filter(|start| !clashes(*start)).collect()
}

fn all_profiles(geometry: &Geometry) -> Vec<ProfileIdx> {
    (0..geometry.profiles.len()).map(|index| ProfileIdx(index as u8)).collect()
}
