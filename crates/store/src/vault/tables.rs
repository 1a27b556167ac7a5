//! The vault's tables. WAL, `synchronous=FULL`, `secure_delete`: what is deleted is overwritten, and
//! [`purge`] rewrites the file and empties the write-ahead log. Nothing here sees a key or content.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};

use super::key::Wrapped;
use super::{RECORDS_MAX, Tenant, VaultError};
use crate::sqlite::{signed, unsigned};

/// Name within the data folder.
pub const VAULT_FILE: &str = "vault.db";

/// `tenant_key.wrapped` is null once the key was destroyed: a tenant never gets a second one.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS tenant_key (
    tenant TEXT PRIMARY KEY, key_id TEXT, wrapped BLOB) STRICT;
CREATE TABLE IF NOT EXISTS record (
    tenant TEXT NOT NULL, subject TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (tenant, subject)) STRICT;
CREATE TABLE IF NOT EXISTS lookup (
    tenant TEXT NOT NULL, purpose TEXT NOT NULL, hash BLOB NOT NULL, subject TEXT NOT NULL,
    PRIMARY KEY (tenant, purpose, hash)) STRICT;
CREATE INDEX IF NOT EXISTS lookup_subject ON lookup (tenant, subject);
";

/// How long a call waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A record as it is stored.
pub(super) struct Record {
    pub(super) version: u64,
    pub(super) sealed: Vec<u8>,
}

/// What a vault holds, as far as that can be told without a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tenants with a data key.
    pub tenants: u64,
    /// Records of all of them.
    pub records: u64,
    /// Tenants whose key was destroyed.
    pub destroyed: u64,
    /// The key-encryption keys that the data keys are wrapped by; one, but for a rotation of theirs.
    pub key_ids: Vec<String>,
}

pub(super) fn open(file: &Path) -> Result<Connection, VaultError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(file)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "secure_delete", true)?;
        // What `VACUUM` needs meanwhile must not reach another file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    };
    open().map_err(|error| failed("open the vault", &error))
}

pub(super) fn open_reader(file: &Path) -> Result<Connection, VaultError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(file, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(connection)
    };
    open().map_err(|error| failed("open the vault for reading", &error))
}

/// Rewrites the database without what was deleted and empties the write-ahead log; false if another
/// process reads it and therefore some of the bytes must stay for now.
pub(super) fn purge(connection: &Connection) -> Result<bool, VaultError> {
    let vacuumed = connection.execute_batch("VACUUM");
    match vacuumed {
        Err(error) if is_busy(&error) => return Ok(false),
        other => other.map_err(|error| failed("rewrite the vault", &error))?,
    }
    checkpoint(connection)
}

/// Empties the write-ahead log; false if another process holds it.
pub(super) fn checkpoint(connection: &Connection) -> Result<bool, VaultError> {
    let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    match busy {
        Ok(busy) => Ok(busy == 0),
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(failed("empty the vault's write-ahead log", &error)),
    }
}

pub(super) fn tenant_key(
    connection: &Connection,
    tenant: Tenant,
) -> Result<Option<Wrapped>, VaultError> {
    let sql = "SELECT key_id, wrapped FROM tenant_key WHERE tenant = ?1 AND wrapped NOT NULL";
    connection
        .query_row(sql, [tenant.to_string()], |row| {
            Ok(Wrapped { key_id: row.get(0)?, bytes: row.get(1)? })
        })
        .optional()
        .map_err(|error| failed("read a tenant's key", &error))
}

pub(super) fn tenant_keys(connection: &Connection) -> Result<Vec<(Tenant, Wrapped)>, VaultError> {
    let read = || -> rusqlite::Result<Vec<(String, Wrapped)>> {
        let sql =
            "SELECT tenant, key_id, wrapped FROM tenant_key WHERE wrapped NOT NULL ORDER BY 1";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, Wrapped { key_id: row.get(1)?, bytes: row.get(2)? }))
        })?;
        rows.collect()
    };
    let rows = read().map_err(|error| failed("read the tenants' keys", &error))?;
    rows.into_iter().map(|(tenant, wrapped)| Ok((tenant_of(&tenant)?, wrapped))).collect()
}

