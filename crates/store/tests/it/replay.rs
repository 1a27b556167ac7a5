//! A start on a log of many chunks, which all cores read together: it gives what folding one entry
//! after the other gives, and names what is wrong wherever that is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kernel::{Actor, Entry, Event, State, organisation};
use ledger::{Checkpoint, Frontier, leaf_hash};
use store::{
    AppendError, Batch, BootError, Head, Lease, Leaves, LogStore, MemoryStore, Row, SaveSnapshot,
    Sequencer, Snapshot, StoreError,
};
use units::{DurationMicros, Id, UnixMicros};

use crate::support::{config, key};

/// More chunks than may wait for one another, and a last one that is not full.
const ENTRIES: u64 = 5_003;

/// What goes wrong at one entry when leaves are read.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Nothing,
    Changed(u64),
    LeftOut(u64),
    CutBefore(u64),
    Unread(u64),
    Panic(u64),
}

/// A log in memory that is read wrongly.
struct Crooked {
    inner: MemoryStore,
    wrong: Wrong,
}

impl LogStore for Crooked {
    fn head(&mut self) -> Result<Head, StoreError> {
        self.inner.head()
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, AppendError> {
        self.inner.append(expected, batch)
    }

    fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.read(from, limit)
    }

    fn read_leaves(
        &mut self,
        from: u64,
        limit: usize,
        leaves: &mut Leaves,
    ) -> Result<(), StoreError> {
        leaves.clear();
        for mut row in self.inner.read(from, limit)? {
            match self.wrong {
                Wrong::Changed(seq) if seq == row.seq => *row.leaf.last_mut().unwrap() ^= 1,
                Wrong::LeftOut(seq) if seq == row.seq => continue,
                Wrong::CutBefore(seq) if seq <= row.seq => break,
                Wrong::Unread(seq) if seq == row.seq => {
                    let reason = "a bad sector".to_owned();
                    return Err(StoreError::Failed { action: "read the log", reason });
                }
                Wrong::Panic(seq) if seq == row.seq => panic!("a planned panic"),
                Wrong::Nothing
                | Wrong::Changed(_)
                | Wrong::LeftOut(_)
                | Wrong::CutBefore(_)
                | Wrong::Unread(_)
                | Wrong::Panic(_) => {}
            }
            leaves.push(row.seq, &row.leaf);
        }
        Ok(())
    }

    fn snapshots(&mut self) -> Result<Box<dyn SaveSnapshot>, StoreError> {
        self.inner.snapshots()
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.inner.latest_snapshot()
    }

    fn lease(
        &mut self,
        holder: &str,
        now: UnixMicros,
        ttl: DurationMicros,
    ) -> Result<Lease, StoreError> {
        self.inner.lease(holder, now, ttl)
    }
}

fn leaf(seq: u64) -> Vec<u8> {
    let event = organisation::Event::Created {
        id: Id::from_parts(seq, [7; 10]),
        name: format!("o-{seq}").parse().unwrap(),
    };
    let at = UnixMicros(i64::try_from(seq).unwrap());
    let event = Event::Organisation(event);
    Entry { at, actor: Actor::System, idempotency: None, event }.to_leaf().unwrap()
}

/// Appends these leaves as one signed batch.
fn append(store: &mut MemoryStore, leaves: impl Iterator<Item = Vec<u8>>) {
    let head = store.head().unwrap();
    let mut tree = Frontier::new();
    for row in store.read(0, usize::MAX).unwrap() {
        tree.append(leaf_hash(&row.leaf));
    }
    let rows: Vec<Row> = (head.size..)
        .zip(leaves)
        .map(|(seq, leaf)| {
            tree.append(leaf_hash(&leaf));
            let at = UnixMicros(i64::try_from(seq).unwrap());
            Row { seq, at, kind: "k".to_owned(), subject: "s".to_owned(), leaf }
        })
        .collect();
    let signed = Checkpoint::new(key().name(), tree.head()).unwrap().sign(&key()).unwrap();
    store.append(&head, &Batch { rows, checkpoint: signed.to_string() }).unwrap();
}

