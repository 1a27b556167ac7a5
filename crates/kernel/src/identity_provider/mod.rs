//! Identity providers: who vouches for the people of an organisation, or for those who run the
//! platform, and what their groups mean here. States: created → deleted.
//!
//! A provider never says what somebody may do: it says in which groups they are, and what a group may
//! do is said by bindings here. No secret is ever in here, only the commitment to one.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, kinds};

use crate::{Meta, Reject, State, Subject};

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProvider {
    /// Its id.
    pub id: Id<kinds::IdentityProvider>,
    /// Whose people it vouches for; `None` for those who run the platform.
    pub home: Option<Id<kinds::Organisation>>,
    /// Unique in its home.
    pub name: Name,
    /// What it is and what its groups mean.
    pub config: Config,
    /// SHA-256 of salt and client secret, both of which are elsewhere; `None` for a public client.
    pub secret: Option<Digest>,
    /// Version and times.
    pub meta: Meta,
}

/// What a provider is, as an administrator says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its address, exactly as its tokens name it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// Scopes asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim with a person's groups.
    pub group_claim: String,
    /// True if somebody who is not known yet becomes a user at the first sign-in.
    pub creates_users: bool,
    /// True if it is named on the sign-in page, which everybody sees.
    pub is_listed: bool,
    /// What its groups mean here. Whoever is in one is a member of ours, and whoever is not is none.
    pub groups: Vec<GroupRule>,
}

/// What a group of the provider means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRule {
    /// Its name in the claim.
    pub claim: String,
    /// The group here, of the same home.
    pub group: Id<kinds::Group>,
}

/// What can be asked about providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one. The id comes from whoever asks, because the secret is sealed under it before
    /// anything is in the log.
    Create {
        /// A fresh id.
        id: Id<kinds::IdentityProvider>,
        /// Whose people; `None` for the platform.
        home: Option<Id<kinds::Organisation>>,
        /// Unique there.
        name: Name,
        /// What it is.
        config: Config,
        /// Commitment to the client secret.
        secret: Option<Digest>,
    },
    /// Describes it anew.
    Replace {
        /// The provider.
        id: Id<kinds::IdentityProvider>,
        /// What it is from now on.
        config: Config,
        /// Commitment to the client secret.
        secret: Option<Digest>,
    },
    /// Deletes it: nobody signs in by it any more.
    Delete {
        /// The provider.
        id: Id<kinds::IdentityProvider>,
    },
}

/// What can happen to providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::IdentityProvider>,
        /// Whose people.
        home: Option<Id<kinds::Organisation>>,
        /// Its name.
        name: Name,
        /// What it is.
        config: Config,
        /// Commitment to the client secret.
        secret: Option<Digest>,
    },
    /// It was described anew.
    Replaced {
        /// Its id.
        id: Id<kinds::IdentityProvider>,
        /// Whose people.
        home: Option<Id<kinds::Organisation>>,
        /// What it is from now on.
        config: Config,
        /// Commitment to the client secret.
        secret: Option<Digest>,
    },
    /// It was deleted.
    Deleted {
        /// Its id.
        id: Id<kinds::IdentityProvider>,
        /// Whose people it vouched for.
        home: Option<Id<kinds::Organisation>>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "identity_provider.created",
            Self::Replaced { .. } => "identity_provider.replaced",
            Self::Deleted { .. } => "identity_provider.deleted",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. } | Self::Replaced { id, .. } | Self::Deleted { id, .. } => {
                (*id).into()
            }
        }
    }

    /// Whose people it is about; `None` for the platform's.
    #[must_use]
    pub const fn home(&self) -> Option<Id<kinds::Organisation>> {
        match self {
            Self::Created { home, .. }
            | Self::Replaced { home, .. }
            | Self::Deleted { home, .. } => *home,
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::IdentityProvider>> {
    match command {
        Command::Create { .. } => None,
        Command::Replace { id, .. } | Command::Delete { id } => Some(*id),
    }
}

/// The provider, or a refusal.
pub(crate) fn get(
    state: &State,
    id: Id<kinds::IdentityProvider>,
) -> Result<&IdentityProvider, Reject> {
    state.identity_providers.get(&id).ok_or_else(|| Reject::not_found("identity provider", id))
}
