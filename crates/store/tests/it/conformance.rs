//! One suite over every store. A factory gives connections to one fresh log.

use store::faults::{Faults, FaultyStore};
use store::{
    AppendError, Batch, Head, Leaves, LogStore, MemoryStore, Row, SNAPSHOTS_KEPT, SqliteStore,
};
use units::{DurationMicros, UnixMicros};

/// Gives further connections to the same log.
type Connect<'a> = &'a dyn Fn() -> Box<dyn LogStore>;

fn batch(from: u64, n: u64, mark: &str) -> Batch {
    let rows = (from..from + n).map(|seq| Row {
        seq,
        at: UnixMicros(i64::try_from(seq).unwrap() * 10 - 5),
        kind: format!("kind.{mark}"),
        subject: format!("subject-{seq}"),
        leaf: format!("{{\"leaf\":\"{mark} {seq}\"}}").into_bytes(),
    });
    Batch { rows: rows.collect(), checkpoint: format!("checkpoint {mark} {}", from + n) }
}

fn starts_empty(connect: Connect) {
    let mut store = connect();
    assert_eq!(store.head().unwrap(), Head { size: 0, checkpoint: None });
    assert_eq!(store.read(0, 10).unwrap(), []);
    assert_eq!(store.latest_snapshot().unwrap(), None);
}

fn appends_and_reads(connect: Connect) {
    let mut store = connect();
    let (first, second) = (batch(0, 3, "a"), batch(3, 2, "b"));
    let head = store.append(&Head::default(), &first).unwrap();
    assert_eq!(head, Head { size: 3, checkpoint: Some("checkpoint a 3".to_owned()) });
    let head = store.append(&head, &second).unwrap();
    assert_eq!(store.head().unwrap(), head);
    let all: Vec<Row> = first.rows.into_iter().chain(second.rows).collect();
    assert_eq!(store.read(0, 100).unwrap(), all);
    assert_eq!(store.read(2, 2).unwrap(), all[2..4]);
    assert_eq!(store.read(5, 10).unwrap(), []);
    assert_eq!(store.read(u64::MAX, 10).unwrap(), []);
    assert_eq!(store.read(0, 0).unwrap(), []);
    // Another connection sees the same.
    assert_eq!(connect().read(0, 100).unwrap(), all);
}

fn leaves_are_those_of_the_rows(connect: Connect) {
    let mut store = connect();
    let mut leaves = Leaves::new();
    leaves.push(7, b"what was there before");
    store.read_leaves(0, 10, &mut leaves).unwrap();
    assert!(leaves.is_empty());
    let mut large = batch(0, 300, "a");
    for row in &mut large.rows {
        row.leaf = vec![b'x'; usize::try_from(row.seq % 2).unwrap() * 120_000];
    }
    store.append(&Head::default(), &large).unwrap();
    for (from, limit) in [(0, 1_000), (0, 2), (5, 9), (298, 9), (300, 9), (u64::MAX, 9), (3, 0)] {
        store.read_leaves(from, limit, &mut leaves).unwrap();
        let rows = store.read(from, limit).unwrap();
        assert_eq!(leaves.len(), rows.len(), "{from}, {limit}");
        assert_eq!(leaves.n_bytes(), rows.iter().map(|row| row.leaf.len()).sum::<usize>());
        let same = rows.iter().map(|row| (row.seq, row.leaf.as_slice())).eq(leaves.iter());
        assert!(same, "{from}, {limit}");
    }
}

fn conflicts_change_nothing(connect: Connect) {
    let (mut store, mut other) = (connect(), connect());
    let empty = Head::default();
    let head = store.append(&empty, &batch(0, 2, "a")).unwrap();
    let late = other.append(&empty, &batch(0, 1, "late"));
    assert_eq!(late, Err(AppendError::Conflict { expected: 0, found: 2 }));
    let early = Head { size: 5, checkpoint: None };
    let ahead = other.append(&early, &batch(5, 1, "early"));
    assert_eq!(ahead, Err(AppendError::Conflict { expected: 5, found: 2 }));
    assert_eq!(store.head().unwrap(), head);
    other.append(&head, &batch(2, 1, "b")).unwrap();
    let beaten = store.append(&head, &batch(2, 1, "c"));
    assert_eq!(beaten, Err(AppendError::Conflict { expected: 2, found: 3 }));
    assert_eq!(store.read(2, 9).unwrap(), batch(2, 1, "b").rows);
}

