//! The public views of a stored log: what an old log must still say after any change of the code.
//!
//! It compares counts, names, phases, costs and the Merkle root, never a hash of the state, which may
//! change its shape. Only the leaves are read, exactly as they were stored.

use std::collections::BTreeMap;

use kernel::{Entry, EntryError, State, audit::Auditor};
use ledger::{Tree, leaf_hash};
use serde::{Deserialize, Serialize};

/// Every kind of event that this version can write; a test compares it with the golden log, and
/// another with the kernel, so that a new kind cannot be forgotten here.
pub const KINDS: [&str; 117] = [
    "binding.created",
    "binding.deleted",
    "budget.alerted",
    "budget.created",
    "budget.exhausted",
    "budget.limit_set",
    "budget.opened",
    "budget.terms_set",
    "budget.used_up",
    "capability.revoked",
    "consent.granted",
    "consent.revoked",
    "consent.used",
    "course.closed",
    "course.created",
    "course.enrolled",
    "dataset.created",
    "dataset.created_captured",
    "dataset.retention_set",
    "dataset.version_added",
    "dataset.version_derived",
    "decision.made",
    "endpoint.created",
    "endpoint.deleted",
    "endpoint.drain_cancelled",
    "endpoint.drain_started",
    "endpoint.grown",
    "endpoint.held",
    "endpoint.opened",
    "endpoint.promoted",
    "endpoint.resized",
    "endpoint.retired",
    "endpoint.rolled_back",
    "endpoint.routed",
    "endpoint.scaling_set",
    "endpoint.update_ended",
    "endpoint.update_started",
    "entity.registered",
    "entity.updated",
    "erasure.begun",
    "erasure.cancelled",
    "erasure.done",
    "erasure.requested",
    "evidence.recorded",
    "evidence.withdrawn",
    "group.created",
    "group.deleted",
    "group.member_added",
    "group.member_removed",
    "identity_provider.created",
    "identity_provider.deleted",
    "identity_provider.replaced",
    "key.created",
    "key.issued",
    "key.revoked",
    "key.rotated",
    "model.created",
    "model.evaluated",
    "model.version_added",
    "node.drain_started",
    "node.facts_changed",
    "node.grace_ended",
    "node.moved",
    "node.registered",
    "node.status_changed",
    "organisation.created",
    "organisation.training_allowed",
    "policy.refused",
    "policy.residency_set",
    "policy.set",
    "power.budget_set",
    "power.figures_set",
    "power.removed",
    "power.series_removed",
    "power.series_set",
    "price.set",
    "project.capture_set",
    "project.created",
    "project.guardrails_set",
    "quota.deleted",
    "quota.set",
    "rate_limit.deleted",
    "rate_limit.set",
    "reservation.cancelled",
    "reservation.created",
    "role.changed",
    "role.created",
    "role.deleted",
    "service_account.assigned",
    "service_account.created",
    "service_account.deleted",
    "service_account.renewed",
    "site.created",
    "site.updated",
    "storage.registered",
    "storage.retired",
    "storage.sent",
    "transfer.begun",
    "transfer.finished",
    "upstream.deleted",
    "upstream.registered",
    "upstream.replaced",
    "usage.attempt",
    "usage.egress",
    "usage.tokens",
    "user.created",
    "user.data_replaced",
    "user.resumed",
    "user.suspended",
    "workload.ended",
    "workload.outputs_failed",
    "workload.placed",
    "workload.power_limit_set",
    "workload.rank_changed",
    "workload.requeued",
    "workload.stop_requested",
    "workload.submitted",
];

/// What a log says, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Views {
    /// Leaves.
    pub entries: u64,
    /// Root of their Merkle tree.
    pub root: String,
    /// Entries by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Names by noun, in order of their creation.
    pub names: BTreeMap<String, Vec<String>>,
    /// Phase, attempts and cost of each workload, in order of submission.
    pub workloads: Vec<String>,
    /// Invoice lines and totals by `organisation/project`.
    pub costs: BTreeMap<String, Vec<String>>,
    /// Placements that an audit checked, and what it found.
    pub placements: u64,
    /// Findings of the audit.
    pub findings: Vec<String>,
}

/// Reads a log and says what it says.
///
/// # Errors
/// [`EntryError`] for a leaf that this version cannot read.
pub fn views(leaves: &[Vec<u8>]) -> Result<Views, EntryError> {
    let mut state = State::default();
    let mut kinds = BTreeMap::new();
    let mut auditor = Auditor::new();
    for leaf in leaves {
        let entry = Entry::from_leaf(leaf)?;
        let count: &mut u64 = kinds.entry(entry.event.kind().to_owned()).or_default();
        *count = count.saturating_add(1);
        state.apply(&entry);
        auditor.feed(leaf);
    }
    let audit = auditor.finish();
    let tree: Tree = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let costs = state.projects.values().map(|project| {
        let organisation = state.organisations.get(&project.organisation);
        let organisation = organisation.map(|o| o.name.to_string()).unwrap_or_default();
        (format!("{organisation}/{}", project.name), costs(&state, project.id))
    });
    Ok(Views {
        entries: state.size,
        root: tree.root().to_string(),
        kinds,
        names: names(&state),
        workloads: workloads(&state),
        costs: costs.collect(),
        placements: audit.placements,
        findings: audit.findings.into_iter().map(|f| format!("{}: {}", f.seq, f.message)).collect(),
    })
}

