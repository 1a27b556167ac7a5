//! First fit on small fleets: every checker holds, with failures, shares, gangs and limits of all kinds.

use units::DurationMicros;

use super::FirstFit;
use crate::{
    Rng,
    twin::{
        DAY_MICROS, Time,
        backend::{Backend, Input},
        checkers::{Bounds, Checks, Findings},
        events::{Event, Fanout, Observer},
        fleet::{self, Fleet},
        generate::{Parameters, generate},
        workload::{Assumptions, Prepared, read},
    },
};

/// Everything that happened, as text.
#[derive(Default)]
pub(crate) struct Trace(pub(crate) Vec<String>);

impl Observer for Trace {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        self.0.push(format!("{} {event:?}", now.secs()));
    }
}

pub(crate) fn fleet_of(text: &str) -> Fleet {
    fleet::parse("fleet.toml", text, &|_| Ok(String::new())).unwrap()
}

pub(crate) fn jobs_of(fleet: &Fleet, text: &str) -> Prepared {
    let source = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    read("list", source, None).unwrap().prepare(fleet, &Assumptions::default()).unwrap()
}

/// Two racks of four trays with four GPUs, in one row that carries no more than 20 kW.
pub(crate) const SMALL: &str = r#"name = "small"
[[gpu]]
name = "A"
memory_gib = 80
idle_watts = 100
tdp_watts = 700
eur_per_hour = 2
[[site]]
name = "s"
country = "FR"
pue = 1.25
eur_per_mwh = 100
g_per_kwh = 50
[[racks]]
site = "s"
count = 2
nodes_per_rack = 4
nvlink_nodes = 4
gpu = "A"
gpus_per_node = 4
cpu_cores = 64
memory_gib = 512
node_idle_watts = 200
node_busy_watts = 600
row_contracted_kw = 20
[failures]
node_mtbf = "3d"
node_mttr = "6h"
rack_mtbf = "9d"
rack_mttr = "6h"
nvlink_mtbf = "6d"
nvlink_mttr = "6h"
[[quota]]
tenant = "org-1"
gpus = 20
"#;

fn run(fleet: &Fleet, jobs: &Prepared, policy: FirstFit, seed: u64) -> (Time, Findings, Trace) {
    let mut checks = Checks::new(fleet, jobs, Bounds::default());
    let mut trace = Trace::default();
    let input = Input { fleet, jobs, seed, has_failures: seed > 0, horizon: None };
    let mut policy = policy;
    let mut observers = Fanout(vec![&mut checks, &mut trace]);
    let end = policy.run(&input, &mut observers, &mut |_| true).unwrap();
    (end, checks.finish(end), trace)
}

