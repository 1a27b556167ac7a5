//! What a tenant at a hundred times its limit costs a polite one, in a simulation with virtual time that
//! drives the real table and the real line; "What it must show" 4 of the inference plane.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::super::fair::{FairQueue, Queued, Tenant};
use super::super::standing::{Holder, Level, Limits};
use super::super::table::{Levels, Table};

/// Places at the endpoint, and how long an answer takes: eight answers of 100 ms give 80 per second.
const PLACES: usize = 8;
const SERVICE_US: u64 = 100_000;
const SECONDS: u64 = 60;
const TOKENS: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Ends(u8, u64),
    Arrives(u8),
}

/// Arrivals per second of each tenant, and its limit per minute.
struct Load {
    tenant: u8,
    per_second: u64,
    limit: Option<u64>,
}

#[derive(Debug)]
struct Outcome {
    answered: u64,
    p99_us: u64,
}

/// Answers of tenant 1 under these loads.
fn run(loads: &[Load]) -> Outcome {
    let mut table = Table::new(64);
    let mut line: FairQueue<(u8, u64)> = FairQueue::new(256);
    let (mut inside, mut took) = (0, Vec::new());
    let mut draws = 1_u64;
    let mut events = BinaryHeap::new();
    for load in loads {
        events.push(Reverse((0, Happens::Arrives(load.tenant))));
    }
    while let Some(Reverse((now_us, event))) = events.pop() {
        match event {
            Happens::Arrives(tenant) if now_us < SECONDS * 1_000_000 => {
                let load = loads.iter().find(|one| one.tenant == tenant).unwrap();
                events.push(Reverse((now_us + pause_us(&mut draws, load.per_second), event)));
                if table.enter(&levels(load), now_us).is_ok() {
                    let who = Tenant {
                        organisation: [tenant; 16],
                        organisation_weight: 1,
                        project: [tenant; 16],
                        project_weight: 1,
                    };
                    match line.push(who, TOKENS, (tenant, now_us)) {
                        Queued::Waits(_) => {}
                        Queued::Instead(_, (out, _)) | Queued::Full((out, _)) => {
                            let load = loads.iter().find(|one| one.tenant == out).unwrap();
                            table.leave(&levels(load), 0, 0, now_us);
                        }
                    }
                }
            }
            Happens::Arrives(_) => {}
            Happens::Ends(tenant, since) => {
                inside -= 1;
                let load = loads.iter().find(|one| one.tenant == tenant).unwrap();
                table.leave(&levels(load), 0, 0, now_us);
                if tenant == 1 {
                    took.push(now_us - since);
                }
            }
        }
        while inside < PLACES
            && let Some((tenant, since)) = line.pop()
        {
            inside += 1;
            // Answers differ in length, the same way in each run.
            let long = (now_us / 7) % 5;
            let ends = now_us + SERVICE_US * (8 + long) / 10;
            events.push(Reverse((ends, Happens::Ends(tenant, since))));
        }
    }
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    Outcome { answered: u64::try_from(took.len()).unwrap(), p99_us: p99 }
}

/// The time to the next arrival of a Poisson process, the same in each run.
fn pause_us(draws: &mut u64, per_second: u64) -> u64 {
    *draws = draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let drawn = f64::from(u32::try_from(*draws >> 32).unwrap()) / f64::from(u32::MAX);
    let mean_us = 1e6 / f64::from(u32::try_from(per_second).unwrap());
    Duration::from_secs_f64(-drawn.max(1e-9).ln() * mean_us / 1e6).as_micros().try_into().unwrap()
}

fn levels(load: &Load) -> Levels {
    let limits = Limits { requests_per_minute: load.limit, ..Limits::default() };
    [None, None, None, None, Some(Level { holder: Holder([load.tenant; 16]), limits })]
}

/// Less than a tenth of the throughput, less than twice the p99.
fn check(greedy: Load) {
    let polite = || Load { tenant: 1, per_second: 30, limit: Some(2_400) };
    let alone = run(&[polite()]);
    let beside = run(&[polite(), greedy]);
    assert!(alone.answered >= 28 * SECONDS, "{alone:?}");
    assert!(beside.answered * 10 > alone.answered * 9, "{beside:?} and alone {alone:?}");
    assert!(beside.p99_us < 2 * alone.p99_us, "{beside:?} and alone {alone:?}");
}

#[test]
fn a_tenant_at_a_hundred_times_its_limit_costs_a_polite_one_little() {
    check(Load { tenant: 2, per_second: 2_000, limit: Some(1_200) });
}

#[test]
fn one_without_a_limit_that_floods_the_endpoint_costs_a_polite_one_little() {
    check(Load { tenant: 2, per_second: 8_000, limit: None });
}
