//! Shares and MIG instances: scenarios, and a reference that knows each GPU.

mod reference;

use expect_test::expect;

use super::{job, node, problem, running, show};
use crate::{
    Amounts, ClassIdx, ClassSet, Job, JobIdx, Node, Part, Placement, Problem, Reason, Running,
    Scheduler, Seat, Settings,
    mig::{Geometry, H100_80GB, ProfileName},
    plan,
    share::{QueueIdx, QueueSpec, Tree},
};

/// One core, a GiB and a share.
fn share(milli: u32) -> Job {
    Job { part: Some(Part::Share { milli }), ..job(1, 0) }
}

fn instance(profile: &str) -> Job {
    Job { part: Some(Part::Mig { profile: ProfileName::parse(profile).unwrap() }), ..job(1, 0) }
}

/// A problem whose GPUs of class 1 are H100s.
fn h100(nodes: Vec<Node>, waiting: Vec<Job>, running: Vec<Running>) -> Problem {
    let geometries = vec![(ClassIdx(1), &H100_80GB)];
    Problem { geometries, ..problem(nodes, waiting, running) }
}

fn seated(job: Job, node: u32, gpu: u32, start: Option<u8>) -> Running {
    Running { seats: vec![Seat { gpu, start }], ..running(job, &[node]) }
}

/// Node, GPU and start of each placement.
fn seats(problem: &Problem) -> Vec<(u32, u32, Option<u8>)> {
    let placements = plan(problem).placements;
    let seat = |one: &Placement| (one.nodes[0].0, one.seats[0].gpu, one.seats[0].start);
    placements.iter().map(seat).collect()
}

#[test]
fn shares_fill_an_opened_gpu_before_the_next() {
    let problem = problem(
        vec![node(0, 0, 2), node(0, 0, 2)],
        vec![share(500), share(300), share(500), share(200), share(500)],
        vec![],
    );
    let found = seats(&problem);
    assert_eq!(found, [(0, 0, None), (0, 0, None), (0, 1, None), (0, 0, None), (0, 1, None)]);
}

#[test]
fn the_tightest_gpu_that_suffices_is_taken() {
    let taken = vec![
        seated(share(300), 0, 0, None),
        seated(share(600), 1, 1, None),
        seated(share(800), 1, 0, None),
    ];
    let nodes = vec![node(0, 0, 2), node(0, 0, 2)];
    assert_eq!(seats(&problem(nodes, vec![share(400)], taken)), [(1, 1, None)]);
}

#[test]
fn whole_gpus_are_kept_off_opened_ones_until_they_are_whole_again() {
    let nodes = vec![node(0, 0, 2)];
    let mut on = crate::plan::scheduler(&problem(nodes, vec![], vec![]));
    for (index, one) in [share(100), job(1, 2), share(100), job(1, 1)].into_iter().enumerate() {
        on.submit(
            JobIdx(u32::try_from(index).unwrap()),
            Job { submitted_order: index as u64, ..one },
        );
    }
    let planned = on.plan(0);
    let placed: Vec<u32> = planned.placements.iter().map(|one| one.job.0).collect();
    assert_eq!(placed, [0, 2, 3], "{planned:?}");
    for placement in planned.placements {
        on.start_at(placement, 0);
    }
    assert_eq!(on.fleet().free_of(crate::NodeIdx(0)).gpus, 0);
    for index in [0, 2] {
        on.finish(JobIdx(index));
    }
    assert_eq!(on.fleet().free_of(crate::NodeIdx(0)).gpus, 1);
    on.finish(JobIdx(3));
    assert_eq!(on.plan(0).placements[0].job, JobIdx(1));
}

#[test]
fn instances_stand_where_the_hardware_lets_them() {
    let jobs = ["3g.40gb", "1g.10gb", "4g.40gb", "2g.20gb"].map(instance).to_vec();
    // The second GPU is opened only by what the first has no place for.
    assert_eq!(
        seats(&h100(vec![node(0, 0, 2)], jobs, vec![])),
        [(0, 0, Some(4)), (0, 0, Some(0)), (0, 1, Some(0)), (0, 0, Some(2))]
    );
}

#[test]
fn shares_and_instances_lie_on_different_gpus() {
    let jobs = vec![share(100), instance("1g.10gb"), share(100), instance("1g.10gb")];
    let gpus: Vec<u32> =
        seats(&h100(vec![node(0, 0, 2)], jobs, vec![])).iter().map(|s| s.1).collect();
    assert_eq!(gpus, [0, 1, 0, 1]);
}

