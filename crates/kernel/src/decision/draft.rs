//! What a change of policy would do, before it is made: to what runs and waits, to routes and artefacts,
//! and to decisions of the past.
//!
//! Only reads. It asks the same policies that would be in force, over the same questions; what it says
//! of the present is what [`super::review`] would do if the change came now.

use std::collections::BTreeMap;

use policy::{Ask, Decision, Question};
use units::{DataClass, Id, kinds};

use super::require::ask_now;
use crate::{
    Ctx, Reject, Stamp, State, Subject, dispatch,
    endpoint::Endpoint,
    policy_set, storage,
    workload::{self, Workload},
};

/// A platform as it is, and as far as policy goes as it would be.
#[derive(Debug)]
pub struct Draft<'a> {
    now: &'a State,
    then: State,
    answers: BTreeMap<Ask, Option<Answers>>,
}

/// An answer now and then.
#[derive(Debug, Clone)]
struct Answers {
    now: bool,
    then: Decision,
}

/// What a change means for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impact {
    /// The workload, endpoint, dataset or model.
    pub subject: Subject,
    /// The project that it is of.
    pub project: Id<kinds::Project>,
    /// Its name.
    pub name: String,
    /// Where it is; `None` for what waits.
    pub site: Option<Id<kinds::Site>>,
    /// Sites where it is allowed now, or whether it is where it is (0 or 1).
    pub allowed_now: usize,
    /// The same after the change.
    pub allowed_then: usize,
    /// Policies that would decide against it; empty if it would be allowed or nothing would permit it.
    pub because: Vec<String>,
}

/// Everything that would change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impacts {
    /// Work that holds nodes and would go back to the queue, or could stay after all.
    pub running: Vec<Impact>,
    /// Work that waits and would have other sites.
    pub queued: Vec<Impact>,
    /// Endpoints with services whose routes would close or open.
    pub endpoints: Vec<Impact>,
    /// Datasets and models that could no longer lie where artefacts are kept, or again.
    pub artefacts: Vec<Impact>,
}

/// A decision of the past that would be another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// What was asked.
    pub question: Question,
    /// The answer on record.
    pub was: Decision,
    /// The answer after the change.
    pub would_be: Decision,
}

impl<'a> Draft<'a> {
    /// The platform after a change of policy.
    ///
    /// # Errors
    /// What would refuse the change itself.
    pub fn of(state: &'a State, command: &policy_set::Command, ctx: &Ctx) -> Result<Self, Reject> {
        let mut then = state.policy_view();
        for event in policy_set::decide(state, command, ctx)? {
            let stamp = Stamp { seq: then.size, at: ctx.now, actor: ctx.actor };
            dispatch::apply(&mut then, &event, &stamp);
        }
        Ok(Self { now: state, then, answers: BTreeMap::new() })
    }

    /// The platform without one of its policies, to see what that policy decides.
    #[must_use]
    pub fn without(state: &'a State, policy: Id<kinds::Policy>) -> Self {
        let mut then = state.policy_view();
        then.policy_sets.remove(&policy);
        policy_set::compile_all(&mut then);
        Self { now: state, then, answers: BTreeMap::new() }
    }

    /// The answer to a question after the change.
    #[must_use]
    pub fn ask(&self, ask: &Ask) -> Option<(Question, Decision)> {
        ask_now(&self.then, ask)
    }

    /// A decision of the past, asked of the policies after the change; nothing if it stays.
    #[must_use]
    pub fn flips(&self, question: &Question, was: &Decision) -> Option<Flip> {
        let project = Ask::of(question)?.project;
        let would_be = policy_set::in_force_for(&self.then, project)?.decide(question);
        (would_be.allowed != was.allowed).then(|| Flip {
            question: question.clone(),
            was: was.clone(),
            would_be,
        })
    }

