//! Limits and the sandbox, where this machine enforces them; where it does not, its facts say so.

use std::fs;

use api::engine::{NodeFacts, Phase};
use exec::{Engine as _, cgroup::Mechanism};
use units::{Bytes, DurationMicros, GpuCount, MilliCpu};

use crate::harness::{Node, exited, process, python_exists};

const EAT: &str =
    "exec python3 -c 'x = bytearray(400 << 20); print(len(x)); import time; time.sleep(1000)'";

/// Asserts that a workload which takes too much does not get it.
async fn eats_too_much(node: &Node) -> (Option<i32>, Option<i32>, Option<String>) {
    let mut asked = process(EAT);
    asked.launch.memory = Bytes(96 << 20);
    match node.to_end(&asked).await.phase {
        Some(Phase::Exited { code, signal, reason }) => (code, signal, reason),
        other => panic!("{other:?}: {}", node.log(&asked)),
    }
}

#[tokio::test]
async fn memory_beyond_the_limit_ends_the_workload() {
    if !python_exists() {
        eprintln!("SKIPPED: no python3 to take memory with");
        return;
    }
    let node = Node::new();
    let facts = node.engine().facts().await;
    let (code, signal, reason) = eats_too_much(&node).await;
    if facts.limits.starts_with("cgroup") && facts.limits.contains("memory") {
        assert_eq!((code, signal), (None, Some(9)), "{reason:?}");
        assert_eq!(reason.as_deref(), Some("out of memory"));
    } else {
        assert!(facts.limits.starts_with("rlimits"), "{}", facts.limits);
        assert_ne!(code, Some(0));
    }
}

#[tokio::test]
async fn without_control_groups_one_process_gets_no_more_than_the_limit() {
    if !python_exists() {
        eprintln!("SKIPPED: no python3 to take memory with");
        return;
    }
    let node = Node::with(|config| {
        config.mechanism = Mechanism::Rlimits { cause: "for this test".to_owned() };
    });
    assert!(node.engine().facts().await.limits.contains("for this test"));
    // Refused memory is an exception in Python, so it ends with a code of its own.
    let (code, _, _) = eats_too_much(&node).await;
    assert_eq!(code, Some(1));
}

#[tokio::test]
async fn without_control_groups_the_sum_of_processes_is_watched() {
    if !python_exists() {
        eprintln!("SKIPPED: no python3 to take memory with");
        return;
    }
    let node = Node::with(|config| {
        config.mechanism = Mechanism::Rlimits { cause: "for this test".to_owned() };
    });
    let one = "python3 -c 'x = b\"x\" * (60 << 20); import time; time.sleep(1000)' &";
    let mut asked = process(&format!("{one} {one} {one} wait"));
    asked.launch.memory = Bytes(100 << 20);
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(None, Some(9), Some("out of memory"))));
}

#[tokio::test]
async fn groups_are_gone_after_the_end() {
    let node = Node::new();
    let asked = process("echo up > up; exec sleep 1000");
    node.run(&asked).await.unwrap();
    node.file(&asked, "up").await;
    let text = fs::read_to_string(node.attempt_dir(&asked).join("launch.json")).unwrap();
    let spec: exec::spec::LaunchSpec = serde_json::from_str(&text).unwrap();
    let Some(group) = spec.group else {
        let limits = node.engine().facts().await.limits;
        eprintln!("SKIPPED: {limits}");
        assert!(limits.starts_with("rlimits"));
        node.stop(&asked, DurationMicros::ZERO).await;
        node.end(&asked).await;
        return;
    };
    assert!(!group.processes().is_empty());
    assert!(group.folders.values().all(|folder| folder.exists()));
    node.stop(&asked, DurationMicros::ZERO).await;
    node.end(&asked).await;
    assert!(group.folders.values().all(|folder| !folder.exists()), "{group:?}");
}

#[tokio::test]
async fn a_workload_reads_neither_another_s_folder_nor_the_platform_s_files() {
    let node = Node::new();
    let victim = process("echo secret > out/secret");
    node.to_end(&victim).await;
    let secret = node.work(&victim).join("out/secret");
    let launch = node.attempt_dir(&victim).join("launch.json");
    let beside = node.folder.path().join("beside");
    fs::write(&beside, "platform").unwrap();
    let spy = process(&format!(
        "for f in {} {} {}; do cat $f || true; done; echo x > {} || true; ls /etc/passwd; echo own > out/own; cat out/own",
        secret.display(),
        launch.display(),
        beside.display(),
        beside.display()
    ));
    let seen = node.to_end(&spy).await;
    assert_eq!(seen.phase, Some(exited(Some(0), None, None)), "{}", node.log(&spy));
    let (log, sandbox) = (node.log(&spy), node.engine().facts().await.sandbox);
    assert!(log.contains("own"), "{log}");
    if !sandbox.starts_with("Landlock ABI") {
        eprintln!("SKIPPED: {sandbox}");
        assert!(sandbox.starts_with("none: "), "{sandbox}");
        return;
    }
    assert!(!log.contains("secret\n") && !log.contains("\"launch\""), "{log}");
    assert_eq!(log.matches("ermission denied").count(), 4, "{log}");
    assert_eq!(fs::read_to_string(&beside).unwrap(), "platform");
}

