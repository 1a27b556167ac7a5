//! A small fleet whose budget falls, with jobs that may wait, as Markdown for `docs/benchmarks/power.md`:
//!
//!     cargo run --release -p sim --example power
//!
//! 512 GPUs in Germany, with the carbon of 2020 from `fixtures/carbon`; the jobs are made by a rule, not
//! drawn. Everything it prints is simulated.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
#![expect(clippy::unwrap_used, reason = "an example may panic")]
#![expect(clippy::arithmetic_side_effects, reason = "small known numbers")]

use std::fmt::Write as _;

use sim::twin::{backend::Input, checkers::Bounds, fleet, policies, run, workload};
use units::DurationMicros;

const CARBON: &str = include_str!("../../../fixtures/carbon/de-2020.csv");

/// 16 racks of 8 nodes of 4 GPUs: 113 kW of busy hosts and idle GPUs, 435 kW at most, × 1.2 at the meter. The
/// budget falls for four hours each on the second, third and fourth day.
const FLEET: &str = r#"name = "power"
[[gpu]]
name = "H200"
memory_gib = 141
idle_watts = 70
tdp_watts = 700
limit_watts = [560, 420]
limit_slowdown_percent = [8, 20]
[[site]]
name = "site"
country = "DE"
pue = 1.2
eur_per_mwh_file = "price.csv"
g_per_kwh_file = "carbon.csv"
file_step = "30m"
contracted_kw = 520
[[racks]]
site = "site"
count = 16
racks_per_row = 8
nodes_per_rack = 8
nvlink_nodes = 1
gpu = "H200"
gpus_per_node = 4
cpu_cores = 64
memory_gib = 512
node_idle_watts = 300
node_busy_watts = 600
[[power_event]]
at = "34h"
feeder = "site"
allowed_percent = 85
lasts = "4h"
[[power_event]]
at = "58h"
feeder = "site"
allowed_percent = 70
lasts = "4h"
[[power_event]]
at = "82h"
feeder = "site"
allowed_percent = 45
lasts = "4h"
"#;

/// A week of jobs, one every five minutes: 1 to 8 nodes, 1 to 6 hours; every third may wait a day, every
/// fourth is flexible, every tenth critical; all save their work each half hour.
fn jobs() -> String {
    let header = "job,submit_s,duration_s,limit_s,nodes,gpus_per_node,cpu_milli,priority,\
                  checkpoint_s,deadline_s\n";
    let mut text = header.to_owned();
    for job in 0_u64..2_016 {
        let nodes = [1, 1, 2, 1, 4, 1, 8, 2][usize::try_from(job % 8).unwrap()];
        let run = (1 + job * 7 % 6) * 3_600;
        let priority = if job % 10 == 9 { 1 } else { -i32::from(job % 4 == 0) };
        let submit = job * 300;
        let deadline =
            if job % 3 == 0 { (submit + 86_400 + run).to_string() } else { String::new() };
        let limit = run * 13 / 10;
        writeln!(text, "j{job},{submit},{run},{limit},{nodes},4,4000,{priority},1800,{deadline}")
            .unwrap();
    }
    text
}

/// The carbon of one fortnight of June, a value a line; and a price that is low at night and at noon.
fn series(path: &str) -> String {
    if path == "carbon.csv" {
        let days = CARBON.lines().skip(153).take(14);
        return days.flat_map(|day| day.split(',').skip(1)).map(|v| format!("{v}\n")).collect();
    }
    let price = |slot: u32| match slot / 2 {
        0..6 => 62,
        11..16 => 35,
        18..21 => 148,
        _ => 96,
    };
    (0..48).map(|slot| format!("{}\n", price(slot))).collect()
}

fn main() {
    let fleet = fleet::parse("power.toml", FLEET, &|path| Ok(series(path))).unwrap();
    let list = Box::new(std::io::Cursor::new(jobs().into_bytes()));
    let list = workload::read("jobs", list, None).unwrap();
    let jobs = list.prepare(&fleet, &workload::Assumptions::default()).unwrap();
    println!(
        "| policy | finished | late | stopped for power | peak kW | over, s | kWh | EUR | kgCO2e | \
         mean wait, h | found |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for name in ["cocarde-at-once", "cocarde", "cocarde-price", "first-fit"] {
        let Some(mut backend) = policies::named(name) else { continue };
        let input =
            Input { fleet: &fleet, jobs: &jobs, seed: 1, has_failures: false, horizon: None };
        let bounds =
            Bounds { power_grace: Some(DurationMicros::from_secs(120)), ..Bounds::default() };
        let mut rows = std::io::sink();
        let outcome = run::run(backend.as_mut(), &input, bounds, &mut rows, &mut |_| true).unwrap();
        let (summary, energy) = (&outcome.summary, &outcome.summary.energy);
        let stopped = summary.preemptions.get("power").copied().unwrap_or(0);
        println!(
            "| `{name}` | {} | {} | {stopped} | {} | {} | {} | {} | {} | {}.{:02} | {} |",
            summary.jobs.finished,
            summary.jobs.late,
            energy.peak_mw / 1_000_000,
            energy.over_allowed_micros / 1_000_000,
            energy.energy_milli_kwh / 1_000,
            energy.cost_milli_eur / 1_000,
            energy.carbon_milli_g / 1_000_000,
            summary.wait_ms.mean / 3_600_000,
            summary.wait_ms.mean % 3_600_000 / 36_000,
            if outcome.findings.is_clean() { "nothing" } else { "power above allowed" },
        );
    }
}
