//! Problem documents (RFC 9457) and the one table of codes.
//!
//! A code is never renamed: clients branch on it. Every code has a page in `docs/problems/`, which
//! the platform also serves at the address that `type` names, so that it works without a network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The path under which the pages are served; `type` is this and the slug (RFC 9457 §3.1.1 allows
/// a relative reference with a full path).
pub const TYPE_BASE: &str = "/problems/";

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What a code means; one row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// Lower case with hyphens: `code` and the end of `type`.
    pub slug: &'static str,
    /// HTTP status (RFC 9110 §15).
    pub status: u16,
    /// The same for every occurrence.
    pub title: &'static str,
    /// True if the same request may succeed later without a change.
    pub retryable: bool,
    /// The page of `docs/problems/`, in Markdown.
    pub page: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $slug:literal, $status:literal, $title:literal, $retry:literal;)*) => {
        /// Every way in which the API refuses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The row of the table.
            #[must_use]
            pub const fn info(self) -> CodeInfo {
                match self {$(
                    Self::$name => CodeInfo {
                        slug: $slug, status: $status, title: $title, retryable: $retry,
                        page: include_str!(concat!("../../../docs/problems/", $slug, ".md")),
                    },
                )*}
            }
        }
    };
}

codes! {
    /// No key, or one that is unknown, expired or revoked.
    Unauthenticated = "unauthenticated", 401, "a valid key is needed", false;
    /// The key's role or scope does not allow it.
    Forbidden = "forbidden", 403, "the key does not allow this", false;
    /// A sovereignty policy refuses it.
    ForbiddenByPolicy = "forbidden-by-policy", 403, "a policy refuses this", false;
    /// It does not exist, or its existence is not the caller's to know.
    NotFound = "not-found", 404, "not found", false;
    /// The answer is known, its minute is not in the log yet.
    ReceiptPending = "receipt-pending", 404, "the receipt is not there yet", true;
    /// The path exists, the method does not.
    MethodNotAllowed = "method-not-allowed", 405, "this method is not offered here", false;
    /// The name is in use in its scope.
    NameTaken = "name-taken", 409, "the name is taken", false;
    /// `If-Match` names another version.
    VersionConflict = "version-conflict", 409, "changed since it was read", false;
    /// The same `Idempotency-Key` came with another request.
    IdempotencyMismatch = "idempotency-mismatch", 409, "idempotency key used for another request", false;
    /// The resource's state does not allow it.
    StateConflict = "state-conflict", 409, "not possible in this state", false;
    /// A node is reserved for another in that window.
    ReservationConflict = "reservation-conflict", 409, "reserved for another at that time", false;
    /// Projects would be promised more than their organisation is.
    QuotaExceeded = "quota-exceeded", 409, "more than the organisation's quota", false;
    /// The body is not JSON, or not what the endpoint takes.
    InvalidBody = "invalid-body", 400, "the body cannot be read", false;
    /// A path or query parameter is wrong.
    InvalidQuery = "invalid-query", 400, "a parameter cannot be read", false;
    /// A field's value breaks a rule.
    InvalidField = "invalid-field", 422, "a field is not valid", false;
    /// A field is not known.
    UnknownField = "unknown-field", 422, "a field is not known", false;
    /// Bytes do not have the digest that was named.
    DigestMismatch = "digest-mismatch", 422, "the bytes have another digest", false;
    /// A manifest names a blob that is not stored.
    BlobMissing = "blob-missing", 422, "a blob is not stored", false;
    /// A collection or quantity is at its maximum.
    LimitReached = "limit-reached", 422, "a limit is reached", false;
    /// The project's budget does not cover it.
    BudgetExhausted = "budget-exhausted", 402, "the budget is exhausted", false;
    /// The body is larger than the endpoint takes.
    PayloadTooLarge = "payload-too-large", 413, "the body is too large", false;
    /// The body's media type is not the endpoint's.
    UnsupportedMediaType = "unsupported-media-type", 415, "the media type is not supported", false;
    /// Too many requests from this key.
    RateLimited = "rate-limited", 429, "too many requests", true;
    /// No node could ever or now hold it.
    NoCapacity = "no-capacity", 507, "no capacity", true;
    /// No replica of the model is ready.
    ModelNotReady = "model-not-ready", 503, "no replica is ready", true;
    /// A replica failed while answering.
    UpstreamFailed = "upstream-failed", 502, "the model's replica failed", true;
    /// The platform starts, stops or is overloaded.
    Unavailable = "unavailable", 503, "not available now", true;
    /// The disk is full; nothing was written.
    StorageFull = "storage-full", 507, "the storage is full", true;
    /// The log on disk is not what was signed.
    LogCorrupt = "log-corrupt", 500, "the log is corrupt", false;
    /// A fault of the platform.
    Internal = "internal", 500, "an internal fault", false;
}

impl Code {
    /// The slug: `code` in the document.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        self.info().slug
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.info().status
    }

    /// The code of a slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.slug() == slug)
    }
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldError {
    /// RFC 6901 pointer into the body, such as `/resources/cpu`; empty for the whole.
    pub pointer: String,
    /// What is wrong with which value, and what to write instead.
    pub message: String,
}

impl FieldError {
    /// An error of the field at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A problem document (RFC 9457): why a request was refused and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Address of the page that explains the code.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The code's title, the same for every occurrence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The request's id `req_…`, also in the platform's own log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The code: the last part of `type`.
    pub code: String,
    /// The fields that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The limit that was reached, in the unit that `detail` names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// Sequence number of the log as of which this was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Wait at least so many milliseconds before a retry; also in `Retry-After`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What the caller can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Problem {
    /// A problem of this code, with what happened this time.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let info = code.info();
        Self {
            type_uri: format!("{TYPE_BASE}{}", info.slug),
            title: info.title.to_owned(),
            status: info.status,
            detail: detail.into(),
            instance: None,
            code: info.slug.to_owned(),
            errors: Vec::new(),
            limit: None,
            seq: None,
            retry_after_ms: None,
            remedy: None,
        }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same with the fields that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// The code, or `None` if a newer platform sent one that this client does not know.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::from_slug(&self.code)
    }
}
