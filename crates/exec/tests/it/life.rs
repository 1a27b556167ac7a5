//! From start to end: success, codes, signals, stops, limits, logs, and asking twice.

use std::{fs, os::unix::fs::symlink};

use api::engine::Phase;
use exec::EngineError;
use units::{Bytes, DurationMicros};

use crate::harness::{Node, eventually, exited, is_alive, process};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

#[tokio::test]
async fn a_script_runs_in_its_working_folder_to_success() {
    let node = Node::new();
    let mut asked = process("echo hello; echo also >&2; pwd > out/where; echo done > out/result");
    asked.launch.environment.insert("GIVEN".to_owned(), "yes".to_owned());
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(0), None, None)));
    assert_eq!(node.log(&asked), "hello\nalso\n");
    let work = node.work(&asked).canonicalize().unwrap();
    assert_eq!(fs::read_to_string(work.join("out/where")).unwrap().trim(), work.to_str().unwrap());
    assert_eq!(fs::read_to_string(work.join("out/result")).unwrap(), "done\n");
    assert!(seen.usage.wall_micros > 0);
    let energy = seen.usage.energy.unwrap();
    assert!(energy.measured != energy.source.contains("model"), "{energy:?}");
}

#[tokio::test]
async fn codes_and_signals_are_told_apart_and_errors_end_a_script() {
    let node = Node::new();
    for (script, expected) in [
        ("exit 7", exited(Some(7), None, None)),
        ("false; echo not reached", exited(Some(1), None, None)),
        ("exit 127", exited(Some(127), None, None)),
        ("kill -TERM $$", exited(None, Some(SIGTERM), None)),
    ] {
        let asked = process(script);
        assert_eq!(node.to_end(&asked).await.phase, Some(expected), "{script}");
        assert_eq!(node.log(&asked), "", "{script}");
    }
}

#[tokio::test]
async fn processor_time_is_measured() {
    let node = Node::new();
    let asked = process("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done");
    let seen = node.to_end(&asked).await;
    assert!(seen.usage.cpu_micros >= 10_000, "{:?}", seen.usage);
    assert!(!seen.usage.memory_peak.is_zero() && !seen.usage.energy.unwrap().energy.is_zero());
}

#[tokio::test]
async fn a_stop_sends_the_chosen_signal_and_a_kind_workload_ends_by_itself() {
    let node = Node::new();
    let mut asked =
        process("trap 'echo saved; exit 3' USR1; echo up > up; while :; do sleep 0.05; done");
    asked.launch.stop_signal = "USR1".to_owned();
    node.run(&asked).await.unwrap();
    node.file(&asked, "up").await;
    node.stop(&asked, DurationMicros::from_secs(60)).await;
    let seen = node.end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(3), None, Some("stopped"))));
    assert!(node.log(&asked).contains("saved"));
}

#[tokio::test]
async fn a_deaf_workload_is_killed_after_the_grace_with_all_it_started() {
    let node = Node::new();
    // The grandchild leaves the session and forgets its environment, and must still go.
    let asked = process(
        "trap '' TERM; env -i setsid sh -c 'echo $$ > far; trap \"\" TERM; while :; do sleep 1; done' &
         echo $$ > near; while :; do sleep 0.05; done",
    );
    node.run(&asked).await.unwrap();
    let (near, far) = (node.file(&asked, "near").await, node.file(&asked, "far").await);
    node.stop(&asked, DurationMicros(200_000)).await;
    let seen = node.end(&asked).await;
    assert_eq!(seen.phase, Some(exited(None, Some(SIGKILL), Some("stopped"))));
    assert!(!is_alive(&near) && !is_alive(&far));
}

#[tokio::test]
async fn what_a_finished_script_leaves_running_is_killed() {
    let node = Node::new();
    let asked = process(
        "setsid sh -c 'echo $$ > left; exec sleep 1000' & while [ ! -s left ]; do sleep 0.02; done",
    );
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(0), None, None)));
    assert!(!is_alive(&node.file(&asked, "left").await));
}

#[tokio::test]
async fn a_stop_before_the_start_means_it_never_starts() {
    let node = Node::new();
    let asked = process("touch out/ran");
    node.stop(&asked, DurationMicros::ZERO).await;
    assert_eq!(node.end(&asked).await.phase, Some(exited(None, None, Some("stopped"))));
    node.run(&asked).await.unwrap();
    assert_eq!(node.end(&asked).await.phase, Some(exited(None, None, Some("stopped"))));
    assert!(!node.work(&asked).join("out/ran").exists());
}