#[tokio::test]
async fn a_workload_cannot_signal_what_is_not_its_own() {
    let node = Node::new();
    let sandbox = node.engine().facts().await.sandbox;
    let bystander = process("echo $$ > pid; exec sleep 1000");
    node.run(&bystander).await.unwrap();
    let pid = node.file(&bystander, "pid").await;
    let bully = process(&format!("kill -KILL {pid} && echo killed || echo refused"));
    node.to_end(&bully).await;
    let abi: u32 = sandbox
        .strip_prefix("Landlock ABI ")
        .and_then(|rest| rest.split(' ').next()?.parse().ok())
        .unwrap_or(0);
    if abi >= 6 {
        assert!(node.log(&bully).ends_with("refused\n"), "{}", node.log(&bully));
        assert_eq!(node.see(&bystander).await.unwrap().phase, Some(Phase::Running));
    } else {
        eprintln!("SKIPPED: signals are scoped from Landlock ABI 6 on; here: {sandbox}");
    }
    node.stop(&bystander, DurationMicros::ZERO).await;
    node.end(&bystander).await;
}

#[tokio::test]
async fn the_head_line_of_the_log_says_what_protects() {
    let node = Node::new();
    let asked = process("true");
    node.to_end(&asked).await;
    let log = fs::read_to_string(node.attempt_dir(&asked).join("log")).unwrap();
    let head = log.lines().next().unwrap();
    assert!(head.starts_with("cocarde: attempt 1 rank 0 starts; sandbox: "), "{head}");
    let facts = node.engine().facts().await;
    assert_eq!(head.contains("Landlock"), facts.sandbox.starts_with("Landlock"), "{head}");
}

#[tokio::test]
async fn nothing_of_the_platform_s_environment_is_passed_on() {
    let node = Node::new();
    let asked = process("env; ulimit -c");
    node.to_end(&asked).await;
    let log = node.log(&asked);
    let mut names: Vec<&str> =
        log.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    let expected = [
        "COCARDE_ATTEMPT",
        "COCARDE_CHECKPOINT",
        "COCARDE_OUT",
        "COCARDE_WORKLOAD",
        "CUDA_VISIBLE_DEVICES",
        "HOME",
        "LANG",
        "LOCAL_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
        "NNODES",
        "NODE_RANK",
        "PATH",
        "PWD",
        "TMPDIR",
        "WORLD_SIZE",
    ];
    names.retain(|name| !["OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, expected, "{log}");
    assert!(log.contains(&format!("COCARDE_WORKLOAD={}", asked.workload)));
    assert!(log.ends_with("0\n"), "no core files: {log}");
}

#[tokio::test]
async fn gpus_are_open_and_metered_for_those_who_asked_only() {
    let node = Node::new();
    let facts = node.engine().facts().await;
    if facts.gpus.is_empty() {
        eprintln!("SKIPPED: no GPU here");
        assert!(!facts.power.contains("NVML"), "{}", facts.power);
        return;
    }
    let script =
        "echo \"visible=$CUDA_VISIBLE_DEVICES\"; cat /dev/nvidiactl >/dev/null 2>err || true
                  nvidia-smi -L || true; cat err";
    let mut with = process(script);
    with.launch.gpus = GpuCount(1);
    let seen = node.to_end(&with).await;
    let log = node.log(&with);
    assert!(log.contains(&format!("visible={}", facts.gpus[0].uuid)), "{log}");
    assert!(!log.contains("ermission denied"), "{log}");
    assert!(seen.usage.gpu_micros > 0 && seen.usage.gpu_micros <= seen.usage.wall_micros);
    let energy = seen.usage.energy.unwrap();
    assert!(energy.source.starts_with("NVML (measured); "), "{energy:?}");
    let without = process(script);
    node.to_end(&without).await;
    let log = node.log(&without);
    assert!(log.contains("visible=\n"), "{log}");
    if facts.sandbox.starts_with("Landlock") {
        assert!(log.contains("ermission denied"), "{log}");
    }
}

#[tokio::test]
async fn facts_are_complete() {
    let NodeFacts {
        hostname,
        system,
        cpu_model,
        cpu,
        memory,
        power,
        limits,
        sandbox,
        container,
        ..
    } = Node::new().engine().facts().await;
    assert!([hostname, system, cpu_model, sandbox].iter().all(|text| !text.is_empty()));
    assert!(cpu >= MilliCpu(1) && memory > Bytes(1 << 20));
    assert!(power.contains("RAPL") || power.contains("model: 12.0 W per busy core"), "{power}");
    assert!(limits.starts_with("cgroup v") || limits.starts_with("rlimits"), "{limits}");
    assert_eq!(container, None);
}
