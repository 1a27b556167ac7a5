//! The rows of a batch as they come: appended one by one, so that a process that dies loses none that it had.
//!
//! A row is the line's number, whether it went well, and the text that goes into a result file. What was being
//! written when the process died is cut off. A line has one row at most. Everything here blocks, shortly.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::sealed::{KeepError, Place, piece};

/// Bytes of a row before its text.
const HEAD_BYTES: usize = 5;
/// Room that there must be before anything is asked.
const ROOM_BYTES: usize = 1 << 20;

/// The lines that have a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Done {
    words: Vec<u64>,
    pub(super) completed: u32,
    pub(super) failed: u32,
}

impl Done {
    /// Whether a line has a row.
    pub(super) fn has(&self, line: u32) -> bool {
        let (word, bit) = place_of(line);
        self.words.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> u32 {
        self.completed.saturating_add(self.failed)
    }

    fn add(&mut self, line: u32, is_good: bool) {
        let (word, bit) = place_of(line);
        if self.words.len() <= word {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
        let count = if is_good { &mut self.completed } else { &mut self.failed };
        *count = count.saturating_add(1);
    }
}

fn place_of(line: u32) -> (usize, u32) {
    (usize::try_from(line / 64).unwrap_or(usize::MAX), line % 64)
}

/// The rows of one batch, open for more.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    place: Place,
    next: u64,
    bytes: u64,
    done: Done,
}

impl Journal {
    /// Opens it, making it when missing, and reads what it has.
    pub(super) fn open(path: &Path, place: Place) -> Result<Self, KeepError> {
        let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
        let file = opened.map_err(KeepError::io("open the rows of a batch"))?;
        let (mut done, mut rows) = (Done::default(), Rows::new(&file, &place));
        while let Some((line, is_good, _)) = rows.next()? {
            done.add(line, is_good);
        }
        let (next, bytes) = (rows.number, rows.bytes);
        // What follows was being written when the process died.
        file.set_len(bytes).map_err(KeepError::io("cut the rows of a batch"))?;
        Ok(Self { file, place, next, bytes, done })
    }

    pub(super) const fn done(&self) -> &Done {
        &self.done
    }

    /// Bytes that its rows take.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Finds out whether rows can be written, before an answer is paid for that cannot be kept.
    pub(super) fn require_room(&mut self) -> Result<(), KeepError> {
        let written = self.file.write_all(&vec![0; ROOM_BYTES]);
        let cut = self.file.set_len(self.bytes);
        written.and(cut).map_err(KeepError::io("write the rows of a batch"))
    }

    /// Adds a row; a second one of a line is left out.
    pub(super) fn add(&mut self, line: u32, is_good: bool, text: &str) -> Result<(), KeepError> {
        if self.done.has(line) {
            return Ok(());
        }
        let mut row = Vec::with_capacity(text.len().saturating_add(HEAD_BYTES));
        row.extend_from_slice(&line.to_le_bytes());
        row.push(u8::from(is_good));
        row.extend_from_slice(text.as_bytes());
        let sealed = self.place.seal(self.next, &row)?;
        self.file.write_all(&sealed).map_err(KeepError::io("write a row of a batch"))?;
        self.next += 1;
        self.bytes = self.bytes.saturating_add(u64::try_from(sealed.len()).unwrap_or(u64::MAX));
        self.done.add(line, is_good);
        Ok(())
    }

    /// Brings the rows to the disk.
    pub(super) fn sync(&self) -> Result<(), KeepError> {
        self.file.sync_data().map_err(KeepError::io("write the rows of a batch"))
    }

    /// Reads all rows, from the first.
    pub(super) fn each(
        path: &Path,
        place: &Place,
        mut take: impl FnMut(bool, &str) -> Result<(), KeepError>,
    ) -> Result<(), KeepError> {
        let file = File::open(path).map_err(KeepError::io("open the rows of a batch"))?;
        let mut rows = Rows::new(&file, place);
        while let Some((_, is_good, text)) = rows.next()? {
            take(is_good, &text)?;
        }
        Ok(())
    }
}

/// The rows of a file up to the first that is not whole.
struct Rows<'a> {
    reader: BufReader<&'a File>,
    place: &'a Place,
    number: u64,
    /// Bytes that whole rows take.
    bytes: u64,
}

impl<'a> Rows<'a> {
    fn new(file: &'a File, place: &'a Place) -> Self {
        Self { reader: BufReader::new(file), place, number: 0, bytes: 0 }
    }

    fn next(&mut self) -> Result<Option<(u32, bool, String)>, KeepError> {
        let sealed = piece(&mut self.reader);
        let sealed = sealed.map_err(KeepError::io("read the rows of a batch"))?;
        // After a power cut a file may end in zeros: what does not open was never whole either.
        let Some((row, length)) = sealed.and_then(|sealed| {
            let row = self.place.open(self.number, &sealed).ok()?;
            Some((row, u64::try_from(sealed.len()).unwrap_or(u64::MAX)))
        }) else {
            return Ok(None);
        };
        let (line, rest) = row.split_first_chunk::<4>().ok_or(KeepError::Damaged)?;
        let (is_good, text) = rest.split_first().ok_or(KeepError::Damaged)?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| KeepError::Damaged)?;
        self.number += 1;
        self.bytes = self.bytes.saturating_add(length).saturating_add(4);
        Ok(Some((u32::from_le_bytes(*line), *is_good == 1, text)))
    }
}

#[cfg(test)]
mod tests;
