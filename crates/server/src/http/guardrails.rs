//! Guardrails of projects. An expression is read here, with the limits of the gateway that will run it.

use api::nouns::guardrail::{
    Guardrail, GuardrailAction, GuardrailChecker, GuardrailSide, GuardrailSize,
    GuardrailUnanswered, Guardrails, GuardrailsGet, GuardrailsSet,
};
use kernel::{
    Command, State,
    access::Role,
    endpoint::Endpoint,
    project::{self, Action, CheckerRule, Rule, Side, SizeRule, Unanswered},
};
use regex::RegexBuilder;
use units::{Id, kinds};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    projects,
};

/// Characters that are held back if nothing is said.
const WINDOW_CHARS_DEFAULT: u32 = 64;
/// The same for a service that is asked, which understands whole sentences better.
const CHECKER_WINDOW_CHARS_DEFAULT: u32 = 256;
/// How long a service is waited for if nothing is said.
const CHECKER_MS_DEFAULT: u32 = 1_000;
/// Largest compiled expression in bytes, as in the gateway.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// `GET /api/v1/projects/{id}/guardrails`
pub(crate) async fn get(call: Call<GuardrailsGet>) -> Result<Guardrails, Fail> {
    call.read(|state| {
        let found = projects::find(state, &call.caller, Role::Viewer, call.path.id)?;
        Ok(dto(found, as_of(state)))
    })
}

/// `PUT /api/v1/projects/{id}/guardrails`
pub(crate) async fn set(call: Call<GuardrailsSet>) -> Result<Guardrails, Fail> {
    let id = call.path.id;
    call.read(|state| projects::find(state, &call.caller, Role::Administrator, id).map(|_| ()))?;
    let guardrails =
        call.body.guardrails.iter().enumerate().map(|(place, one)| from_dto(place, one));
    let guardrails = guardrails.collect::<Result<_, _>>()?;
    let command = project::Command::SetGuardrails { id, guardrails };
    let accepted = call.submit(Command::Project(command)).await?;
    call.read(|state| {
        let found = projects::find(state, &call.caller, Role::Administrator, id)?;
        Ok(dto(found, accepted.seq))
    })
}

fn dto(project: &project::Project, seq: u64) -> Guardrails {
    let guardrails = project.guardrails.iter().map(one_dto).collect();
    Guardrails { project: project.id, guardrails, version: project.meta.version, seq }
}

/// What is checked at an endpoint, in order, with the version of it; `None` without a project.
pub(crate) fn of_endpoint(
    state: &State,
    id: Id<kinds::Endpoint>,
) -> Option<(GuardrailsVersion, Vec<Guardrail>)> {
    let endpoint = state.endpoints.get(&id)?;
    let project = state.projects.get(&endpoint.project)?;
    let own = |one: &&project::Guardrail| one.endpoint.is_none_or(|endpoint| endpoint == id);
    let rules = project.guardrails.iter().filter(own).map(|one| {
        let mut rule = one_dto(one);
        let is_allowed = || one.is_allowed(state, project.id, endpoint.class(state));
        rule.checker.iter_mut().for_each(|checker| checker.is_allowed = Some(is_allowed()));
        rule
    });
    Some((version(state, endpoint, project), rules.collect()))
}

/// What an endpoint's guardrails follow from: its project's version, and which services policy allows it to
/// ask, by their places.
pub(crate) type GuardrailsVersion = (u64, u64);

/// The same without making them.
pub(crate) fn version_of(state: &State, id: Id<kinds::Endpoint>) -> Option<GuardrailsVersion> {
    let endpoint = state.endpoints.get(&id)?;
    let project = state.projects.get(&endpoint.project)?;
    (!project.guardrails.is_empty()).then(|| version(state, endpoint, project))
}

fn version(state: &State, endpoint: &Endpoint, project: &project::Project) -> GuardrailsVersion {
    let checkers =
        project.guardrails.iter().zip(0_u32..).filter(|(one, _)| one.checker().is_some());
    let allowed = checkers.fold(0_u64, |bits, (one, place)| {
        let is_allowed = one.is_allowed(state, project.id, endpoint.class(state));
        bits | u64::from(is_allowed).checked_shl(place).unwrap_or(0)
    });
    (project.meta.version, allowed)
}

