//! Fair shares: examples that can be checked by hand, and what holds for all trees.

use proptest::prelude::*;

use super::reference::Reference;
use super::{q, queue, specs};
use crate::share::{Decay, QueueIdx, QueueSpec, Table, Tree, Usage};

fn shares(tree: &Tree, capacity: u64, demand: &[u64]) -> Vec<u64> {
    let table = table(tree, &demand.iter().map(|amount| vec![*amount]).collect::<Vec<_>>());
    let fair = tree.fair_shares(&[capacity], &table, None);
    (0..tree.n_queues()).map(|at| fair.get(QueueIdx::from_position(at), 0)).collect()
}

fn table(tree: &Tree, rows: &[Vec<u64>]) -> Table {
    let mut table = tree.table();
    for (at, row) in rows.iter().enumerate() {
        table.add(QueueIdx::from_position(at), row);
    }
    table
}

/// A site of 100 with three queues of deserved amounts 10, 20 and 0 and weights 1, 1 and 2.
fn site(change: impl FnOnce(&mut [QueueSpec])) -> Tree {
    let mut specs = vec![
        queue(None, 1, 100),
        queue(Some(0), 1, 10),
        queue(Some(0), 1, 20),
        queue(Some(0), 2, 0),
    ];
    change(&mut specs);
    Tree::new(1, &specs).unwrap()
}

#[test]
fn deserved_first_then_by_weight() {
    // 30 are deserved, 70 are left: 17.5, 17.5 and 35.
    assert_eq!(shares(&site(|_| ()), 100, &[0, 99, 99, 99]), [100, 28, 37, 35]);
    // Nobody is given more than it wants; the others get it.
    assert_eq!(shares(&site(|_| ()), 100, &[0, 99, 5, 99]), [100, 38, 5, 57]);
    assert_eq!(shares(&site(|_| ()), 100, &[0, 1, 2, 3]), [6, 1, 2, 3]);
    // Half the machines are down, and then all but 15 units: what is deserved goes first.
    assert_eq!(shares(&site(|_| ()), 50, &[0, 99, 99, 99]), [50, 15, 25, 10]);
    assert_eq!(shares(&site(|_| ()), 15, &[0, 99, 99, 99]), [15, 5, 10, 0]);
}

#[test]
fn bands_limits_and_zero_weights() {
    let band = site(|specs| specs[3].band = 1);
    assert_eq!(shares(&band, 100, &[0, 99, 99, 60]), [100, 15, 25, 60]);
    assert_eq!(shares(&band, 100, &[0, 99, 99, 99]), [100, 10, 20, 70]);
    let limited = site(|specs| specs[3].limit = vec![Some(8)]);
    assert_eq!(shares(&limited, 100, &[0, 99, 99, 99]), [100, 41, 51, 8]);
    let borrowing = site(|specs| specs[2].borrowing_limit = vec![Some(1)]);
    assert_eq!(shares(&borrowing, 100, &[0, 99, 99, 99]), [100, 33, 21, 46]);
    let without = site(|specs| specs[3].weight = 0);
    assert_eq!(shares(&without, 100, &[0, 99, 99, 99]), [100, 45, 55, 0]);
    assert_eq!(shares(&without, 100, &[0, 20, 30, 99]), [100, 20, 30, 50]);
}

#[test]
fn the_extremes_do_not_overflow() {
    let huge = u64::MAX - 1;
    let mut specs = vec![queue(None, 1, huge)];
    specs.extend((0..3).map(|_| queue(Some(0), u32::MAX, 0)));
    let tree = Tree::new(1, &specs).unwrap();
    let shares = shares(&tree, huge, &[0, huge, huge, huge]);
    assert_eq!(shares[1..].iter().sum::<u64>(), huge);
    assert!(shares[1..].iter().all(|share| share.abs_diff(huge / 3) <= 1), "{shares:?}");
}

#[test]
fn past_usage_shifts_what_is_beyond_the_deserved() {
    let tree = site(|specs| specs[3].weight = 1);
    let mut usage = Usage::new(4, 1, 100);
    usage.set_cell(q(1), 0, 60 << 32);
    usage.set_cell(q(2), 0, 30 << 32);
    usage.set_cell(q(3), 0, 30 << 32);
    let demand = table(&tree, &[vec![0], vec![99], vec![99], vec![99]]);
    let with = |strength_milli| {
        let fair = tree.fair_shares(&[100], &demand, Some(Decay { usage: &usage, strength_milli }));
        [1, 2, 3].map(|at| fair.get(q(at), 0))
    };
    // 70 are left. Weights of a third each; usage a half and two quarters.
    assert_eq!(with(0), [34, 43, 23]);
    // 1/3 - 1/6 = 1/6, 1/3 + 1/12 = 5/12, the same: 11.7, 29.2, 29.2.
    assert_eq!(with(1_000), [22, 49, 29]);
    // 1/3 - 2/6 = 0: the first gets only what it deserves.
    assert_eq!(with(2_000), [10, 55, 35]);
    // And still all that nobody else wants.
    let demand = table(&tree, &[vec![0], vec![99], vec![25], vec![15]]);
    let fair =
        tree.fair_shares(&[100], &demand, Some(Decay { usage: &usage, strength_milli: 2_000 }));
    assert_eq!([1, 2, 3].map(|at| fair.get(q(at), 0)), [60, 25, 15]);
}

