//! Appends that fail before, after, or for lack of space: nobody is told a lie, and the state is
//! always the fold of the log.

use kernel::{State, Submission};
use store::faults::{Fault, Faults, FaultyStore};
use store::{LogStore, MemoryStore, Sequencer, SubmitError};

use crate::lab;
use crate::support::{Random, SYSTEM, config, key, keyed};

fn start(store: &MemoryStore, faults: &Faults) -> Sequencer {
    let faulty = FaultyStore::new(Box::new(store.clone()), faults.clone());
    Sequencer::start(Box::new(faulty), Box::new(store.clone()), key(), config()).unwrap()
}

fn organisation(n: usize) -> Submission {
    Submission::new(lab::new_organisation(&format!("org-{n}")))
}

/// The fold of the log, by the shortest program there is.
fn fold(store: &MemoryStore) -> State {
    let mut state = State::default();
    for row in store.clone().read(0, usize::MAX).unwrap() {
        state.apply(&kernel::Entry::from_leaf(&row.leaf).unwrap());
    }
    state
}

#[test]
fn each_fault_has_its_own_answer() {
    let (store, faults) = (MemoryStore::new(), Faults::new());
    let sequencer = start(&store, &faults);
    let handle = sequencer.handle();
    let try_with = |fault, n| {
        faults.push(fault);
        handle.submit(SYSTEM, organisation(n))
    };
    for (n, fault) in [Fault::DiskFull, Fault::Busy].into_iter().enumerate() {
        let failed = try_with(fault, n);
        assert!(matches!(failed, Err(SubmitError::NotStored { .. })), "{fault:?}: {failed:?}");
        assert_eq!(handle.size(), 0);
    }
    let failed = try_with(Fault::BeforeAppend, 2);
    assert!(matches!(failed, Err(SubmitError::Unknown { .. })), "{failed:?}");
    assert_eq!(handle.size(), 0);
    // Stored, though the store said that it does not know: found by position.
    let found = try_with(Fault::AfterAppend, 3).unwrap();
    assert_eq!((found.first_seq, found.next_seq, found.repeated), (0, 1, false));
    assert_eq!(handle.size(), 1);
    // What failed is not in the state: the same name is free.
    assert_eq!(try_with(Fault::None, 0).unwrap().first_seq, 1);
    let taken = handle.submit(SYSTEM, organisation(3));
    assert!(matches!(taken, Err(SubmitError::Reject(_))), "{taken:?}");
    assert_eq!(handle.read(State::hash), fold(&store).hash());
    sequencer.shutdown().unwrap();
}

#[test]
fn another_writer_is_met_with_a_conflict() {
    let store = MemoryStore::new();
    let (one, two) = (start(&store, &Faults::new()), start(&store, &Faults::new()));
    one.handle().submit(SYSTEM, organisation(1)).unwrap();
    let beaten = two.handle().submit(SYSTEM, organisation(2));
    assert!(matches!(beaten, Err(SubmitError::NotStored { .. })), "{beaten:?}");
    // It has read what the other wrote, and goes on from there.
    assert_eq!(two.handle().size(), 1);
    assert_eq!(two.handle().submit(SYSTEM, organisation(2)).unwrap().first_seq, 1);
    assert_eq!(two.handle().read(State::hash), fold(&store).hash());
}

#[test]
fn a_panic_is_told_to_every_caller() {
    let (store, faults) = (MemoryStore::new(), Faults::new());
    let sequencer = start(&store, &faults);
    let handle = sequencer.handle().clone();
    let (told_in, told) = std::sync::mpsc::channel();
    handle.on_end(move |why| told_in.send(why.map(str::to_owned)).unwrap());
    faults.push(Fault::Panic);
    let waiting: Vec<_> = (0..20).map(|n| handle.submit_async(SYSTEM, organisation(n))).collect();
    for answer in waiting {
        let answer = answer.recv().unwrap();
        assert!(matches!(answer, Err(SubmitError::Stopped { .. })), "{answer:?}");
    }
    let why = told.recv().unwrap().unwrap();
    assert!(why.contains("an injected panic"), "{why}");
    assert_eq!(handle.failure().as_deref(), Some(why.as_str()));
    let late = handle.submit(SYSTEM, organisation(30)).unwrap_err();
    assert!(late.to_string().contains("an injected panic"), "{late}");
    assert!(sequencer.shutdown().unwrap_err().contains("an injected panic"));
}

#[test]
fn a_log_that_cannot_be_read_again_ends_the_sequencer() {
    let (store, faults) = (MemoryStore::new(), Faults::new());
    let sequencer = start(&store, &faults);
    sequencer.handle().submit(SYSTEM, organisation(1)).unwrap();
    faults.push(Fault::Dead);
    let unknown = sequencer.handle().submit(SYSTEM, organisation(2));
    assert!(matches!(unknown, Err(SubmitError::Unknown { .. })), "{unknown:?}");
    let late = sequencer.handle().submit(SYSTEM, organisation(3));
    assert!(matches!(late, Err(SubmitError::Stopped { .. })), "{late:?}");
    // Readers still see what is durable.
    assert_eq!(sequencer.handle().size(), 1);
}

/// 300 seeds: random faults and restarts; every acknowledged command is there exactly once, every
/// refusal for good is not, and a retry with the key settles what is unknown.
#[test]
fn no_fault_loses_or_doubles_a_command() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let (store, faults) = (MemoryStore::new(), Faults::new());
        let mut sequencer = start(&store, &faults);
        let mut expected = Vec::new();
        for n in 0..30 {
            let fault = match random.below(8) {
                0 => Fault::BeforeAppend,
                1 | 2 => Fault::AfterAppend,
                3 => Fault::DiskFull,
                _ => Fault::None,
            };
            faults.push(fault);
            let submission = keyed(lab::new_organisation(&format!("org-{n}")), &format!("k{n}"));
            let mut answer = sequencer.handle().submit(SYSTEM, submission.clone());
            if random.below(10) == 0 {
                drop(sequencer);
                sequencer = start(&store, &faults);
            }
            if let Err(SubmitError::Unknown { .. }) = answer {
                answer = sequencer.handle().submit(SYSTEM, submission);
            }
            match answer {
                Ok(outcome) => expected.push((outcome.first_seq, format!("org-{n}"))),
                Err(SubmitError::NotStored { .. }) => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
            while faults.waiting() > 0 {
                // Not every submission reaches the store; leave no fault for the next one.
                let _ = sequencer.handle().submit(SYSTEM, organisation(1_000 + faults.waiting()));
            }
        }
        let state = fold(&store);
        assert_eq!(sequencer.handle().read(State::hash), state.hash(), "seed {seed}");
        let rows = store.clone().read(0, usize::MAX).unwrap();
        for (seq, name) in expected {
            let leaf = String::from_utf8(rows[usize::try_from(seq).unwrap()].leaf.clone()).unwrap();
            assert!(leaf.contains(&format!("\"{name}\"")), "seed {seed}: {leaf}");
            let named = state.organisations.values().filter(|o| o.name.as_str() == name);
            assert_eq!(named.count(), 1, "seed {seed}: {name}");
        }
    }
}
