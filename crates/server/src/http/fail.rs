//! A refusal on its way out: a problem document and the headers that go with it.
//!
//! What happened inside is logged where it is handled; only the text in the document leaves.

use std::borrow::Cow;

use api::{
    problem::{Code, FieldError, MEDIA_TYPE, Problem},
    secret_text::hide_secrets,
};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

/// A refusal.
#[derive(Debug, Clone)]
pub(crate) struct Fail(pub(crate) Box<Problem>);

impl Fail {
    /// A refusal with this code, and what happened this time.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem::new(code, detail)))
    }

    /// The same with what the caller can do about it.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.remedy = Some(remedy.into());
        self
    }

    /// One field of the body that is wrong.
    pub(crate) fn field(pointer: &str, message: impl Into<String>) -> Self {
        let field = FieldError::new(pointer, message);
        let detail = field.message.clone();
        Self(Box::new(Problem::new(Code::InvalidField, detail).with_errors(vec![field])))
    }

    /// Several fields of the body that are wrong; the first is the detail.
    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let first = errors.first().map_or_else(String::new, |error| error.message.clone());
        let detail = match errors.len() {
            0 | 1 => first,
            n => format!("{n} fields are not valid; the first: {first}"),
        };
        Self(Box::new(Problem::new(Code::InvalidField, detail).with_errors(errors)))
    }

    /// A thing that does not exist, or must look as if it did not.
    pub(crate) fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{kind} `{name}` does not exist"))
    }

    /// A fault of the platform: the cause is logged here, once, and not told.
    pub(crate) fn internal(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::new(Code::Internal, format!("{what}: the platform's log has the cause"))
    }

    /// What a caller wrote is repeated so that the mistake is found; a key among it is not.
    pub(crate) fn hide_secrets(&mut self) {
        let problem = &mut *self.0;
        let texts = problem.errors.iter_mut().flat_map(|e| [&mut e.pointer, &mut e.message]);
        for text in texts.chain([&mut problem.detail]).chain(problem.remedy.as_mut()) {
            if let Cow::Owned(hidden) = hide_secrets(text) {
                *text = hidden;
            }
        }
    }

    /// The code; a document of this crate always has one of the table.
    pub(crate) fn code(&self) -> Code {
        self.0.code().unwrap_or(Code::Internal)
    }

    /// The response, with the request's id as `instance`.
    pub(crate) fn into_response_for(mut self, request_id: &str) -> Response {
        self.0.instance = Some(request_id.to_owned());
        self.into_response()
    }
}

impl From<Box<Problem>> for Fail {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Fail {
    fn into_response(mut self) -> Response {
        self.hide_secrets();
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // A problem holds text and integers only, which JSON always takes.
        let body = serde_json::to_vec(&*self.0).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let retryable = self.code().info().retryable;
        if let Some(ms) = self.0.retry_after_ms.or(retryable.then_some(1_000)) {
            let seconds = ms.div_ceil(1_000);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
