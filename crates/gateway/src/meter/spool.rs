//! The spool folder: numbered segments of request lines, and one state file.
//!
//! `segment-N.jsonl` holds finished requests, appended with one write(2) each and never fsynced:
//! they survive the death of the process, not a loss of power. `state.json` holds the gateway's
//! id, the next sequence number, the roll-ups not delivered yet and the first segment that is not
//! part of a roll-up; it is replaced by writing a new file, fsync and rename. Sealing segments into
//! roll-ups is therefore one atomic step, and segments before the first count for nothing any more: they
//! move into the archive of answers, under the number of their first roll-up. `lock` keeps a second process out.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::config::MeterConfig;
use crate::meter::MeterError;
use crate::meter::archive::Archive;
use crate::meter::counts::{Counts, Line};
use crate::usage::Rollup;

/// Longest line read; ours are under 2,500 bytes.
const LINE_BYTES_MAX: u64 = 4_096;

/// What `state.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The id, kept for the life of the folder.
    pub(crate) gateway: Id<kinds::Gateway>,
    /// The next roll-up's number.
    pub(crate) next_sequence: u64,
    /// The first segment whose requests are not in a roll-up.
    pub(crate) first_segment: u64,
    /// Roll-ups that the sink has not taken, in order.
    pub(crate) pending: VecDeque<Rollup>,
    /// Sealed segments that may not be in the archive yet.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(crate) batches: VecDeque<Batch>,
}

/// Segments that became roll-ups together: by their lines alone, and the first one's number, it is known
/// which roll-up each line is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// The latest minute in it.
    pub(crate) minute_unix: i64,
    /// The number of its first roll-up.
    pub(crate) first_sequence: u64,
    /// Its first segment.
    pub(crate) from_segment: u64,
    /// The segment after its last.
    pub(crate) end_segment: u64,
}

/// A locked spool folder.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    archive: Archive,
    /// The newest version of the state that was written; see [`Spool::store`].
    stored: Mutex<u64>,
    /// Holds the lock until dropped.
    _lock: File,
}

/// What the segments held.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) counts: Counts,
    /// Lines that could not be read.
    pub(crate) corrupt_lines: u64,
    /// The first unused segment number.
    pub(crate) next_segment: u64,
}

/// A segment that is being appended to.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    path: PathBuf,
    file: File,
    /// The last append failed and may have left half a line.
    torn: bool,
}

