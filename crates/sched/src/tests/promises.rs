//! Backfill and the calendar: who may pass whom, and until when.

use expect_test::expect;

use super::{job, node, problem, running, show};
use crate::{
    ClassIdx, ClassSet, Job, JobIdx, Level, Node, NodeIdx, Problem, Reservation, ReservationIdx,
    Settings, Topology, plan, share::QueueIdx,
};

fn limited(limit_us: u64, job: Job) -> Job {
    Job { limit_us: Some(limit_us), ..job }
}

/// Two nodes, one of them busy until 5,000; now is 1,000.
fn half_busy(waiting: Vec<Job>) -> Problem {
    let busy = running(limited(5_000, job(1, 4)), &[0]);
    problem(vec![node(0, 0, 4), node(0, 0, 4)], waiting, vec![busy])
}

#[test]
fn short_work_passes_and_long_work_does_not() {
    let waiting = vec![
        limited(9_000, job(2, 4)),
        limited(4_001, job(1, 4)),
        limited(4_000, job(1, 4)),
        job(1, 1),
    ];
    expect![[r#"
        job 2 on [1]
        job 0 waits [5000]: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
        job 1 waits [14000]: The job needs 1 node; 1 have enough free, but 1 of them are promised to others before it would end.
        job 3 waits [14000]: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]].assert_eq(&show(&plan(&half_busy(waiting.clone()))));
    // Without promises the long one goes first, and the gang waits for it.
    let mut greedy = half_busy(waiting);
    greedy.settings = Settings { backfill_depth_max: 0, ..Settings::default() };
    expect![[r#"
        job 1 on [1]
        job 0 waits: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        job 3 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]].assert_eq(&show(&plan(&greedy)));
}

#[test]
fn promises_follow_each_other() {
    let waiting = vec![limited(1_000, job(2, 4)), limited(3_000, job(2, 4)), limited(1, job(2, 4))];
    expect![[r#"
        job 0 waits [5000]: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
        job 1 waits [6000]: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
        job 2 waits [9000]: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
    "#]].assert_eq(&show(&plan(&half_busy(waiting))));
}

#[test]
fn the_calendar_is_kept_for_its_owner() {
    let mut given = problem(
        vec![node(0, 0, 4), node(0, 0, 4)],
        vec![
            limited(5_000, job(2, 4)),
            limited(4_000, job(1, 4)),
            Job { queue: QueueIdx(3), ..limited(9_000, job(1, 4)) },
        ],
        vec![],
    );
    given.reservations = vec![Reservation {
        id: ReservationIdx(7),
        holder: Some(QueueIdx(3)),
        nodes: vec![NodeIdx(0)],
        from_us: 5_000,
        until_us: 20_000,
    }];
    expect![[r#"
        job 1 on [0]
        job 2 on [1]
        job 0 waits [20000]: The job needs 2 nodes; 2 have enough free, but 1 of them are promised to others before it would end.
    "#]].assert_eq(&show(&plan(&given)));
}

/// What the scheduler advises a job to change, once its plan has come true.
fn advice(given: &Problem, job: u32) -> Option<String> {
    let mut scheduler = crate::plan::scheduler(given);
    let plan = scheduler.plan(given.now_us);
    scheduler.settle(&plan, given.now_us);
    scheduler.advise(JobIdx(job), given.now_us).map(|change| change.to_string())
}

#[test]
fn advice_is_what_would_work() {
    // The second job may start if it ends before the gang before it is promised its nodes.
    let waiting = vec![limited(9_000, job(2, 4)), limited(9_000_000, job(1, 4))];
    let mut given = half_busy(waiting);
    assert_eq!(advice(&given, 1).as_deref(), Some("a time limit of at most 0 s"));
    assert_eq!(advice(&given, 0).as_deref(), Some("one node"));
    // Two racks of one node each: closeness is what is too much.
    let topology = Topology { within: Level::Rack, segment: 1 };
    let nodes = vec![node(0, 0, 4), node(0, 0, 4), node(0, 1, 4), node(0, 1, 4)];
    let used = [0, 2].map(|at| running(job(1, 4), &[at]));
    given = problem(nodes, vec![Job { topology, ..job(2, 4) }], used.to_vec());
    assert_eq!(advice(&given, 0).as_deref(), Some("nodes within one rack group"));
    // Another model is free; then only fewer GPUs are.
    let other = Node { class: Some(ClassIdx(2)), ..node(0, 0, 4) };
    let asks = Job { classes: ClassSet::one(ClassIdx(1)), ..job(1, 4) };
    let busy = running(job(1, 3), &[0]);
    given = problem(vec![node(0, 0, 4), other], vec![asks.clone()], vec![busy.clone()]);
    assert_eq!(advice(&given, 0).as_deref(), Some("GPUs of class 2"));
    given = problem(vec![node(0, 0, 4)], vec![asks], vec![busy]);
    assert_eq!(advice(&given, 0).as_deref(), Some("1 GPU on each node"));
}
