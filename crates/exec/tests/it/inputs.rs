//! Read-only inputs and launches that cannot be.

use api::engine::{DesiredProcess, Input, Phase};
use exec::Engine as _;
use units::GpuCount;

use crate::harness::{Node, digest, exited, process};

fn with_input(script: &str, mount: &str, byte: &str) -> DesiredProcess {
    let mut asked = process(script);
    asked.launch.inputs = vec![Input { mount: mount.to_owned(), manifest: digest(byte) }];
    asked
}

async fn failure(node: &Node, asked: &DesiredProcess) -> String {
    match node.to_end(asked).await.phase {
        Some(Phase::LaunchFailed { message }) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_input_is_read_only_below_the_working_folder() {
    let node = Node::new();
    let asked = with_input(
        "cat data/content; (echo changed > data/content) 2>/dev/null && echo wrote || echo refused",
        "/data",
        "11",
    );
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(0), None, None)));
    let sandbox = node.engine().facts().await.sandbox;
    if sandbox.starts_with("Landlock") {
        assert_eq!(node.log(&asked), "elevenrefused\n");
    } else {
        eprintln!("SKIPPED: {sandbox}");
        assert!(node.log(&asked).starts_with("eleven"));
    }
}

#[tokio::test]
async fn a_missing_manifest_fails_the_launch_with_advice() {
    let node = Node::new();
    let message = failure(&node, &with_input("true", "/data", "22")).await;
    assert!(message.contains("input `/data`") && message.contains("push"), "{message}");
}

#[tokio::test]
async fn path_tricks_fail_the_launch() {
    let node = Node::new();
    for mount in ["/../../etc", "data", "/a/../../b", "/out"] {
        let message = failure(&node, &with_input("true", mount, "11")).await;
        assert!(message.contains(mount), "{message}");
    }
}

#[tokio::test]
async fn an_image_without_a_runtime_fails_the_launch_with_advice() {
    let node = Node::new();
    let mut asked = process("true");
    asked.launch.image = Some("registry.example/acme/train:1".to_owned());
    let message = failure(&node, &asked).await;
    assert!(message.contains("no container runtime answers at"), "{message}");
    assert!(message.contains("no-runtime.sock") && message.contains("podman"), "{message}");
}

#[tokio::test]
async fn more_gpus_than_there_are_fail_the_launch() {
    let node = Node::new();
    let n_gpus = u32::try_from(node.engine().facts().await.gpus.len()).unwrap();
    let mut asked = process("true");
    asked.launch.gpus = GpuCount(n_gpus + 1);
    let message = failure(&node, &asked).await;
    assert!(message.contains("GPUs are wanted"), "{message}");
}

#[tokio::test]
async fn an_unknown_stop_signal_and_a_bad_variable_fail_the_launch() {
    let node = Node::new();
    let mut asked = process("true");
    asked.launch.stop_signal = "SEGV".to_owned();
    assert!(failure(&node, &asked).await.contains("`SEGV`"));
    let mut asked = process("true");
    asked.launch.environment.insert("A=B".to_owned(), String::new());
    assert!(failure(&node, &asked).await.contains("`A=B`"));
}
