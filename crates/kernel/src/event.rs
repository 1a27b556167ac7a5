//! Events: what happened. Past tense, self-contained, append-only in their variants.
//!
//! An [`Entry`] is one leaf of the log: plain JSON, stored as written and hashed as stored, never
//! re-encoded. A changed shape is a new variant, never a changed meaning.

mod leaf;

use serde::{Deserialize, Serialize};
use units::{Digest, UnixMicros};

use crate::{
    Actor, Subject, binding, budget, capability, consent, course, dataset, decision, endpoint,
    entity, erasure, evidence, group, identity_provider, key, limits, model, node, organisation,
    policy_set, power, price, project, quota, rate_limit, reservation, role, service_account, site,
    storage, transfer, upstream, usage, user, workload,
};

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// About organisations.
    Organisation(organisation::Event),
    /// About projects.
    Project(project::Event),
    /// About API keys.
    Key(key::Event),
    /// About policy sets.
    PolicySet(policy_set::Event),
    /// About sites.
    Site(site::Event),
    /// About nodes.
    Node(node::Event),
    /// About budgets.
    Budget(budget::Event),
    /// About quotas.
    Quota(quota::Event),
    /// About rate limits.
    RateLimit(rate_limit::Event),
    /// About reservations.
    Reservation(reservation::Event),
    /// About prices.
    Price(price::Event),
    /// About datasets.
    Dataset(dataset::Event),
    /// About models.
    Model(model::Event),
    /// About workloads.
    Workload(workload::Event),
    /// About endpoints.
    Endpoint(endpoint::Event),
    /// About metered use.
    Usage(usage::Event),
    /// About power.
    Power(power::Event),
    /// About legal entities.
    Entity(entity::Event),
    /// About places where data is kept.
    Storage(storage::Event),
    /// About decisions.
    Decision(decision::Event),
    /// About evidence.
    Evidence(evidence::Event),
    /// About users.
    User(user::Event),
    /// About groups.
    Group(group::Event),
    /// About service accounts.
    ServiceAccount(service_account::Event),
    /// About custom roles.
    Role(role::Event),
    /// About roles given to somebody.
    Binding(binding::Event),
    /// About identity providers.
    IdentityProvider(identity_provider::Event),
    /// About capability tokens.
    Capability(capability::Event),
    /// About consents.
    Consent(consent::Event),
    /// About erasures.
    Erasure(erasure::Event),
    /// About organisations that come from another installation.
    Transfer(transfer::Event),
    /// About courses.
    Course(course::Event),
    /// About upstreams.
    Upstream(upstream::Event),
}

/// The part of an entry that makes a repeated command answer as the first one did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The caller's key.
    pub key: String,
    /// The command's digest.
    pub digest: Digest,
}

/// One leaf of the log. Its sequence number is its position and is not repeated inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was accepted; never smaller than the entry before, equal within one command.
    pub at: UnixMicros,
    /// Who caused it.
    pub actor: Actor,
    /// On the first entry of a command that came with an idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// What happened.
    pub event: Event,
}

/// Why bytes are not an entry, or an entry not bytes.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// The bytes are not JSON of the expected shape.
    #[error("not an entry of this version: {0}")]
    Json(#[from] serde_json::Error),
    /// The entry is larger than the log can hold.
    #[error("an entry of {bytes} bytes exceeds the {limit} that the log can hold")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl Entry {
    /// The leaf's bytes, as they are stored and hashed.
    ///
    /// # Errors
    /// [`EntryError::TooLarge`] above [`limits::ENTRY_BYTES_MAX`].
    pub fn to_leaf(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = serde_json::to_vec(self)?;
        if bytes.len() > limits::ENTRY_BYTES_MAX {
            return Err(EntryError::TooLarge {
                bytes: bytes.len(),
                limit: limits::ENTRY_BYTES_MAX,
            });
        }
        Ok(bytes)
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// [`EntryError::Json`] if the bytes are not an entry.
    #[inline]
    pub fn from_leaf(leaf: &[u8]) -> Result<Self, EntryError> {
        match leaf::read(leaf) {
            Some(entry) => Ok(entry),
            None => Ok(serde_json::from_slice(leaf)?),
        }
    }
}

impl Event {
    /// The dotted name, such as `workload.submitted`; stable, for filters and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Organisation(e) => e.kind(),
            Self::Project(e) => e.kind(),
            Self::Key(e) => e.kind(),
            Self::PolicySet(e) => e.kind(),
            Self::Site(e) => e.kind(),
            Self::Node(e) => e.kind(),
            Self::Budget(e) => e.kind(),
            Self::Quota(e) => e.kind(),
            Self::RateLimit(e) => e.kind(),
            Self::Reservation(e) => e.kind(),
            Self::Price(e) => e.kind(),
            Self::Dataset(e) => e.kind(),
            Self::Model(e) => e.kind(),
            Self::Workload(e) => e.kind(),
            Self::Endpoint(e) => e.kind(),
            Self::Usage(e) => e.kind(),
            Self::Power(e) => e.kind(),
            Self::Entity(e) => e.kind(),
            Self::Storage(e) => e.kind(),
            Self::Decision(e) => e.kind(),
            Self::Evidence(e) => e.kind(),
            Self::User(e) => e.kind(),
            Self::Group(e) => e.kind(),
            Self::ServiceAccount(e) => e.kind(),
            Self::Role(e) => e.kind(),
            Self::Binding(e) => e.kind(),
            Self::IdentityProvider(e) => e.kind(),
            Self::Capability(e) => e.kind(),
            Self::Consent(e) => e.kind(),
            Self::Erasure(e) => e.kind(),
            Self::Transfer(e) => e.kind(),
            Self::Course(e) => e.kind(),
            Self::Upstream(e) => e.kind(),
        }
    }

    /// The resource that the event is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        match self {
            Self::Organisation(e) => e.subject(),
            Self::Project(e) => e.subject(),
            Self::Key(e) => e.subject(),
            Self::PolicySet(e) => e.subject(),
            Self::Site(e) => e.subject(),
            Self::Node(e) => e.subject(),
            Self::Budget(e) => e.subject(),
            Self::Quota(e) => e.subject(),
            Self::RateLimit(e) => e.subject(),
            Self::Reservation(e) => e.subject(),
            Self::Price(e) => e.subject(),
            Self::Dataset(e) => e.subject(),
            Self::Model(e) => e.subject(),
            Self::Workload(e) => e.subject(),
            Self::Endpoint(e) => e.subject(),
            Self::Usage(e) => e.subject(),
            Self::Power(e) => e.subject(),
            Self::Entity(e) => e.subject(),
            Self::Storage(e) => e.subject(),
            Self::Decision(e) => e.subject(),
            Self::Evidence(e) => e.subject(),
            Self::User(e) => e.subject(),
            Self::Group(e) => e.subject(),
            Self::ServiceAccount(e) => e.subject(),
            Self::Role(e) => e.subject(),
            Self::Binding(e) => e.subject(),
            Self::IdentityProvider(e) => e.subject(),
            Self::Capability(e) => e.subject(),
            Self::Consent(e) => e.subject(),
            Self::Erasure(e) => e.subject(),
            Self::Transfer(e) => e.subject(),
            Self::Course(e) => e.subject(),
            Self::Upstream(e) => e.subject(),
        }
    }
}
