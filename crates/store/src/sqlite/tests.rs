//! What only SQLite can meet: no space left, and a commit that fails.

use super::*;

fn batch(from: u64, n: u64, leaf_bytes: usize) -> Batch {
    let rows = (from..from + n).map(|seq| Row {
        seq,
        at: UnixMicros(1),
        kind: "kind".to_owned(),
        subject: "subject".to_owned(),
        leaf: vec![b'x'; leaf_bytes],
    });
    Batch { rows: rows.collect(), checkpoint: format!("checkpoint {}", from + n) }
}

#[test]
fn a_full_disk_is_its_own_error_and_stores_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&scratch.path().join("log.db")).unwrap();
    let head = store.append(&Head::default(), &batch(0, 1, 10)).unwrap();
    // A limit on pages fails as a full disk does.
    store.connection.pragma_update(None, "max_page_count", 20).unwrap();
    assert_eq!(store.append(&head, &batch(1, 50, 60_000)), Err(AppendError::Full));
    assert_eq!(store.head().unwrap(), head);
    // With space again, it goes on.
    store.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    assert_eq!(store.append(&head, &batch(1, 50, 60_000)).unwrap().size, 51);
}

#[test]
fn nothing_is_believed_after_a_failed_commit() {
    let scratch = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&scratch.path().join("log.db")).unwrap();
    store.broken = Some("disk I/O error".to_owned());
    assert!(matches!(store.head(), Err(StoreError::Broken { .. })));
    assert!(matches!(store.read(0, 1), Err(StoreError::Broken { .. })));
    let refused = store.append(&Head::default(), &batch(0, 1, 1));
    assert!(matches!(refused, Err(AppendError::NotStored { .. })), "{refused:?}");
}

#[test]
fn it_is_as_durable_as_promised() {
    let scratch = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&scratch.path().join("log.db")).unwrap();
    let ask = |pragma: &str| -> String {
        let value = store.connection.pragma_query_value(None, pragma, |row| {
            row.get_ref(0).map(|v| match v {
                rusqlite::types::ValueRef::Integer(n) => n.to_string(),
                other => other.as_str().unwrap_or_default().to_owned(),
            })
        });
        value.unwrap()
    };
    assert_eq!((ask("journal_mode").as_str(), ask("synchronous").as_str()), ("wal", "2"));
}
