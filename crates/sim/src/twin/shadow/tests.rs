//! What the twin does, the platform's state machine accepts, and its planner would have done.

use sched::{Reclaim, Settings};
use units::DurationMicros;

use super::Shadow;
use crate::twin::{
    backend::{Backend, Input},
    checkers::Rule,
    fleet,
    generate::{Parameters, generate},
    policies,
    scheduled::Scheduled,
    workload::{Assumptions, Prepared, Tenants},
};

const FLEET: &str = r#"name = "small"
[[gpu]]
name = "A"
memory_gib = 80
idle_watts = 100
tdp_watts = 700
[[gpu]]
name = "B"
memory_gib = 80
idle_watts = 100
tdp_watts = 700
[[site]]
name = "s"
country = "FR"
pue = 1.25
eur_per_mwh = 80
g_per_kwh = 50
[[racks]]
site = "s"
count = 6
racks_per_row = 2
nodes_per_rack = 6
nvlink_nodes = 6
gpu = "A"
gpus_per_node = 4
cpu_cores = 64
memory_gib = 512
[[racks]]
site = "s"
count = 2
nodes_per_rack = 4
nvlink_nodes = 4
gpu = "B"
gpus_per_node = 8
cpu_cores = 64
memory_gib = 512
[failures]
node_mtbf = "6d"
node_mttr = "4h"
rack_mtbf = "30d"
rack_mttr = "6h"
"#;

fn jobs(fleet: &fleet::Fleet, seed: u64) -> Prepared {
    let horizon = DurationMicros::from_secs(3 * 24 * 3_600);
    let parameters = Parameters { jobs: 400, load_milli: 1_500, horizon, seed };
    let workload = generate(fleet, &parameters).unwrap().workload;
    let mut jobs = workload.prepare(fleet, &Assumptions::default()).unwrap();
    // The platform has organisations and projects, and no users below them.
    let mut tenants = Tenants::default();
    for request in &mut jobs.requests {
        let mut parts = jobs.tenants.path(request.tenant).split('/');
        let (organisation, project) = (parts.next().unwrap(), parts.next().unwrap_or("main"));
        request.tenant = tenants.intern(&format!("{organisation}/{project}"));
    }
    jobs.tenants = tenants;
    jobs
}

/// Runs a policy with the platform beside it; answers what it found, and how much it saw.
fn shadowed(
    policy: &mut Scheduled,
    seed: u64,
    has_failures: bool,
    plans: bool,
) -> (Vec<String>, u64) {
    let fleet = fleet::parse("fleet.toml", FLEET, &|_| Err(std::io::ErrorKind::NotFound.into()));
    let fleet = fleet.unwrap();
    let jobs = jobs(&fleet, seed);
    let input = Input { fleet: &fleet, jobs: &jobs, seed, has_failures, horizon: None };
    let mut shadow = Shadow::new(&input, plans.then(|| policy.settings())).unwrap();
    let end = policy.run(&input, &mut shadow, &mut |_| true).unwrap();
    let active = shadow.state().active_workloads().count();
    let (found, n_starts) = shadow.finish(end);
    let mut findings: Vec<String> = found.first.iter().map(ToString::to_string).collect();
    if active > 0 {
        findings.push(format!("{active} workloads have not ended on the platform"));
    }
    (findings, n_starts)
}

/// Nobody is evicted, and no past use counts, which the platform reckons from what is metered.
fn without_evictions() -> Scheduled {
    let settings = Settings {
        preemptors_max: 0,
        reclaim: Reclaim::Off,
        past_use_milli: 0,
        ..Settings::default()
    };
    Scheduled::new("calm", settings)
}

#[test]
fn the_platform_plans_what_the_twin_plans() {
    for seed in 0..3 {
        let (findings, n_starts) = shadowed(&mut without_evictions(), seed, false, true);
        assert_eq!((findings, n_starts), (vec![], 400), "seed {seed}");
    }
}

#[test]
fn the_platform_accepts_what_the_twin_does_when_machines_fail() {
    for (seed, name) in [(3, "cocarde"), (4, "cocarde"), (5, "cocarde-easy")] {
        let mut policy = policies::scheduled(name).unwrap();
        let (findings, n_starts) = shadowed(&mut policy, seed, true, false);
        assert_eq!(findings, Vec::<String>::new(), "seed {seed}");
        assert!(n_starts > 400, "nothing failed: {n_starts} starts");
    }
}

#[test]
fn a_policy_that_is_not_the_platforms_is_found_out() {
    // First fit packs by other rules: its starts are accepted, but they are not the platform's.
    let fleet = fleet::parse("fleet.toml", FLEET, &|_| Err(std::io::ErrorKind::NotFound.into()));
    let fleet = fleet.unwrap();
    let jobs = jobs(&fleet, 6);
    let input = Input { fleet: &fleet, jobs: &jobs, seed: 6, has_failures: false, horizon: None };
    let mut shadow = Shadow::new(&input, Some(Settings::default())).unwrap();
    let mut other = policies::named("first-fit").unwrap();
    let end = other.run(&input, &mut shadow, &mut |_| true).unwrap();
    let (found, _) = shadow.finish(end);
    assert!(found.by_rule.get(&Rule::Platform).is_some_and(|count| *count > 10), "{found:?}");
}
