//! Guardrails of projects. An expression is read here, with the limits of the gateway that will run it.

use api::nouns::guardrail::{
    Guardrail, GuardrailAction, GuardrailSide, GuardrailSize, Guardrails, GuardrailsGet,
    GuardrailsSet,
};
use kernel::{
    Command, State,
    access::{Role, Scope},
    project::{self, Action, Rule, Side, SizeRule},
};
use regex::RegexBuilder;
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
};

/// Characters that are held back if nothing is said.
const WINDOW_CHARS_DEFAULT: u32 = 64;
/// Largest compiled expression in bytes, as in the gateway.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// `GET /api/v1/projects/{id}/guardrails`
pub(crate) async fn get(call: Call<GuardrailsGet>) -> Result<Guardrails, Fail> {
    call.read(|state| {
        let found = find(state, &call.caller, Role::Viewer, call.path.id)?;
        Ok(dto(found, as_of(state)))
    })
}

/// `PUT /api/v1/projects/{id}/guardrails`
pub(crate) async fn set(call: Call<GuardrailsSet>) -> Result<Guardrails, Fail> {
    let id = call.path.id;
    call.read(|state| find(state, &call.caller, Role::Administrator, id).map(|_| ()))?;
    let guardrails =
        call.body.guardrails.iter().enumerate().map(|(place, one)| from_dto(place, one));
    let guardrails = guardrails.collect::<Result<_, _>>()?;
    let command = project::Command::SetGuardrails { id, guardrails };
    let accepted = call.submit(Command::Project(command)).await?;
    call.read(|state| {
        let found = find(state, &call.caller, Role::Administrator, id)?;
        Ok(dto(found, accepted.seq))
    })
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    role: Role,
    id: Id<kinds::Project>,
) -> Result<&'a project::Project, Fail> {
    let found = state.projects.get(&id).map(|project| (project, Scope::Project(id)));
    access::find(state, caller, role, found, ("project", &id))
}

fn dto(project: &project::Project, seq: u64) -> Guardrails {
    let guardrails = project.guardrails.iter().map(one_dto).collect();
    Guardrails { project: project.id, guardrails, version: project.meta.version, seq }
}

/// What is checked at an endpoint, in order, with the version of its project; `None` without a project.
pub(crate) fn of_endpoint(state: &State, id: Id<kinds::Endpoint>) -> Option<(u64, Vec<Guardrail>)> {
    let project = state.projects.get(&state.endpoints.get(&id)?.project)?;
    let own = |one: &&project::Guardrail| one.endpoint.is_none_or(|endpoint| endpoint == id);
    let rules = project.guardrails.iter().filter(own).map(one_dto);
    Some((project.meta.version, rules.collect()))
}

/// One as the API shows it.
fn one_dto(one: &project::Guardrail) -> Guardrail {
    let (size, pattern, window_chars) = match &one.rule {
        Rule::Size(size) => {
            let SizeRule { bytes_max, characters_max, tokens_max, messages_max } = *size;
            let size = GuardrailSize { bytes_max, characters_max, tokens_max, messages_max };
            (Some(size), None, None)
        }
        Rule::Pattern { pattern, window_chars } => {
            (None, Some(pattern.clone()), Some(*window_chars))
        }
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
    }
}

fn from_dto(place: usize, one: &Guardrail) -> Result<project::Guardrail, Fail> {
    let at = |member: &str| format!("/guardrails/{place}/{member}");
    let rule = match (&one.size, &one.pattern) {
        (Some(size), None) => {
            let GuardrailSize { bytes_max, characters_max, tokens_max, messages_max } = *size;
            Rule::Size(SizeRule { bytes_max, characters_max, tokens_max, messages_max })
        }
        (None, Some(pattern)) => {
            readable(pattern).map_err(|why| Fail::field(&at("pattern"), why))?;
            let window_chars = one.window_chars.unwrap_or(WINDOW_CHARS_DEFAULT);
            Rule::Pattern { pattern: pattern.clone(), window_chars }
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Fail::field(&at("pattern"), "give either `size` or `pattern`"));
        }
    };
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