/// One as the API shows it.
fn one_dto(one: &project::Guardrail) -> Guardrail {
    let (size, pattern, window_chars, checker) = match &one.rule {
        Rule::Size(size) => {
            let SizeRule { bytes_max, characters_max, tokens_max, messages_max } = *size;
            let size = GuardrailSize { bytes_max, characters_max, tokens_max, messages_max };
            (Some(size), None, None, None)
        }
        Rule::Pattern { pattern, window_chars } => {
            (None, Some(pattern.clone()), Some(*window_chars), None)
        }
        Rule::Checker(checker) => (None, None, None, Some(checker_dto(*checker))),
    };
    Guardrail {
        name: one.name.clone(),
        endpoint: one.endpoint,
        side: match one.side {
            Side::Question => GuardrailSide::Question,
            Side::Answer => GuardrailSide::Answer,
            Side::Both => GuardrailSide::Both,
        },
        action: match one.action {
            Action::Refuse => GuardrailAction::Refuse,
            Action::Redact => GuardrailAction::Redact,
            Action::Report => GuardrailAction::Report,
        },
        size,
        pattern,
        window_chars,
        checker,
    }
}

fn checker_dto(checker: CheckerRule) -> GuardrailChecker {
    let CheckerRule { upstream, timeout_ms, unanswered, window_chars } = checker;
    let unanswered = match unanswered {
        Unanswered::Refuse => GuardrailUnanswered::Refuse,
        Unanswered::Pass => GuardrailUnanswered::Pass,
    };
    GuardrailChecker {
        upstream,
        timeout_ms: Some(timeout_ms),
        unanswered: Some(unanswered),
        window_chars: Some(window_chars),
        is_allowed: None,
    }
}

fn from_dto(place: usize, one: &Guardrail) -> Result<project::Guardrail, Fail> {
    let rule = rule_of(|member: &str| format!("/guardrails/{place}/{member}"), one)?;
    Ok(project::Guardrail {
        name: one.name.clone(),
        endpoint: one.endpoint,
        side: match one.side {
            GuardrailSide::Question => Side::Question,
            GuardrailSide::Answer => Side::Answer,
            GuardrailSide::Both => Side::Both,
        },
        action: match one.action {
            GuardrailAction::Refuse => Action::Refuse,
            GuardrailAction::Redact => Action::Redact,
            GuardrailAction::Report => Action::Report,
        },
        rule,
    })
}

fn rule_of(at: impl Fn(&str) -> String, one: &Guardrail) -> Result<Rule, Fail> {
    match (&one.size, &one.pattern, &one.checker) {
        (Some(size), None, None) => {
            let GuardrailSize { bytes_max, characters_max, tokens_max, messages_max } = *size;
            Ok(Rule::Size(SizeRule { bytes_max, characters_max, tokens_max, messages_max }))
        }
        (None, Some(pattern), None) => {
            readable(pattern).map_err(|why| Fail::field(&at("pattern"), why))?;
            let window_chars = one.window_chars.unwrap_or(WINDOW_CHARS_DEFAULT);
            Ok(Rule::Pattern { pattern: pattern.clone(), window_chars })
        }
        (None, None, Some(checker)) => Ok(Rule::Checker(CheckerRule {
            upstream: checker.upstream,
            timeout_ms: checker.timeout_ms.unwrap_or(CHECKER_MS_DEFAULT),
            unanswered: match checker.unanswered {
                None | Some(GuardrailUnanswered::Refuse) => Unanswered::Refuse,
                Some(GuardrailUnanswered::Pass) => Unanswered::Pass,
            },
            window_chars: checker.window_chars.unwrap_or(CHECKER_WINDOW_CHARS_DEFAULT),
        })),
        _ => Err(Fail::field(&at("pattern"), "give one of `size`, `pattern` and `checker`")),
    }
}

/// Whether the gateway will be able to run it.
fn readable(pattern: &str) -> Result<(), String> {
    let compiled = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    // The crate draws where it went wrong over several lines; the last one says it.
    let regex = compiled.map_err(|error| {
        let text = error.to_string();
        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })?;
    if regex.is_match("") {
        return Err("matches an empty text, and so everything: ask for a character".into());
    }
    Ok(())
}
