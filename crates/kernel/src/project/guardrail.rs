//! Guardrails: what a project wants of the questions that its endpoints are asked, and of their answers.
//!
//! The platform records what was asked for; the gateway does it. Whether an expression can be read is looked
//! at where it comes in, with the engine that will run it: one that a later version cannot read refuses all.

use std::collections::BTreeSet;

use policy::Ask;
use serde::{Deserialize, Serialize};
use units::{DataClass, Id, Name, kinds};

use crate::{Reject, State, Subject, decision, endpoint::route_ask, limits};

/// What a guardrail looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// What is asked, before it is sent to a model.
    Question,
    /// What a model answers, before it is shown.
    Answer,
    /// Both.
    Both,
}

/// What happens when it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The question is refused, or the answer ends.
    Refuse,
    /// What matched is replaced.
    Redact,
    /// It is counted and passes.
    Report,
}

/// Limits of size; at least one is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeRule {
    /// Bytes of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// Characters of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters_max: Option<u64>,
    /// Tokens, as the gateway estimates them from the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// Messages of a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u64>,
}

/// What it compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// How much there is.
    Size(SizeRule),
    /// An expression in the syntax of the `regex` crate.
    Pattern {
        /// The expression.
        pattern: String,
        /// Characters of a streamed answer that are held back for it.
        window_chars: u32,
    },
    /// A service that is asked.
    Checker(CheckerRule),
}

/// A service elsewhere that is asked about texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckerRule {
    /// How it is spoken to: its address, its reach, its sealed key, and the site where it stands.
    pub upstream: Id<kinds::Upstream>,
    /// Longest time for an answer.
    pub timeout_ms: u32,
    /// What happens to texts about which it gives none.
    pub unanswered: Unanswered,
    /// Characters of a streamed answer that are gathered before it is asked about them.
    pub window_chars: u32,
}

/// What happens to texts that could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unanswered {
    /// They are refused.
    Refuse,
    /// They pass, and are counted.
    Pass,
}

/// One guardrail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guardrail {
    /// Unique in the project; refusals name it.
    pub name: Name,
    /// The one endpoint that it is for; all of the project if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// What it looks at.
    pub side: Side,
    /// What happens when it matches.
    pub action: Action,
    /// What it compares.
    pub rule: Rule,
}

impl Guardrail {
    /// The service that it asks, if it is of this kind.
    #[must_use]
    pub fn checker(&self) -> Option<&CheckerRule> {
        match &self.rule {
            Rule::Checker(checker) => Some(checker),
            Rule::Size(_) | Rule::Pattern { .. } => None,
        }
    }

    /// Whether texts of one of its project's endpoints may be sent to the service that it asks: only while
    /// policy's yes about the service's site is on record. True for those that ask none.
    #[must_use]
    pub fn is_allowed(&self, state: &State, project: Id<kinds::Project>, class: DataClass) -> bool {
        let Some(checker) = self.checker() else { return true };
        let found = state.upstreams.get(&checker.upstream).filter(|one| one.serves(project));
        found.is_some_and(|one| state.decisions.allows(&route_ask(project, class, one.site)))
    }

    /// The same as it could be anywhere: without its endpoint, and without the service that it asks.
    pub(crate) fn anywhere(&self) -> Self {
        let rule = match &self.rule {
            Rule::Checker(_) => Rule::Size(SizeRule { bytes_max: Some(0), ..SizeRule::default() }),
            rule @ (Rule::Size(_) | Rule::Pattern { .. }) => rule.clone(),
        };
        Self { endpoint: None, rule, ..self.clone() }
    }
}

/// The questions about the services that a project's texts are sent to, as far as they were asked before.
pub(crate) fn asked_before(state: &State) -> impl Iterator<Item = (Id<kinds::Project>, Ask)> + '_ {
    let asks = state.projects.values().flat_map(|project| {
        let rules = project.guardrails.iter().filter(|one| one.checker().is_some());
        rules.flat_map(|one| asks(state, project.id, one).map(|ask| (project.id, ask)))
    });
    asks.filter(|(_, ask)| state.decisions.find(ask).is_some())
}

/// What is asked about one service: as about a route of each endpoint that it concerns.
fn asks<'a>(
    state: &'a State,
    project: Id<kinds::Project>,
    one: &'a Guardrail,
) -> impl Iterator<Item = Ask> + 'a {
    let upstream = one.checker().and_then(|checker| state.upstreams.get(&checker.upstream));
    let endpoints = state.endpoints.values().filter(move |endpoint| {
        let is_meant = one.endpoint.is_none_or(|id| id == endpoint.id);
        is_meant && endpoint.project == project && endpoint.deleted_at.is_none()
    });
    let classes: BTreeSet<DataClass> = endpoints.map(|endpoint| endpoint.class(state)).collect();
    let site = upstream.map(|upstream| upstream.site);
    classes.into_iter().filter_map(move |class| Some(route_ask(project, class, site?)))
}

