//! The whole state of the platform, and the fold that makes it.

mod lookups;

use std::collections::{BTreeMap, BTreeSet};

use policy::{Policies, Table, ownership::Assessment};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, Name, UnixMicros, kinds};

use crate::{
    Actor, Entry, Reject, Remembered, Subject, Submission,
    access::{self, Scope},
    binding, budget, capability,
    changes::Changes,
    consent, course, dataset, dispatch, endpoint, entity, erasure, evidence, group, idempotency,
    identity_provider, key, limits, model, node, organisation, policy_set, power, price, project,
    quota, rate_limit, reservation, role, service_account, site, storage, transfer, upstream,
    usage, user, workload,
};

/// What every resource carries: its version for `If-Match`, and its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Grows by one with each event about the resource; 1 when created.
    pub version: u64,
    /// When it was created.
    pub created_at: UnixMicros,
    /// When an event last changed it.
    pub updated_at: UnixMicros,
}

impl Meta {
    /// A resource created by this event.
    #[must_use]
    pub const fn new(stamp: &Stamp) -> Self {
        Self { version: 1, created_at: stamp.at, updated_at: stamp.at }
    }

    /// The resource was changed by this event.
    pub(crate) fn touch(&mut self, stamp: &Stamp) {
        self.version = self.version.saturating_add(1);
        self.updated_at = stamp.at;
    }
}

/// Where and when an event stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Position in the log, from 0.
    pub seq: u64,
    /// Time of the entry.
    pub at: UnixMicros,
    /// Who caused it.
    pub actor: Actor,
}

/// The fold of all events. Fields are public for queries; only `apply` changes them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    /// Entries applied so far; the next entry's sequence number.
    pub size: u64,
    /// Time of the last entry.
    pub last_at: UnixMicros,
    /// Organisations.
    pub organisations: BTreeMap<Id<kinds::Organisation>, organisation::Organisation>,
    /// Projects.
    pub projects: BTreeMap<Id<kinds::Project>, project::Project>,
    /// Users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<Id<kinds::User>, user::User>,
    /// Groups of users.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<Id<kinds::Group>, group::Group>,
    /// Service accounts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub service_accounts: BTreeMap<Id<kinds::ServiceAccount>, service_account::ServiceAccount>,
    /// Custom roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<Id<kinds::Role>, role::Role>,
    /// Roles given to somebody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bindings: BTreeMap<Id<kinds::Binding>, binding::Binding>,
    /// Identity providers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub identity_providers:
        BTreeMap<Id<kinds::IdentityProvider>, identity_provider::IdentityProvider>,
    /// Blocks of capability tokens that count no more, by the hash of their signature.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked_capabilities: BTreeMap<Digest, capability::Revoked>,
    /// Consents of tenants, in force or over.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub consents: BTreeMap<Id<kinds::Consent>, consent::Consent>,
    /// API keys.
    pub keys: BTreeMap<Id<kinds::Key>, key::Key>,
    /// Cedar policy sources.
    pub policy_sets: BTreeMap<Id<kinds::Policy>, policy_set::PolicySet>,
    /// Sites.
    pub sites: BTreeMap<Id<kinds::Site>, site::Site>,
    /// Nodes.
    pub nodes: BTreeMap<Id<kinds::Node>, node::Node>,
    /// Budgets.
    pub budgets: BTreeMap<Id<kinds::Budget>, budget::Budget>,
    /// Quotas in force.
    #[serde(default)]
    pub quotas: BTreeMap<Id<kinds::Quota>, quota::Quota>,
    /// Rate limits in force.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rate_limits: BTreeMap<Id<kinds::RateLimit>, rate_limit::RateLimit>,
    /// Reservations; the oldest that are over are forgotten.
    #[serde(default)]
    pub reservations: BTreeMap<Id<kinds::Reservation>, reservation::Reservation>,
    /// Budgets of power, what machines draw, and what energy costs by time.
    #[serde(default, skip_serializing_if = "power::Power::is_empty")]
    pub power: power::Power,
    /// Legal entities.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entities: BTreeMap<Id<kinds::Entity>, entity::Entity>,
    /// Places where data is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storages: BTreeMap<Id<kinds::Storage>, storage::Storage>,
    /// Evidence for sovereignty criteria.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<Id<kinds::Evidence>, evidence::Evidence>,
    /// Answers of policy on record that still hold.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub decisions: Table,
    /// Price books in order of their start; the last is in force.
    pub prices: Vec<price::Book>,
    /// Datasets.
    pub datasets: BTreeMap<Id<kinds::Dataset>, dataset::Dataset>,
    /// Models.
    pub models: BTreeMap<Id<kinds::Model>, model::Model>,
    /// Workloads.
    pub workloads: workload::Workloads,
    /// Endpoints.
    pub endpoints: BTreeMap<Id<kinds::Endpoint>, endpoint::Endpoint>,
    /// Servers of models elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub upstreams: BTreeMap<Id<kinds::Upstream>, upstream::Upstream>,
    /// Erasures, those that are over included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub erasures: BTreeMap<Id<kinds::Erasure>, erasure::Erasure>,
    /// Courses, closed ones included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub courses: BTreeMap<Id<kinds::Course>, course::Course>,
    /// Organisations that came from another installation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transfers: BTreeMap<Id<kinds::Organisation>, transfer::Transfer>,
    /// Metered use, summed per invoice line.
    pub usage: usage::Ledger,
    /// Remembered idempotency keys.
    pub(crate) memory: idempotency::Memory,
    /// Indices and compiled policies, derived from the rest; never written.
    #[serde(skip)]
    pub(crate) index: Index,
}

