//! Bindings: a role given to somebody somewhere, for a while or until taken back.
//!
//! States: in force → expired or deleted. Nobody gives more than they have.

mod apply;
mod decide;

pub(crate) use apply::{apply, index_into};
pub(crate) use decide::decide;

use policy::access::Mask;
use serde::{Deserialize, Serialize};
use units::{Id, UnixMicros, kinds};

use crate::{
    Meta, Reject, State, Subject,
    access::{self, Scope},
};

/// A role, built in or of an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// One that every tenant has.
    BuiltIn(access::Role),
    /// One that an organisation made.
    Custom(Id<kinds::Role>),
}

/// Who can be given a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// Somebody.
    User(Id<kinds::User>),
    /// Everybody in it.
    Group(Id<kinds::Group>),
    /// A program.
    ServiceAccount(Id<kinds::ServiceAccount>),
}

/// A role given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its id.
    pub id: Id<kinds::Binding>,
    /// What was given.
    pub role: Role,
    /// To whom.
    pub principal: Principal,
    /// Where.
    pub scope: Scope,
    /// From when on it gives nothing; `None` for never.
    pub expires_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Binding {
    /// True if it gives something at this time.
    #[must_use]
    pub fn is_in_force(&self, at: UnixMicros) -> bool {
        self.expires_at.is_none_or(|end| at < end)
    }
}

/// What can be asked about bindings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Gives a role.
    Create {
        /// What.
        role: Role,
        /// To whom.
        principal: Principal,
        /// Where.
        scope: Scope,
        /// Until when; `None` until it is taken back.
        expires_at: Option<UnixMicros>,
    },
    /// Takes it back.
    Delete {
        /// The binding.
        id: Id<kinds::Binding>,
    },
}

/// What can happen to bindings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A role was given.
    Created {
        /// The binding's id.
        id: Id<kinds::Binding>,
        /// What.
        role: Role,
        /// To whom.
        principal: Principal,
        /// Where.
        scope: Scope,
        /// Until when.
        expires_at: Option<UnixMicros>,
    },
    /// It was taken back.
    Deleted {
        /// The binding.
        id: Id<kinds::Binding>,
        /// From whom.
        principal: Principal,
        /// Where.
        scope: Scope,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "binding.created",
            Self::Deleted { .. } => "binding.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Deleted { id, .. } => (*id).into(),
        }
    }

    /// Where the role was given.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Created { scope, .. } | Self::Deleted { scope, .. } => *scope,
        }
    }
}

/// The version of what a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    target(command).and_then(|id| state.bindings.get(&id)).map(|found| found.meta.version)
}

const fn target(command: &Command) -> Option<Id<kinds::Binding>> {
    match command {
        Command::Create { .. } => None,
        Command::Delete { id } => Some(*id),
    }
}

/// What a role permits.
#[must_use]
pub fn mask_of(state: &State, role: Role) -> Mask {
    match role {
        Role::BuiltIn(role) => role.mask(),
        Role::Custom(id) => state.index.role_masks.get(&id).copied().unwrap_or(Mask::NOTHING),
    }
}

/// The end of all that a principal was given.
pub(crate) fn taken_from(
    state: &State,
    principal: Principal,
) -> impl Iterator<Item = crate::Event> + '_ {
    let all = state.bindings_of(principal);
    all.map(move |binding| {
        let gone = Event::Deleted { id: binding.id, principal, scope: binding.scope };
        crate::Event::Binding(gone)
    })
}

/// The binding, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Binding>) -> Result<&Binding, Reject> {
    state.bindings.get(&id).ok_or_else(|| Reject::not_found("binding", id))
}
