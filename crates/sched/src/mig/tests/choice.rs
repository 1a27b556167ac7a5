//! Many GPUs: the index against a scan of all of them.

use proptest::prelude::*;

use super::{all_profiles, starts};
use crate::mig::{
    GEOMETRIES, Geometry, H100_80GB, MigError, Partitions, Place, ProfileIdx, Slices,
};

type Held = Vec<Vec<(ProfileIdx, u8)>>;

/// Weighted number of legal places on a GPU that holds these.
fn places(geometry: &Geometry, weights: &[u64], held: &[(ProfileIdx, u8)]) -> u64 {
    let profiles = all_profiles(geometry).into_iter().zip(weights);
    profiles.map(|(profile, weight)| weight * starts(geometry, held, profile).len() as u64).sum()
}

/// The fewest places that any choice destroys, by trying every GPU and position.
fn least_lost(
    geometry: &Geometry,
    weights: &[u64],
    held: &Held,
    in_service: &[bool],
    profile: ProfileIdx,
) -> Option<u64> {
    let gpus = held.iter().zip(in_service).filter(|(_, in_service)| **in_service);
    let lost = gpus.flat_map(|(held, _)| {
        starts(geometry, held, profile).into_iter().map(|start| {
            let after = [held.as_slice(), &[(profile, start)]].concat();
            places(geometry, weights, held) - places(geometry, weights, &after)
        })
    });
    lost.min()
}

