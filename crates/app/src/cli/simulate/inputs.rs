//! Fleet files and job lists from this machine, and numbers as people write them.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    str::FromStr,
};

use sim::twin::{
    InputError,
    fleet::{self, Fleet},
    policies,
    scheduled::Scheduled,
    workload::{self, Format, LogReader, Workload},
};
use store::{LogStore as _, SqliteStore, StoreError};

use crate::cli::{exit::Exit, failure::Failure};

/// The log in a data folder.
const DATABASE_FILE: &str = "log.db";
/// Leaves that are read at once.
const ROWS_MAX: usize = 1_024;

/// Largest fleet file and series file, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A load in thousandths, written as `0.85`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load(pub(crate) u32);

impl FromStr for Load {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is no load: write for example `0.85`, at most 100");
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_plain(whole) || !is_plain(decimals) || decimals.len() > 3 {
            return Err(refuse());
        }
        let milli: u32 = format!("{whole}{decimals:0<3}").parse().map_err(|_| refuse())?;
        if milli == 0 || milli > 100_000 { Err(refuse()) } else { Ok(Self(milli)) }
    }
}

/// Reads a fleet file; files that it names are sought beside it.
pub(super) fn fleet(path: &Path) -> Result<Fleet, Failure> {
    let text = text(path).map_err(|error| Failure::file("read", path, &error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let load = |name: &str| self::text(&folder.join(name));
    fleet::parse(&path.display().to_string(), &text, &load).map_err(|error| invalid(&error))
}

/// Reads a policy file.
pub(super) fn policy(path: &Path) -> Result<Scheduled, Failure> {
    let text = text(path).map_err(|error| Failure::file("read", path, &error))?;
    policies::parse(&path.display().to_string(), &text).map_err(|error| invalid(&error))
}

/// Reads a list of jobs; `-` is standard input, a folder is the data folder of a platform.
pub(super) fn workload(path: &Path, format: Option<Format>) -> Result<Workload, Failure> {
    if path.is_dir() {
        return log(path);
    }
    let source: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|error| Failure::file("read", path, &error))?)
    };
    // The name alone: results must not depend on where a list lies.
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    workload::read(&name, source, format).map_err(|error| invalid(&error))
}

/// Reads the log of a data folder, or of a copy of one, leaf by leaf; a platform may go on writing it.
fn log(folder: &Path) -> Result<Workload, Failure> {
    let database = folder.join(DATABASE_FILE);
    if !database.is_file() {
        let message =
            format!("`{}` is no data folder: it has no {DATABASE_FILE}", folder.display());
        return Err(Failure::not_found(message));
    }
    let unreadable = |error: StoreError| Failure::new(Exit::Failed, error.to_string());
    let mut store = SqliteStore::open_reader(&database).map_err(unreadable)?;
    let mut reader = LogReader::new("the platform's log");
    let mut from = 0;
    loop {
        let rows = store.read(from, ROWS_MAX).map_err(unreadable)?;
        let Some(last) = rows.last() else { break };
        from = last.seq.saturating_add(1);
        for row in &rows {
            reader.leaf(&row.leaf).map_err(|error| invalid(&error))?;
        }
    }
    reader.finish().map_err(|error| invalid(&error))
}

/// What is wrong with an input, as a failure.
pub(super) fn invalid(error: &InputError) -> Failure {
    Failure::invalid(error.to_string())
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read =
        fs::File::open(path)?.take(FILE_BYTES_MAX.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 16 MiB"));
    }
    Ok(text)
}
