//! Witnesses and finality without HTTP: three real witness folders, a real log, and what somebody who owns
//! the log's key could try.

use std::path::Path;
use std::time::Duration;

use ledger::{Checkpoint, CosignerKey, Quorum, SignedNote};
use store::finality::{Ask, Next, Pace, WitnessAnswer, WitnessState};
use store::witness::{NotCosigned, WitnessError};
use store::{DataFolder, Finality, FinalityError, WitnessFolder};

use crate::lab::{self, Lab, new_organisation};
use crate::support::{config, copy_dir, eventually};

/// No waiting where nothing is waited for.
const PACE: Pace = Pace {
    round_gap: Duration::ZERO,
    round_max: Duration::ZERO,
    idle: Duration::from_secs(3_600),
    retry: Duration::ZERO,
};

/// Three witnesses of one log, each in a folder of its own.
pub(crate) struct Trio {
    folders: Vec<WitnessFolder>,
    is_up: [bool; 3],
}

impl Trio {
    pub(crate) fn open(dir: &Path, log: &DataFolder) -> Self {
        let logs = [(log.origin().to_owned(), log.view().verifier())];
        let open = |n: u8| {
            let name = format!("witness.example/w{n}");
            WitnessFolder::open(&dir.join(format!("w{n}")), Some(&name), &logs).unwrap()
        };
        Self { folders: (1..=3).map(open).collect(), is_up: [true; 3] }
    }

    pub(crate) fn keys(&self) -> Vec<CosignerKey> {
        self.folders.iter().map(|folder| folder.public().clone()).collect()
    }

    pub(crate) fn finality(&self, log: &DataFolder) -> Finality {
        let quorum = Quorum::new(self.keys(), 2).unwrap();
        Finality::open(log.view(), log.path(), quorum, PACE).unwrap()
    }

    fn answer(&self, witness: usize, ask: &Ask) -> WitnessAnswer {
        if !self.is_up[witness] {
            return WitnessAnswer::Unreachable { reason: "refused".to_owned() };
        }
        let (status, body) = match self.folders[witness].add_checkpoint(ask.body.as_bytes()) {
            Ok(lines) => (200, lines),
            Err(NotCosigned::Refused(refusal)) => {
                let size = self.folders[witness].logs()[0].size;
                (refusal.status(), format!("{size}\n"))
            }
            Err(NotCosigned::NotStored(error)) => panic!("{error}"),
        };
        WitnessAnswer::Status { status, body: body.into_bytes() }
    }

    /// Asks each witness what there is to ask, a few times.
    pub(crate) fn exchange(&self, finality: &Finality) {
        for _ in 0..4 {
            for witness in 0..3 {
                if let Next::Ask(ask) = finality.next(witness, Duration::ZERO) {
                    finality.take(&ask, &self.answer(witness, &ask));
                }
            }
        }
    }
}

pub(crate) fn grow(folder: &DataFolder, text: &str) {
    lab::run(folder.handle(), new_organisation(text));
}

fn states(finality: &Finality) -> Vec<WitnessState> {
    finality.status().witnesses.iter().map(|witness| witness.state).collect()
}

#[test]
fn two_of_three_make_a_checkpoint_final_and_a_restart_keeps_it() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let folder = DataFolder::open(&data, config()).unwrap();
    let mut trio = Trio::open(scratch.path(), &folder);
    let finality = trio.finality(&folder);
    assert_eq!((finality.last(), finality.size()), (None, 0));
    grow(&folder, "one");
    trio.exchange(&finality);
    assert_eq!(finality.size(), folder.handle().size());
    assert_eq!(finality.last().unwrap().cosignatures.len(), 3, "the third one is added");
    assert_eq!(finality.newest(), finality.last().unwrap().note);

    // One is away: two are enough. Two are away: nothing is final, and nothing that was is lost.
    trio.is_up = [true, false, true];
    grow(&folder, "two");
    trio.exchange(&finality);
    let last = finality.last().unwrap();
    assert_eq!((last.head.size, last.cosignatures.len()), (folder.handle().size(), 2));
    trio.is_up = [true, false, false];
    grow(&folder, "three");
    trio.exchange(&finality);
    assert_eq!(finality.last(), Some(last.clone()));
    let note = SignedNote::parse(finality.newest().as_bytes()).unwrap();
    assert_eq!(finality.quorum().tally(&note).cosignatures.len(), 1);
    let (cosigned, away) = (WitnessState::Cosigned, WitnessState::Unreachable);
    assert_eq!(states(&finality), [cosigned, away, away]);

    // The file alone proves it.
    let bytes = std::fs::read(data.join("final.checkpoint")).unwrap();
    let key = folder.view().verifier();
    let read = Checkpoint::open(&bytes, &key, folder.origin()).unwrap();
    assert_eq!(read.head(), last.head);
    drop(finality);
    folder.close().unwrap();
    let folder = DataFolder::open(&data, config()).unwrap();
    let finality = trio.finality(&folder);
    assert_eq!(finality.last(), Some(last));
    // A new process knows no sizes: each witness names its own.
    trio.is_up = [true; 3];
    trio.exchange(&finality);
    assert_eq!(finality.size(), folder.handle().size());
    assert_eq!(finality.last().unwrap().cosignatures.len(), 3);
}