/// A tree with capacity and demand of two resources.
fn instances() -> impl Strategy<Value = (Vec<QueueSpec>, [u64; 2], Vec<Vec<u64>>)> {
    specs(9, 2).prop_flat_map(|specs| {
        let demand = prop::collection::vec(prop::collection::vec(0u64..40, 2), specs.len());
        (Just(specs), [0u64..80, 0u64..80], demand)
    })
}

fn all(fair: &Table, specs: &[QueueSpec]) -> Vec<Vec<u64>> {
    (0..specs.len()).map(|at| fair.row(QueueIdx::from_position(at)).to_vec()).collect()
}

proptest! {
    #[test]
    fn shares_are_those_of_the_unit_by_unit_reference(
        (specs, capacity, demand) in instances(),
        past in prop::collection::vec((0u32..50, 0u32..50), 9),
        strength_milli in 0u32..3_000,
    ) {
        let tree = Tree::new(2, &specs).unwrap();
        let mut usage = Usage::new(specs.len(), 2, 10);
        let past = |at: usize, resource: usize| -> u128 {
            if resource == 0 { past[at].0.into() } else { past[at].1.into() }
        };
        for at in 0..specs.len() {
            (0..2).for_each(|r| usage.set_cell(QueueIdx::from_position(at), r, past(at, r)));
        }
        let decay = Some(Decay { usage: &usage, strength_milli });
        let fair = tree.fair_shares(&capacity, &table(&tree, &demand), decay);
        let reference = Reference::new(&specs, 2);
        let expected = reference.fair_shares(&capacity, &demand, &past, strength_milli.into());
        prop_assert_eq!(all(&fair, &specs), expected);
    }

    /// Children's shares add up to their parent's; nobody is given more than it wants; all is
    /// given while somebody wants it; and what is deserved is given if it is there.
    #[test]
    fn nothing_is_lost_and_the_guarantee_holds((specs, capacity, demand) in instances()) {
        let tree = Tree::new(2, &specs).unwrap();
        let fair = tree.fair_shares(&capacity, &table(&tree, &demand), None);
        let reference = Reference::new(&specs, 2);
        for (resource, capacity) in capacity.into_iter().enumerate() {
            let share = |at: usize| fair.get(QueueIdx::from_position(at), resource);
            let wanted = |at: usize| reference.wanted(at, resource, &demand);
            let guarantee = |at: usize| wanted(at).min(specs[at].deserved[resource]);
            let roots = reference.children(None);
            let enough = roots.iter().map(|at| guarantee(*at)).sum::<u64>() <= capacity;
            for group in (0..specs.len()).map(Some).chain([None]) {
                let members = reference.children(group);
                let total = group.map_or(capacity, share);
                let given: u64 = members.iter().map(|at| share(*at)).sum();
                let want: u64 = members.iter().map(|at| wanted(*at)).sum();
                prop_assert!(members.is_empty() || given == total.min(want));
                for at in members {
                    prop_assert!(share(at) <= wanted(at));
                    prop_assert!(!enough || share(at) >= guarantee(at));
                }
            }
        }
    }

    /// More weight or more capacity never gives a queue less.
    #[test]
    fn shares_grow_with_weight_and_capacity(
        (specs, capacity, demand) in instances(),
        which in any::<prop::sample::Index>(),
        more in 1u32..20,
    ) {
        let tree = Tree::new(2, &specs).unwrap();
        let before = tree.fair_shares(&capacity, &table(&tree, &demand), None);
        let at = which.index(specs.len());
        let queue = QueueIdx::from_position(at);
        let mut heavier = specs.clone();
        heavier[at].weight += more;
        let after = Tree::new(2, &heavier).unwrap();
        let after = after.fair_shares(&capacity, &table(&tree, &demand), None);
        prop_assert!((0..2).all(|r| after.get(queue, r) >= before.get(queue, r)));
        let larger = capacity.map(|amount| amount + u64::from(more));
        let after = tree.fair_shares(&larger, &table(&tree, &demand), None);
        for at in (0..specs.len()).map(QueueIdx::from_position) {
            prop_assert!((0..2).all(|r| after.get(at, r) >= before.get(at, r)));
        }
    }
}
