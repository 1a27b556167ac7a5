//! A platform in memory: the sequencer's model over a simulated log, with its faults.
//!
//! It decides with the kernel's own `decide` and folds with its own `apply`; only time, storage and
//! failures are simulated. It must never answer `Accepted` before the entries are in the log.

mod log;
mod request;

pub use log::{BootPath, Conflict, Log, ORIGIN, Signed};
pub use request::{Answer, Answered, Fault, Request};

use kernel::{Actor, Command, Ctx, Entry, Event, Idempotency, Reject, State, Submission, decide};
use units::UnixMicros;

use crate::rng::Rng;

/// Batches between two comparisons of the state decided on with the state read back.
const COMPARE_EVERY: u64 = 64;

/// What a platform has been through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches committed.
    pub batches: u64,
    /// Crashes and depositions.
    pub crashes: u64,
    /// Boots that began with a snapshot.
    pub snapshot_boots: u64,
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    log: Log,
    /// Durable: what readers see.
    committed: State,
    /// What the next command is decided on; equal to `committed` between batches.
    working: State,
    clock: UnixMicros,
    ids: Rng,
    counts: Counts,
}

/// A batch that was decided and not yet appended.
struct Decided {
    leaves: Vec<Vec<u8>>,
    answered: Vec<Answered>,
}

impl Platform {
    /// An empty platform at a time.
    ///
    /// # Errors
    /// Only if the fixed test key could not be made.
    pub fn new(ids: Rng, clock: UnixMicros) -> Result<Self, String> {
        let counts = Counts::default();
        let (committed, working) = (State::default(), State::default());
        Ok(Self { log: Log::new()?, committed, working, clock, ids, counts })
    }

    /// The durable state, as readers see it.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.committed
    }

    /// The log.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The machine's clock, which may jump; the log's time never does.
    #[must_use]
    pub const fn clock(&self) -> UnixMicros {
        self.clock
    }

    /// Sets the machine's clock.
    pub const fn set_clock(&mut self, clock: UnixMicros) {
        self.clock = clock;
    }

    /// The time that the next command would get.
    #[must_use]
    pub fn now(&self) -> UnixMicros {
        next_time(&self.committed, self.clock)
    }

    /// Keeps a snapshot of the durable state.
    ///
    /// # Errors
    /// If the state cannot be written.
    pub fn save_snapshot(&mut self) -> Result<(), String> {
        self.log.save_snapshot(&self.committed)
    }

    /// Tears the snapshot, as a power failure would.
    pub fn tear_snapshot(&mut self, keep_percent: u64) {
        self.log.tear_snapshot(keep_percent);
    }

    /// Commits one batch, or fails at it as `fault` says.
    ///
    /// # Errors
    /// If an invariant of the platform itself is violated, such as a boot to another state.
    pub fn commit(&mut self, batch: Vec<Request>, fault: Fault) -> Result<Vec<Answered>, String> {
        let seen = self.log.leaves().len();
        let decided = self.decide_all(batch)?;
        let lost = |answered: Vec<Answered>| {
            let unknown = |a: Answered| Answered { request: a.request, answer: Answer::Unknown };
            answered.into_iter().map(unknown).collect::<Vec<_>>()
        };
        match fault {
            Fault::CrashBeforeAppend => {
                self.boot(Some(self.committed.hash()))?;
                return Ok(lost(decided.answered));
            }
            Fault::Deposed => self.other_leader()?,
            Fault::None | Fault::CrashAfterAppend => {}
        }
        let leaves = decided.leaves.clone();
        if self.log.append(seen, decided.leaves).is_err() {
            self.boot(None)?;
            return Ok(lost(decided.answered));
        }
        if fault == Fault::CrashAfterAppend {
            self.boot(Some(self.working.hash()))?;
            return Ok(lost(decided.answered));
        }
        for leaf in &leaves {
            self.committed.apply(&Entry::from_leaf(leaf).map_err(|error| error.to_string())?);
        }
        self.log.sign()?;
        self.counts.batches = self.counts.batches.saturating_add(1);
        let compare = self.counts.batches.is_multiple_of(COMPARE_EVERY);
        if compare && self.committed.hash() != self.working.hash() {
            return Err("the state decided on differs from the state read back".to_owned());
        }
        Ok(decided.answered)
    }

    fn decide_all(&mut self, batch: Vec<Request>) -> Result<Decided, String> {
        let mut decided = Decided { leaves: Vec::new(), answered: Vec::new() };
        for request in batch {
            let random = self.ids.ten_bytes();
            let answer =
                decide_one(&mut self.working, &mut decided.leaves, &request, (self.clock, random))?;
            decided.answered.push(Answered { request, answer });
        }
        Ok(decided)
    }

    /// Rebuilds the state as after a start, and compares where the result is known.
    fn boot(&mut self, expected: Option<units::Digest>) -> Result<(), String> {
        let (state, path) = self.log.boot()?;
        if expected.is_some_and(|hash| hash != state.hash()) {
            return Err(format!("replay ({path:?}) does not give the live state"));
        }
        self.working = state.clone();
        self.committed = state;
        self.log.sign()?;
        self.counts.crashes = self.counts.crashes.saturating_add(1);
        if path == BootPath::Snapshot {
            self.counts.snapshot_boots = self.counts.snapshot_boots.saturating_add(1);
        }
        Ok(())
    }

    /// Another leader, which believes to be the only one, commits a command of its own.
    fn other_leader(&mut self) -> Result<(), String> {
        let name = format!("foreign-{}", self.log.leaves().len());
        let name = name.parse().map_err(|error: units::ParseNameError| error.to_string())?;
        let command = Command::Organisation(kernel::organisation::Command::Create { name });
        let request = Request::new(Actor::System, command);
        let (mut state, mut leaves) = (self.committed.clone(), Vec::new());
        decide_one(&mut state, &mut leaves, &request, (self.clock, self.ids.ten_bytes()))?;
        let head = self.log.leaves().len();
        let appended = self.log.append(head, leaves);
        appended.map_err(|Conflict| "the other leader lost its own race".to_owned())
    }
}