/// Requires policy's yes about every service that is asked; what is not on record yet joins the events.
pub(super) fn require(
    state: &State,
    project: Id<kinds::Project>,
    guardrails: &[Guardrail],
    events: &mut Vec<crate::Event>,
) -> Result<(), Reject> {
    for one in guardrails {
        for ask in asks(state, project, one) {
            let made = decision::require(state, events, &ask, Subject::from(project));
            made.map_err(|no| no.refuse(one.name.to_string()))?;
        }
    }
    Ok(())
}

/// Requires the same for an endpoint that is new or takes texts of another class.
pub(crate) fn require_for_endpoint(
    state: &State,
    (id, project): (Id<kinds::Endpoint>, Id<kinds::Project>),
    class: DataClass,
    events: &mut Vec<crate::Event>,
) -> Result<(), Reject> {
    let Some(found) = state.projects.get(&project) else { return Ok(()) };
    let own = found.guardrails.iter().filter(|one| one.endpoint.is_none_or(|only| only == id));
    for one in own {
        let upstream = one.checker().and_then(|checker| state.upstreams.get(&checker.upstream));
        let Some(upstream) = upstream else { continue };
        let ask = route_ask(project, class, upstream.site);
        let made = decision::require(state, events, &ask, id.into());
        made.map_err(|no| no.refuse(upstream.name.to_string()))?;
    }
    Ok(())
}

/// Whether a project that has those before may have these.
pub(super) fn check(
    state: &State,
    (project, before): (Id<kinds::Project>, &[Guardrail]),
    guardrails: &[Guardrail],
) -> Result<(), Reject> {
    // The last of them is what there must be room for.
    Reject::limit("guardrails", guardrails.len().saturating_sub(1), limits::GUARDRAILS_MAX)?;
    let mut names = BTreeSet::new();
    for one in guardrails {
        if !names.insert(&one.name) {
            let name = one.name.to_string();
            return Err(Reject::NameTaken { kind: "guardrail", name });
        }
        if let Some(id) = one.endpoint {
            let found = state.endpoints.get(&id).filter(|endpoint| endpoint.project == project);
            // One that is named already may stay, though its endpoint did not come along with the project.
            let is_named = |known: &Guardrail| known.endpoint == Some(id);
            if found.is_none() && !before.iter().any(is_named) {
                return Err(Reject::not_found("endpoint", id));
            }
        }
        if let Some(checker) = one.checker() {
            let found = state.upstreams.get(&checker.upstream);
            // The same holds for one that stayed behind: it answers nothing.
            let is_named = |known: &Guardrail| {
                known.checker().is_some_and(|known| known.upstream == checker.upstream)
            };
            let is_own = found.is_some_and(|upstream| upstream.serves(project));
            let stayed_behind = found.is_none() && before.iter().any(is_named);
            if !is_own && !stayed_behind {
                return Err(Reject::not_found("upstream", checker.upstream));
            }
        }
        check_rule(one)?;
    }
    Ok(())
}

/// Whether a rule could be meant, wherever it is.
pub(crate) fn check_rule(one: &Guardrail) -> Result<(), Reject> {
    let invalid = |field, what: &str| Err(Reject::invalid(field, format!("`{}` {what}", one.name)));
    match &one.rule {
        Rule::Size(size) => {
            let limits = [size.bytes_max, size.characters_max, size.tokens_max, size.messages_max];
            if limits.iter().all(Option::is_none) {
                return invalid(
                    "size",
                    "limits nothing: give a number of bytes, characters, tokens or messages",
                );
            }
            if one.action == Action::Redact {
                return invalid("action", "cannot redact a size: refuse or report it");
            }
        }
        Rule::Pattern { pattern, window_chars } => {
            let bytes_max = limits::GUARDRAIL_PATTERN_BYTES_MAX;
            if pattern.is_empty() || pattern.len() > bytes_max {
                return invalid(
                    "pattern",
                    &format!(
                        "has an expression of {} bytes: write 1 to {bytes_max}",
                        pattern.len()
                    ),
                );
            }
            if *window_chars > limits::GUARDRAIL_WINDOW_CHARS_MAX {
                let max = limits::GUARDRAIL_WINDOW_CHARS_MAX;
                return invalid(
                    "window_chars",
                    &format!("holds back {window_chars} characters: at most {max}"),
                );
            }
        }
        Rule::Checker(checker) => {
            let CheckerRule { upstream: _, timeout_ms, unanswered: _, window_chars } = *checker;
            let max = limits::CHECKER_MS_MAX;
            if !(1..=max).contains(&timeout_ms) {
                return invalid(
                    "timeout_ms",
                    &format!("waits for {timeout_ms} milliseconds: give 1 to {max}"),
                );
            }
            let max = limits::CHECKER_WINDOW_CHARS_MAX;
            if !(1..=max).contains(&window_chars) {
                return invalid(
                    "window_chars",
                    &format!("gathers {window_chars} characters: give 1 to {max}"),
                );
            }
            if one.action == Action::Redact {
                return invalid(
                    "action",
                    "cannot redact by itself: with `refuse`, what its service says is done",
                );
            }
        }
    }
    Ok(())
}
