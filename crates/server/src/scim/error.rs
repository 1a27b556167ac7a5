//! Refusals of SCIM (RFC 7644 §3.12): its own document, with the detail that ours has.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::http::fail::Fail;

/// The media type of SCIM.
pub(super) const MEDIA_TYPE: &str = "application/scim+json";

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScimError {
    status: u16,
    /// One of the words of RFC 7644 table 9; empty for none.
    kind: &'static str,
    detail: String,
}

impl ScimError {
    pub(super) fn new(status: u16, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into() }
    }

    /// A filter that is not offered.
    pub(super) fn filter(detail: impl Into<String>) -> Self {
        Self::new(400, "invalidFilter", detail)
    }

    /// A value that is not accepted.
    pub(super) fn value(detail: impl Into<String>) -> Self {
        Self::new(400, "invalidValue", detail)
    }

    /// A path that names nothing that can be changed.
    pub(super) fn path(detail: impl Into<String>) -> Self {
        Self::new(400, "invalidPath", detail)
    }

    /// A body of the wrong form.
    pub(super) fn syntax(detail: impl Into<String>) -> Self {
        Self::new(400, "invalidSyntax", detail)
    }

    /// Somebody else has it.
    pub(super) fn taken(detail: impl Into<String>) -> Self {
        Self::new(409, "uniqueness", detail)
    }

    /// It does not exist for this caller.
    pub(super) fn not_found(sort: &str, id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        Self::new(404, "", format!("{sort} `{shown}` does not exist"))
    }

    #[cfg(test)]
    pub(super) const fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn into_response(self) -> Response {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.to_string(),
            "detail": api::secret_text::hide_secrets(&self.detail),
        });
        if !self.kind.is_empty()
            && let Some(object) = body.as_object_mut()
        {
            object.insert("scimType".to_owned(), json!(self.kind));
        }
        let mut response = respond(self.status, &body);
        if self.status == 401 {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl From<Fail> for ScimError {
    fn from(fail: Fail) -> Self {
        let problem = fail.0;
        let kind = match problem.status {
            409 => "uniqueness",
            400 | 422 => "invalidValue",
            _ => "",
        };
        // SCIM has no status for a value that a rule refuses but 400.
        let status = if problem.status == 422 { 400 } else { problem.status };
        let remedy = problem.remedy.map(|remedy| format!(": {remedy}")).unwrap_or_default();
        Self { status, kind, detail: format!("{}{remedy}", problem.detail) }
    }
}

/// An answer without a body.
pub(super) fn empty(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::NO_CONTENT);
    response
}

/// An answer in SCIM's media type.
pub(super) fn respond(status: u16, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
