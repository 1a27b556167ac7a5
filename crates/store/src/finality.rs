//! Finality: which checkpoint enough witnesses have cosigned. Rounds: the newest signed checkpoint becomes
//! the target, every witness is asked for it, and with the quorum it is final and stored. It must never call
//! final what fewer say, and never go back to a smaller size.
//!
//! No HTTP here: whoever has a connection to a witness asks [`Finality::next`] what to send, and gives the
//! answer to [`Finality::take`].

mod answer;
mod round;
mod status;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ledger::cosignature::Cosignature;
use ledger::{Checkpoint, Quorum, SignedNote, TreeHead, VerifierKey};

use crate::folder::{FolderError, read_small, write_whole};
use crate::view::LogView;
use round::{Standing, Target};

pub use answer::WitnessAnswer;
pub use round::{Ask, Next};
pub use status::{FinalityStatus, WitnessState, WitnessStatus};

/// The file of the last final checkpoint, in the data folder.
pub(crate) const FINAL_FILE: &str = "final.checkpoint";

/// How often things happen; the default is right for everything but tests.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between the starts of two rounds while the log grows: at least once a second under load.
    pub round_gap: Duration,
    /// A round that has no quorum after this long gives way to a newer checkpoint.
    pub round_max: Duration,
    /// A log that does not grow is cosigned again after this long, so that the time in it is fresh.
    pub idle: Duration,
    /// First wait after a witness failed; doubled each time, up to 64 times as long.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            round_gap: Duration::from_millis(200),
            round_max: Duration::from_secs(2),
            idle: Duration::from_secs(60),
            retry: Duration::from_millis(250),
        }
    }
}

/// A checkpoint with its quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinalCheckpoint {
    /// The note with all signature lines.
    pub note: String,
    /// Entries and root.
    pub head: TreeHead,
    /// Who cosigned, and when.
    pub cosignatures: Vec<Cosignature>,
    /// When the quorum was complete, in seconds since 1970, by the witnesses' clocks.
    pub time_s: u64,
}

/// Why finality cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FinalityError {
    /// The stored final checkpoint cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The witnesses cosigned what the log is not.
    #[error(
        "`{}` is of {size} entries with another root than the log has: the log was cut short or changed after witnesses had seen it; restore from a backup, or run `cocarde audit verify`",
        path.display()
    )]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The final size.
        size: u64,
    },
    /// The file is not a checkpoint of this log.
    #[error("`{}` is not a checkpoint of this log ({reason}): restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

type Watcher = Box<dyn Fn(u64) + Send + Sync>;

/// Collects cosignatures; cheap to clone.
#[derive(Clone)]
pub struct Finality {
    inner: Arc<Inner>,
}

struct Inner {
    view: LogView,
    quorum: Quorum,
    pace: Pace,
    file: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    watchers: Mutex<Vec<Watcher>>,
}

/// Everything that changes.
struct State {
    target: Option<Target>,
    n_rounds: u64,
    last: Option<FinalCheckpoint>,
    standings: Vec<Standing>,
    is_closed: bool,
}

impl fmt::Debug for Finality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finality").field("quorum", &self.inner.quorum).finish_non_exhaustive()
    }
}

impl Finality {
    /// Takes up the final checkpoint of a data folder, which must still be a state of its log.
    ///
    /// # Errors
    /// [`FinalityError`]; nothing is ever repaired.
    pub fn open(
        view: LogView,
        dir: &Path,
        quorum: Quorum,
        pace: Pace,
    ) -> Result<Self, FinalityError> {
        let file = dir.join(FINAL_FILE);
        let verifier = view.verifier();
        let last = load(&view, &verifier, &file, &quorum)?;
        let standings = quorum.witnesses().iter().map(|_| Standing::default()).collect();
        let state = State { target: None, n_rounds: 0, last, standings, is_closed: false };
        let (state, changed, watchers) = (Mutex::new(state), Condvar::new(), Mutex::default());
        let inner = Inner { view, quorum, pace, file, state, changed, watchers };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The witnesses and how many must agree.
    #[must_use]
    pub fn quorum(&self) -> &Quorum {
        &self.inner.quorum
    }

    /// The last final checkpoint.
    #[must_use]
    pub fn last(&self) -> Option<FinalCheckpoint> {
        self.inner.lock().last.clone()
    }

    /// Entries of the last final checkpoint.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.inner.lock().last.as_ref().map_or(0, |last| last.head.size)
    }

