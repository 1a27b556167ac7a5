//! What the gateway has captured and no version holds yet: one file of JSON lines for each project and dataset.
//!
//! A file becomes a version of its dataset when its day (UTC) is over, when it is large, when somebody asks, and at the
//! next start of the platform; it goes only once the version is in the log. INVARIANT: nothing is written for a dataset
//! that its project does not capture into at that moment, and nothing while content is being destroyed.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use api::text::Timestamp;
use tokio::sync::Notify;
use units::{Id, UnixMicros, kinds};

use super::{AddCapturedError, CaptureClosing, CaptureWaiting, Captures, Platform};

/// How often it looks whether a day is over, and how long a version that could not be added waits.
const TICK: Duration = Duration::from_secs(30);
/// A file of this size becomes a version.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
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

/// Tells how many records of a project could not be kept since the start.
pub type DroppedRecords = Box<dyn Fn(Id<kinds::Project>) -> u64 + Send + Sync>;

/// One file. Its name is its dataset and when its oldest record was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    project: Id<kinds::Project>,
    dataset: Id<kinds::Dataset>,
    since: UnixMicros,
}

/// How much is in an open file.
#[derive(Debug, Clone, Copy, Default)]
struct Amount {
    records: u64,
    bytes: u64,
}

/// The files.
#[derive(Debug, Default)]
struct Files {
    /// Those that are written to: one at most for each project and dataset.
    open: BTreeMap<Place, Amount>,
    /// Those that are to become versions.
    closed: Vec<Place>,
}

/// Writes records down and makes versions of them.
pub struct CaptureSpool {
    platform: Arc<Platform>,
    dropped: DroppedRecords,
    files: Mutex<Files>,
    /// Held while files are written or become versions.
    turn: tokio::sync::Mutex<()>,
    wake: Notify,
}

impl std::fmt::Debug for CaptureSpool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureSpool").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Place {
    fn path(self, content: &Path) -> PathBuf {
        let name = format!("{}-{}.jsonl", self.dataset, self.since.0);
        content.join(self.project.to_string()).join(FOLDER).join(name)
    }

    fn parse(project: Id<kinds::Project>, name: &str) -> Option<Self> {
        let (dataset, since) = name.strip_suffix(".jsonl")?.rsplit_once('-')?;
        let since = UnixMicros(since.parse().ok()?);
        Some(Self { project, dataset: dataset.parse().ok()?, since })
    }

    /// The name of the file in the version: the second of its oldest record.
    fn file_name(self) -> String {
        let at = Timestamp(self.since).to_string();
        let second = at.get(..19).unwrap_or(&at);
        format!("{}.jsonl", second.replace(':', "-"))
    }

    const fn day(self) -> i64 {
        self.since.0.div_euclid(DAY_MICROS)
    }
}

impl CaptureSpool {
    /// Opens what lies there. What an earlier process has left becomes versions once [`Self::run`] runs.
    ///
    /// # Errors
    /// If the folder of contents cannot be read.
    pub fn open(platform: Arc<Platform>, dropped: DroppedRecords) -> io::Result<Arc<Self>> {
        let closed = left(&platform.content_folder())?;
        let files = Mutex::new(Files { open: BTreeMap::new(), closed });
        let (turn, wake) = (tokio::sync::Mutex::new(()), Notify::new());
        Ok(Arc::new(Self { platform, dropped, files, turn, wake }))
    }

    /// Makes versions of what is due, for as long as the platform runs.
    pub async fn run(self: Arc<Self>) {
        loop {
            {
                let _turn = self.turn.lock().await;
                self.close_finished_days();
                self.add_versions().await;
            }
            let _ = tokio::time::timeout(TICK, self.wake.notified()).await;
        }
    }

    /// Writes records down; answers how many of a project could not be.
    pub async fn write(&self, lines: Vec<CapturedLine>) -> BTreeMap<Id<kinds::Project>, u64> {
        let mut groups: BTreeMap<_, Vec<CapturedLine>> = BTreeMap::new();
        for line in lines {
            let day = line.at.0.div_euclid(DAY_MICROS);
            groups.entry((line.project, line.dataset, day)).or_default().push(line);
        }
        let mut lost = BTreeMap::new();
        let _turn = self.turn.lock().await;
        // Nothing is written while content is destroyed, nor afterwards for whom it was destroyed.
        let _kept = self.platform.hold_content().await;
        for ((project, dataset, _), group) in groups {
            let n = u64::try_from(group.len()).unwrap_or(u64::MAX);
            let is_wanted = self.platform.capture(project).is_some_and(|c| c.dataset == dataset);
            if is_wanted && self.append(group).await {
                continue;
            }
            let count = lost.entry(project).or_insert(0_u64);
            *count = count.saturating_add(n);
        }
        lost
    }

    /// Appends records of one project, dataset and day; `false` if that fails.
    async fn append(&self, group: Vec<CapturedLine>) -> bool {
        let Some(first) = group.first() else { return true };
        let (project, dataset) = (first.project, first.dataset);
        let fresh = Place { project, dataset, since: first.at };
        let (place, before) = self.place_for(fresh);
        let path = place.path(&self.platform.content_folder());
        let written = tokio::task::spawn_blocking(move || write(&path, before.bytes, &group)).await;
        match written.map_err(io::Error::other).flatten() {
            Ok(more) => {
                let mut files = self.files();
                let amount = files.open.entry(place).or_default();
                amount.records = before.records.saturating_add(more.records);
                amount.bytes = before.bytes.saturating_add(more.bytes);
                if amount.bytes >= FILE_BYTES_MAX {
                    files.close(place);
                    self.wake.notify_one();
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, project.id = %project, "captured records could not be written");
                false
            }
        }
    }