/// Strictly larger than the last entry's time, whatever the clock says.
fn next_time(state: &State, clock: UnixMicros) -> UnixMicros {
    UnixMicros(state.last_at.0.saturating_add(1)).max(clock)
}

fn decide_one(
    state: &mut State,
    leaves: &mut Vec<Vec<u8>>,
    request: &Request,
    (clock, random): (UnixMicros, [u8; 10]),
) -> Result<Answer, String> {
    match state.repeated(request.actor, &request.submission) {
        Err(reject) => return Ok(Answer::Rejected(Box::new(reject))),
        Ok(Some((seq, earlier))) => {
            let subject = Some(earlier.subject);
            return Ok(Answer::Accepted { seq, subject, repeated: true });
        }
        Ok(None) => {}
    }
    let ctx = Ctx { now: next_time(state, clock), actor: request.actor, random };
    match decide(state, &request.submission, &ctx) {
        Ok(events) => {
            let (seq, subject) = (state.size, events.first().map(Event::subject));
            Ok(match add(state, leaves, &ctx, (&request.submission, events))? {
                Ok(()) => Answer::Accepted { seq, subject, repeated: false },
                Err(reject) => Answer::Rejected(Box::new(reject)),
            })
        }
        Err(Reject::ForbiddenByPolicy(refused)) => {
            // The refusal goes on record without the key: a repetition is decided afresh.
            let event = kernel::policy_set::Event::Refused((*refused).clone());
            let bare = Submission::new(request.submission.command.clone());
            let event = vec![Event::PolicySet(event)];
            add(state, leaves, &ctx, (&bare, event))?.map_err(|e| e.to_string())?;
            Ok(Answer::Rejected(Box::new(Reject::ForbiddenByPolicy(refused))))
        }
        Err(Reject::ForbiddenToPlatform { event, refusal }) => {
            let bare = Submission::new(request.submission.command.clone());
            let made = vec![(*event).clone()];
            add(state, leaves, &ctx, (&bare, made))?.map_err(|e| e.to_string())?;
            Ok(Answer::Rejected(Box::new(Reject::ForbiddenToPlatform { event, refusal })))
        }
        Err(reject) => Ok(Answer::Rejected(Box::new(reject))),
    }
}

/// Adds a command's events to the batch, all of them or none.
fn add(
    state: &mut State,
    leaves: &mut Vec<Vec<u8>>,
    ctx: &Ctx,
    (submission, events): (&Submission, Vec<Event>),
) -> Result<Result<(), Reject>, String> {
    let mut idempotency = match &submission.idempotency_key {
        Some(key) => {
            let digest = submission.command.digest().map_err(|reject| reject.to_string())?;
            Some(Idempotency { key: key.clone(), digest })
        }
        None => None,
    };
    let mut entries = Vec::new();
    for event in events {
        let entry = Entry { at: ctx.now, actor: ctx.actor, idempotency: idempotency.take(), event };
        match entry.to_leaf() {
            Ok(leaf) => entries.push((entry, leaf)),
            Err(kernel::EntryError::TooLarge { bytes, limit }) => {
                return Ok(Err(Reject::EntryTooLarge { bytes, limit }));
            }
            Err(kernel::EntryError::Json(error)) => return Err(error.to_string()),
        }
    }
    for (entry, leaf) in entries {
        state.apply(&entry);
        leaves.push(leaf);
    }
    Ok(Ok(()))
}
