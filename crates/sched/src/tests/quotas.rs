//! Queues with shares and quotas: whose turn, how much, and what is taken back.

use expect_test::{Expect, expect};

use super::{GIB, job, node, problem, running, show};
use crate::{
    ClassIdx, ClassSet, Job, Node, Reclaim, Running, Settings, plan,
    share::{QueueIdx, QueueSpec, Tree},
};

/// A root that deserves 16 GPUs of class 1 and plenty of the rest, with two queues below it that
/// deserve this many GPUs each.
fn tree(deserved: [u64; 2], limit: Option<u64>) -> Tree {
    let amounts = |gpus: u64| vec![0, gpus * 1_000, gpus * 8_000, gpus * 16 * GIB];
    let root = QueueSpec { weight: 1, deserved: amounts(16), ..QueueSpec::default() };
    let below = deserved.map(|gpus| QueueSpec {
        parent: Some(QueueIdx(0)),
        weight: 1,
        deserved: amounts(gpus),
        limit: limit.map_or_else(Vec::new, |gpus| vec![None, Some(gpus * 1_000), None, None]),
        ..QueueSpec::default()
    });
    let specs: Vec<QueueSpec> = [root].into_iter().chain(below).collect();
    Tree::new(4, &specs).unwrap()
}

fn of(queue: u32, job: Job) -> Job {
    Job { queue: QueueIdx(queue), ..job }
}

#[expect(clippy::needless_pass_by_value, reason = "call sites build the snapshot in place")]
fn check(tree: Tree, waiting: Vec<Job>, runs: Vec<Running>, reclaim: Reclaim, expected: Expect) {
    let nodes = (0..4).map(|_| node(0, 0, 4)).collect();
    let mut given = problem(nodes, waiting, runs);
    given.queues = tree;
    given.settings = Settings { reclaim, ..Settings::default() };
    expected.assert_eq(&show(&plan(&given)));
}

