//! Reading a log: the last lines, then what follows, across rotations, until the attempt has ended.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{Stream, stream};

use super::name;
use crate::spec::AttemptDir;

/// Largest chunk that a follower hands out, in bytes.
const CHUNK_BYTES_MAX: usize = 64 << 10;
/// Most bytes that a tail reads, whatever the number of lines.
const TAIL_BYTES_MAX: u64 = 4 << 20;
/// Time between two looks at a log that has not grown.
const POLL: Duration = Duration::from_millis(200);
/// Rotations looked back for; more than any sensible [`super::LogLimits::n_files`].
const AGE_MAX: u32 = 64;

/// The last `n_lines` lines of an attempt's log (all files together, at most 4 MiB).
///
/// # Errors
/// The operating system's; a log that does not exist yet is empty, not an error.
pub fn tail(folder: &Path, n_lines: usize) -> io::Result<Vec<u8>> {
    Ok(tail_and_place(folder, n_lines)?.0)
}

/// Streams an attempt's log: its last `n_lines` lines, then what is written, until the attempt has
/// ended and all is read. Ends at once for an attempt that has ended.
///
/// # Errors
/// The operating system's, once, as the last item.
pub fn follow(
    folder: PathBuf,
    n_lines: usize,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
    stream::unfold(Some(Follower::new(folder, n_lines)), |state| async move {
        let mut follower = state?;
        match follower.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(follower))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// A place in a log that moves on.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    n_lines: usize,
    open: Option<File>,
    begun: bool,
}

impl Follower {
    /// Starts before the last `n_lines` lines.
    #[must_use]
    pub fn new(folder: PathBuf, n_lines: usize) -> Self {
        Self { folder, n_lines, open: None, begun: false }
    }

    /// The next bytes (at most 64 KiB after the tail); waits for them; `None` at the end.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            // Asked before reading: what was written before the end is then surely read.
            let ended = AttemptDir(self.folder.clone()).exit().exists();
            let chunk = self.step()?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
            if ended {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Reads what is there without waiting; empty if there is nothing new.
    fn step(&mut self) -> io::Result<Vec<u8>> {
        if !self.begun {
            let (bytes, file) = tail_and_place(&self.folder, self.n_lines)?;
            self.begun = file.is_some();
            self.open = file;
            return Ok(bytes);
        }
        for _ in 0..=AGE_MAX {
            let Some(file) = &mut self.open else { return Ok(Vec::new()) };
            let bytes = read_chunk(file)?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
            let inode = file.metadata()?.ino();
            let Some(newer) = newer_than(&self.folder, inode)? else { return Ok(Vec::new()) };
            // A last look, because it may have grown between the read above and its rotation.
            let rest = read_chunk(file)?;
            if !rest.is_empty() {
                return Ok(rest);
            }
            self.open = Some(newer);
        }
        Ok(Vec::new())
    }
}

fn read_chunk(file: &mut File) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; CHUNK_BYTES_MAX];
    let n_read = file.read(&mut buffer)?;
    buffer.truncate(n_read);
    Ok(buffer)
}

/// The file that came after the one with this inode; the oldest kept if that one is gone.
fn newer_than(folder: &Path, inode: u64) -> io::Result<Option<File>> {
    let mut newer: Option<File> = None;
    for age in 0..=AGE_MAX {
        let file = match File::open(folder.join(name(age))) {
            Ok(file) => file,
            // Between two renames `log` does not exist for a moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound && age == 0 => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        if file.metadata()?.ino() == inode {
            return Ok(newer);
        }
        newer = Some(file);
    }
    Ok(newer)
}

/// The last lines, and the newest file open at its end as it was read.
fn tail_and_place(folder: &Path, n_lines: usize) -> io::Result<(Vec<u8>, Option<File>)> {
    let mut pieces: VecDeque<Vec<u8>> = VecDeque::new();
    let (mut place, mut n_bytes, mut n_found) = (None, 0_u64, 0_usize);
    for age in 0..=AGE_MAX {
        let mut file = match File::open(folder.join(name(age))) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        };
        let size = fs::File::metadata(&file)?.len();
        let start = size.saturating_sub(TAIL_BYTES_MAX.saturating_sub(n_bytes));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(size.saturating_sub(start)).read_to_end(&mut bytes)?;
        if age == 0 {
            place = Some(file);
        }
        n_bytes = n_bytes.saturating_add(size.saturating_sub(start));
        n_found = n_found.saturating_add(bytes.iter().filter(|byte| **byte == b'\n').count());
        pieces.push_front(bytes);
        if n_found > n_lines || n_bytes >= TAIL_BYTES_MAX {
            break;
        }
    }
    let all: Vec<u8> = pieces.into_iter().flatten().collect();
    let from = start_of_last_lines(&all, n_lines);
    Ok((all.get(from..).unwrap_or_default().to_vec(), place))
}

/// Where the last lines begin; an unfinished last line counts as one.
fn start_of_last_lines(bytes: &[u8], n_lines: usize) -> usize {
    if n_lines == 0 {
        return bytes.len();
    }
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    body.iter()
        .enumerate()
        .rev()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(n_lines.saturating_sub(1))
        .map_or(0, |(at, _)| at.saturating_add(1))
}
