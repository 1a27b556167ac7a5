//! Tests of the shares, against references that are slow and obviously right.

mod admit;
mod build;
mod decay;
mod fair;
mod reclaim;
mod reference;
mod turns;

use proptest::prelude::*;

use super::{QueueIdx, QueueSpec};

const fn q(number: u32) -> QueueIdx {
    QueueIdx(number)
}

/// A queue of one resource without limits.
fn queue(parent: Option<u32>, weight: u32, deserved: u64) -> QueueSpec {
    QueueSpec { parent: parent.map(QueueIdx), weight, deserved: vec![deserved], ..spec() }
}

fn spec() -> QueueSpec {
    QueueSpec { weight: 1, ..QueueSpec::default() }
}

/// Raw material for one queue: parent, band, weight, and for each resource what part of the
/// parent's free deserved amount it gets and its three limits.
type Raw = (u32, i32, u32, Vec<(u64, Option<u64>, Option<u64>, Option<u64>)>);

fn raw(n_resources: usize) -> impl Strategy<Value = Raw> {
    let small = || prop::option::weighted(0.3, 0u64..12);
    let amounts = prop::collection::vec((0u64..=4, small(), small(), small()), n_resources);
    (any::<u32>(), 0i32..3, 0u32..5, amounts)
}

/// A legal list of 1 to `n_queues` queues of `n_resources` resources, in one or two trees, with
/// parents before or after their children.
fn specs(n_queues: usize, n_resources: usize) -> impl Strategy<Value = Vec<QueueSpec>> {
    (prop::collection::vec(raw(n_resources), 1..=n_queues), any::<bool>(), 1usize..3).prop_map(
        move |(raw, reversed, n_roots)| {
            let mut free: Vec<Vec<u64>> = Vec::new();
            let mut depth: Vec<usize> = Vec::new();
            let mut specs: Vec<QueueSpec> = Vec::new();
            for (position, (parent, band, weight, amounts)) in raw.into_iter().enumerate() {
                // Every second queue hangs below one of the first, so that trees are bushy.
                let below = parent as usize % position.max(1);
                let parent = (position >= n_roots && depth[below] < 4).then_some(below);
                let mut spec = QueueSpec {
                    parent: parent.map(QueueIdx::from_position),
                    band,
                    weight,
                    ..QueueSpec::default()
                };
                for (resource, (part, limit, borrowing, lending)) in amounts.into_iter().enumerate()
                {
                    let most = parent.map_or(30, |parent| free[parent][resource]);
                    let deserved = most * part / 4;
                    if let Some(parent) = parent {
                        free[parent][resource] -= deserved;
                    }
                    spec.deserved.push(deserved);
                    spec.limit.push(limit.map(|limit| deserved + limit));
                    spec.borrowing_limit.push(borrowing);
                    spec.lending_limit.push(lending);
                }
                depth.push(parent.map_or(0, |parent| depth[parent] + 1));
                free.push(spec.deserved.clone());
                specs.push(spec);
            }
            if reversed { reverse(specs) } else { specs }
        },
    )
}

/// The same queues in the opposite order.
fn reverse(mut specs: Vec<QueueSpec>) -> Vec<QueueSpec> {
    let last = specs.len() - 1;
    specs.reverse();
    for spec in &mut specs {
        spec.parent = spec.parent.map(|parent| QueueIdx::from_position(last - parent.at()));
    }
    specs
}
