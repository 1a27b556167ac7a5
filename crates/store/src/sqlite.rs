//! The log in one SQLite file: WAL, `synchronous=FULL`, one connection that writes. A batch is one
//! transaction; a primary-key violation is the conflict. No other SQL may live here.
//!
//! After a failed commit the connection is never trusted again: the system may have dropped the
//! failed pages, so what it reads back would not prove anything. The process ends and replays.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, params};
use units::{DurationMicros, UnixMicros};

use crate::leaves::Leaves;
use crate::log_store::{
    AppendError, Batch, Head, Lease, LogStore, READ_BYTES_MAX, Row, SaveSnapshot, Snapshot,
    StoreError, check_batch, size_after,
};
use crate::snapshots::SnapshotFiles;

/// The tables. `lease` and `snapshot` can be lost without loss of data; snapshots of this version are
/// files.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    leaf BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS checkpoint (
    size INTEGER PRIMARY KEY, signed TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (
    seq INTEGER PRIMARY KEY, state BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS lease (
    id INTEGER PRIMARY KEY CHECK (id = 1), holder TEXT NOT NULL, until INTEGER NOT NULL) STRICT;
";

/// How long a call waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Pages in the write-ahead log before they are moved into the database: fewer, longer moves.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Rows for which room is made at once when reading.
const CAPACITY_MAX: usize = 1_024;

/// A connection to the log.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    snapshots: SnapshotFiles,
    broken: Option<String>,
}

impl SqliteStore {
    /// Opens the database to write, creating it when missing.
    ///
    /// # Errors
    /// If it cannot be opened, is held by another process, or is not a database.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(file).map_err(|error| failed("open the log", &error))?;
        let set = |connection: &Connection| -> rusqlite::Result<()> {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
            connection.pragma_update(None, "trusted_schema", false)?;
            connection.execute_batch(SCHEMA)
        };
        set(&connection).map_err(|error| failed("prepare the log", &error))?;
        Ok(Self { connection, snapshots: SnapshotFiles::beside(file), broken: None })
    }

    /// Opens a second connection that only reads and never blocks the writer.
    ///
    /// # Errors
    /// If the database is missing or cannot be read.
    pub fn open_reader(file: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(file, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| failed("open the log for reading", &error))?;
        Ok(Self { connection, snapshots: SnapshotFiles::beside(file), broken: None })
    }

    fn trusted(&self) -> Result<&Connection, StoreError> {
        match &self.broken {
            Some(reason) => Err(StoreError::Broken { reason: reason.clone() }),
            None => Ok(&self.connection),
        }
    }
}

impl LogStore for SqliteStore {
    fn head(&mut self) -> Result<Head, StoreError> {
        let connection = self.trusted()?;
        let read = || -> rusqlite::Result<Head> {
            let newest = "SELECT signed FROM checkpoint ORDER BY size DESC LIMIT 1";
            let checkpoint = connection.query_row(newest, [], |row| row.get(0)).optional()?;
            Ok(Head { size: size_of_log(connection)?, checkpoint })
        };
        read().map_err(|error| failed("read the end of the log", &error))
    }

