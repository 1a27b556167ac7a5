//! Taking an organisation in from another installation: what it had there comes into this log as the
//! same kinds of entries, under the same ids. States: open → finished.
//!
//! Nothing may come in that the nouns' own commands would refuse, nor anything of another
//! organisation: an item is decided as if somebody had asked for it here.

mod admit;
mod apply;
mod captured;
mod decide;
mod identities;
mod left_out;

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub use left_out::{LeftOut, left_out, travels};

use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, UnixMicros, kinds};

use crate::Subject;

/// A transfer on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The name of the log that it came from.
    pub origin: String,
    /// SHA-256 of what was given.
    pub digest: Digest,
    /// When it began.
    pub begun_at: UnixMicros,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<UnixMicros>,
}

/// What can be asked about transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Begins one: makes the organisation, under the id that it had.
    Begin {
        /// The organisation.
        organisation: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
        /// The name of the log that it comes from.
        origin: String,
        /// SHA-256 of what was given.
        digest: Digest,
    },
    /// Takes one thing in.
    Admit {
        /// The organisation, whose transfer is open.
        organisation: Id<kinds::Organisation>,
        /// The entry as it would stand here.
        item: Box<crate::Event>,
    },
    /// Ends one.
    Finish {
        /// The organisation.
        organisation: Id<kinds::Organisation>,
    },
}

/// What can happen to transfers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One began; what follows for the organisation came from elsewhere, until it is finished.
    Begun {
        /// The organisation.
        organisation: Id<kinds::Organisation>,
        /// The name of the log that it comes from.
        origin: String,
        /// SHA-256 of what was given.
        digest: Digest,
    },
    /// One ended.
    Finished {
        /// The organisation.
        organisation: Id<kinds::Organisation>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "transfer.begun",
            Self::Finished { .. } => "transfer.finished",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.organisation().into()
    }

    /// Whom it is about.
    #[must_use]
    pub const fn organisation(&self) -> Id<kinds::Organisation> {
        match self {
            Self::Begun { organisation, .. } | Self::Finished { organisation } => *organisation,
        }
    }
}
