//! Tests of the power tree, of relief and of recovery, against references that try everything.

mod budgets;
mod giving_way;
mod scenarios;

use proptest::prelude::*;

use super::{CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, PowerModel, PowerTree};

/// A tree of up to `n` feeders in which each hangs from an earlier one or is a root.
fn trees(n: usize) -> impl Strategy<Value = Vec<FeederSpec>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0u64..200, 0u64..200), 1..=n).prop_map(
        |rows| {
            let specs = rows.iter().enumerate().map(|(index, (parent, contract, part))| {
                let parent = parent.index(index + 1);
                FeederSpec {
                    parent: (parent < index).then_some(FeederIdx(parent as u32)),
                    contracted_mw: *contract,
                    allowed_mw: (*part).min(*contract),
                }
            });
            specs.collect()
        },
    )
}

/// The same with everything contracted and allowed.
fn open(specs: &[FeederSpec]) -> PowerTree {
    let open = |spec: &FeederSpec| FeederSpec {
        parent: spec.parent,
        contracted_mw: 100_000,
        allowed_mw: 100_000,
    };
    PowerTree::new(&specs.iter().map(open).collect::<Vec<_>>()).unwrap()
}

/// Two kinds of GPU and three classes; the numbers are chosen so that some limits do not bind.
fn model() -> PowerModel {
    let cap = |limit_mw, slowdown_permille| CapStep { limit_mw, slowdown_permille };
    let large = GpuPower::new(2, 12, vec![cap(9, 50), cap(6, 200)]).unwrap();
    let small = GpuPower::new(1, 5, vec![cap(4, 100)]).unwrap();
    let class = |utilisation_permille, cost| ClassPower { utilisation_permille, cost };
    PowerModel::new(vec![large, small], vec![class(1_000, 5), class(500, 1), class(900, 5)])
        .unwrap()
}

/// All feeders above the given one and itself, found by walking the list.
fn path(specs: &[FeederSpec], feeder: FeederIdx) -> Vec<FeederIdx> {
    let mut path = vec![feeder];
    while let Some(parent) = specs[path.last().unwrap().0 as usize].parent {
        path.push(parent);
    }
    path
}
