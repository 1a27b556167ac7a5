//! The sequencer over SQLite: durable, grouped, idempotent, in order, and the same after a restart.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use kernel::model::Artefact;
use kernel::{Actor, Command, Reject, Submission, endpoint, policy_set, workload};
use store::{Config, DataFolder, Outcome, SubmitError, audit};
use units::{DataClass, UnixMicros};

use crate::lab::{self, Lab};
use crate::support::{SYSTEM, config, copy_dir, eventually, keyed};

/// An endpoint of the laboratory's model.
fn endpoint(lab: &Lab, replicas: u32) -> Command {
    let artefact = Artefact::Model { id: lab.model, version: 1 };
    let mut service = lab::spec("serve-more");
    service.kind = workload::Kind::Service;
    service.inputs =
        vec![workload::Input { mount: "/model".to_owned(), artefact, manifest: lab::manifest() }];
    Command::Endpoint(endpoint::Command::Create {
        project: lab.project,
        name: lab::name("more"),
        model: lab.model,
        model_version: 1,
        replicas,
        service: Box::new(service),
    })
}

#[test]
fn what_is_acknowledged_survives_a_power_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let (dir, cut) = (scratch.path().join("data"), scratch.path().join("cut"));
    let folder = DataFolder::open(&dir, config()).unwrap();
    let lab = lab::build(folder.handle());
    let mut outcomes: Vec<Outcome> = Vec::new();
    for n in 1..=40 {
        outcomes.push(lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n)));
    }
    // The folder as it is now, while it is open: no shutdown, no snapshot.
    copy_dir(&dir, &cut);
    let hash = folder.read(kernel::State::hash);
    let again = DataFolder::open(&cut, config()).unwrap();
    assert_eq!(again.read(kernel::State::hash), hash);
    assert_eq!(again.report().snapshot, None);
    assert_eq!(again.report().folded, folder.handle().size());
    for outcome in outcomes {
        let rows = again.view().rows(outcome.first_seq, 1).unwrap();
        assert_eq!(rows[0].at, outcome.at);
        assert_eq!(rows[0].kind, "usage.tokens");
    }
    again.close().unwrap();
    assert_eq!(audit::replay(&cut).unwrap().state_hash, hash);
    assert!(audit::verify(&cut, &audit::Options::default()).unwrap().is_sound());
}

#[test]
fn a_restart_folds_only_what_follows_the_snapshot() {
    let scratch = tempfile::tempdir().unwrap();
    let open = || {
        let config = Config { snapshot_every: 10, ..config() };
        DataFolder::open(scratch.path(), config).unwrap()
    };
    let folder = open();
    let lab = lab::build(folder.handle());
    for n in 1..=25 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
    }
    let (hash, size) = folder.read(|state| (state.hash(), state.size));
    folder.close().unwrap();
    let folder = open();
    assert_eq!((folder.report().snapshot, folder.report().folded), (Some(size), 0));
    assert_eq!(folder.read(kernel::State::hash), hash);
    assert!(folder.read(|state| state.check()).is_empty());
    // It goes on where it was, also in time: the clock stands still.
    let outcome = lab::run(folder.handle(), lab.tokens(Lab::gateway(1), 26));
    assert_eq!(outcome.first_seq, size);
    drop(folder);
    let report = audit::verify(scratch.path(), &audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!(report.snapshots, 2);
}

#[test]
fn a_repeated_command_gets_the_first_answer_also_after_a_restart() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    // An endpoint makes several entries in one command.
    let several = endpoint(&lab, 3);
    let submission = keyed(several, "key-1");
    let first = folder.handle().submit(SYSTEM, submission.clone()).unwrap();
    assert_eq!(first.next_seq - first.first_seq, 4);
    let size = folder.handle().size();
    lab::run(folder.handle(), lab.tokens(Lab::gateway(1), 1));
    let expected = Outcome { repeated: true, ..first.clone() };
    assert_eq!(folder.handle().submit(SYSTEM, submission.clone()).unwrap(), expected);
    assert_eq!(folder.handle().size(), size + 1);
    folder.close().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    assert_eq!(folder.handle().submit(SYSTEM, submission).unwrap(), expected);
    let other = keyed(lab::new_organisation("sncf"), "key-1");
    let refused = folder.handle().submit(SYSTEM, other.clone());
    assert!(matches!(refused, Err(SubmitError::Reject(Reject::IdempotencyMismatch { .. }))));
    // Another actor's key is another key.
    assert!(!folder.handle().submit(Actor::Engine, other).unwrap().repeated);
}

#[test]
fn repeats_within_one_batch_are_one_command() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let submission = keyed(lab::new_organisation("orange"), "once");
    let answers: Vec<_> =
        (0..50).map(|_| folder.handle().submit_async(SYSTEM, submission.clone())).collect();
    let outcomes: Vec<Outcome> =
        answers.into_iter().map(|answer| answer.recv().unwrap().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.repeated).count(), 1);
    assert!(outcomes.iter().all(|outcome| (outcome.first_seq, outcome.next_seq) == (0, 1)));
    assert_eq!(folder.handle().size(), 1);
}