/// What is derived from the state for speed; rebuilt after a snapshot, compared by `check`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub(crate) organisation_names: BTreeMap<Name, Id<kinds::Organisation>>,
    pub(crate) project_names: BTreeMap<(Id<kinds::Organisation>, Name), Id<kinds::Project>>,
    pub(crate) group_names: BTreeMap<(Option<Id<kinds::Organisation>>, Name), Id<kinds::Group>>,
    /// Groups by member.
    pub(crate) memberships: BTreeMap<Id<kinds::User>, BTreeSet<Id<kinds::Group>>>,
    pub(crate) service_account_names: BTreeMap<(Scope, Name), Id<kinds::ServiceAccount>>,
    pub(crate) role_names: BTreeMap<(Id<kinds::Organisation>, Name), Id<kinds::Role>>,
    /// What custom roles permit in this version.
    pub(crate) role_masks: BTreeMap<Id<kinds::Role>, access::Mask>,
    /// Roles given, by whom they were given to.
    pub(crate) bindings: BTreeMap<binding::Principal, BTreeSet<Id<kinds::Binding>>>,
    /// Consents by the people whom they name.
    pub(crate) consents: BTreeMap<Id<kinds::User>, BTreeSet<Id<kinds::Consent>>>,
    pub(crate) key_hashes: BTreeMap<Digest, Id<kinds::Key>>,
    pub(crate) dataset_names: BTreeMap<(Id<kinds::Project>, Name), Id<kinds::Dataset>>,
    pub(crate) model_names: BTreeMap<(Id<kinds::Project>, Name), Id<kinds::Model>>,
    pub(crate) endpoint_names: BTreeMap<(Id<kinds::Project>, Name), Id<kinds::Endpoint>>,
    /// Waiting for a placement.
    pub(crate) queued: BTreeSet<Id<kinds::Workload>>,
    /// The same by turn: priority with age, then submission.
    pub(crate) line: workload::Line,
    /// Everything that has not ended.
    pub(crate) active: BTreeSet<Id<kinds::Workload>>,
    pub(crate) by_node: BTreeMap<Id<kinds::Node>, BTreeSet<Id<kinds::Workload>>>,
    /// How many nodes there are of each kind.
    pub(crate) hardware: node::Kinds,
    /// Nodes whose drain has a grace, by its end.
    pub(crate) draining: BTreeSet<(UnixMicros, Id<kinds::Node>)>,
    /// How the tasks of each array stand.
    pub(crate) arrays: BTreeMap<Id<kinds::Workload>, workload::Tally>,
    /// Who waits for a workload's end.
    pub(crate) dependents: BTreeMap<Id<kinds::Workload>, BTreeSet<Id<kinds::Workload>>>,
    /// Succeeded, but what they made is not registered yet.
    pub(crate) outputs_pending: BTreeSet<Id<kinds::Workload>>,
    /// Budgets by owner.
    pub(crate) budgets: BTreeMap<budget::Owner, BTreeSet<Id<kinds::Budget>>>,
    /// Those that are used up and stop work.
    pub(crate) shut_budgets: BTreeMap<budget::Owner, BTreeSet<Id<kinds::Budget>>>,
    /// What the last entries were about.
    pub(crate) changes: Changes,
    /// Quotas by owner and class.
    pub(crate) quotas: BTreeMap<quota::Owner, BTreeMap<quota::Class, Id<kinds::Quota>>>,
    /// Rate limits by owner.
    pub(crate) rate_limits: BTreeMap<budget::Owner, Id<kinds::RateLimit>>,
    /// Reservations by node, without cancelled ones.
    pub(crate) reservations: BTreeMap<Id<kinds::Node>, BTreeSet<Id<kinds::Reservation>>>,
    /// Contents of captured datasets.
    pub(crate) captured: BTreeSet<(Digest, Id<kinds::Dataset>)>,
    /// Compiled policy layers, by the narrowest scope that has policies of its own.
    pub(crate) policies: BTreeMap<Scope, Policies>,
    /// What follows from the register of entities.
    pub(crate) assessments: BTreeMap<Id<kinds::Entity>, Assessment>,
}