pub(super) fn add_tenant_key(
    connection: &Connection,
    tenant: Tenant,
    wrapped: &Wrapped,
) -> Result<(), VaultError> {
    let sql = "INSERT INTO tenant_key (tenant, key_id, wrapped) VALUES (?1, ?2, ?3)";
    let row = params![tenant.to_string(), wrapped.key_id, wrapped.bytes];
    let added = connection.execute(sql, row);
    added.map(|_| ()).map_err(|error| failed("keep a tenant's key", &error))
}

pub(super) fn is_destroyed(connection: &Connection, tenant: Tenant) -> Result<bool, VaultError> {
    let sql = "SELECT count(*) FROM tenant_key WHERE tenant = ?1 AND wrapped IS NULL";
    let count = connection.query_row(sql, [tenant.to_string()], |row| row.get::<_, i64>(0));
    count.map(|count| count > 0).map_err(|error| failed("read a tenant's key", &error))
}

pub(super) fn replace_keys(
    connection: &mut Connection,
    keys: &[(Tenant, Wrapped)],
) -> Result<(), VaultError> {
    let mut run = || -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        for (tenant, wrapped) in keys {
            let sql = "UPDATE tenant_key SET key_id = ?2, wrapped = ?3 WHERE tenant = ?1";
            let row = params![tenant.to_string(), wrapped.key_id, wrapped.bytes];
            transaction.execute(sql, row)?;
        }
        transaction.commit()
    };
    run().map_err(|error| failed("replace the tenants' keys", &error))
}

/// The version of a subject's record; 0 if there is none.
pub(super) fn version(
    connection: &Connection,
    tenant: Tenant,
    subject: &str,
) -> Result<u64, VaultError> {
    Ok(record(connection, tenant, subject)?.map_or(0, |record| record.version))
}

pub(super) fn record(
    connection: &Connection,
    tenant: Tenant,
    subject: &str,
) -> Result<Option<Record>, VaultError> {
    let sql = "SELECT version, sealed FROM record WHERE tenant = ?1 AND subject = ?2";
    connection
        .query_row(sql, params![tenant.to_string(), subject], |row| {
            Ok(Record { version: unsigned(row.get(0)?), sealed: row.get(1)? })
        })
        .optional()
        .map_err(|error| failed("read a record", &error))
}

/// Replaces a subject's record and lookups in one transaction.
pub(super) fn put(
    connection: &mut Connection,
    tenant: Tenant,
    subject: &str,
    record: &Record,
    lookups: &[(&str, [u8; 32])],
) -> Result<(), VaultError> {
    for (purpose, hash) in lookups {
        if let Some(other) = find(connection, tenant, purpose, hash)?
            && other != subject
        {
            return Err(VaultError::LookupTaken { purpose: (*purpose).to_owned(), subject: other });
        }
    }
    let name = tenant.to_string();
    if record.version == 1 && count_of(connection, &name)? >= RECORDS_MAX {
        return Err(VaultError::Limit { what: "the number of records", limit: RECORDS_MAX });
    }
    let mut run = || -> rusqlite::Result<()> {
        let transaction = connection.transaction()?;
        let sql = "INSERT OR REPLACE INTO record (tenant, subject, version, sealed)
                   VALUES (?1, ?2, ?3, ?4)";
        transaction.execute(sql, params![name, subject, signed(record.version), record.sealed])?;
        let sql = "DELETE FROM lookup WHERE tenant = ?1 AND subject = ?2";
        transaction.execute(sql, params![name, subject])?;
        for (purpose, hash) in lookups {
            let sql = "INSERT OR REPLACE INTO lookup (tenant, purpose, hash, subject)
                       VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, params![name, purpose, hash, subject])?;
        }
        transaction.commit()
    };
    run().map_err(|error| failed("keep a record", &error))
}

