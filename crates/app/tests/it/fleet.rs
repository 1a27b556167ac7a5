//! The operator's side on one machine that is shown as several: racks, drains, quotas, reservations,
//! the line and the GPUs. Real processes run on each virtual node.

use serde_json::Value;

use crate::{Home, platform::Platform};

fn fleet() -> Platform {
    let flags = ["--virtual-nodes", "4", "--racks", "2", "--virtual-gpus", "2"];
    Platform::start_with(&[&flags[..], &["--virtual-gpu-model", "H200"]].concat())
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

#[test]
fn a_machine_shown_as_several_runs_real_processes_on_each() {
    let platform = fleet();
    let nodes = platform.good(&["node", "list"]);
    let mut names: Vec<&str> =
        items(&nodes).iter().map(|node| node["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["vm-0", "vm-1", "vm-2", "vm-3"]);
    assert_eq!(items(&platform.good(&["node", "list", "--rack", "rack-1"])).len(), 2);
    let shown = platform.run(&["node", "get", "vm-0"]).stdout;
    assert!(shown.contains("virtual:") && shown.contains("H200 (virtual)"), "{shown}");
    assert!(platform.run(&["doctor"]).stdout.contains("4 nodes are virtual"));
    // A gang of two with virtual GPUs: two processes, told that nothing stands behind the GPUs.
    let script = "echo rank $NODE_RANK of $NNODES, $COCARDE_VIRTUAL_GPUS, [$CUDA_VISIBLE_DEVICES]";
    let job = format!(
        "type: batch\nname: gang\nnodes: 2\nresources: {{ cpu: 10m, memory: 16MiB, gpu: H200:1 }}\nrun: '{script}'\n"
    );
    std::fs::write(platform.path("gang.yaml"), job).unwrap();
    platform.good(&["apply", "-f", "gang.yaml"]);
    platform.run(&["wait", "gang", "--timeout", "60s"]).check(0, &[]);
    for rank in ["0", "1"] {
        let log = platform.run(&["logs", "gang", "--rank", rank]).stdout;
        assert!(log.contains(&format!("rank {rank} of 2, 1, []")), "{log}");
    }
    let cost = platform.good(&["cost"]);
    assert!(!cost.to_string().contains("gpu_hour"), "virtual GPUs are never billed: {cost}");
}

#[test]
fn a_drain_waits_for_work_and_the_read_verbs_tell_of_it() {
    let platform = fleet();
    platform.good(&["cordon", "vm-1", "--reason", "test"]);
    platform.good(&["node", "suspect", "vm-2"]);
    let pools = platform.good(&["gpus"]);
    let total = |field: &str| -> u64 {
        items(&pools).iter().map(|pool| pool[field].as_u64().unwrap()).sum()
    };
    assert_eq!((total("gpus"), total("gpus_free"), total("gpus_unavailable")), (8, 6, 2));
    assert_eq!((total("nodes_suspect"), total("nodes_cordoned")), (1, 1));
    let drained = platform.good(&["drain", "vm-3", "--grace", "1h"]);
    assert!(drained["stops_work_at"].is_string(), "{drained}");
    platform.run(&["drain", "vm-3", "--grace", "1"]).check(2, &["is not a duration"]);
    assert_eq!(platform.good(&["uncordon", "vm-3"])["state"], "ready");
    // More nodes than take a gang now: it waits, and the line says why.
    let job =
        "type: batch\nname: large\nnodes: 3\nresources: { cpu: 10m, memory: 16MiB }\nrun: 'true'\n";
    std::fs::write(platform.path("large.yaml"), job).unwrap();
    platform.good(&["apply", "-f", "large.yaml"]);
    let line = platform.good(&["queue"]);
    assert_eq!((items(&line).len(), &items(&line)[0]["position"]), (1, &1.into()));
    assert!(items(&line)[0]["estimated_start_at"].is_null(), "{line}");
    assert!(platform.run(&["queue", "--all"]).stdout.contains("large"));
    platform.good(&["uncordon", "vm-1"]);
    platform.run(&["wait", "large", "--timeout", "60s"]).check(0, &[]);
    assert_eq!(items(&platform.good(&["queue"])).len(), 0);
    // The grace of a drain ends by itself, and stops what still runs.
    let job = "while true; do sleep 1; done";
    platform.good(&[
        "run", "--name", "long", "--cpu", "0.01", "--memory", "16MiB", "--", "sh", "-c", job,
    ]);
    platform.run(&["wait", "long", "--for", "running", "--timeout", "60s"]).check(0, &[]);
    for node in ["vm-0", "vm-1", "vm-2", "vm-3"] {
        platform.good(&["drain", node, "--grace", "1s"]);
    }
    let events = || platform.good(&["events", "--limit", "500"]).to_string();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !events().contains("workload.stop_requested") {
        assert!(std::time::Instant::now() < deadline, "the drain stops nothing");
        std::thread::yield_now();
    }
    platform.good(&["stop", "long"]);
}

#[test]
fn quotas_and_reservations_by_command_line() {
    let platform = fleet();
    platform.good(&["quota", "set", "H200", "--nominal", "4", "--organisation", "example"]);
    let set = ["quota", "set", "H200", "--nominal", "2.5", "--borrow", "1", "--lend", "0.5"];
    let quota = platform.good(&set);
    assert_eq!((&quota["owner"], &quota["nominal_milli"]), (&"example/nlp".into(), &2_500.into()));
    platform.run(&["quota", "set", "H200", "--nominal", "5"]).check(5, &["quota-exceeded"]);
    let listed = platform.run(&["quota", "list"]).stdout;
    assert!(listed.contains("2.5") && !listed.contains("all"), "{listed}");
    assert_eq!(items(&platform.good(&["quota", "list", "--organisation", "example"])).len(), 2);
    let id = quota["id"].as_str().unwrap();
    platform.good(&["quota", "delete", id]);
    platform.run(&["quota", "get", id]).check(3, &[]);

    let create = |name: &str, more: &[&str]| {
        platform.run(&[&["reserve", "create", name][..], more, &["-o", "json"]].concat())
    };
    create("exam", &["--count", "2", "--one-rack", "--class", "H200", "--for", "1h"]).check(0, &[]);
    let taken = create("fans", &["--nodes", "vm-0", "--maintenance", "--for", "1h"]);
    taken.check(5, &["reservation-conflict", "exam"]);
    create("more", &["--count", "3", "--for", "1h"]).check(4, &["no-capacity"]);
    create("fans", &["--nodes", "vm-2,vm-3", "--maintenance", "--for", "1h"]).check(0, &[]);
    let exam = platform.good(&["reserve", "get", "exam"]);
    assert_eq!((&exam["state"], &exam["nodes"][0]["rack"]), (&"active".into(), &"rack-0".into()));
    platform.good(&["reserve", "cancel", "exam"]);
    let listed = platform.run(&["reserve", "list"]).stdout;
    assert!(listed.contains("maintenance") && !listed.contains("exam"), "{listed}");
    assert!(platform.run(&["reserve", "list", "--all"]).stdout.contains("cancelled"));
}

#[test]
fn virtual_gpus_exist_only_on_virtual_nodes() {
    let home = Home::new();
    for (arguments, part) in [
        (&["up", "--virtual-gpus", "2"][..], "--virtual-nodes"),
        (&["up", "--racks", "2"], "--virtual-nodes"),
        (&["quota", "set", "H200", "--nominal", "x"], "is not an amount"),
        (&["reserve", "create", "a", "--for", "1h"], "--count"),
        (&["reserve", "create", "a", "--count", "1"], "--until"),
        (&["reserve", "create", "a", "--count", "1", "--until", "soon"], "RFC 3339"),
    ] {
        home.run(arguments).check(2, &[part]);
    }
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", "--virtual-nodes", "1000"];
    let ran = home.run(&[&up[..], &["--racks", "1001"]].concat());
    assert!(ran.code != 0 && ran.stderr.contains("racks"), "{}", ran.stderr);
}
