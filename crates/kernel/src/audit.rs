//! Re-checking history: every placement against the policy in force at that moment, with code that
//! knows nothing of the scheduler.

mod bill;

use units::{Digest, Id, kinds};

use crate::{
    Entry, Event, State, lineage, policy_set,
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
    trainings: u64,
    bill: bill::Bill,
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
                self.bill.entry(&entry);
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
        for message in wrong {
            self.find(seq, message);
        }
        Audit {
            usage_entries: self.bill.entries,
            invoice_lines,
            entries: self.state.size,
            placements: self.placements,
            refusals: self.refusals,
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
        if let Some(spec) = lineage::training(&self.state, &entry.event) {
            self.trainings = self.trainings.saturating_add(1);
            if let Some(whose) = lineage::forbidden(&self.state, spec) {
                let text =
                    "it trains on what people of an organisation asked models, without consent";
                self.find(seq, format!("{text}: {whose}"));
            }
        }
        match &entry.event {
            Event::Workload(WorkloadEvent::Placed { id, site, nodes, decision, seats, .. }) => {
                self.placements = self.placements.saturating_add(1);
                let problem = self.check_placement(*id, *site, (nodes, seats), decision);
                if let Err(message) = problem {
                    self.find(seq, message);
                }
            }
            Event::Workload(WorkloadEvent::PlacedMany { id, site, nodes, decision, .. }) => {
                self.placements = self.placements.saturating_add(1);
                let read = nodes.verified(&self.state);
                let read = read.ok_or_else(|| "its node positions do not give its digest".into());
                let problem = read
                    .and_then(|nodes| self.check_placement(*id, *site, (&nodes, &[]), decision));
                if let Err(message) = problem {
                    self.find(seq, message);
                }
            }
            Event::PolicySet(policy_set::Event::Refused(_)) => {
                self.refusals = self.refusals.saturating_add(1);
            }
            Event::Workload(_)
            | Event::PolicySet(_)
            | Event::Organisation(_)
            | Event::Project(_)
            | Event::Key(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Budget(_)
            | Event::Quota(_)
            | Event::Power(_)
            | Event::Reservation(_)
            | Event::Price(_)
            | Event::Dataset(_)
            | Event::Model(_)
            | Event::Endpoint(_)
            | Event::Usage(_)
            | Event::User(_)
            | Event::Group(_)
            | Event::ServiceAccount(_)
            | Event::Role(_)
            | Event::Binding(_)
            | Event::IdentityProvider(_)
            | Event::Capability(_)
            | Event::Erasure(_)
            | Event::Course(_)
            | Event::Transfer(_) => {}
        }
    }

    fn check_placement(
        &self,
        id: Id<kinds::Workload>,
        site: Id<kinds::Site>,
        (nodes, seats): (&[Id<kinds::Node>], &[workload::GpuSeat]),
        recorded: &policy::Decision,
    ) -> Result<(), String> {
        let state = &self.state;
        let workload = state.workloads.get(&id).ok_or("places a workload that does not exist")?;
        let place = state.sites.get(&site).ok_or("places into a site that does not exist")?;
        let policies =
            policy_set::in_force(state, workload.project).ok_or("no policy was in force")?;
        let question = workload::question(
            state,
            workload.project,
            &workload.spec,
            workload.class,
            place.facts(),
        );
        let decision = policies.decide(&question);
        if !decision.allowed {
            return Err(format!("policy did not allow {id} at site `{}`", place.name));
        }
        if decision != *recorded {
            return Err(format!(
                "the recorded decision for {id} is not that of the policy in force"
            ));
        }
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
