//! Admission: examples of each bound, and for random trees that it says what the bounds say.

use proptest::prelude::*;

use super::reference::Reference;
use super::{q, queue, specs};
use crate::share::{QueueIdx, QueueSpec, RefusalKind, Tree};

/// A cohort of two queues of 10 each, with 5 of its own.
fn cohort(change: impl FnOnce(&mut [QueueSpec])) -> Tree {
    let mut specs = vec![queue(None, 1, 25), queue(Some(0), 1, 10), queue(Some(0), 1, 10)];
    for spec in &mut specs {
        spec.limit = vec![None];
        spec.borrowing_limit = vec![None];
        spec.lending_limit = vec![None];
    }
    change(&mut specs);
    Tree::new(1, &specs).unwrap()
}

fn check(tree: &Tree, queue: u32, need: u64, expected: Option<(RefusalKind, u32, u64, u64)>) {
    let refusal = tree.admit(q(queue), &[need]).err();
    let found = refusal.map(|found| (found.kind, found.queue.0, found.used, found.bound));
    assert_eq!(found, expected, "queue {queue} asks for {need}: {refusal:?}");
}

#[test]
fn what_others_do_not_use_can_be_borrowed() {
    let mut tree = cohort(|_| ());
    check(&tree, 1, 25, None);
    check(&tree, 1, 26, Some((RefusalKind::Exhausted, 0, 0, 25)));
    tree.charge(q(1), &[20]).unwrap();
    check(&tree, 2, 5, None);
    check(&tree, 2, 6, Some((RefusalKind::LentOut, 0, 20, 25)));
    check(&tree, 2, 11, Some((RefusalKind::Exhausted, 0, 20, 25)));
    check(&tree, 0, 1, Some((RefusalKind::NotALeaf, 0, 0, 0)));
    check(&tree, 3, 1, Some((RefusalKind::Unknown, 3, 0, 0)));
    assert_eq!(tree.admit(q(1), &[0, 1]).unwrap_err().kind, RefusalKind::Unknown);
}

#[test]
fn limits_of_each_kind_bind() {
    let mut tree = cohort(|specs| specs[1].borrowing_limit = vec![Some(3)]);
    check(&tree, 1, 13, None);
    check(&tree, 1, 14, Some((RefusalKind::BorrowingLimit, 1, 0, 13)));
    tree.charge(q(1), &[12]).unwrap();
    check(&tree, 1, 2, Some((RefusalKind::BorrowingLimit, 1, 12, 13)));

    let mut tree = cohort(|specs| specs[1].lending_limit = vec![Some(4)]);
    check(&tree, 2, 19, None);
    check(&tree, 2, 20, Some((RefusalKind::Exhausted, 0, 0, 19)));
    tree.charge(q(2), &[19]).unwrap();
    check(&tree, 1, 6, None);
    check(&tree, 1, 7, Some((RefusalKind::LentOut, 0, 19, 19)));

    let mut tree = cohort(|specs| specs[0].limit = vec![Some(25)]);
    tree.charge(q(2), &[20]).unwrap();
    check(&tree, 1, 6, Some((RefusalKind::Limit, 0, 20, 25)));
}

#[test]
fn lowered_bounds_do_not_disturb_what_runs() {
    let mut tree = cohort(|specs| specs[1].borrowing_limit = vec![Some(0)]);
    tree.charge(q(1), &[17]).unwrap();
    let found: Vec<RefusalKind> = tree.violations().iter().map(|found| found.kind).collect();
    assert_eq!(found, [RefusalKind::BorrowingLimit]);
    assert_eq!(tree.headroom(q(1), 0), 0);
    assert_eq!(tree.headroom(q(2), 0), 8);
    tree.discharge(q(1), &[17]).unwrap();
    assert_eq!(tree.violations(), []);
}

#[test]
fn a_refusal_tells_what_to_do() {
    let mut tree = cohort(|specs| specs[1].limit = vec![Some(12)]);
    tree.charge(q(1), &[9]).unwrap();
    assert_eq!(
        tree.admit(q(1), &[5]).unwrap_err().to_string(),
        "queue 1 uses 9 of its limit of 12 of resource 0, and 5 more are needed; ask for at most \
         3 or raise the limit"
    );
}

proptest! {
    /// Requests are charged when admitted, and sometimes given back. At every step admission is
    /// what all bounds after charging say, nothing is lost, and headroom is the largest amount
    /// admitted.
    #[test]
    fn admission_is_what_the_bounds_say_after_charging(
        specs in specs(9, 2),
        steps in prop::collection::vec((any::<u32>(), 0u64..9, 0u64..9, any::<bool>()), 1..25),
    ) {
        let mut tree = Tree::new(2, &specs).unwrap();
        let mut reference = Reference::new(&specs, 2);
        let leaves = reference.leaves();
        let mut held: Vec<(usize, [u64; 2])> = Vec::new();
        for (number, first, second, give_back) in steps {
            let leaf = leaves[number as usize % leaves.len()];
            let need = [first, second];
            let mut after = reference.clone();
            (0..2).for_each(|resource| after.used[leaf][resource] += need[resource]);
            let admitted = tree.admit(QueueIdx::from_position(leaf), &need);
            prop_assert_eq!(admitted.is_ok(), after.holds(), "{:?}", admitted);
            let largest = (0..=100).rev().find(|amount| {
                let mut after = reference.clone();
                after.used[leaf][0] += amount;
                after.holds()
            });
            prop_assert_eq!(Some(tree.headroom(QueueIdx::from_position(leaf), 0)), largest);
            if admitted.is_ok() {
                tree.charge(QueueIdx::from_position(leaf), &need).unwrap();
                reference = after;
                held.push((leaf, need));
            }
            if give_back && !held.is_empty() {
                let (leaf, amounts) = held.swap_remove(number as usize % held.len());
                tree.discharge(QueueIdx::from_position(leaf), &amounts).unwrap();
                (0..2).for_each(|resource| reference.used[leaf][resource] -= amounts[resource]);
            }
            prop_assert_eq!(tree.violations(), vec![]);
            for queue in 0..specs.len() {
                for resource in 0..2 {
                    let at = QueueIdx::from_position(queue);
                    let sum = reference.allocated(queue, resource);
                    prop_assert_eq!(tree.allocated(at)[resource], sum);
                    let pooled = reference.pooled(queue, resource);
                    prop_assert_eq!(tree.cell(at, resource).pooled, pooled);
                    prop_assert_eq!(tree.cell(at, resource).quota, reference.quota(queue, resource));
                }
            }
        }
    }
}