impl State {
    /// Applies one entry: the only mutation there is. It never fails.
    pub fn apply(&mut self, entry: &Entry) {
        let stamp = Stamp { seq: self.size, at: entry.at, actor: entry.actor };
        dispatch::apply(self, &entry.event, &stamp);
        if let Some(given) = &entry.idempotency {
            self.memory.remember(given, entry.event.subject(), &stamp);
        }
        self.index.changes.note(self.size, entry.event.subject());
        self.size = self.size.saturating_add(1);
        self.last_at = entry.at;
    }

    /// The earlier answer to a repeated command, if its key is remembered.
    ///
    /// # Errors
    /// [`Reject::IdempotencyMismatch`] if the key was used for a different command, and
    /// [`Reject::Invalid`] if the key is too long.
    pub fn repeated(
        &self,
        actor: Actor,
        submission: &Submission,
    ) -> Result<Option<(u64, Remembered)>, Reject> {
        let Some(key) = &submission.idempotency_key else { return Ok(None) };
        if key.is_empty() || key.len() > limits::IDEMPOTENCY_KEY_BYTES_MAX {
            let limit = limits::IDEMPOTENCY_KEY_BYTES_MAX;
            return Err(Reject::invalid("Idempotency-Key", format!("use 1 to {limit} characters")));
        }
        let found = self.memory.find(actor, key, submission.command.digest()?)?;
        Ok(found.map(|(seq, remembered)| (seq, remembered.clone())))
    }

