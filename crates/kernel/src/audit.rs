//! Re-checking history: every decision asked again, every effect against the decisions that it names,
//! with code that knows nothing of the scheduler.

mod bill;
mod budgets;
mod decisions;

use units::{Digest, Id, kinds};

use self::decisions::Decisions;
use crate::{
    Entry, Event, State, dataset, decision,
    inventory::{self, Lacking},
    lineage, model, policy_set, storage, usage,
    workload::{self, Event as WorkloadEvent},
};

/// Something that a log should not contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The entry.
    pub seq: u64,
    /// What is wrong with it.
    pub message: String,
}

/// Findings kept; a log with more is broken beyond listing.
const FINDINGS_MAX: usize = 1_000;

/// Replays a log entry by entry and checks what the fold itself does not.
#[derive(Debug, Default)]
pub struct Auditor {
    state: State,
    findings: Vec<Finding>,
    placements: u64,
    refusals: u64,
    decisions: Decisions,
    trainings: u64,
    bill: bill::Bill,
    budgets: budgets::Budgets,
}

impl Auditor {
    /// Starts from the empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds the next leaf, as stored.
    pub fn feed(&mut self, leaf: &[u8]) {
        let seq = self.state.size;
        match Entry::from_leaf(leaf) {
            Ok(entry) => {
                if entry.at < self.state.last_at {
                    self.find(seq, "its time lies before that of the entry before".to_owned());
                }
                self.check(seq, &entry);
                let money = self.bill.entry(&entry);
                if let Err(message) = self.budgets.entry(&self.state, &entry, money) {
                    self.find(seq, message);
                }
                self.state.apply(&entry);
            }
            Err(error) => {
                self.find(seq, error.to_string());
                // The position is taken even if its content cannot be read.
                self.state.size = self.state.size.saturating_add(1);
            }
        }
    }

    /// Ends the audit: the state, its invariants, and everything found.
    #[must_use]
    pub fn finish(mut self) -> Audit {
        let seq = self.state.size;
        for message in self.state.check() {
            self.find(seq, message);
        }
        let (invoice_lines, wrong) = self.bill.compare(&self.state);
        for message in wrong.into_iter().chain(self.budgets.compare(&self.state)) {
            self.find(seq, message);
        }
        Audit {
            usage_entries: self.bill.entries,
            invoice_lines,
            entries: self.state.size,
            placements: self.placements,
            refusals: self.refusals,
            decisions: self.decisions.asked_again,
            effects: self.decisions.effects,
            effects_before_decisions: self.decisions.effects_before,
            lacking: inventory::lacking(&self.state),
            trainings: self.trainings,
            state_hash: self.state.hash(),
            findings: self.findings,
        }
    }

