//! The generator: same seed same bytes, and the mix and load that it promises.

use std::collections::BTreeMap;

use units::DurationMicros;

use super::{Generated, Parameters, generate};
use crate::twin::{
    DAY_MICROS, HOUR_MICROS,
    fleet::{self, Fleet},
    workload::{Assumptions, Shape, Work, write},
};

pub(crate) fn example(name: &str) -> Fleet {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/fleets");
    let text = std::fs::read_to_string(format!("{folder}/{name}.toml")).unwrap();
    fleet::parse(name, &text, &|_| Ok(String::new())).unwrap()
}

fn week(jobs: u64, load_milli: u32, seed: u64) -> Parameters {
    Parameters { jobs, load_milli, horizon: DurationMicros(7 * DAY_MICROS), seed }
}

fn bytes(generated: &Generated) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&generated.workload, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let fleet = example("gpus-18000");
    let first = bytes(&generate(&fleet, &week(2_000, 800, 7)).unwrap());
    assert_eq!(first, bytes(&generate(&fleet, &week(2_000, 800, 7)).unwrap()));
    assert_ne!(first, bytes(&generate(&fleet, &week(2_000, 800, 8)).unwrap()));
}

#[test]
fn there_are_as_many_jobs_as_asked_for_and_the_load_is_met() {
    let fleet = example("gpus-18000");
    for (jobs, load) in [(1, 500), (999, 300), (20_000, 850), (20_000, 1_500)] {
        let generated = generate(&fleet, &week(jobs, load, 1)).unwrap();
        assert_eq!(generated.workload.jobs.len() as u64, jobs);
        if jobs >= 20_000 {
            let asked: u128 = generated
                .workload
                .jobs
                .iter()
                .map(|job| match (job.shape, job.work) {
                    (Shape::Nodes { min, gpus, .. }, Work::Run(run)) => {
                        u128::from(min) * u128::from(gpus) * u128::from(run.0)
                    }
                    other => panic!("{other:?}"),
                })
                .sum();
            let found = asked * 1_000 / (18_000 * 7 * u128::from(DAY_MICROS));
            assert!(found.abs_diff(u128::from(load)) <= 10, "{found} instead of {load}");
            assert!(generated.load_milli.abs_diff(u64::from(load)) <= 10);
        }
    }
}

#[test]
fn the_mix_is_that_of_the_tables() {
    let fleet = example("superchips-18000");
    let workload = generate(&fleet, &week(50_000, 800, 3)).unwrap().workload;
    let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut day, mut night) = (0, 0);
    for job in &workload.jobs {
        let Shape::Nodes { min, gpus, .. } = job.shape else { panic!("{:?}", job.shape) };
        *sizes.entry(min * gpus).or_default() += 1;
        match job.submit.0 / HOUR_MICROS % 24 {
            14 => day += 1,
            3 => night += 1,
            _ => {}
        }
        if min * gpus >= 128 {
            assert_eq!((job.segment, min % 16), (16, 0));
        }
    }
    assert_eq!(
        sizes.keys().copied().collect::<Vec<_>>(),
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]
    );
    assert!((20_000..22_000).contains(&sizes[&1]), "{sizes:?}");
    assert!((80..170).contains(&sizes[&1_024]), "{sizes:?}");
    assert!(day > 2 * night, "{day} by day, {night} by night");
    // Zipf over 24 organisations: the first has 26 % of the jobs.
    let first = workload.tenants.paths().iter().filter(|path| path.starts_with("org-1/")).count();
    assert!(first >= 20, "{first} users of the first organisation");
}

#[test]
fn what_is_generated_fits_its_fleet() {
    for name in ["laptop", "gpus-18000"] {
        let fleet = example(name);
        let workload = generate(&fleet, &week(500, 700, 5)).unwrap().workload;
        let prepared = workload.prepare(&fleet, &Assumptions::default()).unwrap();
        assert_eq!((prepared.requests.len(), prepared.skipped, prepared.rounded), (500, 0, 0));
    }
}

#[test]
fn what_cannot_be_generated_is_refused() {
    let fleet = example("laptop");
    for (parameters, expected) in [
        (week(0, 500, 1), "`0` jobs: ask for 1 to 5000000"),
        (week(5, 0, 1), "a load of 0: give more than that"),
        (
            Parameters { horizon: DurationMicros(5), ..week(5, 5, 1) },
            "a horizon of 0.0s: give at least 1h",
        ),
    ] {
        assert_eq!(generate(&fleet, &parameters).unwrap_err(), expected);
    }
}
