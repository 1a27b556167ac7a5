//! What projects keep: files and batches, sealed, one folder for each project, until their day comes.
//!
//! Names on the disk say ids, days and what something is, and no more; content, names of files and metadata are
//! sealed. What one project keeps is looked for in its own folder and nowhere else. Everything here blocks.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use units::{Id, kinds};

use super::config::BatchConfig;
use super::id::Uuid;
use super::record::Record;
use super::safe::{Safe, Seal};
use super::sealed::{self, KeepError, Lines, Place, Reader, Writer, Written};

/// Longest name of a file that is remembered, in characters.
pub(super) const NAME_CHARS_MAX: usize = 255;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    /// Uploaded, to be asked line by line.
    Request,
    /// The answers of a batch.
    Result,
    /// What went wrong in a batch.
    Error,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) id: Uuid,
    pub(super) filename: String,
    pub(super) kind: Kind,
    /// Whether a Mistral job made it: its purpose has another name there.
    pub(super) of_job: bool,
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) pieces: u64,
    pub(super) created_s: i64,
    pub(super) expires_s: i64,
}

/// All that is kept.
pub(super) struct Shelf {
    folder: PathBuf,
    safe: Arc<dyn Safe>,
}

/// What one project keeps, while somebody works with it.
#[derive(Debug, Clone)]
pub(super) struct Room {
    folder: PathBuf,
    seal: Arc<dyn Seal>,
}

/// What a name on the disk says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: Uuid,
    until_s: i64,
    what: What,
}

/// What a small sealed file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The card of a file.
    File,
    /// A batch that is not done.
    Open,
    /// A batch that is.
    Done,
}

impl What {
    const ALL: [Self; 3] = [Self::File, Self::Open, Self::Done];

    const fn ending(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Open => "open",
            Self::Done => "done",
        }
    }

    /// The ending of what lies beside it.
    const fn content(self) -> &'static str {
        match self {
            Self::File => "data",
            Self::Open | Self::Done => "rows",
        }
    }
}

impl Entry {
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '.');
        let id = parts.next()?.parse().ok()?;
        let until_s = parts.next()?.parse().ok()?;
        let ending = parts.next()?;
        let what = What::ALL.into_iter().find(|what| what.ending() == ending)?;
        Some(Self { id, until_s, what })
    }

    fn name(self) -> String {
        format!("{}.{}.{}", self.id, self.until_s, self.what.ending())
    }
}

impl Shelf {
    pub(super) fn new(config: &BatchConfig, safe: Arc<dyn Safe>) -> Self {
        Self { folder: config.folder.clone(), safe }
    }

    /// The room of a project; `None` if it never kept anything.
    pub(super) fn room(&self, project: Id<kinds::Project>) -> Result<Option<Room>, KeepError> {
        let folder = self.folder.join(project.to_string());
        if !folder.is_dir() {
            return Ok(None);
        }
        Ok(Some(Room { folder, seal: self.safe.seal_of(project)? }))
    }

    /// The same, made when it is missing.
    pub(super) fn make_room(&self, project: Id<kinds::Project>) -> Result<Room, KeepError> {
        // The key first: no folder for a tenant whose key is gone.
        let seal = self.safe.seal_of(project)?;
        let folder = self.folder.join(project.to_string());
        let mut maker = fs::DirBuilder::new();
        let made = maker.recursive(true).mode(0o700).create(&folder);
        made.and_then(|()| sealed::sync_folder_of(&folder))
            .map_err(KeepError::io("make a folder"))?;
        Ok(Room { folder, seal })
    }

