//! Checks that load spreads and that tried replicas are left alone.

use std::collections::BTreeMap;

use super::{Balance, Replica};

fn names(count: usize) -> Vec<Replica> {
    (0..count).map(|index| Replica::new(format!("10.0.0.{index}:80"), None)).collect()
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
    let known: Vec<_> = replicas.into_iter().map(|one| one.address).collect();
    assert_eq!(seen, known);
}

#[test]
fn tried_replicas_are_not_drawn_again() {
    let (balance, replicas) = (Balance::new(0), names(2));
    let tried: Vec<_> = replicas.iter().map(|one| one.address.clone()).collect();
    for _ in 0..20 {
        let chosen = balance.choose(&replicas, &tried[..1], 1).unwrap();
        assert_eq!(chosen.replica, replicas[1]);
    }
    assert!(balance.choose(&replicas, &tried, 1).is_none());
    assert!(balance.choose(&[], &[], 1).is_none());
}