    fn append(&mut self, expected: &Head, batch: &Batch) -> Result<Head, AppendError> {
        check_batch(expected, batch)?;
        if let Some(reason) = &self.broken {
            return Err(AppendError::NotStored { reason: reason.clone() });
        }
        let not_stored = |error: rusqlite::Error| before_commit(&error);
        // Dropping the transaction on an early return rolls it back.
        let transaction =
            Transaction::new_unchecked(&self.connection, rusqlite::TransactionBehavior::Immediate)
                .map_err(not_stored)?;
        let found = size_of_log(&transaction).map_err(not_stored)?;
        if found != expected.size {
            return Err(AppendError::Conflict { expected: expected.size, found });
        }
        insert(&transaction, batch, size_after(expected, batch)).map_err(|error| {
            let is_key = error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation);
            let found = expected.size.saturating_add(1);
            if is_key {
                AppendError::Conflict { expected: expected.size, found }
            } else {
                before_commit(&error)
            }
        })?;
        if let Err(error) = transaction.commit() {
            let reason = error.to_string();
            if let AppendError::NotStored { .. } = before_commit(&error) {
                self.broken = Some(reason.clone());
                return Err(AppendError::UnknownOutcome { reason });
            }
            // A full disk and a lock are noticed before the commit record is written.
            return Err(before_commit(&error));
        }
        Ok(Head { size: size_after(expected, batch), checkpoint: Some(batch.checkpoint.clone()) })
    }

    fn read(&mut self, from: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let Ok(from) = i64::try_from(from) else { return Ok(Vec::new()) };
        let connection = self.trusted()?;
        let read = || -> rusqlite::Result<Vec<Row>> {
            let sql = "SELECT seq, at, kind, subject, leaf FROM log WHERE seq >= ?1 ORDER BY seq";
            let mut statement = connection.prepare(sql)?;
            let mut found = statement.query([from])?;
            let mut rows = Vec::with_capacity(limit.min(CAPACITY_MAX));
            let mut bytes = 0_usize;
            while rows.len() < limit
                && bytes < READ_BYTES_MAX
                && let Some(row) = found.next()?
            {
                let row = Row {
                    seq: unsigned(row.get(0)?),
                    at: UnixMicros(row.get(1)?),
                    kind: row.get(2)?,
                    subject: row.get(3)?,
                    leaf: row.get(4)?,
                };
                bytes = bytes.saturating_add(row.leaf.len());
                rows.push(row);
            }
            Ok(rows)
        };
        read().map_err(|error| failed("read the log", &error))
    }

    fn read_leaves(
        &mut self,
        from: u64,
        limit: usize,
        leaves: &mut Leaves,
    ) -> Result<(), StoreError> {
        leaves.clear();
        let Ok(from) = i64::try_from(from) else { return Ok(()) };
        let connection = self.trusted()?;
        let mut read = || -> rusqlite::Result<()> {
            let sql = "SELECT seq, leaf FROM log WHERE seq >= ?1 ORDER BY seq";
            let mut statement = connection.prepare(sql)?;
            let mut found = statement.query([from])?;
            while leaves.len() < limit
                && leaves.n_bytes() < READ_BYTES_MAX
                && let Some(row) = found.next()?
            {
                leaves.push(unsigned(row.get(0)?), row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        };
        read().map_err(|error| failed("read the log", &error))
    }

    fn snapshots(&mut self) -> Result<Box<dyn SaveSnapshot>, StoreError> {
        self.trusted()?;
        Ok(Box::new(self.snapshots.clone()))
    }

    fn latest_snapshot(&mut self) -> Result<Option<Snapshot>, StoreError> {
        self.trusted()?;
        let newest = self.snapshots.newest()?;
        let sql = "SELECT seq, state FROM snapshot WHERE seq > ?1 ORDER BY seq DESC LIMIT 1";
        let than = newest.as_ref().map_or(-1, |newest| signed(newest.seq));
        // Earlier versions kept them in the database.
        let newer = self.connection.query_row(sql, [than], |row| {
            Ok(Snapshot { seq: unsigned(row.get(0)?), bytes: row.get(1)? })
        });
        let newer = newer.optional().map_err(|error| failed("read the snapshot", &error))?;
        Ok(newer.or(newest))
    }

    fn lease(
        &mut self,
        holder: &str,
        now: UnixMicros,
        ttl: DurationMicros,
    ) -> Result<Lease, StoreError> {
        // One statement, so two processes cannot both see the lease free.
        let take = "INSERT INTO lease (id, holder, until) VALUES (1, ?1, ?2)
                    ON CONFLICT (id) DO UPDATE SET holder = ?1, until = ?2
                    WHERE holder = ?1 OR until <= ?3";
        let connection = self.trusted()?;
        let run = || -> rusqlite::Result<Lease> {
            connection.execute(take, params![holder, now.plus(ttl).0, now.0])?;
            connection.query_row("SELECT holder, until FROM lease WHERE id = 1", [], |row| {
                Ok(Lease { holder: row.get(0)?, until: UnixMicros(row.get(1)?) })
            })
        };
        run().map_err(|error| failed("take the writer's lease", &error))
    }
}

fn insert(transaction: &Connection, batch: &Batch, size: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log (seq, at, kind, subject, leaf) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = transaction.prepare(sql)?;
    for row in &batch.rows {
        statement.execute(params![signed(row.seq), row.at.0, row.kind, row.subject, row.leaf])?;
    }
    let sql = "INSERT INTO checkpoint (size, signed) VALUES (?1, ?2)";
    transaction.execute(sql, params![signed(size), batch.checkpoint])?;
    Ok(())
}

/// The position after the last leaf.
pub(crate) fn size_of_log(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce(max(seq) + 1, 0) FROM log";
    connection.query_row(sql, [], |row| row.get(0)).map(unsigned)
}

/// Positions are written from 0 up and never reach 2^63.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A negative number is nothing that was ever written: it becomes a position that no log has.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn before_commit(error: &rusqlite::Error) -> AppendError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => AppendError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => AppendError::Busy,
        _ => AppendError::NotStored { reason: error.to_string() },
    }
}

pub(crate) fn failed(action: &'static str, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        _ => StoreError::Failed { action, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests;