pub(super) fn find(
    connection: &Connection,
    tenant: Tenant,
    purpose: &str,
    hash: &[u8; 32],
) -> Result<Option<String>, VaultError> {
    let sql = "SELECT subject FROM lookup WHERE tenant = ?1 AND purpose = ?2 AND hash = ?3";
    connection
        .query_row(sql, params![tenant.to_string(), purpose, hash], |row| row.get(0))
        .optional()
        .map_err(|error| failed("look a record up", &error))
}

pub(super) fn subjects(
    connection: &Connection,
    tenant: Tenant,
    after: &str,
    limit: usize,
) -> Result<Vec<String>, VaultError> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let sql = "SELECT subject FROM record WHERE tenant = ?1 AND subject > ?2
                   ORDER BY subject LIMIT ?3";
        let mut statement = connection.prepare(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![tenant.to_string(), after, limit], |r| r.get(0))?;
        rows.collect()
    };
    read().map_err(|error| failed("list records", &error))
}

/// Deletes a subject's record and lookups; answers whether there was anything.
pub(super) fn erase(
    connection: &mut Connection,
    tenant: Tenant,
    subject: &str,
) -> Result<bool, VaultError> {
    let mut run = || -> rusqlite::Result<usize> {
        let name = tenant.to_string();
        let transaction = connection.transaction()?;
        let mut deleted = 0_usize;
        for table in ["record", "lookup"] {
            let sql = format!("DELETE FROM {table} WHERE tenant = ?1 AND subject = ?2");
            let rows = transaction.execute(&sql, params![name, subject])?;
            deleted = deleted.saturating_add(rows);
        }
        transaction.commit()?;
        Ok(deleted)
    };
    run().map(|deleted| deleted > 0).map_err(|error| failed("erase a record", &error))
}

/// Deletes a tenant's key, records and lookups; answers whether it had a key.
pub(super) fn destroy(connection: &mut Connection, tenant: Tenant) -> Result<bool, VaultError> {
    let had_key = tenant_key(connection, tenant)?.is_some();
    let mut run = || -> rusqlite::Result<()> {
        let name = tenant.to_string();
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM record WHERE tenant = ?1", [&name])?;
        transaction.execute("DELETE FROM lookup WHERE tenant = ?1", [&name])?;
        let sql = "INSERT OR REPLACE INTO tenant_key (tenant, key_id, wrapped)
                   VALUES (?1, NULL, NULL)";
        transaction.execute(sql, [&name])?;
        transaction.commit()
    };
    run().map_err(|error| failed("destroy a tenant's key", &error))?;
    Ok(had_key)
}

pub(super) fn summary(connection: &Connection) -> Result<Summary, VaultError> {
    let read = || -> rusqlite::Result<Summary> {
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).map(unsigned);
        let sql = "SELECT DISTINCT key_id FROM tenant_key WHERE wrapped NOT NULL ORDER BY 1";
        let mut statement = connection.prepare(sql)?;
        let key_ids = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Summary {
            tenants: count("SELECT count(*) FROM tenant_key WHERE wrapped NOT NULL")?,
            records: count("SELECT count(*) FROM record")?,
            destroyed: count("SELECT count(*) FROM tenant_key WHERE wrapped IS NULL")?,
            key_ids,
        })
    };
    read().map_err(|error| failed("count what the vault holds", &error))
}

fn count_of(connection: &Connection, tenant: &str) -> Result<u64, VaultError> {
    let sql = "SELECT count(*) FROM record WHERE tenant = ?1";
    let count = connection.query_row(sql, [tenant], |row| row.get(0));
    count.map(unsigned).map_err(|error| failed("count records", &error))
}

fn tenant_of(text: &str) -> Result<Tenant, VaultError> {
    text.parse().map_err(|_| VaultError::Database {
        action: "read the tenants' keys",
        reason: format!("`{text}` is no tenant"),
    })
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn failed(action: &'static str, error: &rusqlite::Error) -> VaultError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => VaultError::Full,
        _ => VaultError::Database { action, reason: error.to_string() },
    }
}
