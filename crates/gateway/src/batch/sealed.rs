//! Files of sealed pieces: each piece is sealed for its file and its number, so that none can be left out,
//! moved or taken from another file without notice. A file is written once, from its beginning to its end.
//!
//! Everything here blocks. A piece is a length in four bytes and as many sealed bytes.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::safe::{SafeError, Seal};

/// Bytes sealed at once.
const PIECE_BYTES: usize = 256 << 10;
/// Largest piece that is read: a line and what sealing adds.
const SEALED_BYTES_MAX: u32 = 64 << 20;

/// Why something kept cannot be read or written. No text holds content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// A file operation failed.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be sealed or opened.
    #[error(transparent)]
    Safe(#[from] SafeError),
    /// It is not what was written.
    #[error("what is kept is damaged")]
    Damaged,
}

impl KeepError {
    /// Names what was tried.
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

/// What seals the pieces of one file.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) seal: Arc<dyn Seal>,
    /// What the file is, with its id.
    pub(super) name: String,
}

impl Place {
    /// Seals a piece with its length before it.
    pub(super) fn seal(&self, number: u64, plain: &[u8]) -> Result<Vec<u8>, KeepError> {
        let sealed = self.seal.seal(&format!("{} {number}", self.name), plain)?;
        let length = u32::try_from(sealed.len()).map_err(|_| KeepError::Damaged)?;
        let mut bytes = Vec::with_capacity(sealed.len().saturating_add(4));
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&sealed);
        Ok(bytes)
    }

    /// Opens a piece.
    pub(super) fn open(&self, number: u64, sealed: &[u8]) -> Result<Vec<u8>, KeepError> {
        Ok(self.seal.open(&format!("{} {number}", self.name), sealed)?)
    }
}

/// How much was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) pieces: u64,
    /// Lines that are not empty, a last one without its end among them.
    pub(super) lines: u64,
}

/// A file that is being written; removed again if it is not finished.
#[derive(Debug)]
pub(super) struct Writer {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    place: Place,
    held: Vec<u8>,
    written: Written,
    in_line: bool,
}

impl Writer {
    pub(super) fn create(path: &Path, place: Place) -> Result<Self, KeepError> {
        let file = fresh(path).map_err(KeepError::io("make a file"))?;
        Ok(Self {
            file: Some(BufWriter::new(file)),
            path: path.to_owned(),
            place,
            held: Vec::with_capacity(PIECE_BYTES),
            written: Written { bytes: 0, pieces: 0, lines: 0 },
            in_line: false,
        })
    }

    /// Bytes taken so far.
    pub(super) const fn bytes(&self) -> u64 {
        self.written.bytes
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), KeepError> {
        for byte in bytes {
            match byte {
                b'\n' => self.in_line = false,
                b'\r' | b' ' | b'\t' => {}
                _ => {
                    self.written.lines += u64::from(!self.in_line);
                    self.in_line = true;
                }
            }
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.written.bytes = self.written.bytes.saturating_add(length);
        while !bytes.is_empty() {
            let room = PIECE_BYTES.saturating_sub(self.held.len()).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() >= PIECE_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), KeepError> {
        let sealed = self.place.seal(self.written.pieces, &self.held)?;
        let file = self.file.as_mut().ok_or(KeepError::Damaged)?;
        file.write_all(&sealed).map_err(KeepError::io("write a file"))?;
        self.written.pieces += 1;
        self.held.clear();
        Ok(())
    }

    /// Brings all of it to the disk.
    pub(super) fn finish(mut self) -> Result<Written, KeepError> {
        if !self.held.is_empty() {
            self.flush()?;
        }
        let file = self.file.take().ok_or(KeepError::Damaged)?;
        let synced = file.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = synced.and_then(|file| file.sync_all());
        if synced.is_err() {
            // What is not whole must not be found.
            let _ = std::fs::remove_file(&self.path);
        }
        synced.map_err(KeepError::io("write a file"))?;
        Ok(self.written)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // A file that stays is removed at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A file that is read from its beginning.
#[derive(Debug)]
pub(super) struct Reader {
    file: BufReader<File>,
    place: Place,
    next: u64,
    pieces: u64,
}

impl Reader {
    /// Opens a file of so many pieces.
    pub(super) fn open(path: &Path, place: Place, pieces: u64) -> Result<Self, KeepError> {
        let file = File::open(path).map_err(KeepError::io("open a file"))?;
        Ok(Self { file: BufReader::new(file), place, next: 0, pieces })
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, KeepError> {
        if self.next >= self.pieces {
            return Ok(None);
        }
        let sealed = piece(&mut self.file).map_err(KeepError::io("read a file"))?;
        let plain = self.place.open(self.next, &sealed.ok_or(KeepError::Damaged)?)?;
        self.next += 1;
        Ok(Some(plain))
    }
}

/// Reads one sealed piece; `None` if the file ends before the piece does.
pub(super) fn piece(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0_u8; 4];
    let whole = |read: io::Result<()>| match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    };
    if !whole(file.read_exact(&mut length))? {
        return Ok(None);
    }
    let length = u32::from_le_bytes(length);
    if length > SEALED_BYTES_MAX {
        return Ok(None);
    }
    let mut sealed = vec![0; usize::try_from(length).unwrap_or(0)];
    Ok(whole(file.read_exact(&mut sealed))?.then_some(sealed))
}

/// A new file that nobody else reads.
pub(super) fn fresh(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Replaces a small file at once and durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fresh(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    sync_folder_of(path)
}

/// Makes names durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// The lines of a file, with their numbers from 1; empty ones are left out.
#[derive(Debug)]
pub(super) struct Lines {
    reader: Reader,
    held: Vec<u8>,
    at: usize,
    number: u32,
    bytes_max: usize,
    ended: bool,
}

/// A line, or what is wrong with it as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Its number and bytes, without its end.
    Line(u32, Vec<u8>),
    /// It is longer than lines may be; nothing after it is read.
    TooLong(u32),
}

impl Lines {
    pub(super) const fn new(reader: Reader, bytes_max: usize) -> Self {
        Self { reader, held: Vec::new(), at: 0, number: 0, bytes_max, ended: false }
    }

    pub(super) fn next(&mut self) -> Result<Option<Next>, KeepError> {
        loop {
            let rest = self.held.get(self.at..).unwrap_or_default();
            let end = memchr::memchr(b'\n', rest);
            if end.is_none() && !self.ended {
                if rest.len() > self.bytes_max {
                    return Ok(Some(self.too_long()));
                }
                self.held.drain(..self.at);
                self.at = 0;
                match self.reader.next()? {
                    Some(piece) => self.held.extend_from_slice(&piece),
                    None => self.ended = true,
                }
                continue;
            }
            if end.is_none() && rest.is_empty() {
                return Ok(None);
            }
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let taken = line.len().saturating_add(1);
            let line = line.trim_ascii().to_vec();
            if line.len() > self.bytes_max {
                return Ok(Some(self.too_long()));
            }
            self.at = self.at.saturating_add(taken).min(self.held.len());
            self.number = self.number.saturating_add(1);
            if !line.is_empty() {
                return Ok(Some(Next::Line(self.number, line)));
            }
        }
    }

    fn too_long(&mut self) -> Next {
        self.held.clear();
        (self.at, self.ended) = (0, true);
        self.reader.pieces = 0;
        Next::TooLong(self.number.saturating_add(1))
    }
}

#[cfg(test)]
pub(super) mod tests;
