//! What can be asked about upstreams and what can happen to them.

use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, kinds};

use super::Config;
use crate::{State, Subject};

/// What can be asked about upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Registers one. The id comes from whoever asks, because the key is sealed under it before
    /// anything is in the log.
    Register {
        /// A fresh id.
        id: Id<kinds::Upstream>,
        /// Its project; `None` for the platform.
        project: Option<Id<kinds::Project>>,
        /// Unique there.
        name: Name,
        /// Where it stands.
        site: Id<kinds::Site>,
        /// How it is spoken to.
        config: Config,
        /// Commitment to its secret key.
        secret: Option<Digest>,
    },
    /// Describes it anew.
    Replace {
        /// The upstream.
        id: Id<kinds::Upstream>,
        /// How it is spoken to from now on.
        config: Config,
        /// Commitment to its secret key.
        secret: Option<Digest>,
    },
    /// Deletes one that no endpoint uses.
    Delete {
        /// The upstream.
        id: Id<kinds::Upstream>,
    },
}

/// What can happen to upstreams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was registered.
    Registered {
        /// Its id.
        id: Id<kinds::Upstream>,
        /// Its project.
        project: Option<Id<kinds::Project>>,
        /// Its name.
        name: Name,
        /// Where it stands.
        site: Id<kinds::Site>,
        /// How it is spoken to.
        config: Config,
        /// Commitment to its secret key.
        secret: Option<Digest>,
    },
    /// It was described anew.
    Replaced {
        /// Its id.
        id: Id<kinds::Upstream>,
        /// Its project.
        project: Option<Id<kinds::Project>>,
        /// How it is spoken to from now on.
        config: Config,
        /// Commitment to its secret key.
        secret: Option<Digest>,
    },
    /// It was deleted.
    Deleted {
        /// Its id.
        id: Id<kinds::Upstream>,
        /// Its project.
        project: Option<Id<kinds::Project>>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "upstream.registered",
            Self::Replaced { .. } => "upstream.replaced",
            Self::Deleted { .. } => "upstream.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Registered { id, .. } | Self::Replaced { id, .. } | Self::Deleted { id, .. } => {
                (*id).into()
            }
        }
    }

    /// Whose it is; `None` for the platform's.
    #[must_use]
    pub const fn project(&self) -> Option<Id<kinds::Project>> {
        match self {
            Self::Registered { project, .. }
            | Self::Replaced { project, .. }
            | Self::Deleted { project, .. } => *project,
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.upstreams.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Upstream>> {
    match command {
        Command::Register { .. } => None,
        Command::Replace { id, .. } | Command::Delete { id } => Some(*id),
    }
}
