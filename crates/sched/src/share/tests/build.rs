//! Which lists of queues make a tree, and what is said of the others.

use expect_test::{Expect, expect};

use super::{q, queue, spec};
use crate::share::{ChargeError, QUEUES_MAX, QueueSpec, Tree, TreeError};

fn check(specs: &[QueueSpec], expected: &Expect) {
    match Tree::new(1, specs) {
        Ok(tree) => expected.assert_eq(&format!("tree of {}", tree.n_queues())),
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

#[test]
fn contradictions_are_named_with_their_remedy() {
    check(&[], &expect!["tree of 0"]);
    check(&[queue(Some(1), 1, 5), queue(None, 1, 5)], &expect!["tree of 2"]);
    check(
        &[queue(None, 1, 5), queue(Some(7), 1, 5)],
        &expect!["the parent of queue 1, 7, is not in the list; add it or make the queue a root"],
    );
    let cycle =
        [queue(None, 1, 0), queue(Some(3), 1, 0), queue(Some(1), 1, 0), queue(Some(2), 1, 0)];
    check(&cycle, &expect!["queue 2 is above itself; give it another parent"]);
    let below_cycle = [queue(Some(1), 1, 0), queue(Some(1), 1, 0)];
    check(&below_cycle, &expect!["queue 1 is above itself; give it another parent"]);
    check(
        &[queue(None, 1, 5), queue(Some(0), 1, 3), queue(Some(0), 1, 3)],
        &expect![
            "the children of queue 0 deserve 6 of resource 0, it deserves 5; raise it or lower them"
        ],
    );
    check(
        &[queue(None, 1, u64::MAX), queue(None, 1, 1)],
        &expect![
            "the roots together deserve more of resource 0 than can be counted; use a larger unit"
        ],
    );
    check(
        &[QueueSpec { deserved: vec![4], limit: vec![Some(3)], ..spec() }],
        &expect![
            "queue 0 deserves 4 of resource 0 but its limit is 3; raise the limit or lower what it deserves"
        ],
    );
    check(
        &[QueueSpec { lending_limit: vec![None, None], ..spec() }],
        &expect![
            "`lending_limit` of queue 0 has 2 entries; give none or one for each of the 1 resources"
        ],
    );
}

#[test]
fn size_is_bounded() {
    let chain = |length: u32| -> Vec<QueueSpec> {
        (0..length).map(|at| queue(at.checked_sub(1), 1, 0)).collect()
    };
    assert!(Tree::new(1, &chain(8)).is_ok());
    check(&chain(9), &expect!["queue 8 is more than 8 levels deep; leave out a level above it"]);
    let many = vec![spec(); QUEUES_MAX + 1];
    assert_eq!(Tree::new(1, &many).err(), Some(TreeError::TooManyQueues { n_queues: 100_001 }));
    let error = Tree::new(257, &[]).err();
    assert_eq!(error, Some(TreeError::TooManyResources { n_resources: 257 }));
}

#[test]
fn charging_is_refused_whole_or_done_whole() {
    let mut tree = Tree::new(2, &[spec(), QueueSpec { parent: Some(q(0)), ..spec() }]).unwrap();
    assert_eq!(tree.charge(q(2), &[1]), Err(ChargeError::UnknownQueue { queue: q(2) }));
    assert_eq!(tree.charge(q(0), &[1]), Err(ChargeError::NotALeaf { queue: q(0) }));
    let too_many = ChargeError::TooManyAmounts { n_amounts: 3, n_resources: 2 };
    assert_eq!(tree.charge(q(1), &[1, 1, 1]), Err(too_many));
    tree.charge(q(1), &[3, u64::MAX - 1]).unwrap();
    assert_eq!(tree.charge(q(1), &[1, 1]), Err(ChargeError::Overflow { resource: 1 }));
    assert_eq!(tree.allocated(q(0)), [3, u64::MAX - 1]);
    let negative = ChargeError::Negative { queue: q(1), resource: 0, held: 3, returned: 4 };
    assert_eq!(tree.discharge(q(1), &[4, 1]), Err(negative));
    assert_eq!(
        negative.to_string(),
        "queue 1 holds 3 of resource 0 and cannot give back 4; give back what was charged, once"
    );
    assert_eq!(tree.allocated(q(1)), [3, u64::MAX - 1]);
    tree.discharge(q(1), &[3]).unwrap();
    assert_eq!(tree.allocated(q(0)), [0, u64::MAX - 1]);
}