#[test]
fn a_profile_that_the_model_lacks_waits_for_another_model() {
    let planned = plan(&problem(vec![node(0, 0, 2)], vec![instance("1g.10gb")], vec![]));
    expect![[r#"
        job 0 waits: No allowed site has GPUs of the model asked for.
    "#]]
    .assert_eq(&show(&planned));
}

#[test]
fn fragments_are_named_with_their_evidence() {
    let half = |gpu| seated(share(600), 0, gpu, None);
    let jobs = vec![
        share(700),
        job(1, 1),
        Job { need: Amounts { cpu_milli: 15_500, ..job(1, 0).need }, ..share(100) },
    ];
    let planned = plan(&problem(vec![node(0, 0, 2)], jobs, vec![half(0), half(1)]));
    expect![[r#"
        job 0 waits: 0.800 GPUs are free together, but at most 0.400 of one; the job needs 0.700 of one GPU.
    "#]]
    .assert_eq(&show(&planned).lines().take(1).map(|line| format!("{line}\n")).collect::<String>());
    let short = &planned.unplaced[2].reason;
    assert!(matches!(short, Reason::WaitingForCapacity { short_of: crate::Resource::Cpu, .. }));
}

#[test]
fn two_parts_of_a_gpu_contradict_each_other() {
    let both = Job { need: Amounts { gpus: 1, ..job(1, 0).need }, ..share(500) };
    let planned = plan(&problem(vec![node(0, 0, 2)], vec![both, share(0), share(1_000)], vec![]));
    for one in &planned.unplaced {
        assert!(matches!(one.reason, Reason::Contradictory { .. }), "{one:?}");
    }
    assert_eq!(planned.unplaced.len(), 3);
}

#[test]
fn a_share_waits_for_the_end_of_a_share() {
    let limited = |milli, secs: u64| Job { limit_us: Some(secs * 1_000_000), ..share(milli) };
    let taken = vec![seated(limited(600, 100), 0, 0, None), seated(limited(600, 50), 0, 1, None)];
    let planned = plan(&problem(vec![node(0, 0, 2)], vec![share(500), limited(400, 10)], taken));
    assert_eq!(planned.placements[0].job, JobIdx(1));
    assert_eq!(planned.promises[0].from_us, 50_000_000, "{planned:?}");
    // A whole GPU waits for the last one on it.
    let taken = vec![seated(limited(600, 100), 0, 0, None), seated(limited(300, 50), 0, 0, None)];
    let planned = plan(&problem(vec![node(0, 0, 1)], vec![job(1, 1)], taken));
    assert_eq!(planned.promises[0].from_us, 100_000_000, "{planned:?}");
}

#[test]
fn only_the_shares_in_the_way_are_evicted() {
    let low = |gpu, milli| seated(Job { priority: -1, ..share(milli) }, 0, gpu, None);
    let taken = vec![low(0, 600), low(0, 400), low(1, 1), low(1, 900)];
    let settings = Settings { patience_us: 0, ..Settings::default() };
    let whole =
        Problem { settings, ..problem(vec![node(0, 0, 2)], vec![job(1, 1)], taken.clone()) };
    let victims = |problem: &Problem| plan(problem).preemptions[0].victims.clone();
    assert_eq!(victims(&whole).len(), 2);
    let part = Problem { settings, ..problem(vec![node(0, 0, 2)], vec![share(300)], taken) };
    assert_eq!(victims(&part).len(), 1);
}

#[test]
fn quotas_count_thousandths() {
    let spec = |parent: Option<u32>, milli: u64| QueueSpec {
        parent: parent.map(QueueIdx),
        weight: 1,
        deserved: vec![0, milli, 0, 0],
        limit: vec![None, Some(milli), None, None],
        ..QueueSpec::default()
    };
    let tree = Tree::new(4, &[spec(None, 10_000), spec(Some(0), 875)]).unwrap();
    let in_queue = |job: Job| Job { queue: QueueIdx(1), classes: ClassSet::ANY, ..job };
    let jobs = ["3g.40gb", "2g.20gb", "2g.20gb"].map(|name| in_queue(instance(name)));
    let waiting = jobs.into_iter().chain([in_queue(share(125)), in_queue(share(1))]).collect();
    let planned = plan(&Problem { queues: tree, ..h100(vec![node(0, 0, 4)], waiting, vec![]) });
    let placed: Vec<u32> = planned.placements.iter().map(|one| one.job.0).collect();
    assert_eq!(placed, [0, 1, 3], "500 + 250 + 125 thousandths are all of it: {planned:?}");
}

#[test]
fn a_smaller_share_is_advised() {
    let taken = vec![seated(share(600), 0, 0, None)];
    let mut on = crate::plan::scheduler(&problem(vec![node(0, 0, 1)], vec![share(700)], taken));
    let planned = on.plan(0);
    on.settle(&planned, 0);
    assert_eq!(on.advise(JobIdx(0), 0), Some(crate::Change::Share { milli: 400 }));
}

#[test]
fn models_are_told_apart_by_name_and_memory() {
    let of = |model: &str, mib: u64| Geometry::of(model, mib << 20).map(|geometry| geometry.name);
    assert_eq!(of("NVIDIA A100-SXM4-40GB", 40_960), Some("A100 40GB"));
    assert_eq!(of("NVIDIA A100 80GB PCIe", 81_920), Some("A100 80GB"));
    assert_eq!(of("NVIDIA H100 80GB HBM3", 81_559), Some("H100 80GB"));
    assert_eq!(of("NVIDIA H100 NVL", 95_830), Some("H100 94GB"));
    assert_eq!(of("NVIDIA GH200 480GB", 97_871), Some("H100 96GB"));
    assert_eq!(of("NVIDIA H200", 143_771), Some("H200 141GB"));
    assert_eq!(of("NVIDIA B200", 183_359), Some("B200 180GB"));
    assert_eq!(of("H200 (virtual)", 0), Some("H200 141GB"));
    assert_eq!(of("H100-80GB (virtual)", 0), Some("H100 80GB"));
    assert_eq!(of("H100 (virtual)", 0), None, "three sizes");
    assert_eq!(of("NVIDIA A100-SXM-64GB", 65_536), None, "no table of it");
    assert_eq!(of("Tesla V100", 16_384), None);
}

#[test]
fn a_plan_that_is_followed_without_seats_has_the_same_ones() {
    let jobs = vec![share(500), instance("1g.10gb"), share(700), share(400), instance("2g.20gb")];
    let problem = h100(vec![node(0, 0, 2), node(0, 0, 3)], jobs, vec![]);
    let mut on: Scheduler = crate::plan::scheduler(&problem);
    let planned = on.plan(0);
    for placement in &planned.placements {
        on.start(placement.job, placement.nodes.clone(), 0);
        assert_eq!(on.running(placement.job).unwrap().seats, placement.seats);
    }
}