#[tokio::test]
async fn a_stop_right_after_the_start_is_not_lost() {
    let node = Node::new();
    let asked = process("sleep 1000");
    node.run(&asked).await.unwrap();
    node.stop(&asked, DurationMicros::from_secs(5)).await;
    match node.end(&asked).await.phase {
        Some(Phase::Exited { reason, .. }) => assert_eq!(reason.as_deref(), Some("stopped")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_time_limit_ends_it() {
    let node = Node::with(|config| config.time_limit_grace = DurationMicros(100_000));
    let mut asked = process("trap '' TERM; while :; do sleep 0.05; done");
    asked.launch.time_limit = Some(DurationMicros(300_000));
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(None, Some(SIGKILL), Some("time limit"))));
}

#[tokio::test]
async fn the_log_is_rotated_and_capped() {
    let node = Node::with(|config| config.log.file_size = Bytes(10_000));
    let asked = process("i=0; while [ $i -lt 6000 ]; do echo \"line $i\"; i=$((i+1)); done");
    node.to_end(&asked).await;
    let dir = node.attempt_dir(&asked);
    // A chunk of the pipe is never split, so a file may be larger than its limit by one chunk.
    let sizes: Vec<u64> = ["log", "log.1", "log.2"]
        .map(|name| fs::metadata(dir.join(name)).map_or(0, |m| m.len()))
        .into();
    assert!(sizes.iter().all(|size| *size <= 10_000 + (64 << 10)), "{sizes:?}");
    assert!(!dir.join("log.3").exists());
    assert!(node.log(&asked).ends_with("line 5999\n"));
    assert_eq!(exec::logs::tail(&dir, 1).unwrap(), b"line 5999\n");
}

#[tokio::test]
async fn a_full_disk_loses_log_lines_but_not_the_workload() {
    let node = Node::new();
    let asked = process("echo lost; echo kept > out/result");
    let dir = node.attempt_dir(&asked);
    fs::create_dir_all(&dir).unwrap();
    // Every write to this device fails as on a full disk.
    symlink("/dev/full", dir.join("log")).unwrap();
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(0), None, None)));
    assert!(node.work(&asked).join("out/result").exists());
    let end = fs::read_to_string(dir.join("exit.json")).unwrap();
    let end: exec::spec::ExitRecord = serde_json::from_str(&end).unwrap();
    assert!(end.log_lost_bytes >= 5, "{end:?}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_failed_launch_that_says_so() {
    let node = Node::new();
    let asked = process("true");
    let home = node.work(&asked).parent().unwrap().to_path_buf();
    fs::write(&home, "a file in the way").unwrap();
    match node.to_end(&asked).await.phase {
        Some(Phase::LaunchFailed { message }) => {
            assert!(message.contains(home.to_str().unwrap()), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn asking_often_starts_once() {
    let node = Node::new();
    let asked = process("echo run >> out/runs; sleep 0.2");
    for _ in 0..5 {
        node.run(&asked).await.unwrap();
    }
    node.until(&asked, |seen| seen.phase == Some(Phase::Running)).await;
    for _ in 0..5 {
        node.run(&asked).await.unwrap();
        node.see(&asked).await;
    }
    node.end(&asked).await;
    node.run(&asked).await.unwrap();
    node.end(&asked).await;
    assert_eq!(fs::read_to_string(node.work(&asked).join("out/runs")).unwrap(), "run\n");
}

#[tokio::test]
async fn the_next_attempt_waits_for_the_last_and_finds_its_files() {
    let node = Node::new();
    let first = process("echo saved > checkpoint/step; echo up > up; sleep 1000");
    node.run(&first).await.unwrap();
    node.file(&first, "up").await;
    let mut second = first.clone();
    (second.attempt, second.generation) = (2, 2);
    second.launch.script = "cat \"$COCARDE_CHECKPOINT/step\"".to_owned();
    let refused = node.run(&second).await.unwrap_err();
    assert!(matches!(refused, EngineError::Occupied { attempt: 1 }), "{refused}");
    let mut stopping = first.clone();
    stopping.generation = 2;
    node.stop(&stopping, DurationMicros::ZERO).await;
    node.end(&first).await;
    let seen = node.to_end(&second).await;
    assert_eq!((seen.phase, seen.generation), (Some(exited(Some(0), None, None)), 2));
    assert_eq!(node.log(&second), "saved\n");
}

#[tokio::test]
async fn an_older_generation_is_refused_even_after_a_restart() {
    let mut node = Node::new();
    let mut asked = process("true");
    asked.generation = 5;
    node.to_end(&asked).await;
    node.restart();
    let mut older = asked.clone();
    (older.attempt, older.generation) = (2, 4);
    let refused = node.run(&older).await.unwrap_err();
    assert!(matches!(refused, EngineError::Stale { asked: 4, known: 5 }), "{refused}");
    assert!(node.see(&older).await.is_none());
}

#[tokio::test]
async fn a_log_can_be_followed_while_it_grows() {
    use futures_util::StreamExt as _;
    let node = Node::new();
    let asked = process("echo one; while [ ! -e go ]; do sleep 0.02; done; echo two");
    node.run(&asked).await.unwrap();
    eventually(|| node.log(&asked).contains("one").then_some(())).await;
    let mut chunks = Box::pin(exec::logs::follow(node.attempt_dir(&asked), 1));
    assert_eq!(chunks.next().await.unwrap().unwrap(), b"one\n");
    fs::write(node.work(&asked).join("go"), "").unwrap();
    let mut rest = Vec::new();
    while let Some(chunk) = chunks.next().await {
        rest.extend(chunk.unwrap());
    }
    assert_eq!(rest, b"two\n");
    node.end(&asked).await;
}
