//! The order of service against a search of the whole tree for each turn.

use std::cmp::Reverse;
use std::collections::VecDeque;

use proptest::prelude::*;

use super::reference::Reference;
use super::{q, queue, specs};
use crate::share::{QueueIdx, QueueSpec, Table, Tree, Turns};

/// Serves one unit at a time from queues that always have a job; gives the order.
fn order(specs: &[QueueSpec], fair: &[u64], turns: usize) -> Vec<u32> {
    let mut tree = Tree::new(1, specs).unwrap();
    let mut table = tree.table();
    fair.iter()
        .enumerate()
        .for_each(|(at, share)| table.set(QueueIdx::from_position(at), 0, *share));
    let leaves = (0..specs.len()).map(QueueIdx::from_position).filter(|at| tree.is_leaf(*at));
    let heads: Vec<(QueueIdx, u64)> = leaves.map(|at| (at, 0)).collect();
    let mut order = Turns::new(&tree, table, &heads);
    let mut served = Vec::new();
    for _ in 0..turns {
        let Some(next) = order.next(&tree) else { break };
        order.served(&mut tree, next, &[1], Some(0)).unwrap();
        served.push(next.0);
    }
    served
}

#[test]
fn service_is_proportional_and_ties_are_fixed() {
    let pair = [queue(None, 1, 9), queue(Some(0), 1, 0), queue(Some(0), 1, 0)];
    assert_eq!(order(&pair, &[3, 2, 1], 6), [1, 2, 1, 1, 2, 1]);
    let mut banded = pair.clone();
    banded[2].band = 1;
    assert_eq!(order(&banded, &[3, 2, 1], 6), [2, 1, 1, 2, 1, 1]);
    // Who is entitled to nothing comes last, but comes.
    assert_eq!(order(&pair, &[3, 0, 3], 2), [2, 2]);
    assert_eq!(order(&pair, &[3, 0, 0], 1), [1]);
}

#[test]
fn the_dominant_resource_decides() {
    let specs = [QueueSpec { weight: 1, ..QueueSpec::default() }, QueueSpec::default()];
    let mut tree = Tree::new(2, &specs).unwrap();
    tree.charge(q(0), &[1, 8]).unwrap();
    tree.charge(q(1), &[5, 1]).unwrap();
    let mut fair = tree.table();
    fair.add(q(0), &[10, 10]);
    fair.add(q(1), &[10, 10]);
    let turns = Turns::new(&tree, fair, &[(q(0), 0), (q(1), 1)]);
    assert_eq!(turns.next(&tree), Some(q(1)));
}

#[test]
fn blocked_branches_and_empty_queues_are_passed_over() {
    let specs =
        [queue(None, 1, 9), queue(Some(0), 1, 0), queue(Some(1), 1, 0), queue(Some(0), 1, 0)];
    let tree = Tree::new(1, &specs).unwrap();
    let mut fair = tree.table();
    (0..4).for_each(|at| fair.set(q(at), 0, 5));
    let mut turns = Turns::new(&tree, fair, &[(q(2), 0), (q(3), 1), (q(0), 0), (q(9), 0)]);
    assert_eq!(turns.next(&tree), Some(q(2)));
    turns.blocked(&tree, q(1));
    assert_eq!(turns.next(&tree), Some(q(3)));
    turns.set_head(&tree, q(2), Some(0));
    assert_eq!(turns.next(&tree), Some(q(3)));
    turns.set_head(&tree, q(3), None);
    assert_eq!(turns.next(&tree), None);
    assert_eq!(Turns::new(&tree, tree.table(), &[]).next(&tree), None);
}

