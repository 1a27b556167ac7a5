//! Decisions on trial: each is asked again from what the log says it was made from, and each effect
//! must name decisions before it that allow exactly what it does and still hold.

use std::collections::BTreeMap;

use policy::{Action, Ask, Decision, Question};
use units::{Digest, Id, kinds};

use crate::{
    State, decision, endpoint::Endpoint, policy_set, reject::Refused, storage,
    usage::TokensMetered, workload::Workload,
};

/// Answers of one audit that are remembered.
const ANSWERS_KEPT: usize = 100_000;

/// Decisions read so far, and what was counted.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    made: BTreeMap<u64, (Ask, bool)>,
    /// Answers to a request about entities by a set of policies, all by their digests.
    answers: BTreeMap<(Digest, Digest, Digest), Decision>,
    /// Decisions and refusals that were asked again.
    pub(super) asked_again: u64,
    /// Effects of which each named its decisions.
    pub(super) effects: u64,
    /// Effects in entries older than decisions.
    pub(super) effects_before: u64,
}

/// What an effect may rest on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// The answer on record at that moment.
    Now,
    /// An answer that was on record.
    Once,
}

impl Decisions {
    /// A decision: true to the state, to its digests, and to the policies in force.
    pub(super) fn made(
        &mut self,
        state: &State,
        seq: u64,
        made: &decision::Made,
    ) -> Result<(), String> {
        let ask = Ask::of(&made.question).ok_or("a decision's question names no ids")?;
        self.made.insert(seq, (ask.clone(), made.decision.allowed));
        if made.request != made.question.request_digest()
            || made.entities != made.question.entities_digest()
        {
            return Err("a decision's digests are not those of its question".to_owned());
        }
        self.ask_again(state, &ask, &made.question, &made.decision)
    }

    /// A refusal is a decision as well; older ones do not say what was asked.
    pub(super) fn refused(&mut self, state: &State, refused: &Refused) -> Result<(), String> {
        let Some(question) = &refused.question else { return Ok(()) };
        let ask = Ask::of(question).ok_or("a refusal's question names no ids")?;
        if refused.decision.allowed {
            return Err("a refusal rests on a decision that allows".to_owned());
        }
        self.ask_again(state, &ask, question, &refused.decision)
    }

    /// A placement of work.
    pub(super) fn placement(
        &mut self,
        state: &State,
        workload: &Workload,
        site: Id<kinds::Site>,
        decided: &[u64],
    ) -> Result<(), String> {
        let asks =
            crate::workload::asks(workload.project, &workload.spec, workload.class, site).collect();
        self.effect(state, decided, asks, Holds::Now)
    }

    /// A version of a dataset or model, which comes to where artefacts are kept.
    pub(super) fn artefact(
        &mut self,
        state: &State,
        moved: (Id<kinds::Project>, units::DataClass),
        decided: &[u64],
    ) -> Result<(), String> {
        let Some(ask) = storage::artefact_ask(state, moved) else { return Ok(()) };
        self.effect(state, decided, vec![ask], Holds::Now)
    }

    /// A place of storage, to which data comes by registering it.
    pub(super) fn storage(
        &mut self,
        state: &State,
        (purpose, site): (storage::Purpose, Id<kinds::Site>),
        decided: &[u64],
    ) -> Result<(), String> {
        let asks: Vec<Ask> = storage::asks(purpose, site).collect();
        if asks.is_empty() {
            return Ok(());
        }
        self.effect(state, decided, asks, Holds::Now)
    }

    /// Something that left for a place.
    pub(super) fn sent(
        &mut self,
        state: &State,
        (id, what): (Id<kinds::Storage>, storage::Sent),
        decided: &[u64],
    ) -> Result<(), String> {
        let place =
            state.storages.get(&id).ok_or("something left for a place that does not exist")?;
        let asks = storage::sending_asks(state, place.site, what);
        self.effect(state, decided, asks, Holds::Now)
    }

    /// Requests that were answered: by routes that decisions opened, to where its services were.
    pub(super) fn inference(
        &mut self,
        state: &State,
        endpoint: &Endpoint,
        metered: &TokensMetered,
    ) -> Result<(), String> {
        if let Some(answers) = metered.answers
            && (answers.count == 0 || answers.count > metered.requests)
        {
            let (count, requests) = (answers.count, metered.requests);
            return Err(format!("it has {count} answers to {requests} requests"));
        }
        let services = endpoint.services(state);
        let mut asks = Vec::new();
        for seq in &metered.decided {
            let Some((ask, _)) = self.made.get(seq) else {
                return Err(format!("entry {seq} is no decision"));
            };
            let placed = services.clone().any(|service| {
                service.attempts.iter().any(|attempt| {
                    let (spec, class) = (&service.spec, service.class);
                    crate::workload::asks(service.project, spec, class, attempt.site)
                        .any(|own| own == *ask)
                })
            });
            let leads_there = endpoint.opening_asks().any(|(_, own)| own == *ask);
            if !placed && !leads_there {
                return Err(format!("decision {seq} is about no service of {}", endpoint.id));
            }
            asks.push(ask.clone());
        }
        let routed = asks.iter().any(|ask| ask.action == Action::Serve);
        if !routed && !metered.decided.is_empty() {
            return Err("no decision opened a route".to_owned());
        }
        self.effect(state, &metered.decided, asks, Holds::Once)
    }

    fn effect(
        &mut self,
        state: &State,
        decided: &[u64],
        asks: Vec<Ask>,
        holds: Holds,
    ) -> Result<(), String> {
        if decided.is_empty() && self.made.is_empty() {
            self.effects_before = self.effects_before.saturating_add(1);
            return Ok(());
        }
        if decided.is_empty() {
            return Err("no decision stands before it".to_owned());
        }
        for ask in asks {
            // Everything read so far has a lower index.
            let named = decided.iter().filter_map(|seq| Some((seq, self.made.get(seq)?)));
            let mut fitting = named.filter(|(_, (made, _))| *made == ask);
            let Some((seq, (_, allowed))) = fitting.next() else {
                return Err(format!("no decision that it names is about {}", ask.action));
            };
            if !allowed {
                return Err(format!("decision {seq} does not allow it"));
            }
            let on_record = state.decisions.find(&ask).map(|(at, _)| at);
            if holds == Holds::Now && on_record != Some(*seq) {
                return Err(format!("decision {seq} did not hold any more"));
            }
        }
        self.effects = self.effects.saturating_add(1);
        Ok(())
    }

    /// The same question again, of the policies that the log had put into force by then. Policies are
    /// a pure function, so what was asked of the same set before is not asked twice.
    fn ask_again(
        &mut self,
        state: &State,
        ask: &Ask,
        question: &Question,
        recorded: &Decision,
    ) -> Result<(), String> {
        self.asked_again = self.asked_again.saturating_add(1);
        if decision::question(state, ask).as_ref() != Some(question) {
            return Err("a decision's question is not what the log says of its site".to_owned());
        }
        let policies = policy_set::in_force_for(state, ask.project);
        let policies = policies.ok_or("no policy was in force")?;
        let key = (question.request_digest(), question.entities_digest(), policies.hash());
        if self.answers.len() >= ANSWERS_KEPT {
            self.answers.clear();
        }
        let answer = self.answers.entry(key).or_insert_with(|| policies.decide(question));
        if answer != recorded {
            return Err(format!(
                "a decision about {} at `{}` is not that of the policy in force",
                ask.action, question.site.name
            ));
        }
        Ok(())
    }
}