    /// The projects that keep something.
    pub(super) fn projects(&self) -> Result<Vec<Id<kinds::Project>>, KeepError> {
        let names = names(&self.folder)?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Whether a project has batches that are not done. It needs no key.
    pub(super) fn has_open(&self, project: Id<kinds::Project>) -> Result<bool, KeepError> {
        let found = entries(&self.folder.join(project.to_string()))?;
        Ok(found.iter().any(|entry| entry.what == What::Open))
    }

    /// Removes what nobody finished writing; for the start, when nobody writes.
    pub(super) fn tidy(&self) -> Result<(), KeepError> {
        for project in self.projects()? {
            let folder = self.folder.join(project.to_string());
            let known: Vec<Entry> = entries(&folder)?;
            for name in names(&folder)? {
                let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
                let is_of =
                    |entry: &Entry| entry.what.content() == ending && entry.id.to_string() == stem;
                let is_left = match ending {
                    "new" => true,
                    "data" | "rows" => !known.iter().any(is_of),
                    _ => false,
                };
                if is_left {
                    remove(&folder.join(&name))?;
                }
            }
        }
        Ok(())
    }

    /// Removes what has expired. It needs no key.
    pub(super) fn sweep(&self, now_s: i64) -> Result<(), KeepError> {
        for project in self.projects()? {
            let folder = self.folder.join(project.to_string());
            for entry in entries(&folder)? {
                let goes = match entry.what {
                    What::File | What::Done => entry.until_s <= now_s,
                    What::Open => false,
                };
                if goes {
                    forget(&folder, entry)?;
                }
            }
        }
        Ok(())
    }
}

impl Room {
    /// Files that have not expired, the newest first.
    pub(super) fn cards(&self, now_s: i64) -> Result<Vec<Card>, KeepError> {
        let mut found = self.entries()?;
        found.retain(|entry| entry.what == What::File && entry.until_s > now_s);
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.into_iter().filter_map(|entry| self.read(entry).transpose()).collect()
    }

    /// One file; `None` if it is not there, or not any more.
    pub(super) fn card(&self, id: Uuid, now_s: i64) -> Result<Option<Card>, KeepError> {
        let is_it =
            |entry: &Entry| entry.id == id && entry.what == What::File && entry.until_s > now_s;
        let found = self.entries()?.into_iter().find(is_it);
        found.map_or(Ok(None), |entry| self.read(entry))
    }

    /// How many files there are, and all bytes that the project keeps.
    pub(super) fn used(&self) -> Result<(usize, u64), KeepError> {
        let files = self.entries()?.iter().filter(|entry| entry.what == What::File).count();
        let bytes = names(&self.folder)?
            .iter()
            .filter_map(|name| fs::metadata(self.folder.join(name)).ok())
            .fold(0, |sum: u64, about| sum.saturating_add(about.len()));
        Ok((files, bytes))
    }

    /// Begins the content of a file.
    pub(super) fn write(&self, id: Uuid) -> Result<Writer, KeepError> {
        Writer::create(&self.content(id, What::File), self.place("data", id))
    }

    /// Makes a file whose content is written appear.
    pub(super) fn keep(&self, card: &Card) -> Result<(), KeepError> {
        let entry = Entry { id: card.id, until_s: card.expires_s, what: What::File };
        self.store(entry, card)
    }

    /// Reads the content of a file.
    pub(super) fn read_content(&self, card: &Card) -> Result<Reader, KeepError> {
        let path = self.content(card.id, What::File);
        Reader::open(&path, self.place("data", card.id), card.pieces)
    }

    /// Reads the lines of a file.
    pub(super) fn lines(&self, card: &Card, bytes_max: usize) -> Result<Lines, KeepError> {
        Ok(Lines::new(self.read_content(card)?, bytes_max))
    }

    /// Removes a file; false if there was none.
    pub(super) fn remove(&self, id: Uuid) -> Result<bool, KeepError> {
        let mut found = self.entries()?;
        found.retain(|entry| entry.id == id && entry.what == What::File);
        for entry in &found {
            forget(&self.folder, *entry)?;
        }
        Ok(!found.is_empty())
    }

    /// Batches, the newest first.
    pub(super) fn records(&self, now_s: i64) -> Result<Vec<Record>, KeepError> {
        let mut found = self.entries()?;
        found.retain(|entry| entry.what != What::File && entry.until_s > now_s);
        found.sort_unstable_by(|a, b| b.cmp(a));
        // A process that died between the two names of a batch left both; the later one counts.
        found.dedup_by_key(|entry| entry.id);
        found.into_iter().filter_map(|entry| self.read(entry).transpose()).collect()
    }

    /// How many batches there are.
    pub(super) fn count_batches(&self) -> Result<usize, KeepError> {
        Ok(self.entries()?.iter().filter(|entry| entry.what != What::File).count())
    }

