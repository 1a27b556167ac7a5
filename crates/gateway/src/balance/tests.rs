//! Checks that load spreads and that tried replicas are left alone.

use std::collections::BTreeMap;

use units::Id;

use super::{Balance, Replica, Route};

fn names(count: usize) -> Route {
    let replica = |index| Replica::new(format!("10.0.0.{index}:80"), None);
    Route::new(Id::from_bytes([1; 16]), "m".into(), (0..count).map(replica).collect())
}

#[test]
fn outstanding_requests_spread_evenly() {
    let (balance, replicas) = (Balance::new(1), names(4));
    let held: Vec<_> = (0..400).filter_map(|_| balance.choose(&replicas, &[], 7)).collect();
    let mut loads = BTreeMap::new();
    for one in &held {
        *loads.entry(one.replica.address.clone()).or_insert(0_u32) += 1;
    }
    assert_eq!(loads.values().sum::<u32>(), 400);
    assert!(loads.values().all(|load| (95..=105).contains(load)), "{loads:?}");
}

#[test]
fn idle_replicas_are_all_drawn() {
    let (balance, replicas) = (Balance::new(7), names(3));
    let mut seen: Vec<_> = (0..100)
        .filter_map(|_| balance.choose(&replicas, &[], 7))
        .map(|o| o.replica.address.clone())
        .collect();
    seen.sort_unstable();
    seen.dedup();
    let known: Vec<_> = replicas.replicas.into_iter().map(|one| one.address).collect();
    assert_eq!(seen, known);
}

#[test]
fn tried_replicas_are_not_drawn_again() {
    let (balance, replicas) = (Balance::new(0), names(2));
    let tried: Vec<_> = replicas.replicas.iter().map(|one| one.address.clone()).collect();
    for _ in 0..20 {
        let chosen = balance.choose(&replicas, &tried[..1], 1).unwrap();
        assert_eq!(chosen.replica, replicas.replicas[1]);
    }
    assert!(balance.choose(&replicas, &tried, 1).is_none());
    assert!(balance.choose(&names(0), &[], 1).is_none());
}

#[test]
fn weights_and_canaries_take_their_shares() {
    let (balance, mut route) = (Balance::new(3), names(3));
    route.replicas[1].weight = 300;
    route.replicas[2].weight = 0;
    let held: Vec<_> = (0..400).filter_map(|_| balance.choose(&route, &[], 10)).collect();
    let share =
        |index: usize| held.iter().filter(|one| one.replica == route.replicas[index]).count();
    assert!((95..=105).contains(&share(0)) && share(2) == 0, "{} {}", share(0), share(2));
    let canaries = vec![(5, names(1)), (20, names(2))];
    let mut taken = [0; 3];
    for _ in 0..10_000 {
        match balance.canary(&canaries).map(|route| route.replicas.len()) {
            None => taken[0] += 1,
            Some(count) => taken[count] += 1,
        }
    }
    assert!((400..600).contains(&taken[1]) && (1_850..2_150).contains(&taken[2]), "{taken:?}");
}
