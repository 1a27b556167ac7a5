//! Erasures: what must go, when at the earliest, and the proof that it went. States: waiting → begun →
//! done, or cancelled while waiting. Of an organisation, waiting is the notice of its contract's end,
//! with the clocks of a switch to another provider if it asked for one.
//!
//! The content itself is destroyed outside; what is said here is digests and counts. Nothing may
//! begin before its date, and nothing that has begun can be taken back.

mod apply;
mod decide;
mod scope;

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub use decide::in_use;
pub use scope::{home, is_gone, project_is_closed};
pub(crate) use scope::{require_kept, require_kept_version, require_open};

use serde::{Deserialize, Serialize};
use units::{Bytes, Digest, DurationMicros, Id, UnixMicros, kinds};

use crate::{Meta, Subject, model::Artefact};

/// A day of 24 hours, in microseconds.
pub const DAY: DurationMicros = DurationMicros(86_400 * 1_000_000);

/// Whole days between the notice of a contract's end and the erasure (SecNumCloud 3.2, 19.4.a). The
/// day of the notice does not count; days are those of UTC.
pub const NOTICE_DAYS: u64 = 21;

/// Longest notice of a switch: two months (Regulation (EU) 2023/2854, Article 25(2)(d)). The shortest
/// two months have 59 days.
pub const SWITCH_NOTICE_DAYS_MAX: u64 = 59;

/// Longest transition of a switch in days (Article 25(2)(a)).
pub const TRANSITION_DAYS_MAX: u64 = 30;

/// Shortest time in days for which everything can still be retrieved (Article 25(2)(g)).
pub const RETRIEVAL_DAYS_MIN: u64 = 30;

/// Longest of the same, so that a date is never out of sight.
pub const RETRIEVAL_DAYS_MAX: u64 = 365;

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The personal data of a user: record, salt and lookups in the vault.
    User {
        /// The user.
        id: Id<kinds::User>,
        /// Whose key seals it; `None` for the platform's own people.
        home: Option<Id<kinds::Organisation>>,
    },
    /// The content of a dataset, in all versions.
    Dataset(Id<kinds::Dataset>),
    /// Everything of an organisation, its key included.
    Organisation(Id<kinds::Organisation>),
    /// The content of a dataset's versions up to a number: a retention is over. Only the platform asks
    /// for it, and once it is done the state forgets it.
    Versions {
        /// The dataset.
        dataset: Id<kinds::Dataset>,
        /// The last version that goes.
        through: u32,
    },
}

impl Target {
    /// True if an artefact's content is part of a dataset, or of versions, that are to go.
    #[must_use]
    pub fn takes(self, artefact: Artefact) -> bool {
        let Artefact::Dataset { id, version } = artefact else { return false };
        match self {
            Self::User { .. } | Self::Organisation(_) => false,
            Self::Dataset(wanted) => id == wanted,
            Self::Versions { dataset, through } => id == dataset && version <= through,
        }
    }

    /// The dataset of which all or some is to go.
    pub(crate) const fn dataset(self) -> Option<Id<kinds::Dataset>> {
        match self {
            Self::User { .. } | Self::Organisation(_) => None,
            Self::Dataset(dataset) | Self::Versions { dataset, .. } => Some(dataset),
        }
    }

    /// The target for entries of an erasure that the state forgets: they alone say what it was of.
    const fn unless_remembered(self) -> Option<Self> {
        match self {
            Self::User { .. } | Self::Dataset(_) | Self::Organisation(_) => None,
            Self::Versions { .. } => Some(self),
        }
    }
}

/// The clocks of a switch, as dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// End of the notice, start of the transition.
    pub transition_starts_at: UnixMicros,
    /// End of the transition; from here on everything can be retrieved.
    pub transition_ends_at: UnixMicros,
    /// Until when it can be retrieved.
    pub retrieval_ends_at: UnixMicros,
}

/// The clocks of a switch, as asked for, in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchDays {
    /// At most [`SWITCH_NOTICE_DAYS_MAX`].
    pub notice: u64,
    /// At most [`TRANSITION_DAYS_MAX`].
    pub transition: u64,
    /// From [`RETRIEVAL_DAYS_MIN`] to [`RETRIEVAL_DAYS_MAX`].
    pub retrieval: u64,
}