#[test]
fn many_callers_share_batches_and_times_strictly_grow() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let batches = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&batches);
    folder.handle().on_commit(Box::new(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let mut times = BTreeSet::new();
    thread::scope(|scope| {
        let (lab, handle) = (&lab, folder.handle());
        let callers = (0..64_u8).map(|caller| {
            scope.spawn(move || {
                let commands = (1..=10).map(|n| lab.tokens(Lab::gateway(caller), n));
                commands.map(|command| lab::run(handle, command).at).collect::<Vec<UnixMicros>>()
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            times.extend(caller.join().unwrap());
        }
    });
    assert_eq!(times.len(), 640, "every command has its own time");
    let n_batches = batches.load(Ordering::Relaxed);
    assert!(n_batches < 320, "{n_batches} batches for 640 commands");
    folder.close().unwrap();
    let report = audit::verify(scratch.path(), &audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[test]
fn refusals_are_answered_and_recorded() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let before = folder.handle().size();
    let mut spec = lab::spec("secret");
    // No policy permits restricted data anywhere until an organisation sets one.
    spec.class = DataClass::Restricted;
    let submission = keyed(lab.job(spec), "again");
    for n in 1..=2 {
        let refused = folder.handle().submit(SYSTEM, submission.clone());
        assert!(matches!(refused, Err(SubmitError::Reject(Reject::ForbiddenByPolicy(_)))));
        assert_eq!(folder.handle().size(), before + n);
        assert_eq!(folder.view().rows(before, 9).unwrap()[0].kind, "policy.refused");
    }
    let leaf = &folder.view().rows(before, 1).unwrap()[0].leaf;
    let entry = kernel::Entry::from_leaf(leaf).unwrap();
    assert!(matches!(entry.event, kernel::Event::PolicySet(policy_set::Event::Refused(_))));
    assert_eq!(entry.idempotency, None);
}

#[test]
fn rejects_and_empty_commands_write_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let size = folder.handle().size();
    let taken = folder.handle().submit(SYSTEM, Submission::new(lab::new_organisation("orange")));
    assert!(matches!(taken, Err(SubmitError::Reject(Reject::NameTaken { .. }))));
    let status = kernel::node::Command::SetStatus {
        id: lab.node,
        status: kernel::node::Status::Ready,
        reason: String::new(),
    };
    let nothing = lab::run(folder.handle(), kernel::Command::Node(status));
    assert_eq!((nothing.first_seq, nothing.next_seq, nothing.subject), (size, size, None));
    let mut spec = lab::spec("huge");
    for n in 0..200 {
        spec.environment.insert(format!("V{n}"), "x".repeat(4_000));
    }
    let huge = folder.handle().submit(SYSTEM, Submission::new(lab.job(spec)));
    let Err(SubmitError::Reject(Reject::EntryTooLarge { bytes, limit })) = huge else {
        panic!("{huge:?}")
    };
    assert!(bytes > limit && limit == 65_535);
    assert_eq!(folder.handle().size(), size);
    // The state that was decided on has not moved either.
    let outcome = lab::run(folder.handle(), lab.job(lab::spec("small")));
    assert_eq!(outcome.first_seq, size);
}

#[test]
fn watchers_and_callbacks_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let (sizes_in, sizes) = mpsc::channel();
    let handle = folder.handle().clone();
    let looker = folder.handle().clone();
    handle.on_commit(Box::new(move |size| {
        // What a watcher is told of is visible already.
        assert_eq!(looker.size(), size);
        sizes_in.send(size).unwrap();
    }));
    let (answer_in, answer) = mpsc::channel();
    let submission = Submission::new(lab::new_organisation("orange"));
    handle.submit_with(SYSTEM, submission, move |verdict| answer_in.send(verdict).unwrap());
    assert_eq!(answer.recv().unwrap().unwrap().next_seq, 1);
    assert_eq!(sizes.recv().unwrap(), 1);
    let (end_in, end) = mpsc::channel();
    handle.on_end(move |why| end_in.send(why.map(str::to_owned)).unwrap());
    folder.close().unwrap();
    assert_eq!(end.recv().unwrap(), None);
    let late = handle.submit(SYSTEM, Submission::new(lab::new_organisation("late")));
    assert!(matches!(late, Err(SubmitError::Stopped { .. })), "{late:?}");
    eventually("a late watcher is told at once", || {
        let (end_in, end) = mpsc::channel();
        handle.on_end(move |why| end_in.send(why.is_none()).unwrap());
        end.recv().unwrap()
    });
}

#[test]
fn a_full_queue_refuses_instead_of_growing() {
    let scratch = tempfile::tempdir().unwrap();
    let config = Config { queue_max: 1, ..config() };
    let folder = DataFolder::open(scratch.path(), config).unwrap();
    // The sequencer stands still inside its watcher until the queue is full.
    let (go, wait) = mpsc::sync_channel::<()>(0);
    let (entered_in, entered) = mpsc::channel();
    let wait = std::sync::Mutex::new(wait);
    folder.handle().on_commit(Box::new(move |_| {
        let _ = entered_in.send(());
        let _ = wait.lock().unwrap().recv();
    }));
    let submit = |text: &str| {
        folder.handle().submit_async(SYSTEM, Submission::new(lab::new_organisation(text)))
    };
    let first = submit("a");
    entered.recv().unwrap();
    let second = submit("b");
    let third = submit("c").recv().unwrap();
    assert!(matches!(third, Err(SubmitError::Overloaded { limit: 1 })), "{third:?}");
    drop(go);
    assert!(first.recv().unwrap().is_ok() && second.recv().unwrap().is_ok());
}

#[test]
fn a_workload_lives_through_a_whole_life() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let id = lab.train(folder.handle(), "train-tiny");
    let ended = folder.read(|state| state.workloads[&id].phase.clone());
    assert!(matches!(ended, workload::Phase::Ended { .. }));
    folder.close().unwrap();
    let report = audit::verify(scratch.path(), &audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!(report.placements, 2, "the service and the training");
}