    /// What would change for everything that is.
    #[must_use]
    pub fn impacts(&mut self) -> Impacts {
        let mut found = Impacts::default();
        let state = self.now;
        for workload in state.active_workloads().filter(|workload| !workload.is_array()) {
            if workload.holds_nodes() {
                found.running.extend(self.running(workload));
            } else {
                found.queued.extend(self.queued(workload));
            }
        }
        for (id, endpoint) in state.endpoints.iter().filter(|(_, one)| one.deleted_at.is_none()) {
            let services = &endpoint.workloads;
            let mut affected = found.running.iter().filter(
                |impact| matches!(impact.subject, Subject::Workload(id) if services.contains(&id)),
            );
            if let Some(first) = affected.next().cloned() {
                let (subject, name) = ((*id).into(), endpoint.name.to_string());
                found.endpoints.push(Impact { subject, name, ..first });
                continue;
            }
            found.endpoints.extend(self.routes(endpoint));
        }
        for (id, dataset) in &state.datasets {
            let moved = (dataset.project, dataset.class);
            let known = dataset.versions.is_empty();
            found.artefacts.extend(
                self.artefact(moved, ((*id).into(), dataset.name.to_string())).filter(|_| !known),
            );
        }
        for (id, model) in &state.models {
            let class = model.versions.iter().map(|version| version.class).max();
            let Some(class) = class else { continue };
            let named = ((*id).into(), model.name.to_string());
            found.artefacts.extend(self.artefact((model.project, class), named));
        }
        found
    }

    fn running(&mut self, workload: &Workload) -> Option<Impact> {
        let site = workload.attempt()?.site;
        let (now, then, because) = self.at(workload, site);
        (now != then).then(|| Impact {
            subject: workload.id.into(),
            project: workload.project,
            name: workload.spec.name.to_string(),
            site: Some(site),
            allowed_now: usize::from(now),
            allowed_then: usize::from(then),
            because,
        })
    }

    /// The first route to an upstream that would close or open.
    fn routes(&mut self, endpoint: &Endpoint) -> Option<Impact> {
        let open = endpoint.opening_asks().filter(|(one, _)| one.until.is_none());
        open.map(|(_, ask)| ask).find_map(|ask| {
            let site = Some(ask.site);
            let answers = self.answers(ask)?;
            (answers.now != answers.then.allowed).then(|| Impact {
                subject: endpoint.id.into(),
                project: endpoint.project,
                name: endpoint.name.to_string(),
                site,
                allowed_now: usize::from(answers.now),
                allowed_then: usize::from(answers.then.allowed),
                because: because(&answers.then),
            })
        })
    }

    fn queued(&mut self, workload: &Workload) -> Option<Impact> {
        let (mut allowed_now, mut allowed_then) = (0_usize, 0_usize);
        let mut because = Vec::new();
        for site in self.now.sites.keys() {
            let (now, then, why) = self.at(workload, *site);
            allowed_now = allowed_now.saturating_add(usize::from(now));
            allowed_then = allowed_then.saturating_add(usize::from(then));
            if now && !then {
                because = why;
            }
        }
        (allowed_now != allowed_then).then(|| Impact {
            subject: workload.id.into(),
            project: workload.project,
            name: workload.spec.name.to_string(),
            site: None,
            allowed_now,
            allowed_then,
            because,
        })
    }

    fn artefact(
        &mut self,
        (project, class): (Id<kinds::Project>, DataClass),
        (subject, name): (Subject, String),
    ) -> Option<Impact> {
        let ask = storage::artefact_ask(self.now, (project, class))?;
        let site = Some(ask.site);
        let answers = self.answers(ask)?;
        (answers.now != answers.then.allowed).then(|| Impact {
            subject,
            project,
            name,
            site,
            allowed_now: usize::from(answers.now),
            allowed_then: usize::from(answers.then.allowed),
            because: because(&answers.then),
        })
    }

    /// If a workload is allowed at a site, now and then, and what would decide against it.
    fn at(&mut self, workload: &Workload, site: Id<kinds::Site>) -> (bool, bool, Vec<String>) {
        let (mut now, mut then, mut why) = (true, true, Vec::new());
        for ask in workload::asks(workload.project, &workload.spec, workload.class, site) {
            let Some(answers) = self.answers(ask) else { return (false, false, why) };
            now &= answers.now;
            then &= answers.then.allowed;
            why.extend(because(&answers.then));
        }
        (now, then, why)
    }

    fn answers(&mut self, ask: Ask) -> Option<Answers> {
        let (now, then) = (self.now, &self.then);
        let found = self.answers.entry(ask).or_insert_with_key(|ask| {
            let answer = super::answer(now, ask)?;
            let (_, then) = ask_now(then, ask)?;
            Some(Answers { now: answer.decision.allowed, then })
        });
        found.clone()
    }
}

/// The policies of a no; none for a yes.
fn because(decision: &Decision) -> Vec<String> {
    if decision.allowed { Vec::new() } else { decision.determining.clone() }
}
