//! Lists fitted to fleets: totals on nodes, classes, dependencies, and what can never run.

use units::{Bytes, DurationMicros, MilliCpu};

use super::read_bytes;
use crate::twin::{
    fleet::{self, Fleet},
    workload::{Assumptions, JobIdx, Prepared},
};

/// Two kinds of node: eight with 4 GPUs of class A in domains of four, two with 8 of class B.
fn two_kinds() -> Fleet {
    let text = r#"name = "two kinds"
[[gpu]]
name = "A"
memory_gib = 80
idle_watts = 50
tdp_watts = 400
[[gpu]]
name = "B"
memory_gib = 80
idle_watts = 50
tdp_watts = 400
[[site]]
name = "s"
country = "FR"
pue = 1.2
eur_per_mwh = 80
g_per_kwh = 50
[[racks]]
site = "s"
count = 2
nodes_per_rack = 4
nvlink_nodes = 4
gpu = "A"
gpus_per_node = 4
cpu_cores = 32
memory_gib = 256
[[racks]]
site = "s"
count = 1
nodes_per_rack = 2
gpu = "B"
gpus_per_node = 8
cpu_cores = 64
memory_gib = 512
"#;
    fleet::parse("fleet.toml", text, &|_| Ok(String::new())).unwrap()
}

fn prepare(rows: &str, assumptions: &Assumptions) -> Result<Prepared, String> {
    let header = "job,submit_s,duration_s,gpu_time_s,nodes,gpus_per_node,gpus,cpu_milli,memory_mib,classes,within,segment,after\n";
    let workload = read_bytes(format!("{header}{rows}").into_bytes(), None);
    workload.prepare(&two_kinds(), assumptions).map_err(|error| error.to_string())
}

/// Nodes, GPUs, processor and memory of each.
fn laid(rows: &str) -> Vec<(u32, u32, MilliCpu, Bytes)> {
    let prepared = prepare(rows, &Assumptions::default()).unwrap();
    prepared.requests.iter().map(|r| (r.nodes_min, r.gpus, r.cpu, r.memory)).collect()
}

#[test]
fn a_total_is_laid_out_on_the_fewest_nodes() {
    let plain = |nodes, gpus| (nodes, gpus, MilliCpu(0), Bytes(0));
    let rows = "a,0,1,,,,8,,,,,,\nb,0,1,,,,8,,,A,,,\nc,0,1,,,,9,,,B,,,\nd,0,1,,,,3,,,,,,\n";
    assert_eq!(laid(rows), [plain(1, 8), plain(2, 4), plain(2, 5), plain(1, 3)]);
    let wide = "a,0,1,,,,0,100000,,,,,\nb,0,1,,,,4,,786432,,,,\n";
    let expected = [(2, 0, MilliCpu(50_000), Bytes(0)), (2, 2, MilliCpu(0), Bytes(384 << 30))];
    assert_eq!(laid(wide), expected);
    let rounded = prepare("c,0,1,,,,9,,,B,,,\n", &Assumptions::default()).unwrap().rounded;
    assert_eq!(rounded, 1);
}

#[test]
fn gpu_time_is_shared_by_the_gpus() {
    let prepared = prepare("a,0,,80,2-8,4,,,,,,,\n", &Assumptions::default()).unwrap();
    assert_eq!(prepared.requests[0].run, DurationMicros::from_secs(10));
    assert_eq!((prepared.requests[0].nodes_min, prepared.requests[0].nodes_max), (2, 8));
}

#[test]
fn what_can_never_run_is_said_or_left_out() {
    let good = "good,0,1,,,,1,,,,,,\n";
    for (row, expected) in [
        (
            "a,0,1,,,,1,,,H999|X,,,\n",
            "list, line 3, field `classes`, value `H999|X`: no node has such a GPU: the fleet has A, B",
        ),
        (
            "a,0,1,,1,9,,,,,,,\n",
            "list, line 3, field `nodes`, value `9 GPUs, 0 mCPU, 0 MiB`: no node of the fleet is so large",
        ),
        (
            "a,0,1,,3,8,,,,,,,\n",
            "list, line 3, field `nodes`, value `3`: the fleet has only 2 such nodes",
        ),
        (
            "a,0,1,,8,4,,,,A,,8,\n",
            "list, line 3, field `segment`, value `8`: the largest NVLink domain has 4 such nodes",
        ),
        (
            "a,0,1,,5,4,,,,A,require:rack,,\n",
            "list, line 3, field `within`, value `5`: 4 such nodes are the most that are so close together",
        ),
    ] {
        let rows = format!("{good}{row}");
        assert_eq!(prepare(&rows, &Assumptions::default()).unwrap_err(), expected);
        let skipping = Assumptions { skip_impossible: true, ..Assumptions::default() };
        let prepared = prepare(&rows, &skipping).unwrap();
        assert_eq!((prepared.requests.len(), prepared.skipped), (1, 1));
    }
}

#[test]
fn what_a_list_does_not_say_is_assumed_only_if_asked() {
    let unstated = "a,0,,,,,1,,,,,,\n";
    let error = prepare(unstated, &Assumptions::default()).unwrap_err();
    assert!(error.contains("line 2, field `duration`, value `a`"), "{error}");
    let hour = DurationMicros::from_secs(3_600);
    let assuming = Assumptions { unstated: Some(hour), ..Assumptions::default() };
    let prepared = prepare(unstated, &assuming).unwrap();
    assert_eq!((prepared.requests[0].run, prepared.assumed), (hour, 1));
    let any = Assumptions { any_class: true, ..Assumptions::default() };
    assert_eq!(prepare("a,0,1,,,,1,,,H999,,,\n", &any).unwrap().requests.len(), 1);
}

#[test]
fn dependencies_are_resolved_and_circles_named() {
    let rows = "a,5,1,,,,1,,,,,,b;c\nb,1,1,,,,1,,,,,,\nc,2,1,,,,1,,,,,,b\n";
    let prepared = prepare(rows, &Assumptions::default()).unwrap();
    let after: Vec<&[JobIdx]> = prepared.requests.iter().map(|r| r.after.as_slice()).collect();
    assert_eq!(after, [&[][..], &[JobIdx(0)], &[JobIdx(0), JobIdx(1)]]);
    for (rows, expected) in [
        (
            "a,1,1,,,,1,,,,,,b\nb,2,1,,,,1,,,,,,c\nc,3,1,,,,1,,,,,,a\n",
            "list, line 2, field `after`, value `a`: waits for itself: a → b → c → a; remove one `after` of the circle",
        ),
        (
            "x,0,1,,,,1,,,,,,a\na,1,1,,,,1,,,,,,a\n",
            "list, line 3, field `after`, value `a`: waits for itself: a → a; remove one `after` of the circle",
        ),
        ("a,1,1,,,,1,,,,,,z\n", "list, line 2, field `after`, value `z`: is no job of this list"),
    ] {
        assert_eq!(prepare(rows, &Assumptions::default()).unwrap_err(), expected);
    }
}

#[test]
fn a_long_chain_is_no_circle() {
    let mut rows = String::from("j0,0,1,,,,1,,,,,,\n");
    for job in 1..20_000 {
        rows.push_str(&format!("j{job},0,1,,,,1,,,,,,j{}\n", job - 1));
    }
    assert_eq!(prepare(&rows, &Assumptions::default()).unwrap().requests.len(), 20_000);
}
