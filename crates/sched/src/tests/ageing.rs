//! What waiting and past use do to the order.

use expect_test::{Expect, expect};

use super::{job, node, show};
use crate::{
    Fleet, Job, JobIdx, Micros, Reclaim, Scheduler, Settings,
    share::{QueueIdx, QueueSpec, Tree, Usage},
};

const HOUR: Micros = 3_600_000_000;

#[expect(clippy::needless_pass_by_value, reason = "call sites build the snapshot in place")]
fn order(ageing_us: Option<u64>, jobs: [(i32, Micros); 3], expected: Expect) {
    let settings = Settings { ageing_us, ..Settings::default() };
    let mut scheduler = Scheduler::new(Fleet::new(&[node(0, 0, 1)]), Tree::default(), settings);
    for (number, (priority, submitted_us)) in (0..).zip(jobs) {
        let job = Job { priority, submitted_us, submitted_order: number, ..job(1, 1) };
        scheduler.submit(JobIdx(u32::try_from(number).unwrap()), job);
    }
    let plan = scheduler.plan(100 * HOUR);
    let first = plan.placements.iter().map(|placement| placement.job.0);
    let rest = plan.unplaced.iter().map(|unplaced| unplaced.job.0);
    expected.assert_eq(&format!("{:?}", first.chain(rest).collect::<Vec<u32>>()));
}

#[test]
fn a_point_of_priority_is_worth_as_much_as_having_waited_so_long() {
    let jobs = [(0, 10 * HOUR), (5, 14 * HOUR), (5, 16 * HOUR)];
    order(Some(3_600_000_000), jobs, expect!["[1, 0, 2]"]);
    order(None, jobs, expect!["[1, 2, 0]"]);
    // At the very hour it is the first submitted; a minute less, and it is not.
    order(Some(3_600_000_000), [(0, 0), (1, HOUR), (1, HOUR - 1)], expect!["[2, 0, 1]"]);
    // The widest priorities and times there are do not wrap.
    let extremes = [(i32::MIN, Micros::MAX), (i32::MAX, Micros::MIN), (0, 0)];
    order(Some(u64::MAX), extremes, expect!["[1, 2, 0]"]);
}

#[test]
fn an_aged_job_goes_first_but_evicts_nobody() {
    let settings = Settings::default();
    let mut scheduler = Scheduler::new(Fleet::new(&[node(0, 0, 1)]), Tree::default(), settings);
    scheduler.submit(JobIdx(0), Job { priority: 100, submitted_us: 0, ..job(1, 1) });
    scheduler.start(JobIdx(0), vec![crate::NodeIdx(0)], 0);
    scheduler.submit(JobIdx(1), Job { priority: 0, submitted_us: 0, ..job(1, 1) });
    let plan = scheduler.plan(90 * 24 * HOUR);
    assert_eq!((plan.placements, plan.preemptions), (vec![], vec![]));
}

/// Two queues that deserve nothing want all of eight GPUs; the first has used them all so far.
fn shared(strength_milli: u32) -> String {
    let below = QueueSpec { parent: Some(QueueIdx(0)), weight: 1, ..QueueSpec::default() };
    let deserved = vec![0, 8_000, 64_000, 128 * super::GIB];
    let root = QueueSpec { weight: 1, deserved, ..QueueSpec::default() };
    let tree = Tree::new(4, &[root, below.clone(), below]).unwrap();
    let settings =
        Settings { past_use_milli: strength_milli, reclaim: Reclaim::Off, ..Settings::default() };
    let nodes: Vec<_> = (0..8).map(|_| node(0, 0, 1)).collect();
    let mut usage = Usage::new(3, 4, 24);
    usage.set_cell(QueueIdx(1), 1, 3 << 40);
    usage.set_cell(QueueIdx(2), 1, 1 << 40);
    let mut scheduler = Scheduler::new(Fleet::new(&nodes), tree, settings);
    scheduler.set_past_use(Some(usage));
    for number in 0..16 {
        let queue = QueueIdx(1 + number % 2);
        scheduler.submit(JobIdx(number), Job { queue, ..job(1, 1) });
    }
    let plan = scheduler.plan(0);
    let first = plan.placements.iter().filter(|placement| placement.job.0 % 2 == 0).count();
    assert_eq!(plan.placements.len(), 8, "{}", show(&plan));
    format!("{first} of 8")
}

#[test]
fn who_used_more_so_far_gets_less_of_what_nobody_deserves() {
    // Half of the weight and three quarters of the use: 1/2 + k (1/2 - 3/4), at least nothing.
    assert_eq!(shared(0), "4 of 8");
    assert_eq!(shared(1_000), "2 of 8");
    assert_eq!(shared(2_000), "0 of 8");
}

#[test]
fn past_use_fades_while_nothing_runs() {
    let tree = Tree::new(1, &[QueueSpec::default()]).unwrap();
    let mut scheduler = Scheduler::new(Fleet::new(&[]), tree, Settings::default());
    let mut usage = Usage::new(1, 1, 24);
    usage.set_cell(QueueIdx(0), 0, 1 << 40);
    scheduler.set_past_use(Some(usage));
    scheduler.let_past_use_fade(24);
    let left = scheduler.past_use.unwrap().cell(QueueIdx(0), 0);
    assert!(left.abs_diff(1 << 39) < 100, "{left}");
}
