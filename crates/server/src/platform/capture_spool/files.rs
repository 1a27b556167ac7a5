//! The files of records that are in no version yet: their names, and how they are written and found again.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use api::text::Timestamp;
use units::{Id, UnixMicros, kinds};

/// Microseconds of a day.
pub(super) const DAY_MICROS: i64 = 86_400_000_000;
/// Bytes looked at once for the end of the last whole line.
const TAIL_BYTES: u64 = 64 << 10;
/// The folder within a project's content.
const FOLDER: &str = "captured";

/// A record to be written: one line with its end.
#[derive(Debug)]
pub struct CapturedLine {
    /// Whose it is.
    pub project: Id<kinds::Project>,
    /// Where it goes.
    pub dataset: Id<kinds::Dataset>,
    /// When it was captured.
    pub at: UnixMicros,
    /// A JSON object on one line, with its end.
    pub line: Vec<u8>,
}

/// One file. Its name is its dataset and when its oldest record was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) project: Id<kinds::Project>,
    pub(super) dataset: Id<kinds::Dataset>,
    pub(super) since: UnixMicros,
}

/// How much is in an open file.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amount {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Place {
    pub(super) fn path(self, content: &Path) -> PathBuf {
        let name = format!("{}-{}.jsonl", self.dataset, self.since.0);
        content.join(self.project.to_string()).join(FOLDER).join(name)
    }

    fn parse(project: Id<kinds::Project>, name: &str) -> Option<Self> {
        let (dataset, since) = name.strip_suffix(".jsonl")?.rsplit_once('-')?;
        let since = UnixMicros(since.parse().ok()?);
        Some(Self { project, dataset: dataset.parse().ok()?, since })
    }

    /// The name of the file in the version: the second of its oldest record.
    pub(super) fn file_name(self) -> String {
        let at = Timestamp(self.since).to_string();
        let second = at.get(..19).unwrap_or(&at);
        format!("{}.jsonl", second.replace(':', "-"))
    }

    pub(super) const fn day(self) -> i64 {
        self.since.0.div_euclid(DAY_MICROS)
    }
}

/// Appends whole lines after so many bytes; what an earlier attempt has written beyond them is cut off.
pub(super) fn write(path: &Path, from: u64, lines: &[CapturedLine]) -> io::Result<Amount> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path);
    let mut file = opened?;
    // A file that somebody has removed begins anew.
    let from = from.min(file.metadata()?.len());
    file.set_len(from)?;
    file.seek(SeekFrom::Start(from))?;
    let text: Vec<u8> = lines.iter().flat_map(|line| line.line.iter().copied()).collect();
    let written = file.write_all(&text);
    if written.is_err() {
        // Half a line must not stay; if even this fails, the next to write cuts it off.
        let _ = file.set_len(from);
    }
    written?;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(Amount { records: count(lines.len()), bytes: count(text.len()) })
}

/// Cuts off a last line without its end, which a process was writing when it died; answers what is left, in bytes.
pub(super) fn cut_tail(path: &Path) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut end = length;
    while end > 0 {
        let from = end.saturating_sub(TAIL_BYTES);
        let mut tail = vec![0; usize::try_from(end - from).unwrap_or(0)];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut tail)?;
        if let Some(at) = tail.iter().rposition(|byte| *byte == b'\n') {
            end = from.saturating_add(u64::try_from(at).unwrap_or(0)).saturating_add(1);
            break;
        }
        end = from;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(end)
}

/// The files that hold records of a dataset and are in no version yet, by name.
pub(in crate::platform) fn of_dataset(
    content: &Path,
    project: Id<kinds::Project>,
    dataset: Id<kinds::Dataset>,
) -> io::Result<Vec<String>> {
    let places = of_project(content, project)?.into_iter();
    let own = places.filter(|place| place.dataset == dataset);
    let path = |place: Place| place.path(Path::new("")).to_str().map(ToOwned::to_owned);
    Ok(own.filter_map(path).collect())
}

/// The files that lie there.
pub(super) fn left(content: &Path) -> io::Result<Vec<Place>> {
    let mut found = Vec::new();
    for project in names(content)?.iter().filter_map(|name| name.parse().ok()) {
        found.extend(of_project(content, project)?);
    }
    found.sort_unstable();
    Ok(found)
}

fn of_project(content: &Path, project: Id<kinds::Project>) -> io::Result<Vec<Place>> {
    let names = names(&content.join(project.to_string()).join(FOLDER))?;
    Ok(names.iter().filter_map(|name| Place::parse(project, name)).collect())
}

/// The names in a folder; none of one that is not there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let names = listed.map(|one| one.map(|one| one.file_name().into_string().ok()));
    Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
}
