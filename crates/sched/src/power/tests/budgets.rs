//! Admission: the counters against sums over everything that was admitted.

use proptest::prelude::*;

use super::{path, trees};
use crate::power::{ChangeError, DEPTH_MAX, FeederIdx, FeederSpec, PowerTree, Refusal, TreeError};

type Loads = Vec<(FeederIdx, u64)>;

#[derive(Debug, Clone)]
enum Step {
    Admit(Vec<(prop::sample::Index, u64)>),
    Release(prop::sample::Index),
    Allow(prop::sample::Index, u64),
    Close(prop::sample::Index, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let loads = prop::collection::vec((any::<prop::sample::Index>(), 0u64..60), 0..4);
    let step = prop_oneof![
        5 => loads.prop_map(Step::Admit),
        2 => any::<prop::sample::Index>().prop_map(Step::Release),
        1 => (any::<prop::sample::Index>(), 0u64..220).prop_map(|(at, mw)| Step::Allow(at, mw)),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, c)| Step::Close(at, c)),
    ];
    prop::collection::vec(step, 0..25)
}

/// What was admitted at the feeder or below.
fn below(specs: &[FeederSpec], admitted: &[Loads], feeder: FeederIdx) -> u64 {
    let loads = admitted.iter().flatten();
    loads.filter(|(at, _)| path(specs, *at).contains(&feeder)).map(|(_, mw)| *mw).sum()
}

/// Whether no feeder that gets more is closed or above what is allowed.
fn fits(
    specs: &[FeederSpec],
    (before, with): (&[Loads], &[Loads]),
    allowed: &[u64],
    closed: &[bool],
) -> bool {
    (0..specs.len()).all(|index| {
        let feeder = FeederIdx(index as u32);
        let now = below(specs, with, feeder);
        let grows = now > below(specs, before, feeder);
        !grows || (now <= allowed[index] && !closed[index])
    })
}

fn counters_equal_sums(
    specs: &[FeederSpec],
    admitted: &[Loads],
    allowed: &[u64],
    tree: &PowerTree,
) -> Result<(), TestCaseError> {
    let mut over = Vec::new();
    for (index, allowed) in allowed.iter().enumerate() {
        let feeder = FeederIdx(index as u32);
        let used = below(specs, admitted, feeder);
        prop_assert_eq!(tree.used_mw(feeder), used);
        if used > *allowed {
            over.push((feeder, used - allowed));
        }
    }
    let found: Vec<_> = tree.shortfalls().map(|s| (s.feeder, s.short_mw())).collect();
    prop_assert_eq!(found, over);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn counters_equal_sums_and_admission_keeps_every_budget(
        specs in trees(7),
        steps in steps(),
    ) {
        let at = |index: &prop::sample::Index| FeederIdx(index.index(specs.len()) as u32);
        let mut tree = PowerTree::new(&specs).unwrap();
        let mut allowed: Vec<u64> = specs.iter().map(|spec| spec.allowed_mw).collect();
        let mut closed = vec![false; specs.len()];
        let mut admitted: Vec<Loads> = Vec::new();
        for step in steps {
            match step {
                Step::Admit(loads) => {
                    let loads: Loads = loads.iter().map(|(index, mw)| (at(index), *mw)).collect();
                    let with = [admitted.as_slice(), std::slice::from_ref(&loads)].concat();
                    let fits = fits(&specs, (&admitted, &with), &allowed, &closed);
                    prop_assert_eq!(tree.fits(&loads).is_ok(), fits);
                    let before = tree.clone();
                    if tree.admit(&loads).is_ok() {
                        admitted = with;
                    } else {
                        prop_assert_eq!(&tree, &before);
                    }
                }
                Step::Release(index) if !admitted.is_empty() => {
                    let loads = admitted.remove(index.index(admitted.len()));
                    tree.release(&loads).unwrap();
                }
                Step::Release(index) => {
                    let feeder = at(&index);
                    let error = tree.release(&[(feeder, 1)]).unwrap_err();
                    let is_named = matches!(error, ChangeError::ReleaseAboveUse { used_mw: 0, .. });
                    prop_assert!(is_named);
                }
                Step::Allow(index, mw) => {
                    let feeder = at(&index);
                    let contracted = specs[feeder.0 as usize].contracted_mw;
                    let result = tree.set_allowed(feeder, mw);
                    prop_assert_eq!(result.is_ok(), mw <= contracted);
                    if result.is_ok() {
                        allowed[feeder.0 as usize] = mw;
                    }
                }
                Step::Close(index, is_closed) => {
                    tree.set_closed(at(&index), is_closed).unwrap();
                    closed[at(&index).0 as usize] = is_closed;
                }
            }
            counters_equal_sums(&specs, &admitted, &allowed, &tree)?;
        }
    }

    #[test]
    fn headroom_is_the_most_that_is_admitted(specs in trees(7), loads in prop::collection::vec((any::<prop::sample::Index>(), 0u64..60), 0..9)) {
        let mut tree = PowerTree::new(&specs).unwrap();
        for (index, mw) in loads {
            let feeder = FeederIdx(index.index(specs.len()) as u32);
            let room = tree.headroom_mw(feeder);
            prop_assert!(tree.fits(&[(feeder, room)]).is_ok());
            prop_assert!(tree.fits(&[(feeder, room + 1)]).is_err());
            let _ = tree.admit(&[(feeder, mw)]);
        }
    }
}