fn names(state: &State) -> BTreeMap<String, Vec<String>> {
    let mut names = BTreeMap::from([
        (
            "organisations".to_owned(),
            state.organisations.values().map(|x| x.name.to_string()).collect(),
        ),
        ("sites".to_owned(), state.sites.values().map(|x| x.name.to_string()).collect()),
        (
            "nodes".to_owned(),
            state
                .nodes
                .values()
                .map(|x| format!("{} {}", x.name, format!("{:?}", x.status).to_lowercase()))
                .collect(),
        ),
        (
            "keys".to_owned(),
            state
                .keys
                .values()
                .map(|x| format!("{}{}", x.name, revoked(x.revoked_at.is_some())))
                .collect(),
        ),
        (
            "budgets".to_owned(),
            state
                .budgets
                .values()
                .map(|x| format!("{}: {} of {}", x.name, x.spent, x.terms.limit))
                .collect(),
        ),
        (
            "datasets".to_owned(),
            state
                .datasets
                .values()
                .map(|x| format!("{} {} v{}", x.name, x.class, x.versions.len()))
                .collect(),
        ),
        (
            "models".to_owned(),
            state.models.values().map(|x| format!("{} v{}", x.name, x.versions.len())).collect(),
        ),
        (
            "endpoints".to_owned(),
            state
                .endpoints
                .values()
                .map(|x| format!("{} of {}", x.name, x.workloads.len()))
                .collect(),
        ),
        ("policies".to_owned(), state.policy_sets.values().map(|x| x.name.to_string()).collect()),
    ]);
    names.extend(names_of_later_nouns(state));
    names
}

/// Logs from before there were such nouns say nothing of them.
fn names_of_later_nouns(state: &State) -> BTreeMap<String, Vec<String>> {
    let quotas = state.quotas.values().map(|x| format!("{} {}", x.class, x.terms.nominal.0));
    let reservations =
        state.reservations.values().map(|x| format!("{} of {}", x.name, x.nodes.len()));
    let bindings = state.bindings.values().map(|x| binding(state, x));
    let users = state.users.values().map(|x| format!("{} {}", x.id, x.status.as_str()));
    let all = [
        ("quotas".to_owned(), quotas.collect::<Vec<String>>()),
        ("reservations".to_owned(), reservations.collect()),
        ("bindings".to_owned(), bindings.collect()),
        ("users".to_owned(), users.collect()),
    ];
    all.into_iter().filter(|(_, names)| !names.is_empty()).collect()
}

fn binding(state: &State, binding: &kernel::binding::Binding) -> String {
    let role = match binding.role {
        kernel::binding::Role::BuiltIn(role) => role.to_string(),
        kernel::binding::Role::Custom(id) => {
            state.roles.get(&id).map(|role| role.name.to_string()).unwrap_or_default()
        }
    };
    match binding.scope {
        kernel::access::Scope::Platform => format!("{role} of the platform"),
        kernel::access::Scope::Organisation(_) => format!("{role} of an organisation"),
        kernel::access::Scope::Project(_) => format!("{role} of a project"),
    }
}

const fn revoked(is: bool) -> &'static str {
    if is { " revoked" } else { "" }
}

fn workloads(state: &State) -> Vec<String> {
    let mut all: Vec<_> = state.workloads.values().collect();
    all.sort_by_key(|w| (w.submitted_seq, w.id));
    let line = |w: &kernel::workload::Workload| {
        let (kind, state, n) = (w.spec.kind.as_str(), w.state_name(), w.n_attempts);
        format!("{} {kind} {} {state}, {n} attempts, {}", w.spec.name, w.class, w.cost)
    };
    all.into_iter().map(line).collect()
}

fn costs(state: &State, project: units::Id<units::kinds::Project>) -> Vec<String> {
    let lines = state.usage.lines_of(project).map(|(key, line)| {
        format!(
            "{} {} {} at {} = {}",
            key.month, key.per, line.quantity_base, key.price, line.amount
        )
    });
    let totals = state.usage.totals.get(&project).map(|t| {
        format!(
            "{} modelled, {}, {} requests, {} in, {} out",
            t.energy_modelled.kwh_text(),
            t.carbon,
            t.requests,
            t.tokens_in,
            t.tokens_out
        )
    });
    lines.chain(totals).collect()
}
