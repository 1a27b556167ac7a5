//! Budgets of power in plans: who waits for them, what gives way when one falls, what comes back.

mod properties;

use expect_test::{Expect, expect};

use super::{job, node, show};
use crate::power::{
    CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, Grid, GridSpec, NodePower,
};
use crate::{Fleet, Job, JobIdx, Node, NodeIdx, Plan, Scheduler, Settings, share::Tree};

const W: u64 = 1_000;

/// One site of 100 kW, a row of each two racks below it, and a rack of each two nodes of four GPUs.
/// A GPU draws 100 W when idle and 500 W at most, with limits of 400 W and 300 W; a host 200 W.
fn grid(fleet: &Fleet, n_racks: u32) -> Grid {
    let open = |parent| FeederSpec { parent, contracted_mw: 100_000 * W, allowed_mw: 100_000 * W };
    let mut feeders = vec![open(None)];
    feeders.extend((0..n_racks.div_ceil(2)).map(|_| open(Some(FeederIdx(0)))));
    let n_rows = n_racks.div_ceil(2);
    feeders.extend((0..n_racks).map(|rack| open(Some(FeederIdx(1 + rack / 2)))));
    let rack = |at: u32| fleet.node(NodeIdx(at)).unwrap().rack;
    let power = |at| NodePower {
        feeder: Some(FeederIdx(1 + n_rows + rack(at))),
        idle_mw: 600 * W,
        host_range_mw: 200 * W,
    };
    let steps = [(400, 100), (300, 300)];
    let caps =
        steps.map(|(limit, slower)| CapStep { limit_mw: limit * W, slowdown_permille: slower });
    let class = |cost| ClassPower { utilisation_permille: 1_000, cost };
    let spec = GridSpec {
        feeders,
        nodes: (0..u32::try_from(fleet.n_nodes()).unwrap()).map(power).collect(),
        gpus: vec![GpuPower::new(100 * W, 500 * W, caps.to_vec()).unwrap(); 2],
        // Flexible work, standard work, critical work.
        classes: vec![class(1), class(2), class(3)],
    };
    Grid::new(spec, fleet).unwrap()
}

/// Racks of two nodes of four GPUs.
fn scheduler(n_racks: u32) -> Scheduler {
    let nodes: Vec<Node> = (0..n_racks * 2).map(|at| node(0, at / 2, 4)).collect();
    let mut scheduler = Scheduler::new(Fleet::new(&nodes), Tree::default(), Settings::default());
    let grid = grid(&scheduler.fleet, n_racks);
    scheduler.set_grid(Some(grid));
    scheduler
}

/// The feeder of a rack in a fleet of so many.
fn rack(n_racks: u32, rack: u32) -> FeederIdx {
    FeederIdx(1 + n_racks.div_ceil(2) + rack)
}

fn sized(nodes: u32, gpus: u32, power_class: u32) -> Job {
    Job { power_class, ..job(nodes, gpus) }
}

fn submit(scheduler: &mut Scheduler, jobs: Vec<Job>) {
    let from = scheduler.n_waiting() + scheduler.all_running().count();
    for (order, job) in (from as u64..).zip(jobs) {
        let index = JobIdx(u32::try_from(order).unwrap());
        scheduler.submit(index, Job { submitted_order: order, ..job });
    }
}

/// Makes a plan come true, evictions at once.
fn follow(scheduler: &mut Scheduler, plan: &Plan, now_us: i64) {
    for cap in plan.power.lower.iter().chain(&plan.power.lift) {
        scheduler.set_cap(cap.job, cap.to);
    }
    for stop in &plan.power.stop {
        let gone = scheduler.finish(stop.job).unwrap();
        scheduler.submit(stop.job, gone.job);
    }
    for placement in &plan.placements {
        scheduler.start(placement.job, placement.nodes.clone(), now_us);
    }
}

fn show_all(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.power.over.iter().map(|over| format!("{over}")).collect();
    let cap = |verb: &str, cap: &crate::power::Cap| {
        format!("{verb} job {} from {} to {} ({:?} mW)", cap.job.0, cap.from, cap.to, cap.limit_mw)
    };
    lines.extend(plan.power.lower.iter().map(|one| cap("lower", one)));
    lines.extend(plan.power.stop.iter().map(|stop| format!("stop job {}", stop.job.0)));
    lines.extend(plan.power.lift.iter().map(|one| cap("lift", one)));
    lines.extend(plan.power.unresolved.iter().map(|one| format!("{one}")));
    lines.push(show(plan));
    lines.join("\n")
}

