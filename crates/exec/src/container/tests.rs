//! What a runtime would be asked, without one.

use std::{collections::BTreeMap, path::Path, path::PathBuf};

use api::engine::{Input, Launch};
use units::{Bytes, Digest, DurationMicros, GpuCount, Id, MilliCpu};

use super::{ContainerPlan, connect, create_body, labels, name};
use crate::{engine::AttemptKey, logs::LogLimits, power::PowerModel, spec::LaunchSpec};

fn spec() -> LaunchSpec {
    let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
    LaunchSpec {
        key: AttemptKey { workload: Id::from_bytes([3; 16]), rank: 0, attempt: 2 },
        launch: Launch {
            name: "web".to_owned(),
            script: "serve".to_owned(),
            image: Some("registry.example/acme/web:1".to_owned()),
            environment: BTreeMap::new(),
            n_ranks: 1,
            cpu: MilliCpu(1_500),
            memory: Bytes(64 << 20),
            gpus: GpuCount(0),
            part: None,
            inputs: vec![Input { mount: "/data/corpus".to_owned(), manifest: digest }],
            stop_signal: "USR1".to_owned(),
            time_limit: None,
            service: false,
        },
        program: PathBuf::from("/usr/bin/cocarde"),
        launch_args: Vec::new(),
        work: PathBuf::from("/run-folder/w/work"),
        inputs: PathBuf::from("/run-folder/w/inputs"),
        state_dir: PathBuf::from("/run-folder"),
        environment: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
        port: None,
        gpus: Vec::new(),
        group: None,
        read_paths: Vec::new(),
        container: ContainerPlan::default(),
        log: LogLimits::default(),
        sample_interval_ms: 500,
        n_processes_max: 77,
        time_limit_grace: DurationMicros::ZERO,
        power: PowerModel::default(),
    }
}

#[test]
fn limits_mounts_and_labels() {
    let body = create_body(&spec(), Path::new("/run-folder/w/attempt-2/script.sh"));
    assert_eq!(body.image.as_deref(), Some("registry.example/acme/web:1"));
    assert_eq!(body.env, Some(vec!["A=1".to_owned()]));
    assert_eq!(body.stop_signal.as_deref(), Some("SIGUSR1"));
    assert_eq!(body.labels, Some(labels(spec().key)));
    let host = body.host_config.unwrap();
    assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(64 << 20)));
    assert_eq!((host.nano_cpus, host.pids_limit), (Some(1_500_000_000), Some(77)));
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    assert!(host.port_bindings.is_none() && host.device_requests.is_none());
    let mounts: Vec<(String, String, bool)> = host
        .mounts
        .unwrap()
        .into_iter()
        .map(|mount| (mount.source.unwrap(), mount.target.unwrap(), mount.read_only.unwrap()))
        .collect();
    let expected = [
        ("/run-folder/w/work", "/work", false),
        ("/run-folder/w/attempt-2/script.sh", "/cocarde/script.sh", true),
        ("/run-folder/w/inputs/data/corpus", "/data/corpus", true),
    ];
    assert_eq!(mounts, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c)));
}

#[test]
fn a_service_is_published_on_loopback_only_and_a_gang_uses_the_host() {
    let mut spec = spec();
    (spec.launch.service, spec.port) = (true, Some(4_321));
    let host = create_body(&spec, Path::new("/s")).host_config.unwrap();
    assert_eq!(host.network_mode.as_deref(), Some("bridge"));
    let ports = host.port_bindings.unwrap();
    let binding = ports.get("4321/tcp").unwrap().as_ref().unwrap().first().unwrap();
    assert_eq!(binding.host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(binding.host_port.as_deref(), Some("4321"));
    spec.launch.n_ranks = 2;
    let host = create_body(&spec, Path::new("/s")).host_config.unwrap();
    assert_eq!(host.network_mode.as_deref(), Some("host"));
    assert!(host.port_bindings.is_none());
}

#[test]
fn gpus_are_asked_for_by_index() {
    let mut spec = spec();
    spec.gpus = vec![1, 3];
    let host = create_body(&spec, Path::new("/s")).host_config.unwrap();
    let request = host.device_requests.unwrap().pop().unwrap();
    assert_eq!(request.device_ids, Some(vec!["1".to_owned(), "3".to_owned()]));
}

#[test]
fn names_differ_by_attempt_and_rank() {
    let key = spec().key;
    let other = AttemptKey { rank: 1, ..key };
    let later = AttemptKey { attempt: 3, ..key };
    assert!(name(key) != name(other) && name(key) != name(later));
}

#[test]
fn sockets_by_environment() {
    let plan = |host: Option<&str>, folder: Option<&str>| {
        ContainerPlan::from_environment(host.map(str::to_owned), folder.map(str::to_owned)).sockets
    };
    assert_eq!(plan(Some("unix:///tmp/d.sock"), Some("/x")), [PathBuf::from("/tmp/d.sock")]);
    assert_eq!(
        plan(Some(""), Some("/x")),
        ["/x/podman/podman.sock", "/run/podman/podman.sock", "/var/run/docker.sock"]
            .map(PathBuf::from)
    );
}

#[tokio::test]
async fn no_runtime_says_what_to_do() {
    let plan = ContainerPlan { sockets: vec![PathBuf::from("/nowhere/a.sock")] };
    let message = connect(&plan).await.unwrap_err().to_string();
    assert!(message.contains("`/nowhere/a.sock`"), "{message}");
    assert!(message.contains("podman system service"), "{message}");
    assert!(message.contains("leave `image` out"), "{message}");
}
