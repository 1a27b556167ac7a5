//! Opening a log's database so that nothing in it can change, and checking it as a database.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::List;
use crate::folder::DATABASE_FILE;
use crate::log_store::StoreError;
use crate::sqlite::failed;

/// What the database has, and nothing else: a view or trigger could show what is not there.
const TABLES: [&str; 4] = ["checkpoint", "lease", "log", "snapshot"];

/// Messages asked of SQLite's own check.
const MESSAGES_MAX: u32 = 100;

/// Opens the database of a data folder at one moment, without writing to it.
pub(crate) fn open(dir: &Path) -> Result<Connection, StoreError> {
    let file = dir.join(DATABASE_FILE);
    let missing = || StoreError::Failed {
        action: "open the log",
        reason: format!("`{}` does not exist", file.display()),
    };
    if !file.is_file() {
        return Err(missing());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    // Without a write-ahead log nobody writes, and SQLite then needs to make no files beside it.
    let has_wal = dir.join(format!("{DATABASE_FILE}-wal")).exists();
    let mode = if has_wal { "mode=ro" } else { "immutable=1" };
    let uri = format!("file:{}?{mode}", escape(&file));
    let begin = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(uri, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "trusted_schema", false)?;
        // One transaction: everything read is of one moment, whoever writes meanwhile.
        connection.execute_batch("BEGIN")?;
        Ok(connection)
    };
    begin().map_err(|error| failed("open the log for reading", &error))
}

/// SQLite's own check, and that the tables are tables.
pub(super) fn check(connection: &Connection, list: &mut List) {
    let messages = || -> rusqlite::Result<Vec<String>> {
        let mut statement =
            connection.prepare(&format!("PRAGMA integrity_check({MESSAGES_MAX})"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    match messages() {
        Ok(messages) => {
            for message in messages.iter().filter(|message| *message != "ok") {
                list.push(None, format!("the database is damaged: {message}"));
            }
        }
        Err(error) => list.push(None, format!("the database is damaged: {error}")),
    }
    let objects = || -> rusqlite::Result<Vec<(String, String)>> {
        let mut statement =
            connection.prepare("SELECT type, name FROM sqlite_schema ORDER BY name")?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    match objects() {
        Ok(objects) => {
            let tables = objects.iter().filter(|(kind, _)| kind == "table");
            if !tables.map(|(_, name)| name.as_str()).eq(TABLES) || objects.len() != TABLES.len() {
                list.push(None, "the database has other tables, views or triggers than a log has");
            }
        }
        Err(error) => list.push(None, format!("the list of tables cannot be read: {error}")),
    }
}

/// A path as the path of an SQLite URI.
fn escape(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut text = String::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                text.push(char::from(*byte));
            }
            // Writing to a String cannot fail.
            other => drop(write!(text, "%{other:02X}")),
        }
    }
    text
}
