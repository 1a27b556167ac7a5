//! Where batches are worked on: which of them live, who may start one, and what happens when time passes.
//!
//! A batch that is not done is on the disk and, while this process works on it, here. What cannot go on for want
//! of a key or of room on the disk is left as it is and tried again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use units::{Id, kinds};

use super::config::BatchConfig;
use super::id::Uuid;
use super::record::{Counts, Record, Status};
use super::run;
use super::safe::Safe;
use super::sealed::KeepError;
use super::shelf::{Room, Shelf};
use crate::proxy::Gateway;

/// How often connections that lines have used are looked through.
const SWEEP: std::time::Duration = std::time::Duration::from_secs(1);

/// All that is shared between handlers and those who work.
pub(crate) struct Desk {
    pub(super) config: BatchConfig,
    pub(super) shelf: Shelf,
    pub(super) safe: Arc<dyn Safe>,
    uploads: Mutex<BTreeMap<Id<kinds::Project>, usize>>,
    /// Lines that may be asked at once.
    pub(super) lines: Semaphore,
    /// Whether the process is about to end.
    pub(super) stopping: watch::Sender<bool>,
    live: Mutex<BTreeMap<Uuid, Arc<Live>>>,
    starts: mpsc::UnboundedSender<Arc<Live>>,
}

/// An upload that is under way.
pub(super) struct Upload<'a> {
    desk: &'a Desk,
    project: Id<kinds::Project>,
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        let mut uploads = self.desk.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = uploads.get_mut(&self.project) {
            *count = count.saturating_sub(1);
        }
        uploads.retain(|_, count| *count > 0);
    }
}

/// A batch that this process works on.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) id: Uuid,
    pub(super) project: Id<kinds::Project>,
    pub(super) room: Room,
    /// Whether somebody asked it to end.
    pub(super) ending: watch::Sender<bool>,
    record: Mutex<Record>,
}

/// What does the work: run it beside the listener.
pub struct Batches {
    gateway: Arc<Gateway>,
    desk: Arc<Desk>,
    starts: mpsc::UnboundedReceiver<Arc<Live>>,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batches")
    }
}

impl Live {
    pub(super) fn new(room: Room, record: Record) -> Self {
        let (ending, _) = watch::channel(record.status == Status::Cancelling);
        let (id, project) = (record.id, record.project);
        Self { id, project, room, ending, record: Mutex::new(record) }
    }

    /// What it is now.
    pub(super) fn record(&self) -> Record {
        self.lock().clone()
    }