#[test]
fn watchers_hear_of_each_final_size_once_and_sizes_only_grow() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let trio = Trio::open(scratch.path(), &folder);
    let finality = trio.finality(&folder);
    let (tell, told) = std::sync::mpsc::channel();
    finality.on_final(move |size| tell.send(size).unwrap());
    let mut expected = Vec::new();
    for n in 0..20 {
        grow(&folder, &format!("org-{n}"));
        trio.exchange(&finality);
        expected.push(folder.handle().size());
    }
    finality.close();
    assert_eq!(finality.next(0, Duration::from_secs(60)), Next::Closed);
    drop(finality);
    assert_eq!(told.iter().collect::<Vec<_>>(), expected);
}

/// A log, cosigned, and a copy of its folder from before `later` was appended and cosigned.
fn with_old_copy(scratch: &Path) -> (DataFolder, Trio, std::path::PathBuf) {
    let (data, copy) = (scratch.join("data"), scratch.join("copy"));
    let folder = DataFolder::open(&data, config()).unwrap();
    let trio = Trio::open(scratch, &folder);
    let finality = trio.finality(&folder);
    let lab = lab::build(folder.handle());
    trio.exchange(&finality);
    copy_dir(&data, &copy);
    lab::run(folder.handle(), lab.tokens(Lab::gateway(1), 1));
    grow(&folder, "later");
    trio.exchange(&finality);
    assert_eq!(finality.size(), folder.handle().size());
    (folder, trio, copy)
}

#[test]
fn a_forked_log_gets_no_cosignature() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, trio, copy) = with_old_copy(scratch.path());
    // The same key goes on from the old copy with another history: once to the same size, once beyond.
    let fork = DataFolder::open(&copy, config()).unwrap();
    let finality = trio.finality(&fork);
    let before = finality.size();
    let mut n = 0;
    while fork.handle().size() < folder.handle().size() {
        n += 1;
        grow(&fork, &format!("forged-{n}"));
    }
    assert_eq!(fork.handle().size(), folder.handle().size());
    trio.exchange(&finality);
    assert_eq!(states(&finality), [WitnessState::Refused; 3], "409: another root");
    grow(&fork, "beyond");
    trio.exchange(&finality);
    assert_eq!(states(&finality), [WitnessState::Refused; 3], "422: no consistency proof");
    assert_eq!(finality.size(), before);
    for n in 1..=3 {
        let evidence = scratch.path().join(format!("w{n}/evidence"));
        assert!(std::fs::read_dir(evidence).unwrap().count() >= 2, "both contradictions are kept");
    }
}

#[test]
fn a_log_rolled_back_is_noticed_by_its_witnesses_and_at_start() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, trio, copy) = with_old_copy(scratch.path());
    let rolled_back = DataFolder::open(&copy, config()).unwrap();
    let finality = trio.finality(&rolled_back);
    trio.exchange(&finality);
    assert_eq!(states(&finality), [WitnessState::Ahead; 3]);
    assert!(finality.size() < folder.handle().size());
    drop(finality);
    rolled_back.close().unwrap();
    // The old log with the newest final checkpoint beside it does not start.
    std::fs::copy(folder.path().join("final.checkpoint"), copy.join("final.checkpoint")).unwrap();
    let rolled_back = DataFolder::open(&copy, config()).unwrap();
    let quorum = Quorum::new(trio.keys(), 2).unwrap();
    let opened = Finality::open(rolled_back.view(), rolled_back.path(), quorum, PACE);
    assert!(matches!(opened, Err(FinalityError::OtherLog { .. })), "{opened:?}");
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("cut short"), "{error}");
}

#[test]
fn an_old_checkpoint_replayed_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, trio, copy) = with_old_copy(scratch.path());
    let old = DataFolder::open(&copy, config()).unwrap().view().checkpoint();
    let size = folder.handle().size();
    for body in [format!("old 0\n\n{old}"), format!("old {size}\n\n{old}")] {
        let refused = trio.folders[0].add_checkpoint(body.as_bytes());
        let Err(NotCosigned::Refused(refusal)) = refused else { panic!("{refused:?}") };
        assert!([400, 409].contains(&refusal.status()), "{refusal}");
    }
    assert_eq!(trio.folders[0].logs()[0].size, size);
}

