//! The file of sessions: one JSON line for each thing that happened to one, mode 0600.
//!
//! Begun and ended sessions are on the disk before anybody is told. A last line that a power cut left
//! half is not read; a damaged line in the middle ends the reading there, so that an ended session
//! never comes back because its end could not be read: everybody signs in again.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, BufRead as _, Read as _, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use units::{Digest, UnixMicros};

use super::Session;

/// Its name in the folder.
const NAME: &str = "sessions.jsonl";
/// Lines beyond twice the open sessions before the file is written anew.
const SPARE_LINES: usize = 4_096;
/// Largest file that is read: twice the most sessions, and the spare lines.
const BYTES_MAX: u64 = 64 << 20;

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// A session began.
    Begun(Session),
    /// It was used.
    Seen(Digest, UnixMicros),
    /// It ended before its time.
    Ended(Digest),
}

/// The open file.
#[derive(Debug)]
pub(super) struct SessionFile {
    path: PathBuf,
    file: fs::File,
    lines: usize,
}

impl SessionFile {
    /// Opens it, with the sessions that are in it and still wanted.
    pub(super) fn open(
        folder: &Path,
        wanted: impl Fn(&Session) -> bool,
    ) -> io::Result<(Self, Vec<Session>)> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(NAME);
        let mut sessions = read(&path)?;
        sessions.retain(|session| wanted(session));
        let (file, lines) = write_whole(&path, sessions.iter())?;
        Ok((Self { path, file, lines }, sessions))
    }

    /// True if most of the file is about sessions that are over.
    pub(super) const fn is_long(&self, open: usize) -> bool {
        self.lines > open.saturating_mul(2).saturating_add(SPARE_LINES)
    }

    /// Writes the file anew with only these sessions.
    pub(super) fn rewrite<'a>(
        &mut self,
        sessions: impl Iterator<Item = &'a Session>,
    ) -> io::Result<()> {
        (self.file, self.lines) = write_whole(&self.path, sessions)?;
        Ok(())
    }

    /// Adds a line; with `durable`, it survives a power cut when this returns.
    pub(super) fn append(&mut self, line: &Line, durable: bool) -> io::Result<()> {
        self.file.write_all(&to_bytes(line)?)?;
        self.lines = self.lines.saturating_add(1);
        if durable { self.file.sync_data() } else { Ok(()) }
    }
}

fn to_bytes(line: &Line) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read(path: &Path) -> io::Result<Vec<Session>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut sessions: BTreeMap<Digest, Session> = BTreeMap::new();
    let mut reader = io::BufReader::new(file.take(BYTES_MAX));
    let mut text = Vec::new();
    loop {
        text.clear();
        let n = reader.read_until(b'\n', &mut text)?;
        if n == 0 {
            break;
        }
        let Ok(line) = serde_json::from_slice::<Line>(&text) else {
            let last = reader.fill_buf()?.is_empty();
            if !last {
                tracing::warn!(path = %path.display(), "damaged: everybody signs in again");
                sessions.clear();
            }
            break;
        };
        match line {
            Line::Begun(session) => {
                sessions.insert(session.secret_hash, session);
            }
            Line::Seen(hash, at) => {
                if let Some(session) = sessions.get_mut(&hash) {
                    session.seen_at = session.seen_at.max(at);
                }
            }
            Line::Ended(hash) => {
                sessions.remove(&hash);
            }
        }
    }
    Ok(sessions.into_values().collect())
}

/// Writes the whole file beside the old one and puts it in its place.
fn write_whole<'a>(
    path: &Path,
    sessions: impl Iterator<Item = &'a Session>,
) -> io::Result<(fs::File, usize)> {
    let (mut bytes, mut lines) = (Vec::new(), 0_usize);
    for session in sessions {
        bytes.extend(to_bytes(&Line::Begun(session.clone()))?);
        lines = lines.saturating_add(1);
    }
    Ok((store::replace_file(path, &bytes, 0o600)?, lines))
}