fn check(scheduler: &mut Scheduler, now_us: i64, expected: Expect) {
    let plan = scheduler.plan(now_us);
    expected.assert_eq(&show_all(&plan));
    assert_eq!(plan, scheduler.plan(now_us), "a plan changes nothing");
    follow(scheduler, &plan, now_us);
}

#[test]
fn no_feeder_is_taken_above_what_it_is_allowed() {
    let mut scheduler = scheduler(2);
    // 1,200 W idle in each rack: the first has room for six GPUs, the second for none.
    assert!(scheduler.set_allowed(rack(2, 0), 1_200 * W + 6 * 400 * W));
    assert!(scheduler.set_allowed(rack(2, 1), 1_200 * W + 399 * W));
    submit(&mut scheduler, vec![sized(1, 4, 1), sized(1, 4, 1), sized(1, 2, 1), job(1, 0)]);
    check(
        &mut scheduler,
        1,
        expect![[r#"
        job 0 on [0]
        job 2 on [1]
        job 3 on [2]
        job 1 waits: 3600 W may be drawn where it would run; 2800 W are drawn, 0 W are kept for others, and it would add 1600 W.
    "#]],
    );
    // 200 W of the host × 1 of 32 cores.
    assert_eq!(scheduler.grid().unwrap().draw_mw(JobIdx(3)), 200 * W / 32);
    // More than is contracted is never allowed.
    assert!(!scheduler.set_allowed(rack(2, 1), 100_001 * W));
}

#[test]
fn gangs_go_where_the_power_is() {
    let mut scheduler = scheduler(4);
    // The first row has power for three nodes, of which the first rack could have one.
    assert!(scheduler.set_allowed(FeederIdx(1), 2_400 * W + 3 * 1_600 * W));
    assert!(scheduler.set_allowed(rack(4, 0), 1_200 * W + 1_600 * W));
    submit(&mut scheduler, vec![sized(2, 4, 1), sized(3, 4, 1), sized(2, 4, 1)]);
    check(
        &mut scheduler,
        1,
        expect![[r#"
            job 0 on [0, 2]
            job 1 on [4, 5, 6]
            job 2 on [3, 7]
        "#]],
    );
}

#[test]
fn first_admission_then_limits_then_preemption() {
    let mut scheduler = scheduler(1);
    let jobs = vec![sized(1, 2, 0), sized(1, 2, 1), sized(1, 2, 2), sized(1, 1, 1)];
    submit(&mut scheduler, jobs);
    check(
        &mut scheduler,
        1,
        expect![[r#"
        job 0 on [0]
        job 1 on [0]
        job 2 on [1]
        job 3 on [1]
    "#]],
    );
    // 1,200 W idle and 7 × 400 W are drawn. Nobody new may start; nobody else notices.
    assert!(scheduler.set_allowed(rack(1, 0), 4_000 * W));
    submit(&mut scheduler, vec![sized(1, 1, 2)]);
    check(
        &mut scheduler,
        2,
        expect![[r#"
        job 4 waits: 4000 W may be drawn where it would run; 4000 W are drawn, 0 W are kept for others, and it would add 400 W.
    "#]],
    );
    // 300 W too many: flexible work is slowed first, to its lowest limit before anybody else.
    assert!(scheduler.set_allowed(rack(1, 0), 3_700 * W));
    check(
        &mut scheduler,
        3,
        expect![[r#"
            feeder 2 is allowed 3700000 mW and 4000000 mW are wanted: 300000 mW too many
            lower job 0 from 0 to 2 (Some(300000) mW)
            job 4 waits: 3700 W may be drawn where it would run; 4000 W are drawn, 0 W are kept for others, and it would add 400 W.
        "#]],
    );
    preempts_and_lifts(&mut scheduler);
}

fn preempts_and_lifts(scheduler: &mut Scheduler) {
    // Far too many: limits first, then what loses least for what it frees. Job 2 has just saved.
    scheduler.saved(JobIdx(2), 1_000_000);
    assert!(scheduler.set_allowed(rack(1, 0), 2_500 * W));
    check(
        scheduler,
        1_000_010,
        expect![[r#"
        feeder 2 is allowed 2500000 mW and 3600000 mW are wanted: 1100000 mW too many
        lower job 3 from 0 to 1 (Some(400000) mW)
        lower job 1 from 0 to 1 (Some(400000) mW)
        stop job 2
        job 4 waits: 2500 W may be drawn where it would run; 3600 W are drawn, 400 W are kept for others, and it would add 400 W.
    "#]],
    );
    // All of it comes back: the slowed first, and only then who waits.
    assert!(scheduler.set_allowed(rack(1, 0), 2_700 * W));
    check(
        scheduler,
        1_000_020,
        expect![[r#"
        lift job 1 from 1 to 0 (None mW)
        job 2 waits: 2700 W may be drawn where it would run; 2500 W are drawn, 700 W are kept for others, and it would add 800 W.
        job 4 waits: 2700 W may be drawn where it would run; 2500 W are drawn, 700 W are kept for others, and it would add 400 W.
    "#]],
    );
    assert!(scheduler.set_allowed(rack(1, 0), 100_000 * W));
    check(
        scheduler,
        1_000_030,
        expect![[r#"
        lift job 3 from 1 to 0 (None mW)
        lift job 0 from 2 to 0 (None mW)
        job 2 on [1]
        job 4 on [1]
    "#]],
    );
    assert_eq!(scheduler.grid().unwrap().capped().count(), 0);
}

#[test]
fn what_must_not_stop_is_named() {
    let mut scheduler = scheduler(1);
    let protected = Job { preemptible: false, ..sized(1, 4, 2) };
    submit(&mut scheduler, vec![protected, sized(1, 4, 2)]);
    let plan = scheduler.plan(1);
    follow(&mut scheduler, &plan, 1);
    assert!(scheduler.set_allowed(rack(1, 0), 1_300 * W));
    check(
        &mut scheduler,
        2,
        expect![[r#"
        feeder 2 is allowed 1300000 mW and 4400000 mW are wanted: 3100000 mW too many
        lower job 0 from 0 to 2 (Some(300000) mW)
        stop job 1
        feeder 2 stays 700000 mW above what it is allowed: 1 jobs that must not be preempted draw 800000 mW at their lowest limit, and 1200000 mW are drawn by no job
    "#]],
    );
}

#[test]
fn promised_power_is_not_given_to_others() {
    let mut scheduler = scheduler(2);
    // Power for eight GPUs; four are busy until 5,000.
    assert!(scheduler.set_allowed(FeederIdx(0), 2_400 * W + 8 * 400 * W));
    let limited = |limit_us, job| Job { limit_us: Some(limit_us), ..job };
    submit(&mut scheduler, vec![limited(5_000, sized(1, 4, 1))]);
    let plan = scheduler.plan(0);
    follow(&mut scheduler, &plan, 0);
    let waiting = vec![
        limited(9_000, sized(2, 4, 1)),
        limited(5_001, sized(1, 2, 1)),
        limited(5_000, sized(1, 2, 1)),
        job(1, 0),
    ];
    submit(&mut scheduler, waiting);
    let plan = scheduler.plan(0);
    expect![[r#"
        job 3 on [1]
        job 1 waits [5000]: 5600 W may be drawn where it would run; 4000 W are drawn, 0 W are kept for others, and it would add 3200 W.
        job 2 waits [14000]: 5600 W may be drawn where it would run; 4000 W are drawn, 1600 W are kept for others, and it would add 800 W.
        job 4 waits [14000]: 5600 W may be drawn where it would run; 4800 W are drawn, 800 W are kept for others, and it would add 7 W.
    "#]].assert_eq(&show_all(&plan));
    // Advice is tried with the same budgets: three nodes are free, power for two GPUs is.
    scheduler.settle(&plan, 0);
    assert_eq!(
        scheduler.advise(JobIdx(2), 0).map(|change| change.to_string()).as_deref(),
        Some("a time limit of at most 0 s")
    );
}

#[test]
fn a_part_of_a_gpu_draws_its_thousandths() {
    // 400 W above idle for a whole GPU: a rack that may draw 500 W more has room for two halves and
    // a quarter, not for three halves.
    let mut scheduler = scheduler(1);
    let idle = scheduler.grid().unwrap().tree().used_mw(rack(1, 0));
    scheduler.set_allowed(rack(1, 0), idle + 500 * W);
    let share = |milli| {
        let part = Some(crate::Part::Share { milli });
        let job = sized(1, 0, 1);
        Job { part, ..job }
    };
    submit(&mut scheduler, vec![share(500), share(500), share(500), share(250)]);
    let plan = scheduler.plan(0);
    let placed: Vec<u32> = plan.placements.iter().map(|placement| placement.job.0).collect();
    assert_eq!(placed, [0, 1, 3], "{}", show(&plan));
    follow(&mut scheduler, &plan, 0);
    let drawn: Vec<u64> =
        placed.iter().map(|job| scheduler.grid().unwrap().draw_mw(JobIdx(*job))).collect();
    assert_eq!(drawn, [200 * W, 200 * W, 100 * W]);
}