fn malformed_batches_are_refused(connect: Connect) {
    let mut store = connect();
    let empty = Head::default();
    let none = Batch { rows: Vec::new(), checkpoint: String::new() };
    let mut gap = batch(0, 3, "a");
    gap.rows.remove(1);
    let mut twice = batch(0, 2, "a");
    twice.rows[1].seq = 0;
    for bad in [none, gap, twice, batch(1, 1, "a")] {
        let refused = store.append(&empty, &bad);
        assert!(matches!(refused, Err(AppendError::Malformed { .. })), "{refused:?}");
    }
    assert_eq!(store.head().unwrap(), empty);
}

fn reads_are_bounded_by_bytes(connect: Connect) {
    let mut store = connect();
    let mut large = batch(0, 300, "a");
    for row in &mut large.rows {
        row.leaf = vec![b'x'; 60_000];
    }
    store.append(&Head::default(), &large).unwrap();
    let some = store.read(0, 1_000).unwrap();
    assert!(some.len() > 100 && some.len() < 200, "{} rows", some.len());
    assert_eq!(store.read(299, 1_000).unwrap().len(), 1);
}

fn snapshots_are_replaced(connect: Connect) {
    let mut store = connect();
    for seq in [1, 2, 3, 9] {
        store.save_snapshot(seq, format!("state {seq}").as_bytes()).unwrap();
        let found = store.latest_snapshot().unwrap().unwrap();
        assert_eq!((found.seq, found.bytes), (seq, format!("state {seq}").into_bytes()));
    }
    store.save_snapshot(9, b"again").unwrap();
    assert_eq!(store.latest_snapshot().unwrap().unwrap().bytes, b"again");
    const { assert!(SNAPSHOTS_KEPT >= 2) };
}

fn leases_exclude_until_they_end(connect: Connect) {
    let (mut one, mut two) = (connect(), connect());
    let ttl = DurationMicros(100);
    let lease = one.lease("one", UnixMicros(1_000), ttl).unwrap();
    assert_eq!((lease.holder.as_str(), lease.until), ("one", UnixMicros(1_100)));
    assert_eq!(two.lease("two", UnixMicros(1_099), ttl).unwrap(), lease);
    let renewed = one.lease("one", UnixMicros(1_050), ttl).unwrap();
    assert_eq!(renewed.until, UnixMicros(1_150));
    let taken = two.lease("two", UnixMicros(1_150), ttl).unwrap();
    assert_eq!((taken.holder.as_str(), taken.until), ("two", UnixMicros(1_250)));
}

macro_rules! conformance {
    ($store:ident, $factory:expr) => {
        conformance!(@tests $store, $factory, starts_empty, appends_and_reads,
            leaves_are_those_of_the_rows,
            conflicts_change_nothing, malformed_batches_are_refused, reads_are_bounded_by_bytes,
            snapshots_are_replaced, leases_exclude_until_they_end);
    };
    (@tests $store:ident, $factory:expr, $($case:ident),*) => {
        mod $store {
            $(#[test]
            fn $case() {
                let scratch = tempfile::tempdir().unwrap();
                let file = scratch.path().join("log.db");
                let connect: Box<dyn Fn() -> Box<dyn super::LogStore>> = $factory(&file);
                super::$case(connect.as_ref());
            })*
        }
    };
}

fn memory(_: &std::path::Path) -> Box<dyn Fn() -> Box<dyn LogStore>> {
    let store = MemoryStore::new();
    Box::new(move || Box::new(store.clone()))
}

fn sqlite(file: &std::path::Path) -> Box<dyn Fn() -> Box<dyn LogStore>> {
    let file = file.to_owned();
    Box::new(move || Box::new(SqliteStore::open(&file).unwrap()))
}

fn faulty(_: &std::path::Path) -> Box<dyn Fn() -> Box<dyn LogStore>> {
    let store = MemoryStore::new();
    Box::new(move || Box::new(FaultyStore::new(Box::new(store.clone()), Faults::new())))
}

conformance!(in_memory, super::memory);
conformance!(in_sqlite, super::sqlite);
conformance!(behind_faults, super::faulty);

#[test]
fn a_locked_database_is_a_clear_error() {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("log.db");
    let mut store = SqliteStore::open(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.append(&Head::default(), &batch(0, 1, "a")), Err(AppendError::Busy));
    other.execute_batch("ROLLBACK").unwrap();
    store.append(&Head::default(), &batch(0, 1, "a")).unwrap();
}
