//! Guardrails of a project: what is checked of what its endpoints are asked, and of what they answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::IdPath,
    problem::Code,
    text::{IdText, NameText},
};

/// What a guardrail looks at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailSide {
    /// What is asked, before it is sent to a model.
    Question,
    /// What a model answers, before it is shown.
    Answer,
    /// Both.
    Both,
}

/// What happens when a guardrail matches.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailAction {
    /// The question is refused with 400 and the code `content_filter`; an answer ends so.
    Refuse,
    /// What matched is replaced by `[redacted: NAME]`.
    Redact,
    /// It is counted in `GET /api/v1/inference`, and passes.
    Report,
}

/// Limits of size; at least one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardrailSize {
    /// Bytes of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// Characters of all texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub characters_max: Option<u64>,
    /// Tokens, estimated as a quarter of the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_max: Option<u64>,
    /// Messages of a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_max: Option<u64>,
}

/// What happens to texts about which a checker gives no answer in time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailUnanswered {
    /// They are refused with 503 and the code `guardrail_unavailable`; a stream ends so.
    Refuse,
    /// They pass and are counted.
    Pass,
}

/// A service that is asked about texts: an upstream that speaks the contract of checkers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardrailChecker {
    /// How it is spoken to: an upstream of the project, or one that the platform shares.
    #[schemars(with = "IdText<kinds::Upstream>")]
    pub upstream: Id<kinds::Upstream>,
    /// Longest time for an answer, in milliseconds, at most 30,000; 1,000 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u32>,
    /// What happens to texts about which it gives no answer; they are refused if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<GuardrailUnanswered>,
    /// Characters of a streamed answer that are gathered before it is asked about them, at most 8,192; 256 if
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_chars: Option<u32>,
    /// In what gateways are told: whether policy allows texts to be sent there. Not read in requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_allowed: Option<bool>,
}

/// One guardrail: exactly one of `size`, `pattern` and `checker`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    /// Unique in the project; refusals name it.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The one endpoint that it is for; all of the project if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Endpoint>>")]
    pub endpoint: Option<Id<kinds::Endpoint>>,
    /// What it looks at.
    pub side: GuardrailSide,
    /// What happens when it matches.
    pub action: GuardrailAction,
    /// Limits of size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<GuardrailSize>,
    /// A regular expression in the syntax of Rust's `regex` crate, which takes linear time; at most 1,024 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Characters of a streamed answer that are held back for the expression, at most 1,024; 64 if absent. A
    /// match of at most so many is never shown, not even in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_chars: Option<u32>,
    /// A service that is asked. It says itself what is refused or replaced, so the action is `refuse`, or
    /// `report` to count what it says and let everything pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checker: Option<GuardrailChecker>,
}

/// The guardrails of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Guardrails {
    /// The project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// In the order in which they are asked.
    pub guardrails: Vec<Guardrail>,
    /// The project's version; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
}

/// All guardrails that a project is to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardrailsNew {
    /// In the order in which they are asked; at most 32.
    pub guardrails: Vec<Guardrail>,
}

/// `GET /api/v1/projects/{id}/guardrails`: a project's guardrails.
#[derive(Debug)]
pub struct GuardrailsGet;

impl Endpoint for GuardrailsGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/projects/{id}/guardrails";
    const ID: &'static str = "guardrails_get";
    const SUMMARY: &'static str = "Get a project's guardrails";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Guardrails;
}

/// `PUT /api/v1/projects/{id}/guardrails`: set all of a project's guardrails.
#[derive(Debug)]
pub struct GuardrailsSet;

impl Endpoint for GuardrailsSet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/projects/{id}/guardrails";
    const ID: &'static str = "guardrails_set";
    const SUMMARY: &'static str = "Set all guardrails of a project";
    const DESCRIPTION: &'static str = "They are in force for the next request. Who may read the project \
        sees them, and the log keeps them. Policy is asked about the site of each checker; set again, they \
        are asked about again.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken, Code::ForbiddenByPolicy];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = GuardrailsNew;
    type Response = Guardrails;
}
