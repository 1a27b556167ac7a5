//! The line: shares by weight, no share saved up, and whose request goes when it is full.

use std::collections::BTreeMap;

use super::super::fair::{FairQueue, Queued, Tenant};

fn tenant(organisation: u8, organisation_weight: u32, project: u8, project_weight: u32) -> Tenant {
    Tenant {
        organisation: [organisation; 16],
        organisation_weight,
        project: [project; 16],
        project_weight,
    }
}

fn counts(queue: &mut FairQueue<u8>, n: usize) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        *counts.entry(queue.pop().unwrap()).or_default() += 1;
    }
    counts
}

#[test]
fn organisations_are_served_by_weight_and_their_projects_within_them() {
    let mut queue = FairQueue::new(10_000);
    for _ in 0..1_000 {
        // One organisation with two projects at 3 to 1, one of weight 2 that is alone.
        queue.push(tenant(1, 1, 11, 3), 10, 11);
        queue.push(tenant(1, 1, 12, 1), 10, 12);
        queue.push(tenant(2, 2, 21, 1), 10, 21);
    }
    let served = counts(&mut queue, 1_200);
    assert_eq!(served, BTreeMap::from([(11, 300), (12, 100), (21, 800)]));
}

#[test]
fn a_share_is_of_tokens_and_not_of_requests() {
    let mut queue = FairQueue::new(10_000);
    for _ in 0..1_000 {
        queue.push(tenant(1, 1, 1, 1), 900, 1);
        queue.push(tenant(2, 1, 2, 1), 100, 2);
    }
    let served = counts(&mut queue, 500);
    assert_eq!(served, BTreeMap::from([(1, 50), (2, 450)]));
}

#[test]
fn who_was_away_is_ahead_by_some_requests_and_no_more() {
    let mut queue = FairQueue::new(10_000);
    for _ in 0..300 {
        queue.push(tenant(1, 1, 1, 1), 10, 1);
    }
    counts(&mut queue, 200);
    for _ in 0..100 {
        queue.push(tenant(2, 1, 2, 1), 10, 2);
    }
    assert_eq!(counts(&mut queue, 32), BTreeMap::from([(2, 32)]), "a burst goes first");
    let served = counts(&mut queue, 90);
    assert_eq!(served[&1], 45, "and then it waits its turn like everybody: {served:?}");
}

#[test]
fn a_full_line_takes_from_who_has_most_in_it() {
    let mut queue = FairQueue::new(4);
    for number in 0..4 {
        assert!(matches!(queue.push(tenant(1, 1, 1, 1), 1, number), Queued::Waits(_)));
    }
    assert_eq!(queue.push(tenant(1, 1, 1, 1), 1, 9), Queued::Full(9), "its own line is full");
    let Queued::Instead(ticket, out) = queue.push(tenant(2, 1, 2, 1), 1, 20) else {
        panic!("a tenant with nothing in line has a place")
    };
    assert_eq!((out, queue.len()), (3, 4), "the newest of the one who has most goes");
    assert_eq!(queue.remove(ticket), Some(20));
    assert_eq!(queue.remove(ticket), None);
    assert_eq!(counts(&mut queue, 3), BTreeMap::from([(0, 1), (1, 1), (2, 1)]));
    assert_eq!(queue.pop(), None);
}