#[test]
fn no_checker_fires_on_seeded_workloads_with_failures() {
    // With the limits of the small fleet some jobs can never run; without them each must end.
    let tight = fleet_of(SMALL);
    let wide =
        SMALL.replace("contracted_kw = 20", "contracted_kw = 28").replace("gpus = 20", "gpus = 32");
    let wide = fleet_of(&wide);
    for (seed, fleet) in (1..=12).zip([&tight, &wide].into_iter().cycle()) {
        let load_milli = 1_100;
        let horizon = DurationMicros(5 * DAY_MICROS);
        let parameters = Parameters { jobs: 150, load_milli, horizon, seed };
        let workload = generate(fleet, &parameters).unwrap().workload;
        let jobs = workload.prepare(fleet, &Assumptions::default()).unwrap();
        for policy in [FirstFit::in_order(), FirstFit::skipping()] {
            let (_, findings, trace) = run(fleet, &jobs, policy, seed);
            assert!(findings.is_clean(), "seed {seed}, {policy:?}: {:#?}", findings.first);
            let ended = trace.0.iter().filter(|line| line.contains("Ended")).count();
            assert!(ended == 150 || seed % 2 == 1, "seed {seed}: {ended} jobs ended");
            let preempted = trace.0.iter().any(|line| line.contains("Preempted"));
            assert!(preempted || seed % 2 == 1, "seed {seed}: nothing was preempted");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_events() {
    let fleet = fleet_of(SMALL);
    let horizon = DurationMicros(3 * DAY_MICROS);
    let parameters = Parameters { jobs: 80, load_milli: 900, horizon, seed: 4 };
    let workload = generate(&fleet, &parameters).unwrap().workload;
    let jobs = workload.prepare(&fleet, &Assumptions::default()).unwrap();
    let first = run(&fleet, &jobs, FirstFit::skipping(), 9);
    let again = run(&fleet, &jobs, FirstFit::skipping(), 9);
    assert_eq!(first.2.0, again.2.0);
    assert_ne!(first.2.0, run(&fleet, &jobs, FirstFit::skipping(), 10).2.0);
}

/// Starts and ends as `seconds job`.
fn told(trace: &Trace, what: &str) -> Vec<String> {
    let lines = trace.0.iter().filter(|line| line.contains(what));
    let job = |line: &String| {
        let number = line.split("JobIdx(").nth(1).unwrap().split(')').next().unwrap();
        format!("{} {number}", line.split(' ').next().unwrap())
    };
    lines.map(job).collect()
}

#[test]
fn a_job_that_does_not_fit_blocks_in_order_and_is_passed_when_skipping() {
    let fleet = fleet_of(&SMALL.replace("row_contracted_kw = 20\n", ""));
    let jobs = jobs_of(
        &fleet,
        "job,submit_s,duration_s,nodes,gpus_per_node,priority,after\n\
         a,0,100,5,4,,\nb,1,50,8,4,,\nc,2,10,1,1,,\nd,3,10,1,4,5,\ne,4,10,1,1,,c\n",
    );
    let (_, findings, trace) = run(&fleet, &jobs, FirstFit::in_order(), 0);
    assert!(findings.is_clean(), "{:?}", findings.first);
    // d has priority; b waits for a and d; c and e wait behind b.
    assert_eq!(told(&trace, "Started"), ["0 0", "3 3", "100 1", "150 2", "160 4"]);
    let (end, findings, trace) = run(&fleet, &jobs, FirstFit::skipping(), 0);
    assert!(findings.is_clean(), "{:?}", findings.first);
    assert_eq!(told(&trace, "Started"), ["0 0", "2 2", "3 3", "12 4", "100 1"]);
    assert_eq!(end.secs(), 150);
}

#[test]
fn limits_and_quotas_and_closeness_hold() {
    let fleet = fleet_of(&SMALL.replace("row_contracted_kw = 20\n", ""));
    let jobs = jobs_of(
        &fleet,
        "job,tenant,submit_s,duration_s,nodes,gpus_per_node,limit_s,within,segment\n\
         a,org-1/x,0,100,4,4,60,,\nb,org-1/y,0,10,2,4,,,\nc,org-2,0,100,3,4,,require:rack,\nd,org-2,1,10,2,2,,,2\n",
    );
    let (_, findings, trace) = run(&fleet, &jobs, FirstFit::skipping(), 0);
    assert!(findings.is_clean(), "{:?}", findings.first);
    // a is ended by its limit; b waits for it, because org-1 may hold 20 GPUs; c and d do not.
    assert_eq!(told(&trace, "Started"), ["0 0", "0 2", "60 1", "60 3"]);
    assert_eq!(told(&trace, "TimedOut"), ["60 0"]);
}

#[test]
fn shares_fill_one_gpu_before_the_next() {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(
        &fleet,
        "job,submit_s,duration_s,gpus,gpu_milli\n\
         a,0,100,1,600\nb,0,100,1,600\nc,0,100,1,400\nd,0,100,1,400\ne,0,100,1,\n",
    );
    let (_, findings, trace) = run(&fleet, &jobs, FirstFit::in_order(), 0);
    assert!(findings.is_clean(), "{:?}", findings.first);
    let gpu = |line: &&String| line.split("gpu: ").nth(1).map(|rest| rest[..1].to_owned());
    let started: Vec<&String> = trace.0.iter().filter(|line| line.contains("Started")).collect();
    let gpus: Vec<Option<String>> = started.iter().map(gpu).collect();
    let part = |gpu: &str| Some(gpu.to_owned());
    assert_eq!(gpus, [part("0"), part("1"), part("0"), part("1"), None]);
}

#[test]
fn a_run_can_be_stopped_and_has_a_horizon() {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(&fleet, "job,submit_s,duration_s\na,0,100\nb,500,100\n");
    let mut policy = FirstFit::in_order();
    let horizon = Some(Time(300_000_000));
    let input = Input { fleet: &fleet, jobs: &jobs, seed: 1, has_failures: false, horizon };
    let mut trace = Trace::default();
    let end = policy.run(&input, &mut trace, &mut |_| true).unwrap();
    assert_eq!((end, trace.0.len()), (Time(300_000_000), 3));
    let input = Input { horizon: None, ..input };
    let end = policy.run(&input, &mut trace, &mut |_| false).unwrap();
    assert_eq!(end, Time::ZERO, "stopped after the first step");
}

#[test]
fn random_shares_never_take_a_gpu_twice() {
    let fleet = fleet_of(SMALL);
    for seed in 1..=20 {
        let mut rng = Rng::new(seed);
        let mut rows = String::from("job,submit_s,duration_s,nodes,gpus_per_node,gpu_milli\n");
        for job in 0..200 {
            let (at, run) = (rng.below(5_000), rng.between(10, 900));
            let (nodes, gpus, milli) = match rng.below(4) {
                0 => (1, 1, rng.between(1, 999)),
                1 => (1, rng.between(0, 4), 1_000),
                2 => (rng.between(1, 8), rng.between(1, 4), 1_000),
                _ => (1, 1, 500),
            };
            rows.push_str(&format!("j{job},{at},{run},{nodes},{gpus},{milli}\n"));
        }
        let jobs = jobs_of(&fleet, &rows);
        let (_, findings, _) = run(&fleet, &jobs, FirstFit::skipping(), seed);
        assert!(findings.is_clean(), "seed {seed}: {:#?}", findings.first);
    }
}
