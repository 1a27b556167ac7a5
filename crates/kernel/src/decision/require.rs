//! Asking: from the record if it is there, else from Cedar, with a new entry.

use policy::{Ask, Decision, PLATFORM, Question};

use super::{Event, Made};
use crate::{Reject, State, Subject, policy_set, reject::Refused};

/// An answer and where it stands in the log, if it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Position in the log; `None` if it was made just now and is on no record.
    pub seq: Option<u64>,
    /// The answer.
    pub decision: Decision,
}

/// A no, with what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked in ids.
    pub ask: Ask,
    /// What policies could see.
    pub question: Question,
    /// The answer.
    pub decision: Decision,
}

/// Why something cannot go on.
#[derive(Debug)]
pub(crate) enum No {
    /// Project or site do not exist.
    Missing(Ask),
    /// Policy says no.
    Forbidden(Box<Refusal>),
    /// Nothing was asked, and an unasked question is a no.
    Unasked,
}

impl No {
    /// The refusal of a command about `what`: a name as given, or an id.
    pub(crate) fn refuse(self, what: String) -> Reject {
        match self {
            Self::Missing(ask) => Reject::not_found("site", ask.site),
            Self::Unasked => Reject::not_found("decision", what),
            Self::Forbidden(refusal) => refusal.refuse(what),
        }
    }
}

impl Refusal {
    /// The refusal of a command about `what`: a name as given, or an id.
    pub(crate) fn refuse(self, what: String) -> Reject {
        let refusal = policy::explain(&self.question, &self.decision);
        let Some(project) = self.ask.project else {
            // The platform asks for itself: the no goes on record as the decision that it is.
            let event = made(self.ask.site.into(), self.question, self.decision);
            return Reject::ForbiddenToPlatform { event: Box::new(event), refusal };
        };
        Reject::ForbiddenByPolicy(Box::new(Refused {
            project,
            workload: what,
            class: self.question.class,
            decision: self.decision,
            refusal,
            question: Some(Box::new(self.question)),
        }))
    }
}

/// The question behind an ask, as the state has it now; nothing if project or site do not exist.
#[must_use]
pub fn question(state: &State, ask: &Ask) -> Option<Question> {
    let site = state.sites.get(&ask.site)?.facts(state);
    let (organisation, project) = match ask.project {
        None => (PLATFORM.to_owned(), PLATFORM.to_owned()),
        Some(id) => (state.projects.get(&id)?.organisation.to_string(), id.to_string()),
    };
    Some(Question {
        action: ask.action,
        organisation,
        project,
        class: ask.class,
        category: ask.category,
        residency: ask.residency.clone(),
        site,
    })
}

/// Asks Cedar, whatever is on record; nothing if project or site do not exist.
#[must_use]
pub fn ask_now(state: &State, ask: &Ask) -> Option<(Question, Decision)> {
    let question = question(state, ask)?;
    let decision = policy_set::in_force_for(state, ask.project)?.decide(&question);
    Some((question, decision))
}

/// The answer on record, or Cedar's; nothing if project or site do not exist.
#[must_use]
pub fn answer(state: &State, ask: &Ask) -> Option<Answer> {
    if let Some((seq, decision)) = state.decisions.find(ask) {
        return Some(Answer { seq: Some(seq), decision: decision.clone() });
    }
    ask_now(state, ask).map(|(_, decision)| Answer { seq: None, decision })
}

/// The answer on record in the state or among the events of this command.
fn known(state: &State, events: &[crate::Event], ask: &Ask) -> Option<(u64, Decision)> {
    if let Some((seq, decision)) = state.decisions.find(ask) {
        return Some((seq, decision.clone()));
    }
    (state.size..).zip(events).find_map(|(seq, event)| {
        let crate::Event::Decision(Event::Made(made)) = event else { return None };
        let same = Ask::of(&made.question).as_ref() == Some(ask);
        same.then(|| (seq, made.decision.clone()))
    })
}

/// The position of the decision that allows it. One that is not on record yet joins the events, which
/// must be all events of the command so far: its position follows from their number.
///
/// # Errors
/// The no; of it nothing joins the events.
pub(crate) fn require(
    state: &State,
    events: &mut Vec<crate::Event>,
    ask: &Ask,
    about: Subject,
) -> Result<(u64, Decision), No> {
    let refuse = |question: Question, decision: Decision| {
        No::Forbidden(Box::new(Refusal { ask: ask.clone(), question, decision }))
    };
    if let Some((seq, decision)) = known(state, events, ask) {
        if decision.allowed {
            return Ok((seq, decision));
        }
        let question = question(state, ask).ok_or_else(|| No::Missing(ask.clone()))?;
        return Err(refuse(question, decision));
    }
    let (question, decision) = ask_now(state, ask).ok_or_else(|| No::Missing(ask.clone()))?;
    if !decision.allowed {
        return Err(refuse(question, decision));
    }
    let ahead = u64::try_from(events.len()).unwrap_or(u64::MAX);
    events.push(made(about, question, decision.clone()));
    Ok((state.size.saturating_add(ahead), decision))
}

/// The entry of a decision.
pub(super) fn made(about: Subject, question: Question, decision: Decision) -> crate::Event {
    let (request, entities) = (question.request_digest(), question.entities_digest());
    let made = Made { about, question, decision, request, entities };
    crate::Event::Decision(Event::Made(Box::new(made)))
}
