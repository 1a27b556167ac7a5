//! Commands: what somebody wants. Imperative, validated by `decide`, never stored as such.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::Digest;

use crate::{
    binding, budget, capability, consent, course, dataset, decision, endpoint, entity, erasure,
    evidence, group, identity_provider, key, limits, model, node, organisation, policy_set, power,
    price, project, quota, rate_limit, reject::Reject, reservation, role, service_account, site,
    storage, transfer, upstream, usage, user, workload,
};

/// Everything that can be asked of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// About organisations.
    Organisation(organisation::Command),
    /// About projects.
    Project(project::Command),
    /// About API keys.
    Key(key::Command),
    /// About policy sets.
    PolicySet(policy_set::Command),
    /// About sites.
    Site(site::Command),
    /// About nodes.
    Node(node::Command),
    /// About budgets.
    Budget(budget::Command),
    /// About quotas.
    Quota(quota::Command),
    /// About rate limits.
    RateLimit(rate_limit::Command),
    /// About reservations.
    Reservation(reservation::Command),
    /// About power.
    Power(power::Command),
    /// About prices.
    Price(price::Command),
    /// About datasets.
    Dataset(dataset::Command),
    /// About models.
    Model(model::Command),
    /// About workloads.
    Workload(workload::Command),
    /// About endpoints.
    Endpoint(endpoint::Command),
    /// About metered use.
    Usage(usage::Command),
    /// About legal entities.
    Entity(entity::Command),
    /// About places where data is kept.
    Storage(storage::Command),
    /// About decisions.
    Decision(decision::Command),
    /// About evidence.
    Evidence(evidence::Command),
    /// About users.
    User(user::Command),
    /// About groups.
    Group(group::Command),
    /// About service accounts.
    ServiceAccount(service_account::Command),
    /// About custom roles.
    Role(role::Command),
    /// About roles given to somebody.
    Binding(binding::Command),
    /// About identity providers.
    IdentityProvider(identity_provider::Command),
    /// About capability tokens.
    Capability(capability::Command),
    /// About consents.
    Consent(consent::Command),
    /// About erasures.
    Erasure(erasure::Command),
    /// About organisations that come from another installation.
    Transfer(transfer::Command),
    /// About courses.
    Course(course::Command),
    /// About upstreams.
    Upstream(upstream::Command),
}

/// A command with what the caller adds to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// What is wanted.
    pub command: Command,
    /// Makes a repeated submission answer as the first one did.
    pub idempotency_key: Option<String>,
    /// `If-Match`: the version the caller has seen.
    pub expected_version: Option<u64>,
}

impl Submission {
    /// A command without conditions.
    #[must_use]
    pub const fn new(command: Command) -> Self {
        Self { command, idempotency_key: None, expected_version: None }
    }
}

impl Command {
    /// Identifies the command's content, to tell a repetition from a different command that reuses
    /// a key.
    ///
    /// # Errors
    /// [`Reject::Invalid`] if the command cannot be written as JSON, which no accepted command is.
    pub fn digest(&self) -> Result<Digest, Reject> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| Reject::invalid("command", limits::cut(&error.to_string())))?;
        Ok(Digest(Sha256::digest(&bytes).into()))
    }
}