fn spec(parent: Option<u32>, contracted_mw: u64, allowed_mw: u64) -> FeederSpec {
    FeederSpec { parent: parent.map(FeederIdx), contracted_mw, allowed_mw }
}

#[track_caller]
fn refused(specs: &[FeederSpec], error: &TreeError, words: &str) {
    assert_eq!(PowerTree::new(specs).unwrap_err(), *error);
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn lists_that_are_no_tree_are_refused_with_the_feeder() {
    let feeder = FeederIdx;
    refused(
        &[spec(Some(4), 1, 1)],
        &TreeError::NoSuchParent { feeder: feeder(0), parent: feeder(4) },
        "feeder 0 is 4",
    );
    refused(&[spec(Some(0), 1, 1)], &TreeError::Cycle { feeder: feeder(0) }, "cycle");
    refused(
        &[spec(None, 1, 1), spec(Some(2), 1, 1), spec(Some(1), 1, 1)],
        &TreeError::Cycle { feeder: feeder(1) },
        "feeder 1",
    );
    refused(
        &[spec(None, 5, 6)],
        &TreeError::AllowedAboveContract { feeder: feeder(0), allowed_mw: 6, contracted_mw: 5 },
        "`allowed_mw`",
    );
    let chain = |n: u32| -> Vec<FeederSpec> {
        (0..n).map(|index| spec(index.checked_sub(1), 1, 1)).collect()
    };
    assert!(PowerTree::new(&chain(DEPTH_MAX as u32)).is_ok());
    refused(
        &chain(DEPTH_MAX as u32 + 1),
        &TreeError::TooDeep { feeder: feeder(8), depth: 9 },
        "path of 9 feeders",
    );
}

#[test]
fn a_child_may_stand_before_its_parent() {
    let mut tree = PowerTree::new(&[spec(Some(1), 10, 10), spec(None, 5, 5)]).unwrap();
    let refusal = tree.admit(&[(FeederIdx(0), 6)]).unwrap_err();
    let Refusal::Short(shortfall) = refusal else { panic!("{refusal}") };
    assert_eq!((shortfall.feeder, shortfall.short_mw()), (FeederIdx(1), 1));
    assert_eq!(
        shortfall.to_string(),
        "feeder 1 is allowed 5 mW and 6 mW are wanted: 1 mW too many"
    );
}

#[test]
fn no_sum_wraps_around() {
    let mut tree = PowerTree::new(&[spec(None, u64::MAX, u64::MAX - 1)]).unwrap();
    let two = [(FeederIdx(0), u64::MAX), (FeederIdx(0), 7)];
    assert!(matches!(tree.admit(&two), Err(Refusal::Short(_))));
    assert!(matches!(tree.release(&two), Err(ChangeError::ReleaseAboveUse { .. })));
    assert_eq!(tree.used_mw(FeederIdx(0)), 0);
}

#[test]
fn a_closed_feeder_admits_only_what_runs_already() {
    let mut tree = PowerTree::new(&[spec(None, 9, 9), spec(Some(0), 9, 9)]).unwrap();
    tree.set_closed(FeederIdx(0), true).unwrap();
    assert_eq!(tree.headroom_mw(FeederIdx(1)), 0);
    let refusal = tree.admit(&[(FeederIdx(1), 1)]).unwrap_err();
    assert_eq!(refusal, Refusal::Closed { feeder: FeederIdx(0) });
    tree.admit_running(&[(FeederIdx(1), 9)]).unwrap();
    assert!(matches!(tree.admit_running(&[(FeederIdx(1), 1)]), Err(Refusal::Short(_))));
}