    /// The file that a record goes to. One of an earlier day takes no more.
    fn place_for(&self, fresh: Place) -> (Place, Amount) {
        let mut files = self.files();
        let is_same =
            |place: &Place| (place.project, place.dataset) == (fresh.project, fresh.dataset);
        let known = files.open.iter().find(|(place, _)| is_same(place));
        let Some((place, amount)) = known.map(|(place, amount)| (*place, *amount)) else {
            return (fresh, Amount::default());
        };
        if place.day() == fresh.day() {
            return (place, amount);
        }
        files.close(place);
        self.wake.notify_one();
        (fresh, Amount::default())
    }

    fn close_finished_days(&self) {
        let today = self.platform.now().0.div_euclid(DAY_MICROS);
        let mut files = self.files();
        let over: Vec<Place> = files.open.keys().filter(|p| p.day() < today).copied().collect();
        over.into_iter().for_each(|place| files.close(place));
    }

    /// Makes versions of all closed files; answers the last number for each project.
    async fn add_versions(&self) -> BTreeMap<Id<kinds::Project>, Result<u32, String>> {
        let mut added = BTreeMap::new();
        let closed = self.files().closed.clone();
        for place in closed {
            let path = place.path(&self.platform.content_folder());
            let done = self.add_version(place, &path).await;
            if let Ok(number) = &done {
                let _ = fs::remove_file(&path);
                self.files().closed.retain(|one| one != &place);
                added.extend(number.map(|number| (place.project, Ok(number))));
            } else if let Err(error) = done {
                tracing::warn!(error, dataset.id = %place.dataset, "captured records wait");
                added.insert(place.project, Err(error));
            }
        }
        added
    }

    /// Makes a version of one file; none if there is nothing in it, or nobody who may have it any more.
    async fn add_version(&self, place: Place, path: &Path) -> Result<Option<u32>, String> {
        let file = path.to_owned();
        let whole = tokio::task::spawn_blocking(move || cut_tail(&file)).await;
        let bytes = match whole.map_err(io::Error::other).flatten() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            found => found.map_err(|error| error.to_string())?,
        };
        if bytes == 0 {
            return Ok(None);
        }
        let files = vec![(place.file_name(), path.to_owned())];
        match self.platform.add_captured(place.dataset, files, place.since).await {
            Ok(number) => Ok(Some(number)),
            // Whose it was has none of it any more, and nobody else may have it.
            Err(AddCapturedError::Refused) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The spool as the API knows it.
#[derive(Debug)]
pub struct SharedSpool(pub Arc<CaptureSpool>);

impl Captures for SharedSpool {
    fn waiting(&self, project: Id<kinds::Project>) -> CaptureWaiting {
        let files = self.0.files();
        let mut waiting =
            CaptureWaiting { dropped: (self.0.dropped)(project), ..CaptureWaiting::default() };
        for (place, amount) in files.open.iter().filter(|(place, _)| place.project == project) {
            waiting.records = waiting.records.saturating_add(amount.records);
            waiting.bytes = waiting.bytes.saturating_add(amount.bytes);
            waiting.since = Some(waiting.since.map_or(place.since, |since| since.min(place.since)));
        }
        waiting
    }

    fn close(&self, project: Id<kinds::Project>) -> CaptureClosing {
        let spool = Arc::clone(&self.0);
        Box::pin(async move {
            let _turn = spool.turn.lock().await;
            {
                let mut files = spool.files();
                let own = files.open.keys().filter(|place| place.project == project);
                let own: Vec<Place> = own.copied().collect();
                own.into_iter().for_each(|place| files.close(place));
            }
            spool.add_versions().await.remove(&project).transpose()
        })
    }
}

impl Files {
    fn close(&mut self, place: Place) {
        if self.open.remove(&place).is_some() {
            self.closed.push(place);
        }
    }
}

/// Appends whole lines after so many bytes; what an earlier attempt has written beyond them is cut off.
fn write(path: &Path, from: u64, lines: &[CapturedLine]) -> io::Result<Amount> {
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
fn cut_tail(path: &Path) -> io::Result<u64> {
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
pub(super) fn of_dataset(
    content: &Path,
    project: Id<kinds::Project>,
    dataset: Id<kinds::Dataset>,
) -> io::Result<Vec<String>> {
    let places = left(content)?.into_iter();
    let own = places.filter(|place| (place.project, place.dataset) == (project, dataset));
    let path = |place: Place| place.path(Path::new("")).to_str().map(ToOwned::to_owned);
    Ok(own.filter_map(path).collect())
}

/// The files that lie there.
fn left(content: &Path) -> io::Result<Vec<Place>> {
    let listed = |folder: &Path| match fs::read_dir(folder) {
        Ok(listed) => listed.map(|one| one.map(|one| one.file_name())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut found = Vec::new();
    for name in listed(content)? {
        let Some(project) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let names = listed(&content.join(&name).join(FOLDER))?;
        let names = names.iter().filter_map(|name| name.to_str());
        found.extend(names.filter_map(|name| Place::parse(project, name)));
    }
    found.sort_unstable();
    Ok(found)
}