#[test]
fn answers_that_hold_nothing_are_not_believed() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let trio = Trio::open(scratch.path(), &folder);
    let finality = trio.finality(&folder);
    grow(&folder, "one");
    let status = |status, body: &str| WitnessAnswer::Status { status, body: body.into() };
    let Next::Ask(ask) = finality.next(0, Duration::ZERO) else { panic!("nothing to ask") };
    let WitnessAnswer::Status { body: good, .. } = trio.answer(0, &ask) else { panic!() };
    let good = String::from_utf8(good).unwrap();
    let forged = good.replace("A", "B");
    for answer in [
        status(200, ""),
        status(200, "ok\n"),
        status(200, &forged),
        // Another witness's line is not this one's.
        status(200, &good.replace("w1", "w2")),
        status(409, "7"),
        status(409, "0\n"),
        status(500, "broken"),
        status(302, ""),
    ] {
        // A refusal ends the round for this witness; growth begins the next.
        grow(&folder, &format!("more-{}", folder.handle().size()));
        let Next::Ask(ask) = finality.next(0, Duration::ZERO) else { panic!("nothing to ask") };
        finality.take(&ask, &answer);
        assert_eq!(finality.status().witnesses[0].size, None, "{answer:?}");
    }
    assert_eq!(finality.size(), 0);
}

#[test]
fn a_witness_keeps_its_key_and_state_and_refuses_what_is_damaged() {
    let scratch = tempfile::tempdir().unwrap();
    let (folder, trio, _) = with_old_copy(scratch.path());
    let logs = [(folder.origin().to_owned(), folder.view().verifier())];
    let dir = scratch.path().join("w1");
    let key = trio.folders[0].public().clone();
    let watched = trio.folders[0].logs();
    assert!(matches!(
        WitnessFolder::open(&dir, None, &logs),
        Err(WitnessError::Folder(store::FolderError::InUse { .. }))
    ));
    drop(trio);
    let again = WitnessFolder::open(&dir, Some("another.name"), &logs).unwrap();
    assert_eq!((again.public(), again.logs()), (&key, watched));
    drop(again);
    // Without the log's key the stored checkpoint means nothing, and forgetting it is not allowed.
    let unknown = WitnessFolder::open(&dir, None, &[]);
    assert!(matches!(unknown, Err(WitnessError::Stored { .. })), "{unknown:?}");
    let file = std::fs::read_dir(dir.join("logs")).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read(&file).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, &bad).unwrap();
        let opened = WitnessFolder::open(&dir, None, &logs);
        assert!(matches!(opened, Err(WitnessError::Stored { .. })), "byte {at}: {opened:?}");
    }
    std::fs::write(&file, &good).unwrap();
    std::fs::remove_file(dir.join("witness.key")).unwrap();
    let opened = WitnessFolder::open(&dir, None, &logs);
    let folder_error = matches!(opened, Err(WitnessError::Folder(store::FolderError::Key { .. })));
    assert!(folder_error, "{opened:?}");
}

#[test]
fn an_idle_log_is_cosigned_again_and_again() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(&scratch.path().join("data"), config()).unwrap();
    let trio = Trio::open(scratch.path(), &folder);
    let quorum = Quorum::new(trio.keys(), 2).unwrap();
    let pace = Pace { idle: Duration::from_millis(200), ..PACE };
    let finality = Finality::open(folder.view(), folder.path(), quorum, pace).unwrap();
    grow(&folder, "one");
    // Two of three make it final, so the first of them may still have been asked for nothing.
    eventually("it is final, and the first witness says so too", || {
        trio.exchange(&finality);
        let size = folder.handle().size();
        finality.size() == size && finality.status().witnesses[0].size == Some(size)
    });
    let first = finality.last().unwrap();
    // Nothing happens, but a minute later (here: soon) the witnesses are asked for the same size anew.
    let mut bodies = Vec::new();
    eventually("three more rounds", || {
        if let Next::Ask(ask) = finality.next(0, Duration::from_secs(20)) {
            finality.take(&ask, &trio.answer(0, &ask));
            bodies.push(ask.body);
        }
        bodies.len() == 3
    });
    let old = format!("old {}\n\n", first.head.size);
    assert!(bodies.iter().all(|body| body.starts_with(&old)), "{bodies:?}");
    let status = finality.status();
    assert_eq!(status.final_size, Some(first.head.size));
    assert!(status.witnesses[0].time_s >= Some(first.time_s));
    let usual = Pace::default();
    assert!(usual.idle <= Duration::from_secs(60) && usual.round_gap <= Duration::from_secs(1));
}