/// The leaf that a search from the roots finds, where `jobs` holds each queue's submissions.
fn search(reference: &Reference, fair: &Table, jobs: &[VecDeque<u64>]) -> Option<usize> {
    fn head(reference: &Reference, fair: &Table, jobs: &[VecDeque<u64>], at: usize) -> Option<u64> {
        if reference.children(Some(at)).is_empty() {
            return jobs[at].front().copied();
        }
        best(reference, fair, jobs, Some(at)).and_then(|at| head(reference, fair, jobs, at))
    }
    fn best(
        reference: &Reference,
        fair: &Table,
        jobs: &[VecDeque<u64>],
        group: Option<usize>,
    ) -> Option<usize> {
        let ratio = |at: usize| -> (u128, u128) {
            let share = |resource| fair.get(QueueIdx::from_position(at), resource);
            if (0..2).all(|resource| share(resource) == 0) {
                return (1, 0);
            }
            let parts = (0..2).map(|resource| {
                let used = reference.allocated(at, resource);
                if used == 0 { (0, 1) } else { (u128::from(used), u128::from(share(resource))) }
            });
            parts.max_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1))).unwrap()
        };
        let waiting = reference
            .children(group)
            .into_iter()
            .filter_map(|at| head(reference, fair, jobs, at).map(|head| (at, head)));
        let first = waiting.min_by(|(a, head_a), (b, head_b)| {
            let (over_a, under_a) = ratio(*a);
            let (over_b, under_b) = ratio(*b);
            (over_a * under_b).cmp(&(over_b * under_a)).then_with(|| {
                let key = |at: usize, head: u64| (Reverse(reference.specs[at].band), head, at);
                key(*a, *head_a).cmp(&key(*b, *head_b))
            })
        });
        first.map(|(at, _)| at)
    }
    let mut found = best(reference, fair, jobs, None)?;
    while let Some(below) = best(reference, fair, jobs, Some(found)) {
        found = below;
    }
    Some(found)
}

proptest! {
    #[test]
    fn each_turn_is_that_of_a_search(
        specs in specs(9, 2),
        shares in prop::collection::vec((0u64..20, 0u64..20), 9),
        jobs in prop::collection::vec((any::<u32>(), 0u64..4, 0u64..4, 0u8..4), 1..30),
    ) {
        let mut tree = Tree::new(2, &specs).unwrap();
        let mut reference = Reference::new(&specs, 2);
        let leaves = reference.leaves();
        let mut fair = tree.table();
        for (at, (first, second)) in (0..specs.len()).zip(shares) {
            fair.add(QueueIdx::from_position(at), &[first, second]);
        }
        let mut waiting: Vec<VecDeque<u64>> = vec![VecDeque::new(); specs.len()];
        for (number, (leaf, ..)) in jobs.iter().enumerate() {
            // Several jobs share a submission number, so that ties happen.
            waiting[leaves[*leaf as usize % leaves.len()]].push_back(number as u64 / 3);
        }
        let heads: Vec<(QueueIdx, u64)> = leaves
            .iter()
            .filter_map(|at| Some((QueueIdx::from_position(*at), *waiting[*at].front()?)))
            .collect();
        let mut turns = Turns::new(&tree, fair.clone(), &heads);
        let mut held: Vec<(usize, [u64; 2])> = Vec::new();
        for (_, first, second, what) in &jobs {
            let expected = search(&reference, &fair, &waiting).map(QueueIdx::from_position);
            prop_assert_eq!(turns.next(&tree), expected);
            let Some(queue) = expected else { break };
            waiting[queue.at()].pop_front();
            let next = waiting[queue.at()].front().copied();
            if *what == 0 {
                turns.set_head(&tree, queue, next);
            } else {
                turns.served(&mut tree, queue, &[*first, *second], next).unwrap();
                held.push((queue.at(), [*first, *second]));
                reference.used[queue.at()][0] += first;
                reference.used[queue.at()][1] += second;
            }
            if *what == 3 && !held.is_empty() {
                let (at, amounts) = held.remove(0);
                turns.returned(&mut tree, QueueIdx::from_position(at), &amounts).unwrap();
                (0..2).for_each(|resource| reference.used[at][resource] -= amounts[resource]);
            }
        }
    }
}