fn filled() -> MemoryStore {
    let mut store = MemoryStore::new();
    append(&mut store, (0..ENTRIES).map(leaf));
    store
}

fn start(inner: &MemoryStore, wrong: Wrong) -> Result<Sequencer, BootError> {
    let store = Crooked { inner: inner.clone(), wrong };
    Sequencer::start(Box::new(store), Box::new(inner.clone()), key(), config())
}

/// The state as one thread makes it with `serde_json` alone.
fn folded(size: u64) -> State {
    let mut state = State::default();
    for seq in 0..size {
        state.apply(&serde_json::from_slice(&leaf(seq)).unwrap());
    }
    state
}

#[test]
fn all_cores_fold_in_order() {
    let store = filled();
    let expected = folded(ENTRIES).hash();
    for _ in 0..5 {
        let started = start(&store, Wrong::Nothing).unwrap();
        assert_eq!(started.handle().read(State::hash), expected);
        let report = started.report();
        assert_eq!((report.entries, report.folded, report.snapshot), (ENTRIES, ENTRIES, None));
        // No shutdown: that would save a snapshot, which the next round would use.
        std::mem::forget(started);
    }
}

#[test]
fn a_snapshot_within_a_chunk_is_gone_on_from() {
    let mut store = MemoryStore::new();
    append(&mut store, (0..1_111).map(leaf));
    start(&store, Wrong::Nothing).unwrap().shutdown().unwrap();
    append(&mut store, (1_111..ENTRIES).map(leaf));
    let started = start(&store, Wrong::Nothing).unwrap();
    let report = started.report();
    assert_eq!((report.snapshot, report.folded), (Some(1_111), ENTRIES - 1_111));
    assert_eq!(started.handle().read(State::hash), folded(ENTRIES).hash());
    // What lies below the snapshot is not folded, but hashed all the same.
    let changed = start(&store, Wrong::Changed(40)).unwrap_err();
    assert!(matches!(changed, BootError::LogCorrupt { seq: ENTRIES, .. }), "{changed}");
}

#[test]
fn what_is_wrong_is_named_wherever_it_is() {
    let store = filled();
    for seq in [0, 255, 256, 2_000, ENTRIES - 1] {
        let changed = start(&store, Wrong::Changed(seq)).unwrap_err();
        assert!(matches!(changed, BootError::LogCorrupt { seq: ENTRIES, .. }), "{changed}");
        let unread = start(&store, Wrong::Unread(seq)).unwrap_err();
        assert!(unread.to_string().contains("a bad sector"), "{unread}");
        let cut = start(&store, Wrong::CutBefore(seq)).unwrap_err();
        assert!(
            matches!(&cut, BootError::LogCorrupt { seq: found, reason }
            if *found == seq && reason.contains("the log ends here")),
            "{cut}"
        );
        if seq < ENTRIES - 1 {
            let left_out = start(&store, Wrong::LeftOut(seq)).unwrap_err();
            assert!(
                matches!(&left_out, BootError::LogCorrupt { seq: found, .. }
                if *found == seq),
                "{left_out}"
            );
        }
    }
}

#[test]
fn the_first_entry_of_another_version_is_named() {
    let mut store = MemoryStore::new();
    let newer = |seq| {
        let new = br#"{"at":1,"actor":"system","event":{"quota":{"set":{}}}}"#.to_vec();
        if seq == 1_800 || seq == 1_801 || seq == 4_100 { new } else { leaf(seq) }
    };
    append(&mut store, (0..ENTRIES).map(newer));
    let refused = start(&store, Wrong::Nothing).unwrap_err();
    assert!(matches!(refused, BootError::OtherVersion { seq: 1_800, .. }), "{refused}");
}

#[test]
fn a_panic_of_one_worker_ends_them_all() {
    let store = filled();
    for seq in [0, 700, ENTRIES - 1] {
        let ended = catch_unwind(AssertUnwindSafe(|| start(&store, Wrong::Panic(seq))));
        assert!(ended.is_err(), "{seq}");
    }
}
