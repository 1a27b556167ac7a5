//! The platform dies and comes back; the supervisor dies; the loop converges over both.

use std::{fs, sync::Arc};

use api::engine::{AttemptReport, DesiredNode, Phase};
use exec::{
    ControlPlane, EngineError, LocalEngine, Reconciler, ReconcilerConfig, ReportError,
    spec::ShimRecord,
};
use rustix::process::{Pid, Signal, kill_process};
use units::{DurationMicros, Id};

use crate::harness::{Node, eventually, exited, is_alive, process};

fn shim(node: &Node, asked: &api::engine::DesiredProcess) -> ShimRecord {
    let text = fs::read_to_string(node.attempt_dir(asked).join("shim.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn a_new_platform_adopts_what_runs_and_starts_nothing_twice() {
    let mut node = Node::new();
    let asked = process("echo $$ >> out/pids; while [ ! -e go ]; do sleep 0.02; done; exit 4");
    node.run(&asked).await.unwrap();
    let pid = node.file(&asked, "out/pids").await;
    let before = shim(&node, &asked);
    node.restart();
    node.run(&asked).await.unwrap();
    let seen = node.see(&asked).await.unwrap();
    assert_eq!((seen.phase, seen.generation), (Some(Phase::Running), 1));
    assert_eq!(shim(&node, &asked), before);
    assert!(is_alive(&pid));
    fs::write(node.work(&asked).join("go"), "").unwrap();
    assert_eq!(node.end(&asked).await.phase, Some(exited(Some(4), None, None)));
    node.restart();
    node.run(&asked).await.unwrap();
    assert_eq!(node.see(&asked).await.unwrap().phase, Some(exited(Some(4), None, None)));
    assert_eq!(fs::read_to_string(node.work(&asked).join("out/pids")).unwrap().trim(), pid);
}

#[tokio::test]
async fn an_adopted_workload_can_be_stopped() {
    let mut node = Node::new();
    let asked = process("echo up > up; exec sleep 1000");
    node.run(&asked).await.unwrap();
    node.file(&asked, "up").await;
    node.restart();
    node.stop(&asked, DurationMicros::from_secs(30)).await;
    assert_eq!(node.end(&asked).await.phase, Some(exited(None, Some(15), Some("stopped"))));
}

#[tokio::test]
async fn a_time_limit_holds_while_no_platform_runs() {
    let mut node = Node::with(|config| config.time_limit_grace = DurationMicros::from_secs(30));
    let mut asked = process("echo $$ > pid; exec sleep 1000");
    asked.launch.time_limit = Some(DurationMicros(1_500_000));
    node.run(&asked).await.unwrap();
    let pid = node.file(&asked, "pid").await;
    let dir = node.attempt_dir(&asked);
    node.die();
    eventually(|| dir.join("exit.json").exists().then_some(())).await;
    assert!(!is_alive(&pid));
    node.restart();
    let seen = node.see(&asked).await.unwrap();
    assert_eq!(seen.phase, Some(exited(None, Some(15), Some("time limit"))));
}

#[tokio::test]
async fn a_killed_supervisor_is_a_lost_attempt_and_leaves_no_orphan() {
    let node = Node::new();
    // One child stays in the session, one leaves it; neither is the shim's direct child.
    let asked = process(
        "sh -c 'echo $$ > near; while :; do sleep 1; done' &
         setsid sh -c 'echo $$ > far; while :; do sleep 1; done' &
         echo $$ > main; wait",
    );
    node.run(&asked).await.unwrap();
    let mut pids = Vec::new();
    for name in ["near", "far", "main"] {
        pids.push(node.file(&asked, name).await);
    }
    let record = shim(&node, &asked);
    kill_process(Pid::from_raw(record.shim.pid).unwrap(), Signal::KILL).unwrap();
    let seen = node.end(&asked).await;
    let lost = "lost: the supervisor process died";
    assert_eq!(seen.phase, Some(exited(None, Some(9), Some(lost))));
    assert!(pids.iter().all(|pid| !is_alive(pid)), "{pids:?}");
    node.run(&asked).await.unwrap();
    assert_eq!(node.see(&asked).await.unwrap().phase, seen.phase);
}

#[tokio::test]
async fn a_workload_whose_run_folder_was_removed_does_not_live_on() {
    let node = Node::new();
    let asked = process("echo $$ > pid; exec sleep 1000");
    node.run(&asked).await.unwrap();
    let pid = node.file(&asked, "pid").await;
    // Renamed, not deleted file by file, because the shim writes into it meanwhile.
    fs::rename(node.attempt_dir(&asked), node.folder.path().join("removed")).unwrap();
    eventually(|| (!is_alive(&pid)).then_some(())).await;
}

#[tokio::test]
async fn a_second_supervisor_of_the_same_attempt_does_nothing() {
    let node = Node::new();
    let asked =
        process("echo run >> out/runs; echo up > up; while [ ! -e go ]; do sleep 0.02; done");
    node.run(&asked).await.unwrap();
    node.file(&asked, "up").await;
    let before = shim(&node, &asked);
    let dir = node.attempt_dir(&asked);
    let status = tokio::process::Command::new(&node.config.program)
        .arg("__shim")
        .arg(&dir)
        .status()
        .await
        .unwrap();
    assert!(status.success());
    assert_eq!(shim(&node, &asked), before);
    fs::write(node.work(&asked).join("go"), "").unwrap();
    node.end(&asked).await;
    assert_eq!(fs::read_to_string(node.work(&asked).join("out/runs")).unwrap(), "run\n");
}

#[tokio::test]
async fn one_folder_has_one_platform() {
    let node = Node::new();
    let second = LocalEngine::new(node.config.clone()).unwrap_err();
    assert!(matches!(second, EngineError::InUse { .. }), "{second}");
}

struct Platform {
    desired: std::sync::Mutex<DesiredNode>,
    reports: std::sync::Mutex<Vec<AttemptReport>>,
    change: tokio::sync::Notify,
}

impl ControlPlane for Platform {
    fn desired(&self) -> DesiredNode {
        self.desired.lock().unwrap().clone()
    }
    async fn report(&self, reports: Vec<AttemptReport>) -> Result<(), ReportError> {
        self.reports.lock().unwrap().extend(reports);
        Ok(())
    }
    async fn changed(&self) {
        self.change.notified().await;
    }
}

#[tokio::test]
async fn the_loop_runs_what_is_listed_and_ends_what_is_not() {
    let mut node = Node::new();
    let config = node.config.clone();
    let unlisted = process("echo $$ > pid; exec sleep 1000");
    node.run(&unlisted).await.unwrap();
    let pid = node.file(&unlisted, "pid").await;
    let attempt_dir = node.attempt_dir(&unlisted);
    node.die();
    let engine = Arc::new(LocalEngine::new(config).unwrap());
    let listed = process("exit 5");
    let desired = DesiredNode { node: Id::from_bytes([1; 16]), processes: vec![listed.clone()] };
    let platform = Arc::new(Platform {
        desired: std::sync::Mutex::new(desired),
        reports: std::sync::Mutex::default(),
        change: tokio::sync::Notify::new(),
    });
    let (ask_end, end) = tokio::sync::oneshot::channel::<()>();
    let loop_ = Reconciler::new(ReconcilerConfig::default());
    let running = tokio::spawn(loop_.run(Arc::clone(&platform), engine, async {
        let _ = end.await;
    }));
    let expected = exited(Some(5), None, None);
    eventually(|| {
        let reports = platform.reports.lock().unwrap();
        reports.iter().any(|report| report.phase == expected).then_some(())
    })
    .await;
    eventually(|| attempt_dir.join("exit.json").exists().then_some(())).await;
    assert!(!is_alive(&pid));
    ask_end.send(()).unwrap();
    running.await.unwrap();
    let reports = platform.reports.lock().unwrap();
    assert!(reports.iter().all(|report| report.workload == listed.workload));
}
