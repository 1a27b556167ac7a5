//! The archive of answers: spool segments whose requests are in roll-ups, kept for a while so that a receipt can
//! be made of each answer.
//!
//! A file's name says when it is from, the number of the first roll-up that its batch became, and its segment; the
//! roll-up and the tree of each line follow from the batch's lines alone. Nothing here decides what is billed, so a
//! file that is lost loses receipts and no money.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use ledger::{Hash, Tree, leaf_hash, proof};
use units::{Id, kinds};

use crate::config::MeterConfig;
use crate::meter::counts::{Group, LEAVES_MAX, Line};
use crate::meter::spool::{Batch, Spool, next_line};
use crate::meter::{MINUTE_S, Meter, MeterError};

/// Below the spool's folder.
const FOLDER: &str = "answers";
/// How long after its request came an answer is looked for, in seconds: two hours. As long before as well: the
/// clock may be set back while it is given.
const SEARCH_S: i64 = 120 * MINUTE_S;
/// What ids of answers begin with.
const ID_PREFIXES: [&str; 5] = ["chatcmpl-", "cmpl-", "embd-", "resp_", "tok-"];

/// Where an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPlace {
    /// Its minute is not closed: no roll-up has it yet.
    Open {
        /// The key that asked.
        key: Id<kinds::Key>,
        /// What was asked.
        endpoint: Id<kinds::Endpoint>,
    },
    /// It is in a roll-up, which may not be delivered yet.
    Rolled(Box<RolledAnswer>),
}

/// An answer with its way to the root that its roll-up names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledAnswer {
    /// The gateway that answered.
    pub gateway: Id<kinds::Gateway>,
    /// The number of the roll-up.
    pub sequence: u64,
    /// The key that asked.
    pub key: Id<kinds::Key>,
    /// What was asked.
    pub endpoint: Id<kinds::Endpoint>,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Its place in the roll-up's tree, from 0.
    pub index: u64,
    /// Leaves of that tree.
    pub count: u64,
    /// Inclusion path, from the leaf's sibling up.
    pub path: Vec<Hash>,
}

/// The folder.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    kept_s: i64,
    bytes_max: u64,
}

/// What a file's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    minute_unix: i64,
    first_sequence: u64,
    segment: u64,
}

impl Archive {
    /// Opens the archive of a spool, making its folder when missing.
    pub(super) fn open(config: &MeterConfig) -> Result<Self, MeterError> {
        let folder = config.folder.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| MeterError::folder(&folder, error))?;
        let kept_s = i64::try_from(config.answers_kept.as_secs()).unwrap_or(i64::MAX);
        Ok(Self { folder, kept_s, bytes_max: config.answers_bytes_max })
    }

    /// Takes a sealed segment. A segment that cannot be moved stays where it is and is removed later: its
    /// answers then have no receipts, which is said, and their bill is not touched.
    pub(super) fn take(&self, segment: &Path, batch: &Batch, number: u64) {
        let is_empty = std::fs::metadata(segment).is_ok_and(|about| about.len() == 0);
        let name = Name {
            minute_unix: batch.minute_unix,
            first_sequence: batch.first_sequence,
            segment: number,
        };
        let moved = if is_empty {
            std::fs::remove_file(segment)
        } else {
            std::fs::rename(segment, self.path(name))
        };
        if let Err(error) = moved {
            tracing::warn!(
                segment = number,
                error = &error as &dyn std::error::Error,
                "answers cannot be kept: no receipts can be made of them"
            );
        }
    }

    /// Removes what is older than the archive keeps, then the oldest until the rest has room.
    pub(super) fn prune(&self, now_unix: i64) {
        let Ok(names) = self.names() else { return };
        let oldest = now_unix.saturating_sub(self.kept_s);
        let mut held: u64 = 0;
        for name in names.into_iter().rev() {
            let path = self.path(name);
            let bytes = std::fs::metadata(&path).map_or(0, |about| about.len());
            held = held.saturating_add(bytes);
            if name.minute_unix < oldest || held > self.bytes_max {
                // What stays is tried again in a minute.
                let _ = std::fs::remove_file(&path);
            }
        }
    }

    /// The files, oldest first.
    fn names(&self) -> Result<Vec<Name>, MeterError> {
        let fail = |error| MeterError::folder(&self.folder, error);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            names.extend(name.to_str().and_then(Name::parse));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn path(&self, name: Name) -> PathBuf {
        let Name { minute_unix, first_sequence, segment } = name;
        self.folder.join(format!("{minute_unix}-{first_sequence}-{segment}.jsonl"))
    }

    /// The answer of this id that ended soon after its request came.
    fn find(
        &self,
        gateway: Id<kinds::Gateway>,
        id: &str,
        came_unix: i64,
    ) -> Result<Option<RolledAnswer>, MeterError> {
        let window = came_unix.saturating_sub(SEARCH_S)..=came_unix.saturating_add(SEARCH_S);
        let names = self.names()?;
        for name in names.iter().filter(|name| window.contains(&name.minute_unix)) {
            if line_of(&self.path(*name), id)?.is_none() {
                continue;
            }
            let same = |one: &&Name| one.first_sequence == name.first_sequence;
            let files = names.iter().filter(same).map(|one| self.path(*one));
            return rolled(files, id, name.first_sequence, gateway);
        }
        Ok(None)
    }
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(".jsonl")?.splitn(3, '-');
        Some(Self {
            minute_unix: parts.next()?.parse().ok()?,
            first_sequence: parts.next()?.parse().ok()?,
            segment: parts.next()?.parse().ok()?,
        })
    }
}