impl Spool {
    /// Opens a folder, making it when missing, and reads or founds its state.
    pub(crate) fn open(config: &MeterConfig) -> Result<(Self, State), MeterError> {
        let (folder, fresh_id) = (config.folder.as_path(), config.fresh_id);
        std::fs::create_dir_all(folder).map_err(|error| MeterError::folder(folder, error))?;
        let path = folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| MeterError::folder(&path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(MeterError::InUse { path: folder.to_path_buf() });
            }
            Err(TryLockError::Error(error)) => return Err(MeterError::folder(&path, error)),
        }
        let archive = Archive::open(config)?;
        let stored = Mutex::new(0);
        let spool = Self { folder: folder.to_path_buf(), archive, stored, _lock: lock };
        let path = spool.folder.join("state.json");
        let state = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| MeterError::Damaged { path, source })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let state = State {
                    gateway: fresh_id,
                    next_sequence: 1,
                    first_segment: 1,
                    pending: VecDeque::new(),
                    batches: VecDeque::new(),
                };
                // The id must outlive a crash before anything is counted under it.
                spool.store(&state, 1, config.clock.now().secs())?;
                state
            }
            Err(error) => return Err(MeterError::folder(&path, error)),
        };
        Ok((spool, state))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The answers of sealed segments.
    pub(crate) const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Replaces the state and moves segments before its first into the archive. Versions grow with the state: a
    /// writer whose waiting task was cancelled may come late, and must not put an old state back.
    pub(crate) fn store(
        &self,
        state: &State,
        version: u64,
        now_unix: i64,
    ) -> Result<(), MeterError> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if version <= *stored {
            return Ok(());
        }
        let (path, fresh) = (self.folder.join("state.json"), self.folder.join("state.json.new"));
        let fail = |error: std::io::Error| MeterError::folder(&path, error);
        let bytes = serde_json::to_vec(state).map_err(|error| fail(error.into()))?;
        let mut file = File::create(&fresh).map_err(fail)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(fail)?;
        std::fs::rename(&fresh, &path).map_err(fail)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
        *stored = version;
        for number in self.segments()?.into_iter().filter(|n| *n < state.first_segment) {
            let path = self.segment_path(number);
            let batch = state
                .batches
                .iter()
                .find(|one| (one.from_segment..one.end_segment).contains(&number));
            match batch {
                Some(batch) => self.archive.take(&path, batch, number),
                // A segment that stays is dead weight only: its number says that it is sealed.
                None => drop(std::fs::remove_file(&path)),
            }
        }
        if !state.batches.is_empty() {
            self.archive.prune(now_unix);
        }
        Ok(())
    }

    /// Sums up the segments from `first_segment` on.
    pub(crate) fn recover(&self, first_segment: u64) -> Result<Recovered, MeterError> {
        let mut recovered =
            Recovered { counts: Counts::default(), corrupt_lines: 0, next_segment: first_segment };
        for number in self.segments()?.into_iter().filter(|n| *n >= first_segment) {
            let path = self.segment_path(number);
            let fail = |error| MeterError::folder(&path, error);
            let mut reader = BufReader::new(File::open(&path).map_err(fail)?);
            while let Some(line) = next_line(&mut reader).map_err(fail)? {
                match serde_json::from_slice::<Line>(&line) {
                    Ok(line) => recovered.counts.add(&line, line.leaf_hash()),
                    Err(_) => {
                        recovered.corrupt_lines = recovered.corrupt_lines.saturating_add(1);
                    }
                }
            }
            recovered.next_segment = number.saturating_add(1);
        }
        Ok(recovered)
    }

    /// Starts a segment; its number must be unused.
    pub(crate) fn create_segment(&self, number: u64) -> Result<Segment, MeterError> {
        let path = self.segment_path(number);
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.map_err(|error| MeterError::folder(&path, error))?;
        Ok(Segment { number, path, file, torn: false })
    }

    /// The files of segments that are not in a roll-up yet, or not in the archive.
    pub(crate) fn segment_files(&self) -> Result<Vec<PathBuf>, MeterError> {
        Ok(self.segments()?.into_iter().map(|number| self.segment_path(number)).collect())
    }

    /// The numbers of the segments present, ascending.
    fn segments(&self) -> Result<Vec<u64>, MeterError> {
        let fail = |error| MeterError::folder(&self.folder, error);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            let number = name
                .to_str()
                .and_then(|name| name.strip_prefix("segment-"))
                .and_then(|name| name.strip_suffix(".jsonl"))
                .and_then(|number| number.parse::<u64>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn segment_path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("segment-{number}.jsonl"))
    }
}

impl Segment {
    /// The segment's number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Appends one line with one write.
    pub(crate) fn append(&mut self, line: &Line) -> Result<(), MeterError> {
        let fail = |path: &Path, error| MeterError::folder(path, error);
        let mut bytes = Vec::with_capacity(1_024);
        // A line break first parts this line from what a failed write may have left.
        if self.torn {
            bytes.push(b'\n');
        }
        serde_json::to_writer(&mut bytes, line).map_err(|e| fail(&self.path, e.into()))?;
        bytes.push(b'\n');
        self.torn = true;
        self.file.write_all(&bytes).map_err(|error| fail(&self.path, error))?;
        self.torn = false;
        Ok(())
    }
}

/// The next line that is not blank, cut to the limit (a cut line cannot be parsed and is counted);
/// memory stays bounded whatever the file holds.
pub(super) fn next_line(reader: &mut BufReader<File>) -> std::io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            skip_line(reader)?;
            // A line without its end is a write that was cut short, even if it happens to parse.
            line.push(b'?');
            return Ok(Some(line));
        }
        if line.len() > 1 {
            return Ok(Some(line));
        }
    }
}

fn skip_line(reader: &mut BufReader<File>) -> std::io::Result<()> {
    loop {
        let held = reader.fill_buf()?;
        let end = held.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(held.len(), |position| position.saturating_add(1));
        let done = held.is_empty() || end.is_some();
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}