    /// The newest signed checkpoint, with the cosignatures that there are of exactly this one.
    #[must_use]
    pub fn newest(&self) -> String {
        let (signed, head) = self.inner.view.signed_head();
        let state = self.inner.lock();
        let target = state.target.as_ref().filter(|target| target.head == head);
        let last = state.last.as_ref().filter(|last| last.head == head);
        match (last, target) {
            (Some(last), _) => last.note.clone(),
            (None, Some(target)) => target.note.to_string(),
            (None, None) => signed,
        }
    }

    /// Calls `watcher` with the size of each new final checkpoint, on the thread that completed it.
    pub fn on_final(&self, watcher: impl Fn(u64) + Send + Sync + 'static) {
        let mut watchers = self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.push(Box::new(watcher));
    }

    /// Wakes whoever waits in [`next`](Self::next): the log has grown. Never blocks.
    pub fn grown(&self) {
        self.inner.changed.notify_all();
    }

    /// Ends all waiting; every later [`next`](Self::next) says so.
    pub fn close(&self) {
        self.inner.lock().is_closed = true;
        self.inner.changed.notify_all();
    }

    /// Waits, at most `patience`, until there is something to ask of a witness (by its place in the
    /// quorum).
    #[must_use]
    pub fn next(&self, witness: usize, patience: Duration) -> Next {
        let end = Instant::now() + patience;
        let mut state = self.inner.lock();
        loop {
            if state.is_closed {
                return Next::Closed;
            }
            let now = Instant::now();
            round::begin_if_due(&self.inner, &mut state, now);
            if let Some(ask) = round::ask(&self.inner, &mut state, witness, now) {
                return Next::Ask(ask);
            }
            let left = end.saturating_duration_since(now);
            if left.is_zero() {
                return Next::Nothing;
            }
            // A wake-up may be missed, since growth is told without the lock: look again soon.
            let wait = left.min(self.inner.pace.round_gap / 2);
            let waited = self.inner.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes what a witness answered.
    pub fn take(&self, ask: &Ask, answer: &WitnessAnswer) {
        let mut state = self.inner.lock();
        let completed = answer::take(&self.inner, &mut state, ask, answer);
        drop(state);
        self.inner.changed.notify_all();
        if let Some(size) = completed {
            let watchers = self.inner.watchers.lock().unwrap_or_else(PoisonError::into_inner);
            for watcher in watchers.iter() {
                watcher(size);
            }
        }
    }

    /// Where everything stands.
    #[must_use]
    pub fn status(&self) -> FinalityStatus {
        status::of(&self.inner, &self.inner.lock())
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores and shows a checkpoint that has its quorum; answers its size, or nothing if it could not be
    /// stored: then it is not final.
    fn complete(&self, state: &mut State, note: &SignedNote, head: TreeHead) -> Option<u64> {
        let complete = final_of(&self.quorum, note, head)?;
        if state.last.as_ref().is_some_and(|last| last.head.size > head.size) {
            return None;
        }
        if let Err(error) = write_whole(&self.file, complete.note.as_bytes(), 0o644) {
            tracing::error!(%error, "a final checkpoint could not be stored: {error}");
            return None;
        }
        let is_new = state.last.as_ref().is_none_or(|last| last.head.size < head.size);
        state.last = Some(complete);
        is_new.then_some(head.size)
    }
}

/// A note as a final checkpoint, if it has the quorum.
fn final_of(quorum: &Quorum, note: &SignedNote, head: TreeHead) -> Option<FinalCheckpoint> {
    let tally = quorum.tally(note);
    let time_s = tally.final_time_s().filter(|_| tally.is_final())?;
    let note = note.to_string();
    Some(FinalCheckpoint { note, head, cosignatures: tally.cosignatures, time_s })
}

/// The stored final checkpoint. One of another quorum is no longer final, but must be of this log all the
/// same.
fn load(
    view: &LogView,
    verifier: &VerifierKey,
    file: &Path,
    quorum: &Quorum,
) -> Result<Option<FinalCheckpoint>, FinalityError> {
    if !file.exists() {
        return Ok(None);
    }
    let damaged = |reason: String| FinalityError::Damaged { path: file.to_owned(), reason };
    let bytes = read_small(file)?;
    let checkpoint = Checkpoint::open(&bytes, verifier, verifier.name());
    let head = checkpoint.map_err(|error| damaged(error.to_string()))?.head();
    if view.root_at(head.size) != Some(head.root) {
        return Err(FinalityError::OtherLog { path: file.to_owned(), size: head.size });
    }
    let note = SignedNote::parse(&bytes).map_err(|error| damaged(error.to_string()))?;
    Ok(final_of(quorum, &note, head))
}