    /// The state as bytes for a snapshot.
    ///
    /// # Errors
    /// Only if memory is exhausted in a way serde reports.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The same without its indices, for a snapshot made while this state goes on; in little time.
    #[must_use]
    pub fn frozen(&self) -> Self {
        Self {
            index: Index::default(),
            memory: self.memory.clone(),
            usage: self.usage.clone(),
            workloads: self.workloads.clone(),
            organisations: self.organisations.clone(),
            projects: self.projects.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            service_accounts: self.service_accounts.clone(),
            roles: self.roles.clone(),
            bindings: self.bindings.clone(),
            identity_providers: self.identity_providers.clone(),
            revoked_capabilities: self.revoked_capabilities.clone(),
            consents: self.consents.clone(),
            keys: self.keys.clone(),
            policy_sets: self.policy_sets.clone(),
            sites: self.sites.clone(),
            nodes: self.nodes.clone(),
            budgets: self.budgets.clone(),
            quotas: self.quotas.clone(),
            rate_limits: self.rate_limits.clone(),
            reservations: self.reservations.clone(),
            power: self.power.clone(),
            entities: self.entities.clone(),
            storages: self.storages.clone(),
            evidence: self.evidence.clone(),
            decisions: self.decisions.clone(),
            prices: self.prices.clone(),
            datasets: self.datasets.clone(),
            models: self.models.clone(),
            endpoints: self.endpoints.clone(),
            upstreams: self.upstreams.clone(),
            erasures: self.erasures.clone(),
            transfers: self.transfers.clone(),
            courses: self.courses.clone(),
            size: self.size,
            last_at: self.last_at,
        }
    }

    /// Lets the ended workloads that some entries were about take memory once, where another state
    /// holds the same. Both go on as if they were alone.
    pub fn share_ended(&mut self, other: &Self, entries: &[Entry]) {
        for entry in entries {
            let Subject::Workload(id) = entry.event.subject() else { continue };
            if self.workloads.get(&id).is_some_and(workload::Workload::has_ended) {
                self.workloads.share(&id, &other.workloads);
            }
        }
    }

    /// Reads a snapshot and rebuilds what is derived.
    ///
    /// # Errors
    /// If the bytes are not a snapshot of this version; the caller then replays from the start.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let mut state: Self = serde_json::from_slice(bytes)?;
        state.rebuild_index();
        Ok(state)
    }

    /// SHA-256 of the snapshot: equal states have equal hashes.
    #[must_use]
    pub fn hash(&self) -> Digest {
        // A state holds only maps with text keys, integers and strings, which JSON always takes.
        let bytes = self.to_snapshot().unwrap_or_default();
        Digest(Sha256::digest(&bytes).into())
    }

    /// The indices as the rest of the state gives them; compiled policies are left out.
    pub(crate) fn fresh_index(&self) -> Index {
        let mut index = Index::default();
        for (id, x) in &self.organisations {
            index.organisation_names.insert(x.name.clone(), *id);
        }
        for (id, x) in &self.projects {
            index.project_names.insert((x.organisation, x.name.clone()), *id);
        }
        self.index_identities(&mut index);
        for (id, x) in &self.datasets {
            index.dataset_names.insert((x.project, x.name.clone()), *id);
            if !x.origin.is_given() {
                index.captured.extend(x.versions.iter().map(|v| (v.manifest, *id)));
            }
        }
        for (id, x) in &self.models {
            index.model_names.insert((x.project, x.name.clone()), *id);
        }
        for (id, x) in &self.endpoints {
            if x.deleted_at.is_none() {
                index.endpoint_names.insert((x.project, x.name.clone()), *id);
            }
        }
        for (id, x) in &self.budgets {
            index.budgets.entry(x.owner).or_default().insert(*id);
            if x.exhausted {
                index.shut_budgets.entry(x.owner).or_default().insert(*id);
            }
        }
        for (id, x) in &self.quotas {
            index.quotas.entry(x.owner).or_default().insert(x.class.clone(), *id);
        }
        for (id, x) in &self.rate_limits {
            index.rate_limits.insert(x.owner, *id);
        }
        for (id, x) in self.reservations.iter().filter(|(_, x)| x.cancelled_at.is_none()) {
            for node in &x.nodes {
                index.reservations.entry(*node).or_default().insert(*id);
            }
        }
        for node in self.nodes.values() {
            node::index_into(&mut index, node);
        }
        for workload in self.workloads.values() {
            workload::index_into(&mut index, workload);
        }
        index.assessments = entity::assessments(&self.entities);
        index
    }

    pub(crate) fn rebuild_index(&mut self) {
        self.memory.rebuild();
        self.index = self.fresh_index();
        self.index.changes = Changes::from(self.size);
        policy_set::compile_all(self);
    }
}