impl Meter {
    /// Where the answer of this id is; `None` if it is not of this gateway, or no longer kept. Reads files, so it
    /// blocks. Who may know of it is the caller's to decide.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn answer(&self, id: &str) -> Result<Option<AnswerPlace>, MeterError> {
        let Some(came_unix) = came_unix(id) else { return Ok(None) };
        let spool: &Spool = &self.inner.spool;
        // Segments move from the spool to the archive and never back: in this order none is missed.
        for path in spool.segment_files()? {
            if let Some(line) = line_of(&path, id)? {
                let (key, endpoint) = (line.entry.key, line.entry.endpoint);
                return Ok(Some(AnswerPlace::Open { key, endpoint }));
            }
        }
        let found = spool.archive().find(self.gateway(), id, came_unix)?;
        Ok(found.map(|found| AnswerPlace::Rolled(Box::new(found))))
    }
}

/// When the request of an answer came, in seconds since 1970: its id says so.
fn came_unix(id: &str) -> Option<i64> {
    let rest = ID_PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix))?;
    let request: Id<kinds::Request> = format!("req_{rest}").parse().ok()?;
    let [a, b, c, d, e, f, ..] = *request.as_bytes();
    let ms = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    i64::try_from(ms / 1_000).ok()
}

/// Reads a file's lines; those that cannot be read are nobody's. A file that is gone has none.
fn each_line(path: &Path, mut each: impl FnMut(&[u8]) -> bool) -> Result<(), MeterError> {
    let fail = |error| MeterError::folder(path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    let mut reader = BufReader::new(file);
    while let Some(line) = next_line(&mut reader).map_err(fail)? {
        if !each(&line) {
            break;
        }
    }
    Ok(())
}

fn is_of(line: &Line, id: &str) -> bool {
    line.entry.answer.as_ref().is_some_and(|answer| answer.id == id)
}

fn line_of(path: &Path, id: &str) -> Result<Option<Line>, MeterError> {
    let mut found = None;
    each_line(path, |bytes| {
        // Most lines are of other answers: only one that has the text is read.
        let named = std::str::from_utf8(bytes).is_ok_and(|text| text.contains(id));
        let line = named.then(|| serde_json::from_slice::<Line>(bytes).ok()).flatten();
        found = line.filter(|line| is_of(line, id));
        found.is_none()
    })?;
    Ok(found)
}

/// The roll-ups of a batch again, and the answer's place in its own.
fn rolled(
    files: impl Iterator<Item = PathBuf>,
    id: &str,
    first_sequence: u64,
    gateway: Id<kinds::Gateway>,
) -> Result<Option<RolledAnswer>, MeterError> {
    let mut groups: BTreeMap<Group, Vec<Hash>> = BTreeMap::new();
    let mut found: Option<(Group, usize, Vec<u8>)> = None;
    for path in files {
        each_line(&path, |bytes| {
            let Ok(line) = serde_json::from_slice::<Line>(bytes) else { return true };
            let leaves = groups.entry(line.group()).or_default();
            if let Some(leaf) = line.leaf().filter(|_| leaves.len() < LEAVES_MAX) {
                if is_of(&line, id) {
                    found = Some((line.group(), leaves.len(), leaf.clone()));
                }
                leaves.push(leaf_hash(&leaf));
            }
            true
        })?;
    }
    let Some((group, place, leaf)) = found else { return Ok(None) };
    let rank = groups.keys().position(|one| *one == group).unwrap_or(0);
    let mut tree = Tree::new();
    groups.get(&group).into_iter().flatten().for_each(|leaf| {
        tree.append(*leaf);
    });
    let index = u64::try_from(place).unwrap_or(u64::MAX);
    // The leaf was put into this very tree.
    let Ok(path) = proof::inclusion(&tree, index, tree.size()) else { return Ok(None) };
    Ok(Some(RolledAnswer {
        gateway,
        sequence: first_sequence.saturating_add(u64::try_from(rank).unwrap_or(u64::MAX)),
        key: group.key,
        endpoint: group.endpoint,
        leaf,
        index,
        count: tree.size(),
        path,
    }))
}
