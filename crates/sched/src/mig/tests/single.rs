//! One GPU: the tables, and that no packing is missed.

use proptest::prelude::*;

use super::{all_profiles, slices, starts};
use crate::mig::order::states;
use crate::mig::{A30_24GB, A100_40GB, GEOMETRIES, Geometry, H100_80GB, ProfileIdx, Slices, pack};

#[test]
fn the_tables_give_the_numbers_of_instances_of_the_guide() {
    // "Number of Instances Available" of the guide, by profile.
    for geometry in GEOMETRIES {
        let expected: &[usize] = match geometry.memory_slices {
            8 => &[7, 1, 4, 3, 2, 1, 1],
            _ => &[4, 1, 2, 1, 1],
        };
        for (profile, expected) in all_profiles(geometry).into_iter().zip(expected) {
            let most = (1..9)
                .rev()
                .find(|count| pack(geometry, Slices::NONE, &vec![profile; *count]).is_some());
            assert_eq!(
                most,
                Some(*expected),
                "{} of {}",
                geometry.profiles[profile.0 as usize].name,
                geometry.name
            );
        }
    }
}

#[test]
fn no_legal_set_of_instances_exceeds_the_compute_slices() {
    for geometry in [&A100_40GB, &A30_24GB] {
        let mut open = vec![Vec::new()];
        let mut n_sets = 0;
        while let Some(held) = open.pop() {
            n_sets += 1;
            let compute: u8 = held
                .iter()
                .map(|(profile, _): &(ProfileIdx, u8)| {
                    geometry.profiles[profile.0 as usize].compute_slices
                })
                .sum();
            assert!(compute <= geometry.compute_slices, "{held:?}");
            let last = held.last().copied();
            for profile in all_profiles(geometry) {
                for start in starts(geometry, &held, profile) {
                    // Each set once: starts ascend.
                    if last.is_none_or(|(_, before)| start > before) {
                        open.push([held.as_slice(), &[(profile, start)]].concat());
                    }
                }
            }
        }
        assert!(n_sets > 30, "{n_sets} sets of {} are too few to be all", geometry.name);
    }
}

#[test]
fn the_states_are_all_that_instances_can_reach() {
    // Slice 7 alone is never taken: only runs that begin at 0, 4 or 6 end there.
    let reachable = states(&H100_80GB);
    assert!(!reachable.contains(&Slices::run(7, 1, false)));
    assert!(reachable.contains(&Slices::run(6, 2, false)));
    assert!(reachable.len() < 512);
}

#[test]
fn bits_print_as_a_row() {
    assert_eq!(Slices::NONE.to_string(), "........");
    assert_eq!(Slices::run(0, 4, false).with(Slices::run(6, 1, true)).to_string(), "####..#.+");
    assert_eq!(Slices::run(6, 9, false).to_string(), "......##");
    assert_eq!(Slices::run(200, 9, false), Slices::NONE);
    assert!(Slices::run(0, 8, true).contains(Slices::run(3, 2, true)));
}

#[test]
fn names_are_found() {
    assert_eq!(H100_80GB.find("3g.40gb"), Some(ProfileIdx(4)));
    assert_eq!(H100_80GB.find("3g.20gb"), None);
    for geometry in GEOMETRIES {
        let names = all_profiles(geometry)
            .into_iter()
            .map(|index| geometry.profiles[index.0 as usize].name);
        assert!(
            names
                .enumerate()
                .all(|(index, name)| geometry.find(name) == Some(ProfileIdx(index as u8)))
        );
    }
}

/// Whether the profiles fit beside what is held, by trying every order of every start.
fn brute_force(geometry: &Geometry, held: &[(ProfileIdx, u8)], profiles: &[ProfileIdx]) -> bool {
    let Some((first, rest)) = profiles.split_first() else { return true };
    starts(geometry, held, *first)
        .into_iter()
        .any(|start| brute_force(geometry, &[held, &[(*first, start)]].concat(), rest))
}

fn geometries() -> impl Strategy<Value = &'static Geometry> {
    prop::sample::select(GEOMETRIES.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_packing_of_one_gpu_is_missed(
        geometry in geometries(),
        held in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
        wanted in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let profiles = all_profiles(geometry);
        let mut at: Vec<(ProfileIdx, u8)> = Vec::new();
        let mut taken = Slices::NONE;
        for (profile, start) in held {
            let profile = profiles[profile.index(profiles.len())];
            let free = starts(geometry, &at, profile);
            if !free.is_empty() {
                let start = free[start.index(free.len())];
                at.push((profile, start));
                taken = taken.with(geometry.profiles[profile.0 as usize].slices(start));
            }
        }
        let wanted: Vec<ProfileIdx> =
            wanted.iter().map(|index| profiles[index.index(profiles.len())]).collect();
        let found = pack(geometry, taken, &wanted);
        prop_assert_eq!(found.is_some(), brute_force(geometry, &at, &wanted));
        for (profile, start) in wanted.iter().zip(found.unwrap_or_default()) {
            prop_assert!(starts(geometry, &at, *profile).contains(&start));
            at.push((*profile, start));
        }
        let memory: usize = at.iter().map(|(p, start)| slices(geometry, *p, *start).0.len()).sum();
        prop_assert!(memory <= geometry.memory_slices as usize);
    }
}
