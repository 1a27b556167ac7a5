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

/// One guardrail: exactly one of `size` and `pattern`.
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
        sees them, and the log keeps them.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = GuardrailsNew;
    type Response = Guardrails;
}
