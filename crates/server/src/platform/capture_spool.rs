//! What the gateway has captured and no version holds yet: one file of JSON lines for each project and dataset.
//!
//! A file becomes a version of its dataset when its day (UTC) is over, when it is large, when somebody asks, and at the
//! next start of the platform; it goes only once the version is in the log. INVARIANT: nothing is written for a dataset
//! that its project does not capture into at that moment, and nothing while content is being destroyed.

mod files;

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;
use units::{Id, kinds};

use super::{
    AddCapturedError, CaptureClosing, CaptureTaking, CaptureWaiting, Captures, DroppedCounts,
    Platform,
};
pub use files::CapturedLine;
pub(super) use files::of_dataset;
use files::{Amount, DAY_MICROS, Place, cut_tail, left, write};

/// How often it looks whether a day is over, and how long a version that could not be added waits.
const TICK: Duration = Duration::from_secs(30);
/// A file of this size becomes a version.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Tells how many records of a project could not be kept since the start.
pub type DroppedRecords = Box<dyn Fn(Id<kinds::Project>) -> u64 + Send + Sync>;

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
    /// What gateways apart could not keep, or handed in too late.
    lost_apart: Mutex<DroppedCounts>,
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

impl CaptureSpool {
    /// Opens what lies there. What an earlier process has left becomes versions once [`Self::run`] runs.
    ///
    /// # Errors
    /// If the folder of contents cannot be read.
    pub fn open(platform: Arc<Platform>, dropped: DroppedRecords) -> io::Result<Arc<Self>> {
        let closed = left(&platform.content_folder())?;
        let files = Mutex::new(Files { open: BTreeMap::new(), closed });
        let (turn, wake) = (tokio::sync::Mutex::new(()), Notify::new());
        let lost_apart = Mutex::default();
        Ok(Arc::new(Self { platform, dropped, lost_apart, files, turn, wake }))
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
    pub async fn write(&self, lines: Vec<CapturedLine>) -> DroppedCounts {
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
            count(&mut lost, project, n);
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

    fn lost_apart(&self) -> std::sync::MutexGuard<'_, DroppedCounts> {
        self.lost_apart.lock().unwrap_or_else(PoisonError::into_inner)
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
        let lost = self.0.lost_apart();
        let apart = lost.get(&project).copied().unwrap_or(0);
        drop(lost);
        let dropped = (self.0.dropped)(project).saturating_add(apart);
        let files = self.0.files();
        let mut waiting = CaptureWaiting { dropped, ..CaptureWaiting::default() };
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

    fn take(&self, lines: Vec<CapturedLine>, mut dropped: DroppedCounts) -> CaptureTaking {
        let spool = Arc::clone(&self.0);
        Box::pin(async move {
            let n = u64::try_from(lines.len()).unwrap_or(u64::MAX);
            let late = spool.write(lines).await;
            let n_late = late.values().fold(0, |sum: u64, n| sum.saturating_add(*n));
            for (project, n) in late {
                count(&mut dropped, project, n);
            }
            // Nobody's counts would grow for ever.
            dropped.retain(|project, _| spool.platform.read(|s| s.projects.contains_key(project)));
            let mut lost = spool.lost_apart();
            for (project, n) in dropped {
                count(&mut lost, project, n);
            }
            n.saturating_sub(n_late)
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

fn count(counts: &mut DroppedCounts, project: Id<kinds::Project>, n: u64) {
    let count = counts.entry(project).or_default();
    *count = count.saturating_add(n);
}