    /// Changes it, on the disk first. Blocks.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> Result<T, KeepError> {
        let mut record = self.lock();
        let mut next = record.clone();
        let told = change(&mut next);
        if next != *record {
            self.room.save(&next)?;
            *record = next;
        }
        Ok(told)
    }

    /// Shows how far it is. The rows on the disk say the same, so this is not written.
    pub(super) fn count(&self, completed: u32, failed: u32) {
        let mut record = self.lock();
        record.counts = Counts { completed, failed, ..record.counts };
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Opens the folder.
    ///
    /// # Errors
    /// If it cannot be made or read.
    pub(super) fn open(
        config: BatchConfig,
        safe: Arc<dyn Safe>,
    ) -> Result<(Self, mpsc::UnboundedReceiver<Arc<Live>>), KeepError> {
        let shelf = Shelf::new(&config, Arc::clone(&safe));
        shelf.tidy()?;
        let (starts, started) = mpsc::unbounded_channel();
        let desk = Self {
            uploads: Mutex::default(),
            lines: Semaphore::new(config.lines_at_once_in_all),
            stopping: watch::channel(false).0,
            live: Mutex::default(),
            config,
            shelf,
            safe,
            starts,
        };
        Ok((desk, started))
    }

    /// Lets an upload in, if neither its project nor all together have as many as may be.
    pub(super) fn upload(&self, project: Id<kinds::Project>) -> Option<Upload<'_>> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = uploads.values().sum();
        let own = uploads.get(&project).copied().unwrap_or(0);
        if all >= self.config.uploads_max || own >= self.config.uploads_max_per_project {
            return None;
        }
        uploads.insert(project, own.saturating_add(1));
        Some(Upload { desk: self, project })
    }

    /// A batch of a project that is worked on.
    pub(super) fn live(&self, project: Id<kinds::Project>, id: Uuid) -> Option<Arc<Live>> {
        self.lock().get(&id).filter(|live| live.project == project).cloned()
    }

    /// All batches of a project that are worked on.
    pub(super) fn live_of(&self, project: Id<kinds::Project>) -> Vec<Arc<Live>> {
        self.lock().values().filter(|live| live.project == project).cloned().collect()
    }

    /// Writes a fresh batch down and begins it; false if its project has too many already. Blocks.
    pub(super) fn begin(&self, room: &Room, record: Record) -> Result<bool, KeepError> {
        let live = Arc::new(Live::new(room.clone(), record.clone()));
        {
            let mut all = self.lock();
            let open = all.values().filter(|one| one.project == live.project).count();
            if open >= self.config.open_max {
                return Ok(false);
            }
            all.insert(live.id, Arc::clone(&live));
        }
        if let Err(error) = room.save(&record) {
            self.lock().remove(&live.id);
            return Err(error);
        }
        // Nobody takes it when the process is about to end: the next one finds it on the disk.
        let _ = self.starts.send(live);
        Ok(true)
    }

    fn leave(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// Removes what has expired, and gives what is on the disk and not worked on. Blocks.
    fn look(&self, now_s: i64) -> Result<Vec<Arc<Live>>, KeepError> {
        self.shelf.sweep(now_s)?;
        let mut found = Vec::new();
        for project in self.shelf.projects()? {
            // Whoever has nothing to go on with is not asked for its key.
            if !self.shelf.has_open(project)? {
                continue;
            }
            let open = self.shelf.room(project).and_then(|room| match room {
                Some(room) => Ok(Some((room.open_records()?, room))),
                None => Ok(None),
            });
            match open {
                Ok(None) => {}
                Ok(Some((records, room))) => found.extend(self.adopt(&room, records)),
                // Its key is withheld, or gone with its tenant.
                Err(error) => {
                    tracing::warn!(%project, %error, "batches of project {project} cannot go on");
                }
            }
        }
        Ok(found)
    }

    fn adopt(&self, room: &Room, records: Vec<Record>) -> Vec<Arc<Live>> {
        let mut all = self.lock();
        let missing: Vec<Record> =
            records.into_iter().filter(|record| !all.contains_key(&record.id)).collect();
        let adopted = missing.into_iter().map(|record| Arc::new(Live::new(room.clone(), record)));
        let adopted: Vec<Arc<Live>> = adopted.collect();
        all.extend(adopted.iter().map(|live| (live.id, Arc::clone(live))));
        adopted
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batches {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        desk: Arc<Desk>,
        starts: mpsc::UnboundedReceiver<Arc<Live>>,
    ) -> Self {
        Self { gateway, desk, starts }
    }

    /// Works until asked to stop; then lines in flight come to their end, and what is left goes on at the next
    /// start.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let (mut working, mut stop) = (JoinSet::new(), std::pin::pin!(stop));
        let mut look = tokio::time::interval(self.desk.config.look_again);
        let mut sweep = tokio::time::interval(SWEEP);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.as_mut() => break,
                Some(live) = self.starts.recv() => self.work(&mut working, live),
                Some(ended) = working.join_next(), if !working.is_empty() => self.ended(ended),
                _ = sweep.tick() => self.gateway.sweep(),
                _ = look.tick() => for live in self.look().await {
                    self.work(&mut working, live);
                },
            }
        }
        // Whoever listens ends soon; there may be nobody.
        let _ = self.desk.stopping.send(true);
        while let Some(ended) = working.join_next().await {
            self.ended(ended);
        }
    }

    fn work(&self, working: &mut JoinSet<Uuid>, live: Arc<Live>) {
        let (gateway, desk) = (Arc::clone(&self.gateway), Arc::clone(&self.desk));
        working.spawn(async move {
            let id = live.id;
            if let Err(error) = run::run(&gateway, &desk, &live).await {
                tracing::warn!(batch.id = %id, %error, "batch {id} cannot go on now; it is tried again");
            }
            desk.leave(id);
            id
        });
    }

    fn ended(&self, ended: Result<Uuid, tokio::task::JoinError>) {
        if let Err(error) = ended {
            tracing::error!(%error, "a batch broke off; it is tried again at the next start");
        }
    }

    async fn look(&self) -> Vec<Arc<Live>> {
        let (desk, now_s) = (Arc::clone(&self.desk), self.gateway.now_s());
        let looked = tokio::task::spawn_blocking(move || desk.look(now_s)).await;
        match looked {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "files and batches cannot be looked through");
                Vec::new()
            }
            Err(error) => {
                tracing::error!(%error, "looking through files and batches broke off");
                Vec::new()
            }
        }
    }
}
