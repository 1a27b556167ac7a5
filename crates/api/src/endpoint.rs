//! What an endpoint is: one implementation of [`Endpoint`] drives router, OpenAPI, client and the
//! authorisation matrix, so that they cannot differ.
//!
//! Nothing here serves a request.

use std::any::TypeId;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::problem::Code;

/// HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates or acts.
    Post,
    /// Stores under a name that the caller knows.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The method's name in HTTP.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What a caller must be; each role of a key includes those before it, except `Inference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Anyone, without a key.
    Public,
    /// A key with the role viewer or above, in the scope of what is asked for.
    Viewer,
    /// A key with the role member or above.
    Member,
    /// A key with the role administrator of the organisation, or operator.
    Administrator,
    /// A key with the role operator: the whole platform.
    Operator,
    /// A key with the role teacher or administrator.
    Teacher,
    /// A key with the role inference, member or above.
    Inference,
}

impl Permission {
    /// The stable text form, in OpenAPI as `x-permission`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Teacher => "teacher",
            Self::Inference => "inference",
        }
    }
}

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// `application/json`, the DTO of the endpoint.
    Json,
    /// `application/octet-stream`, streamed.
    Octets,
    /// `text/plain; charset=utf-8`, possibly streamed.
    Text,
    /// `application/json`, or `text/event-stream` when asked for by `Accept`.
    JsonOrEvents,
    /// `application/x-tar`, streamed.
    Tar,
}

impl Content {
    /// Media types, the default one first.
    #[must_use]
    pub const fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/json"],
            Self::Octets => &["application/octet-stream"],
            Self::Text => &["text/plain"],
            Self::JsonOrEvents => &["application/json", "text/event-stream"],
            Self::Tar => &["application/x-tar"],
        }
    }
}

/// No parameters, no body, or no answer; an empty JSON object where one must be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A body that is not a DTO: octets, text or a stream, as `REQUEST` or `RESPONSE` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Raw {}

/// One operation of the HTTP API.
pub trait Endpoint: 'static {
    /// HTTP method.
    const METHOD: Method;
    /// Path with parameters in braces, as axum 0.8 writes them; `{*rest}` takes slashes.
    const PATH: &'static str;
    /// `operationId`: the noun and the verb, such as `workload_create`.
    const ID: &'static str;
    /// One line.
    const SUMMARY: &'static str;
    /// More, when a line is not enough.
    const DESCRIPTION: &'static str = "";
    /// Who may call it.
    const PERMISSION: Permission;
    /// Codes of its own; those that follow from its shape are added by [`codes`].
    const ERRORS: &'static [Code] = &[];
    /// Status of success.
    const STATUS: u16 = 200;
    /// True if a call may add to the log; then `Idempotency-Key` is honoured.
    const MUTATES: bool = !matches!(Self::METHOD, Method::Get);
    /// True if `If-Match: "<version>"` is honoured.
    const IF_MATCH: bool = false;
    /// How the request body travels; of no meaning if `Body` is [`Nothing`].
    const REQUEST: Content = Content::Json;
    /// How the answer travels; of no meaning if `Response` is [`Nothing`].
    const RESPONSE: Content = Content::Json;

    /// Path parameters, a struct with one field for each.
    type Path: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// Query parameters, a struct with scalar fields.
    type Query: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// Request body: a DTO, [`Nothing`] or [`Raw`].
    type Body: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
    /// Answer: a DTO, [`Nothing`] or [`Raw`].
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;
}

/// True if the endpoint takes a request body.
#[must_use]
pub fn has_body<E: Endpoint>() -> bool {
    TypeId::of::<E::Body>() != TypeId::of::<Nothing>()
}

/// True if the endpoint takes query parameters.
#[must_use]
pub fn has_query<E: Endpoint>() -> bool {
    TypeId::of::<E::Query>() != TypeId::of::<Nothing>()
}

/// True if the endpoint answers with a body.
#[must_use]
pub fn has_response<E: Endpoint>() -> bool {
    TypeId::of::<E::Response>() != TypeId::of::<Nothing>()
}

/// Every code that the endpoint may answer with, sorted: its own and those of its shape.
#[must_use]
pub fn codes<E: Endpoint>() -> Vec<Code> {
    let mut codes = E::ERRORS.to_vec();
    codes.extend([Code::Internal, Code::Unavailable]);
    if E::PERMISSION != Permission::Public {
        codes.extend([Code::Unauthenticated, Code::Forbidden, Code::RateLimited]);
    }
    if has_query::<E>() || TypeId::of::<E::Path>() != TypeId::of::<Nothing>() {
        codes.push(Code::InvalidQuery);
    }
    if has_body::<E>() {
        codes.push(Code::PayloadTooLarge);
        if E::REQUEST == Content::Json {
            codes.extend([Code::InvalidBody, Code::UnknownField, Code::InvalidField]);
            codes.push(Code::UnsupportedMediaType);
        }
    }
    if E::MUTATES {
        codes.extend([Code::IdempotencyMismatch, Code::LimitReached, Code::StorageFull]);
        // What a repeated request made may have been deleted since.
        codes.push(Code::StateConflict);
    }
    if E::IF_MATCH {
        codes.push(Code::VersionConflict);
    }
    codes.sort_unstable();
    codes.dedup();
    codes
}