    fn find(&mut self, seq: u64, message: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { seq, message });
        }
    }

    fn check(&mut self, seq: u64, entry: &Entry) {
        self.check_training(seq, entry);
        let problem = match &entry.event {
            Event::Workload(event) => self.check_workload(event),
            Event::PolicySet(policy_set::Event::Refused(refused)) => {
                self.refusals = self.refusals.saturating_add(1);
                self.decisions.refused(&self.state, refused)
            }
            Event::Decision(decision::Event::Made(made)) => {
                self.decisions.made(&self.state, seq, made)
            }
            Event::Dataset(event) => self.check_dataset(event),
            Event::Model(model::Event::VersionAdded { version, decided, .. }) => {
                let model = self.state.models.get(&version.id);
                let moved = model.map(|model| (model.project, version.class));
                moved.map_or(Ok(()), |moved| self.decisions.artefact(&self.state, moved, decided))
            }
            Event::Storage(event) => self.check_storage(event),
            Event::Usage(usage::Event::Tokens(metered)) => self.check_tokens(metered),
            Event::PolicySet(_)
            | Event::Organisation(_)
            | Event::Project(_)
            | Event::Key(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Budget(_)
            | Event::Quota(_)
            | Event::RateLimit(_)
            | Event::Power(_)
            | Event::Reservation(_)
            | Event::Price(_)
            | Event::Model(_)
            | Event::Endpoint(_)
            | Event::Upstream(_)
            | Event::Usage(_)
            | Event::User(_)
            | Event::Group(_)
            | Event::ServiceAccount(_)
            | Event::Role(_)
            | Event::Binding(_)
            | Event::IdentityProvider(_)
            | Event::Capability(_)
            | Event::Consent(_)
            | Event::Erasure(_)
            | Event::Course(_)
            | Event::Transfer(_)
            | Event::Entity(_)
            | Event::Evidence(_) => Ok(()),
        };
        if let Err(message) = problem {
            self.find(seq, message);
        }
    }

    fn check_tokens(&mut self, metered: &usage::TokensMetered) -> Result<(), String> {
        let endpoint = self.state.endpoints.get(&metered.endpoint);
        let endpoint = endpoint.filter(|_| metered.requests > 0 || metered.answers.is_some());
        endpoint.map_or(Ok(()), |found| self.decisions.inference(&self.state, found, metered))
    }

    fn check_training(&mut self, seq: u64, entry: &Entry) {
        let Some(spec) = lineage::training(&self.state, &entry.event) else { return };
        self.trainings = self.trainings.saturating_add(1);
        if let Some(whose) = lineage::forbidden(&self.state, spec) {
            let text = "it trains on what people of an organisation asked models, without consent";
            self.find(seq, format!("{text}: {whose}"));
        }
    }

    fn check_storage(&mut self, event: &storage::Event) -> Result<(), String> {
        match event {
            storage::Event::Registered { purpose, site, decided, .. } => {
                self.decisions.storage(&self.state, (*purpose, *site), decided)
            }
            storage::Event::Sent { id, what, decided } => {
                self.decisions.sent(&self.state, (*id, *what), decided)
            }
            storage::Event::Retired { .. } => Ok(()),
        }
    }

    fn check_dataset(&mut self, event: &dataset::Event) -> Result<(), String> {
        let (id, decided) = match event {
            dataset::Event::VersionAdded { id, decided, .. } => (*id, decided),
            dataset::Event::VersionDerived { version, decided, .. } => (version.id, decided),
            dataset::Event::Created { .. }
            | dataset::Event::CreatedCaptured { .. }
            | dataset::Event::RetentionSet { .. } => {
                return Ok(());
            }
        };
        let moved = self.state.datasets.get(&id).map(|one| (one.project, one.class));
        moved.map_or(Ok(()), |moved| self.decisions.artefact(&self.state, moved, decided))
    }

    fn check_workload(&mut self, event: &WorkloadEvent) -> Result<(), String> {
        match event {
            WorkloadEvent::Placed { id, site, nodes, decision, seats, decided, .. } => {
                self.placements = self.placements.saturating_add(1);
                self.check_decided((*id, *site), decision, decided)?;
                self.check_placement(*id, *site, (nodes, seats))
            }
            WorkloadEvent::PlacedMany { id, site, nodes, decision, decided, .. } => {
                self.placements = self.placements.saturating_add(1);
                let nodes = nodes.verified(&self.state);
                let nodes = nodes.ok_or("its node positions do not give its digest")?;
                self.check_decided((*id, *site), decision, decided)?;
                self.check_placement(*id, *site, (&nodes, &[]))
            }
            WorkloadEvent::Submitted { .. }
            | WorkloadEvent::RankChanged { .. }
            | WorkloadEvent::StopRequested { .. }
            | WorkloadEvent::Requeued { .. }
            | WorkloadEvent::Ended { .. }
            | WorkloadEvent::OutputsFailed { .. }
            | WorkloadEvent::PowerLimitSet { .. } => Ok(()),
        }
    }

    /// The placement's own copy of the decision, and those that it names.
    fn check_decided(
        &mut self,
        (id, site): (Id<kinds::Workload>, Id<kinds::Site>),
        recorded: &policy::Decision,
        decided: &[u64],
    ) -> Result<(), String> {
        let state = &self.state;
        let workload = state.workloads.get(&id).ok_or("places a workload that does not exist")?;
        let place = state.sites.get(&site).ok_or("places into a site that does not exist")?;
        let mut asks = workload::asks(workload.project, &workload.spec, workload.class, site);
        let ask = asks.next().ok_or("a placement that asks nothing")?;
        let on_record = state.decisions.find(&ask).map(|(_, decision)| decision.clone());
        // Older entries have no decisions of their own: there it is asked again.
        let decision = on_record.filter(|_| !decided.is_empty());
        let decision = decision.or_else(|| decision::ask_now(state, &ask).map(|(_, now)| now));
        let decision = decision.ok_or("no policy was in force")?;
        if !decision.allowed {
            return Err(format!("policy did not allow {id} at site `{}`", place.name));
        }
        if decision != *recorded {
            return Err(format!(
                "the recorded decision for {id} is not that of the policy in force"
            ));
        }
        self.decisions.placement(state, workload, site, decided)
    }

    fn check_placement(
        &self,
        id: Id<kinds::Workload>,
        site: Id<kinds::Site>,
        (nodes, seats): (&[Id<kinds::Node>], &[workload::GpuSeat]),
    ) -> Result<(), String> {
        let state = &self.state;
        let workload = state.workloads.get(&id).ok_or("places a workload that does not exist")?;
        // Work in older entries without seats has whole GPUs.
        let has_parts = !seats.is_empty();
        if has_parts {
            workload::check_seats(state, &workload.spec, nodes, seats)?;
        }
        let mut free = std::collections::BTreeMap::new();
        let mut ranks = Vec::with_capacity(nodes.len());
        for node_id in nodes {
            let node = state.nodes.get(node_id).ok_or("names a node that does not exist")?;
            if node.site != site || !node.status.takes(nodes.len()) {
                return Err(format!("node `{}` was not ready at that site", node.name));
            }
            let left = free.entry(*node_id).or_insert_with(|| node.free());
            let (_, taken) = workload
                .spec
                .take_on(node)
                .ok_or_else(|| format!("node `{}` had other GPUs", node.name))?;
            let taken = if has_parts { workload.spec.beside_part(taken) } else { taken };
            *left = left
                .checked_sub(taken)
                .ok_or_else(|| format!("node `{}` had not enough free capacity", node.name))?;
            ranks.push(node);
        }
        workload::require_near(&workload.spec, &ranks)
    }
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Entries read.
    pub entries: u64,
    /// Placements checked against the policy then in force.
    pub placements: u64,
    /// Refusals on record.
    pub refusals: u64,
    /// Decisions and refusals that were asked again from what they were made from.
    pub decisions: u64,
    /// Placements, movements of data and minutes of inference, each of which names decisions before it
    /// that allow it.
    pub effects: u64,
    /// The same in entries of versions that kept no decisions.
    pub effects_before_decisions: u64,
    /// Objects at the end of the log without a country, operator, jurisdiction or owner.
    pub lacking: Vec<Lacking>,
    /// Submissions and placements of training whose lineage was read.
    pub trainings: u64,
    /// Usage entries from which the bill was made again.
    pub usage_entries: u64,
    /// Invoice lines compared with it.
    pub invoice_lines: u64,
    /// Hash of the state that the log gives.
    pub state_hash: Digest,
    /// What is wrong; empty for a sound log.
    pub findings: Vec<Finding>,
}
