//! Reading the log files of one attempt, `log`, `log.1`, `log.2` … from newest to oldest, across
//! rotations, without losing or repeating a byte.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Largest piece handed out.
const PIECE_BYTES: usize = 64 * 1024;
/// Most bytes that a tail reads, whatever the number of lines.
const TAIL_BYTES_MAX: u64 = 4 << 20;
/// Rotations looked back for.
const AGE_MAX: u32 = 64;

/// A place in a log that moves on.
#[derive(Debug)]
pub(crate) struct LogFiles {
    folder: PathBuf,
    tail_lines: Option<usize>,
    open: Option<File>,
}

impl LogFiles {
    /// Starts before the last lines, or at the oldest byte kept.
    pub(crate) fn new(folder: PathBuf, tail_lines: Option<usize>) -> Self {
        Self { folder, tail_lines, open: None }
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is there and was not read yet; empty if there is nothing new.
    ///
    /// # Errors
    /// The operating system's; a log that does not exist yet is empty.
    pub(crate) fn read_more(&mut self) -> io::Result<Vec<u8>> {
        if self.open.is_none() {
            return self.begin();
        }
        for _ in 0..=AGE_MAX {
            let Some(file) = &mut self.open else { return Ok(Vec::new()) };
            let bytes = read_piece(file)?;
            if !bytes.is_empty() {
                return Ok(bytes);
            }
            let Some(newer) = newer_than(&self.folder, file.metadata()?.ino())? else {
                return Ok(Vec::new());
            };
            // It may have grown between the read above and its rotation.
            let rest = read_piece(file)?;
            if !rest.is_empty() {
                return Ok(rest);
            }
            self.open = Some(newer);
        }
        Ok(Vec::new())
    }

    fn begin(&mut self) -> io::Result<Vec<u8>> {
        match self.tail_lines {
            Some(n_lines) => {
                let (bytes, newest) = tail(&self.folder, n_lines)?;
                self.open = newest;
                Ok(bytes)
            }
            None => {
                self.open = oldest(&self.folder)?;
                match &mut self.open {
                    Some(file) => read_piece(file),
                    None => Ok(Vec::new()),
                }
            }
        }
    }
}

fn name(age: u32) -> String {
    if age == 0 { "log".to_owned() } else { format!("log.{age}") }
}

/// Opens a file if it is a plain one: a workload cannot make us follow a link.
fn open(path: &Path) -> io::Result<Option<File>> {
    match fs::symlink_metadata(path) {
        Ok(meta) if !meta.is_file() => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_piece(file: &mut File) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; PIECE_BYTES];
    let n_read = file.read(&mut buffer)?;
    buffer.truncate(n_read);
    Ok(buffer)
}

fn oldest(folder: &Path) -> io::Result<Option<File>> {
    let mut found = None;
    for age in 0..=AGE_MAX {
        match open(&folder.join(name(age)))? {
            Some(file) => found = Some(file),
            // Between two renames `log` does not exist for a moment.
            None if age == 0 => {}
            None => break,
        }
    }
    Ok(found)
}

/// The file that came after the one with this inode; the oldest kept if that one is gone.
fn newer_than(folder: &Path, inode: u64) -> io::Result<Option<File>> {
    let mut newer = None;
    for age in 0..=AGE_MAX {
        let file = match open(&folder.join(name(age)))? {
            Some(file) => file,
            None if age == 0 => continue,
            None => break,
        };
        if file.metadata()?.ino() == inode {
            return Ok(newer);
        }
        newer = Some(file);
    }
    Ok(newer)
}

/// The last lines, and the newest file open at its end as it was read.
fn tail(folder: &Path, n_lines: usize) -> io::Result<(Vec<u8>, Option<File>)> {
    let mut pieces: Vec<Vec<u8>> = Vec::new();
    let (mut newest, mut n_bytes, mut n_found) = (None, 0_u64, 0_usize);
    for age in 0..=AGE_MAX {
        let Some(mut file) = open(&folder.join(name(age)))? else { break };
        let size = file.metadata()?.len();
        let start = size.saturating_sub(TAIL_BYTES_MAX.saturating_sub(n_bytes));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        let wanted = size.saturating_sub(start);
        io::Read::by_ref(&mut file).take(wanted).read_to_end(&mut bytes)?;
        if age == 0 {
            newest = Some(file);
        }
        n_bytes = n_bytes.saturating_add(wanted);
        n_found = n_found.saturating_add(bytes.iter().filter(|byte| **byte == b'\n').count());
        pieces.push(bytes);
        if n_found > n_lines || n_bytes >= TAIL_BYTES_MAX {
            break;
        }
    }
    let all: Vec<u8> = pieces.into_iter().rev().flatten().collect();
    Ok((last_lines(&all, n_lines).to_vec(), newest))
}

/// The last lines; an unfinished last line counts as one.
pub(crate) fn last_lines(bytes: &[u8], n_lines: usize) -> &[u8] {
    if n_lines == 0 {
        return &[];
    }
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let breaks = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = breaks.map(|(at, _)| at.saturating_add(1)).nth(n_lines.saturating_sub(1));
    bytes.get(start.unwrap_or(0)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(files: &mut LogFiles) -> String {
        let mut all = Vec::new();
        loop {
            let piece = files.read_more().unwrap();
            if piece.is_empty() {
                return String::from_utf8(all).unwrap();
            }
            all.extend(piece);
        }
    }

    #[test]
    fn all_files_are_read_oldest_first_and_rotation_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = |age| dir.path().join(name(age));
        let mut files = LogFiles::new(dir.path().to_path_buf(), None);
        assert_eq!(text(&mut files), "");
        fs::write(path(1), "one\n").unwrap();
        fs::write(path(0), "two\n").unwrap();
        assert_eq!(text(&mut files), "one\ntwo\n");
        fs::rename(path(1), path(2)).unwrap();
        fs::rename(path(0), path(1)).unwrap();
        fs::write(path(0), "three\n").unwrap();
        assert_eq!(text(&mut files), "three\n");
    }

    #[test]
    fn a_tail_goes_on_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("log.1"), "a\nb\n").unwrap();
        fs::write(dir.path().join("log"), "c\n").unwrap();
        let mut files = LogFiles::new(dir.path().to_path_buf(), Some(2));
        assert_eq!(text(&mut files), "b\nc\n");
        let more = fs::OpenOptions::new().append(true).open(dir.path().join("log"));
        io::Write::write_all(&mut more.unwrap(), b"d\n").unwrap();
        assert_eq!(text(&mut files), "d\n");
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("log")).unwrap();
        assert_eq!(text(&mut LogFiles::new(dir.path().to_path_buf(), None)), "");
    }

    #[test]
    fn last_lines_of_texts() {
        for (all, n, expected) in [
            ("", 1, ""),
            ("a\nb\n", 1, "b\n"),
            ("a\nb", 1, "b"),
            ("a\nb\n", 9, "a\nb\n"),
            ("a", 0, ""),
        ] {
            assert_eq!(last_lines(all.as_bytes(), n), expected.as_bytes());
        }
    }
}
