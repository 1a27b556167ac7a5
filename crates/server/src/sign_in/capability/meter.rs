//! What was spent by calls that carried a block of a capability token.
//!
//! Only blocks with a budget are counted, by a hash of their signature, which nobody can choose. The
//! sums are in a file beside the log: they bound a holder's own token and are no part of any bill.
//! Writing is not awaited, as with usage itself: a power cut may forget the last seconds of spending.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use units::{Digest, MicroEuro};

/// Its name in the folder of sign-in.
const NAME: &str = "capability-spending.jsonl";
/// Blocks that are counted; beyond, tokens with new budgets are refused.
const BLOCKS_MAX: usize = 100_000;
/// Lines beyond the number of blocks before the file is written anew.
const SPARE_LINES: usize = 50_000;

/// Why spending is not counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeterError {
    /// Too many blocks with budgets.
    #[error("{BLOCKS_MAX} budgets of tokens are counted already")]
    Full,
    /// The file cannot be read or written.
    #[error("the file of spending: {0}")]
    File(#[from] io::Error),
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    file: fs::File,
    lines: usize,
    spent: BTreeMap<Digest, MicroEuro>,
}

/// The sums.
#[derive(Debug)]
pub(crate) struct Meter(Mutex<Inner>);

impl Meter {
    /// Reads the sums that a folder keeps.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub(crate) fn open(folder: &Path) -> Result<Self, MeterError> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut spent = BTreeMap::new();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // Each line has the sum so far, so that a line that is lost loses only its own part.
            if let Ok((id, sum)) = serde_json::from_slice::<(Digest, MicroEuro)>(line) {
                spent.insert(id, sum);
            }
        }
        let (file, lines) = write_whole(&path, &spent)?;
        Ok(Self(Mutex::new(Inner { path, file, lines, spent })))
    }

    /// What was spent under a block.
    pub(crate) fn spent(&self, id: &Digest) -> MicroEuro {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.spent.get(id).copied().unwrap_or(MicroEuro(0))
    }

    /// True if spending under this block can be counted.
    ///
    /// # Errors
    /// [`MeterError::Full`].
    pub(crate) fn require_room(&self, id: &Digest) -> Result<(), MeterError> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = inner.spent.len() < BLOCKS_MAX || inner.spent.contains_key(id);
        if room { Ok(()) } else { Err(MeterError::Full) }
    }

    /// Adds what a call has cost.
    ///
    /// # Errors
    /// If it cannot be written; it counts all the same while this process runs.
    pub(crate) fn add(&self, ids: &[Digest], cost: MicroEuro) -> Result<(), MeterError> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        let mut bytes = Vec::new();
        for id in ids {
            let sum = inner.spent.entry(*id).or_insert(MicroEuro(0));
            *sum = MicroEuro(sum.0.saturating_add(cost.0.max(0)));
            bytes.extend(line(id, *sum)?);
        }
        if inner.lines > inner.spent.len().saturating_add(SPARE_LINES) {
            (inner.file, inner.lines) = write_whole(&inner.path, &inner.spent)?;
            return Ok(());
        }
        inner.file.write_all(&bytes)?;
        inner.lines = inner.lines.saturating_add(ids.len());
        Ok(())
    }
}

fn line(id: &Digest, sum: MicroEuro) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(&(id, sum))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn write_whole(path: &Path, spent: &BTreeMap<Digest, MicroEuro>) -> io::Result<(fs::File, usize)> {
    let mut bytes = Vec::new();
    for (id, sum) in spent {
        bytes.extend(line(id, *sum)?);
    }
    Ok((store::replace_file(path, &bytes, 0o600)?, spent.len()))
}