/// What was destroyed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destroyed {
    /// Records of the vault.
    pub records: u64,
    /// Data keys of the vault.
    pub keys: u64,
    /// Blobs that nobody else refers to.
    pub blobs: u64,
    /// Folders of workloads.
    pub folders: u64,
    /// Bytes of blobs.
    pub bytes: Bytes,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not begun.
    Waiting,
    /// Destruction goes on since then; it cannot be taken back.
    Begun {
        /// Since when.
        at: UnixMicros,
    },
    /// Everything is gone.
    Done {
        /// Since when.
        at: UnixMicros,
        /// How much.
        destroyed: Destroyed,
        /// SHA-256 of the list of what was destroyed, one thing a line.
        list: Digest,
    },
    /// It was taken back in time.
    Cancelled {
        /// When.
        at: UnixMicros,
    },
}

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Its id.
    pub id: Id<kinds::Erasure>,
    /// What is to go.
    pub target: Target,
    /// The clocks of a switch, if this is the end of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Switch>,
    /// When it begins at the earliest.
    pub due_at: UnixMicros,
    /// How far it has come.
    pub phase: Phase,
    /// Version and times.
    pub meta: Meta,
}

/// Where an erasure stands at a moment, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The notice runs.
    Notice,
    /// The transition of a switch.
    Transition,
    /// Everything can be retrieved.
    Retrieval,
    /// It may begin.
    Due,
    /// It has begun.
    Erasing,
    /// Everything is gone.
    Done,
    /// It was taken back.
    Cancelled,
}

impl Stage {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Transition => "transition",
            Self::Retrieval => "retrieval",
            Self::Due => "due",
            Self::Erasing => "erasing",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Erasure {
    /// Where it stands now.
    #[must_use]
    pub fn stage(&self, now: UnixMicros) -> Stage {
        match self.phase {
            Phase::Begun { .. } => Stage::Erasing,
            Phase::Done { .. } => Stage::Done,
            Phase::Cancelled { .. } => Stage::Cancelled,
            Phase::Waiting if now >= self.due_at => Stage::Due,
            Phase::Waiting => match self.switch {
                Some(switch) if now >= switch.transition_ends_at => Stage::Retrieval,
                Some(switch) if now >= switch.transition_starts_at => Stage::Transition,
                Some(_) | None => Stage::Notice,
            },
        }
    }

    /// True while something is still to be done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Begun { .. })
    }
}

/// What can be asked about erasures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Asks for one; of an organisation this is the notice.
    Request {
        /// What is to go.
        target: Target,
        /// The clocks of a switch; only of an organisation.
        switch: Option<SwitchDays>,
    },
    /// Takes one back that has not begun.
    Cancel {
        /// The erasure.
        id: Id<kinds::Erasure>,
    },
    /// Begins one that is due: what uses it is stopped, and nothing new may refer to it.
    Begin {
        /// The erasure.
        id: Id<kinds::Erasure>,
    },
    /// Says that everything is gone.
    Complete {
        /// The erasure.
        id: Id<kinds::Erasure>,
        /// How much.
        destroyed: Destroyed,
        /// SHA-256 of the list of what was destroyed.
        list: Digest,
    },
}

/// What can happen to erasures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was asked for.
    Requested {
        /// Its id.
        id: Id<kinds::Erasure>,
        /// What is to go.
        target: Target,
        /// The clocks of a switch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        switch: Option<Switch>,
        /// When it begins at the earliest.
        due_at: UnixMicros,
    },
    /// One was taken back.
    Cancelled {
        /// The erasure.
        id: Id<kinds::Erasure>,
    },
    /// Destruction begins.
    Begun {
        /// The erasure.
        id: Id<kinds::Erasure>,
        /// What goes, where the state forgets the erasure once it is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Target>,
    },
    /// Everything is gone.
    Done {
        /// The erasure.
        id: Id<kinds::Erasure>,
        /// How much.
        destroyed: Destroyed,
        /// SHA-256 of the list of what was destroyed.
        list: Digest,
        /// What went, where the state forgets the erasure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<Target>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "erasure.requested",
            Self::Cancelled { .. } => "erasure.cancelled",
            Self::Begun { .. } => "erasure.begun",
            Self::Done { .. } => "erasure.done",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }

    /// Which erasure it is about.
    #[must_use]
    pub const fn id(&self) -> Id<kinds::Erasure> {
        match self {
            Self::Requested { id, .. }
            | Self::Cancelled { id }
            | Self::Begun { id, .. }
            | Self::Done { id, .. } => *id,
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Erasure>> {
    match command {
        Command::Request { .. } => None,
        Command::Cancel { id } | Command::Begin { id } | Command::Complete { id, .. } => Some(*id),
    }
}