#[test]
fn turns_alternate_by_share_and_not_by_submission() {
    let first = (0..5).map(|n| Job { submitted_order: n, ..of(1, job(1, 4)) });
    let second = (5..8).map(|n| Job { submitted_order: n, ..of(2, job(1, 4)) });
    check(
        tree([0, 0], None),
        first.chain(second).collect(),
        vec![],
        Reclaim::Off,
        expect![[r#"
            job 0 on [0]
            job 5 on [1]
            job 1 on [2]
            job 6 on [3]
            job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
            job 3 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
            job 4 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
            job 7 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        "#]],
    );
}

#[test]
fn a_limit_holds_and_says_so() {
    let waiting =
        vec![of(1, job(2, 4)), of(1, job(1, 1)), of(2, Job { nodes_max: 4, ..job(1, 4) })];
    check(
        tree([0, 0], Some(8)),
        waiting,
        vec![],
        Reclaim::Off,
        expect![[r#"
        job 0 on [0, 1]
        job 2 on [2, 3]
        job 1 waits: The quota of its queue is used: 8000 of 8000, and the job needs 1000 more.
    "#]],
    );
}

#[test]
fn what_is_deserved_is_taken_back_and_no_more() {
    let runs = || (0..4).map(|n| running(of(1, job(1, 4)), &[n])).collect::<Vec<Running>>();
    let waiting = || vec![of(2, job(1, 4)), of(2, job(1, 4)), of(2, job(1, 4))];
    check(
        tree([8, 8], None),
        waiting(),
        runs(),
        Reclaim::Off,
        expect![[r#"
        job 0 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        job 1 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]],
    );
    check(
        tree([8, 8], None),
        waiting(),
        runs(),
        Reclaim::Deserved,
        expect![[r#"
        job 0 evicts [100] from [0]
        job 1 evicts [101] from [1]
        job 0 waits: 1 job with a lesser claim make room.
        job 1 waits: 1 job with a lesser claim make room.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]],
    );
    // Nobody deserves anything: only shares give a reason.
    check(
        tree([0, 0], None),
        waiting(),
        runs(),
        Reclaim::Deserved,
        expect![[r#"
        job 0 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        job 1 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]],
    );
    check(
        tree([0, 0], None),
        waiting(),
        runs(),
        Reclaim::Shares,
        expect![[r#"
        job 0 evicts [100] from [0]
        job 1 evicts [101] from [1]
        job 0 waits: 1 job with a lesser claim make room.
        job 1 waits: 1 job with a lesser claim make room.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]],
    );
}

#[test]
fn a_queue_may_have_quota_for_one_of_two_models() {
    let waiting = vec![of(1, Job { classes: ClassSet::one(ClassIdx(0)), ..job(1, 1) })];
    check(
        tree([0, 0], None),
        waiting,
        vec![],
        Reclaim::Off,
        expect![[r#"
            job 0 waits: No allowed site has GPUs of the model asked for.
        "#]],
    );
}

#[test]
fn a_model_that_would_never_do_is_no_way_round_the_quota_of_one_that_would() {
    // Class 2 is not limited, but no node has two of its GPUs; class 1 has them, beyond the limit.
    let amounts = |limit: Option<u64>| vec![None, limit, None, None, None];
    let deserved = vec![0, 16_000, 1_000, 128_000, 256 * GIB];
    let root = QueueSpec { weight: 1, deserved, ..QueueSpec::default() };
    let below = QueueSpec {
        parent: Some(QueueIdx(0)),
        weight: 1,
        limit: amounts(Some(1_000)),
        ..QueueSpec::default()
    };
    let other = Node { class: Some(ClassIdx(2)), ..node(0, 1, 1) };
    let waiting = Job { classes: ClassSet::ANY, ..of(1, job(1, 2)) };
    let mut given = problem(vec![node(0, 0, 4), other], vec![waiting], vec![]);
    given.queues = Tree::new(5, &[root, below]).unwrap();
    let plan = plan(&given);
    expect![[r#"
        job 0 waits: The quota of its queue is used: 0 of 1000, and the job needs 2000 more.
    "#]]
    .assert_eq(&show(&plan));
}

#[test]
fn fewer_nodes_are_of_the_model_whose_quota_was_asked() {
    // Five nodes of model 1 with quota for four of them; six of model 0 with quota for one more.
    let limits = vec![Some(8_000), Some(16_000), None, None];
    let root = QueueSpec { weight: 1, deserved: vec![1 << 50; 4], ..QueueSpec::default() };
    let leaf = QueueSpec {
        parent: Some(QueueIdx(0)),
        weight: 1,
        limit: limits,
        borrowing_limit: vec![None; 4],
        ..QueueSpec::default()
    };
    let other = |site| crate::Node { class: Some(ClassIdx(0)), ..node(site, 0, 4) };
    let mut nodes: Vec<crate::Node> = (0..5).map(|_| node(0, 0, 4)).collect();
    nodes.extend((0..4).map(|_| other(1)));
    let elastic = Job { nodes_max: 5, classes: ClassSet(3), ..job(1, 4) };
    let mut given = problem(nodes, vec![of(1, elastic)], vec![]);
    given.queues = Tree::new(4, &[root, leaf]).unwrap();
    // Four nodes of the second site would be as many, and twice what is allowed of their model.
    expect![[r#"
        job 0 on [0, 1, 2, 3]
    "#]]
    .assert_eq(&show(&plan(&given)));
}

#[test]
fn who_is_leaving_still_holds_what_a_limit_allows() {
    let mut given = problem((0..4).map(|_| node(0, 0, 4)).collect(), vec![], vec![]);
    given.queues = tree([0, 0], Some(8));
    let mut scheduler = crate::plan::scheduler(&given);
    for (index, at) in [(100, 0), (101, 1)] {
        scheduler.adopt(crate::JobIdx(index), running(of(1, job(1, 4)), &[at]));
    }
    scheduler.submit(crate::JobIdx(0), of(1, job(1, 4)));
    // One goes, for nobody: until it has gone the queue has all that it may have.
    scheduler.stopping(crate::JobIdx(100), 60, None);
    assert_eq!(
        show(&scheduler.plan(1_000)),
        "job 0 waits [60]: The quota of its queue is used: 8000 of 8000, and the job needs 4000 more.\n"
    );
    scheduler.finish(crate::JobIdx(100));
    assert_eq!(scheduler.plan(1_000).placements.len(), 1);
}