#[derive(Debug, Clone)]
enum Step {
    Choose(prop::sample::Index),
    TakeAnywhere(prop::sample::Index, prop::sample::Index, u8),
    Release(prop::sample::Index),
    Service(prop::sample::Index, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any_index = any::<prop::sample::Index>;
    let step = prop_oneof![
        4 => any_index().prop_map(Step::Choose),
        2 => (any_index(), any_index(), 0u8..9)
            .prop_map(|(profile, gpu, start)| Step::TakeAnywhere(profile, gpu, start)),
        2 => any_index().prop_map(Step::Release),
        1 => (any_index(), any::<bool>()).prop_map(|(gpu, on)| Step::Service(gpu, on)),
    ];
    prop::collection::vec(step, 0..40)
}

fn places_equal_a_scan(
    partitions: &Partitions,
    held: &Held,
    in_service: &[bool],
) -> Result<(), TestCaseError> {
    let geometry = partitions.geometry();
    for profile in all_profiles(geometry) {
        let mut room = 0;
        for (gpu, (held, in_service)) in held.iter().zip(in_service).enumerate() {
            let free = if *in_service { starts(geometry, held, profile) } else { Vec::new() };
            let media = geometry.profiles[profile.0 as usize].media;
            room += if media { free.len().min(1) } else { free.len() };
            let found: Vec<u8> = partitions.positions(gpu as u32, profile).collect();
            prop_assert_eq!(found, free);
        }
        prop_assert_eq!(partitions.room(profile), room as u64);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_index_chooses_as_a_scan_would_and_nothing_overlaps(
        geometry in prop::sample::select(GEOMETRIES.to_vec()),
        n_gpus in 1u32..4,
        weights in prop::collection::vec(0u64..5, 7),
        steps in steps(),
    ) {
        let profiles = all_profiles(geometry);
        let weights = &weights[..profiles.len()];
        let mut partitions = Partitions::new(geometry, n_gpus, weights).unwrap();
        let mut held: Held = vec![Vec::new(); n_gpus as usize];
        let mut in_service = vec![true; n_gpus as usize];
        for step in steps {
            match step {
                Step::Choose(index) => {
                    let profile = profiles[index.index(profiles.len())];
                    let least = least_lost(geometry, weights, &held, &in_service, profile);
                    prop_assert_eq!(partitions.fits(profile), least.is_some());
                    if let Some(place) = partitions.choose(profile) {
                        let gpu = &mut held[place.gpu as usize];
                        prop_assert!(in_service[place.gpu as usize]);
                        prop_assert!(starts(geometry, gpu, profile).contains(&place.start));
                        let before = places(geometry, weights, gpu);
                        gpu.push((profile, place.start));
                        prop_assert_eq!(Some(before - places(geometry, weights, gpu)), least);
                        partitions.take(profile, place).unwrap();
                    }
                }
                Step::TakeAnywhere(profile, gpu, start) => {
                    let profile = profiles[profile.index(profiles.len())];
                    let gpu = gpu.index(held.len());
                    let is_free = in_service[gpu]
                        && starts(geometry, &held[gpu], profile).contains(&start);
                    let place = Place { gpu: gpu as u32, start };
                    prop_assert_eq!(partitions.take(profile, place).is_ok(), is_free);
                    if is_free {
                        held[gpu].push((profile, start));
                    }
                }
                Step::Release(index) => {
                    let all: Vec<(usize, usize)> = (0..held.len())
                        .flat_map(|gpu| (0..held[gpu].len()).map(move |at| (gpu, at)))
                        .collect();
                    if !all.is_empty() {
                        let (gpu, at) = all[index.index(all.len())];
                        let (profile, start) = held[gpu].remove(at);
                        partitions.release(profile, Place { gpu: gpu as u32, start }).unwrap();
                    }
                }
                Step::Service(gpu, on) => {
                    let gpu = gpu.index(held.len());
                    in_service[gpu] = on;
                    partitions.set_in_service(gpu as u32, on).unwrap();
                }
            }
            places_equal_a_scan(&partitions, &held, &in_service)?;
        }
    }
}

/// Weights 1 for every profile of an H100.
fn partitions(n_gpus: u32) -> Partitions {
    Partitions::new(&H100_80GB, n_gpus, &[1; 7]).unwrap()
}

fn put(partitions: &mut Partitions, name: &str) -> (u32, u8) {
    let profile = H100_80GB.find(name).unwrap();
    let place = partitions.choose(profile).unwrap();
    partitions.take(profile, place).unwrap();
    (place.gpu, place.start)
}

#[test]
fn small_instances_go_where_they_hurt_least() {
    let mut gpus = partitions(2);
    // Slice 6 destroys the fewest places of an empty GPU; then its other half follows.
    assert_eq!(put(&mut gpus, "1g.10gb"), (0, 6));
    assert_eq!(put(&mut gpus, "1g.10gb"), (0, 4));
    assert_eq!(put(&mut gpus, "1g.10gb"), (0, 5));
    assert_eq!(put(&mut gpus, "4g.40gb"), (0, 0), "the lower half was kept whole");
    assert_eq!(put(&mut gpus, "7g.80gb"), (1, 0), "and so was the second GPU");
    assert_eq!(gpus.taken(0).to_string(), "#######.");
    assert!(!gpus.fits(H100_80GB.find("1g.10gb").unwrap()));
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let mut gpus = partitions(1);
    let three = H100_80GB.find("3g.40gb").unwrap();
    let at = |start| Place { gpu: 0, start };
    let illegal = gpus.take(three, at(2)).unwrap_err();
    assert_eq!(illegal.to_string(), "`3g.40gb` cannot start at slice 2: use one of [0, 4]");
    gpus.take(three, at(0)).unwrap();
    let taken = gpus.take(three, at(0)).unwrap_err();
    assert_eq!(taken, MigError::Taken { gpu: 0, taken: Slices::run(0, 4, false) });
    assert_eq!(gpus.release(three, at(4)), Err(MigError::NoInstance { place: at(4) }));
    // Two slices of an instance are no instance.
    let two = H100_80GB.find("2g.20gb").unwrap();
    assert_eq!(gpus.release(two, at(0)), Err(MigError::NoInstance { place: at(0) }));
    gpus.set_in_service(0, false).unwrap();
    assert_eq!(gpus.take(three, at(4)), Err(MigError::OutOfService { gpu: 0 }));
    assert_eq!(gpus.choose(three), None);
    gpus.release(three, at(0)).unwrap();
    assert_eq!((gpus.taken(0), gpus.instances(0)), (Slices::NONE, [].as_slice()));
    assert!(matches!(gpus.take(ProfileIdx(9), at(0)), Err(MigError::NoSuchProfile { .. })));
    assert_eq!(gpus.set_in_service(3, true), Err(MigError::NoSuchGpu { gpu: 3 }));
    assert!(matches!(Partitions::new(&H100_80GB, 1, &[1]), Err(MigError::Weights { .. })));
}

/// A stream of numbers for the test below (Knuth's MMIX generator).
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Instances refused while they come and go on 64 GPUs, with the choice given.
fn refused(seed: u64, choose: impl Fn(&Partitions, ProfileIdx) -> Option<Place>) -> u64 {
    let weights = [40, 0, 5, 20, 20, 5, 10];
    let mut gpus = Partitions::new(&H100_80GB, 64, &weights).unwrap();
    let mut held = Vec::new();
    let (mut numbers, mut refused) = (Lcg(seed), 0);
    for _ in 0..20_000 {
        let mut pick = numbers.below(100);
        let profile = weights.iter().position(|weight| {
            let hit = pick < *weight;
            pick = pick.saturating_sub(*weight);
            hit
        });
        let profile = ProfileIdx(profile.unwrap() as u8);
        match choose(&gpus, profile) {
            Some(place) => {
                gpus.take(profile, place).unwrap();
                held.push((profile, place));
            }
            None => refused += 1,
        }
        // About 190 instances keep the fleet near full.
        if held.len() > 190 || numbers.below(10) == 0 {
            let (profile, place) = held.swap_remove(numbers.below(held.len() as u64) as usize);
            gpus.release(profile, place).unwrap();
        }
    }
    refused
}

#[test]
fn the_choice_refuses_less_than_first_fit() {
    let first_fit = |gpus: &Partitions, profile| {
        (0..64).find_map(|gpu| {
            let start = gpus.positions(gpu, profile).next()?;
            Some(Place { gpu, start })
        })
    };
    let mut totals = (0, 0);
    for seed in 0..5 {
        totals.0 += refused(seed, Partitions::choose);
        totals.1 += refused(seed, first_fit);
    }
    assert!(totals.0 < totals.1, "ours, first fit: {totals:?}");
}