    /// One batch.
    pub(super) fn record(&self, id: Uuid, now_s: i64) -> Result<Option<Record>, KeepError> {
        let mut found = self.entries()?;
        found.retain(|one| one.id == id && one.what != What::File && one.until_s > now_s);
        found.into_iter().max().map_or(Ok(None), |entry| self.read(entry))
    }

    /// Batches that are not done.
    pub(super) fn open_records(&self) -> Result<Vec<Record>, KeepError> {
        let found = self.entries()?;
        let done = |id: Uuid| found.iter().any(|one| one.id == id && one.what == What::Done);
        let open = found.iter().filter(|entry| entry.what == What::Open && !done(entry.id));
        open.filter_map(|entry| self.read(*entry).transpose()).collect()
    }

    /// Writes a batch down.
    pub(super) fn save(&self, record: &Record) -> Result<(), KeepError> {
        let (id, until_s) = (record.id, record.kept_until_s);
        let open = Entry { id, until_s, what: What::Open };
        if !record.status.is_final() {
            return self.store(open, record);
        }
        self.store(Entry { what: What::Done, ..open }, record)?;
        remove(&self.folder.join(open.name()))?;
        remove(&self.rows(id))
    }

    /// Where the rows of a batch are gathered.
    pub(super) fn rows(&self, id: Uuid) -> PathBuf {
        self.content(id, What::Open)
    }

    /// What seals them.
    pub(super) fn rows_place(&self, id: Uuid) -> Place {
        self.place("rows", id)
    }

    fn place(&self, what: &str, id: Uuid) -> Place {
        Place { seal: Arc::clone(&self.seal), name: format!("{what} {id}") }
    }

    fn content(&self, id: Uuid, what: What) -> PathBuf {
        self.folder.join(format!("{id}.{}", what.content()))
    }

    fn entries(&self) -> Result<Vec<Entry>, KeepError> {
        entries(&self.folder)
    }

    fn store(&self, entry: Entry, what: &impl Serialize) -> Result<(), KeepError> {
        let plain = serde_json::to_vec(what).map_err(|_| KeepError::Damaged)?;
        let bytes = self.small(entry).seal(0, &plain)?;
        sealed::replace(&self.folder.join(entry.name()), &bytes)
            .map_err(KeepError::io("write a file"))
    }

    /// `None` if it went meanwhile.
    fn read<T: DeserializeOwned>(&self, entry: Entry) -> Result<Option<T>, KeepError> {
        let bytes = match fs::read(self.folder.join(entry.name())) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeepError::io("read a file")(error)),
        };
        let sealed = bytes.get(4..).ok_or(KeepError::Damaged)?;
        let plain = self.small(entry).open(0, sealed)?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| KeepError::Damaged)
    }

    /// A batch keeps its place when it is done.
    fn small(&self, entry: Entry) -> Place {
        let what = match entry.what {
            What::File => "card",
            What::Open | What::Done => "batch",
        };
        self.place(what, entry.id)
    }
}

/// The file and what lies beside it, the name that is looked for first.
fn forget(folder: &Path, entry: Entry) -> Result<(), KeepError> {
    remove(&folder.join(entry.name()))?;
    remove(&folder.join(format!("{}.{}", entry.id, entry.what.content())))
}

fn remove(path: &Path) -> Result<(), KeepError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(KeepError::io("remove a file")(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn entries(folder: &Path) -> Result<Vec<Entry>, KeepError> {
    Ok(names(folder)?.iter().filter_map(|name| Entry::parse(name)).collect())
}

/// The names in a folder; none of one that is not there.
fn names(folder: &Path) -> Result<Vec<String>, KeepError> {
    let fail = KeepError::io("read a folder");
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let names = listed.map(|one| one.map(|one| one.file_name().into_string().ok()));
    let names: Result<Vec<Option<String>>, _> = names.collect();
    Ok(names.map_err(fail)?.into_iter().flatten().collect())
}

/// A card of content that has just been written.
pub(super) fn card_of(
    (id, filename): (Uuid, String),
    (kind, of_job): (Kind, bool),
    written: Written,
    (created_s, expires_s): (i64, i64),
) -> Card {
    let Written { bytes, pieces, lines } = written;
    Card { id, filename, kind, of_job, bytes, lines, pieces, created_s, expires_s }
}

#[cfg(test)]
mod tests;
