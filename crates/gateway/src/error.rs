//! Errors in OpenAI's envelope: `{"error":{message,type,param,code}}`, a status and `Retry-After`.
//!
//! Messages tell the client what to do next and never carry addresses or names of replicas.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use api::secret_text::hide_secrets;

use crate::directory::Refusal;

/// One error on its way to a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// OpenAI's error type.
    pub(crate) kind: String,
    /// The machine-readable code, when there is one.
    pub(crate) code: Value,
    /// The request field at fault, when there is one.
    pub(crate) param: Option<Box<str>>,
    /// For people.
    pub(crate) message: String,
    /// Seconds for `Retry-After`.
    pub(crate) retry_after_s: Option<u32>,
    /// The same in milliseconds, for clients that read `retry-after-ms`.
    pub(crate) retry_after_ms: Option<u64>,
}

impl ApiError {
    /// An error with a type and a code.
    pub(crate) fn new(status: StatusCode, kind: &str, code: &str, message: String) -> Self {
        let code = Value::from(code);
        Self {
            status,
            kind: kind.into(),
            code,
            param: None,
            message,
            retry_after_s: None,
            retry_after_ms: None,
        }
    }

    /// 400 about one field of the request, or about the body as a whole.
    pub(crate) fn invalid(param: Option<&str>, message: String) -> Self {
        let mut error = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            "invalid_request_error",
            message,
        );
        error.param = param.map(Box::from);
        error
    }

    /// 413 with the limit in the text.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            "request_too_large",
            format!("the request body is larger than {bytes_max} bytes: send less"),
        )
    }

    /// 502: a replica answered something that cannot be passed on, or broke off.
    pub(crate) fn bad_gateway(message: &str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "server_error", "upstream_error", message.into())
    }

    /// 504: a replica took too long.
    pub(crate) fn timeout(message: &str) -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "server_error", "upstream_timeout", message.into())
    }

    /// The rendering of a refusal; `model` is the name that was asked for, `retry_after_s` what
    /// to tell clients that may come back.
    pub(crate) fn refusal(refusal: Refusal, model: &str, retry_after_s: u32) -> Self {
        let (is_for_later, is_about_model) = match &refusal {
            Refusal::NoReplica | Refusal::RateLimited | Refusal::Unchecked => (true, false),
            Refusal::ModelNotFound => (false, true),
            Refusal::InvalidKey | Refusal::Forbidden | Refusal::BudgetExhausted(_) => {
                (false, false)
            }
        };
        let (status, kind, code, message) = match refusal {
            Refusal::InvalidKey => (
                StatusCode::UNAUTHORIZED,
                "invalid_request_error",
                "invalid_api_key",
                "the API key is missing or not valid: send `Authorization: Bearer <key>`".into(),
            ),
            Refusal::ModelNotFound => (
                StatusCode::NOT_FOUND,
                "invalid_request_error",
                "model_not_found",
                format!("the model `{}` does not exist or is not open to this key", cut(model)),
            ),
            Refusal::Forbidden => (
                StatusCode::FORBIDDEN,
                "permission_error",
                "forbidden",
                "this key may not do this: ask an administrator of the project".into(),
            ),
            Refusal::BudgetExhausted(which) => (
                StatusCode::PAYMENT_REQUIRED,
                "insufficient_quota",
                "insufficient_quota",
                which.into(),
            ),
            Refusal::NoReplica => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "no_replica",
                "no replica of this model is ready: retry shortly".into(),
            ),
            Refusal::RateLimited => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "rate_limit_exceeded",
                "too many requests with this key: retry after the time given".into(),
            ),
            Refusal::Unchecked => (
                StatusCode::SERVICE_UNAVAILABLE,
                "server_error",
                "guardrails_unknown",
                "the guardrails of this model are not known here, and nothing is served without them: retry later, or tell the operator".into(),
            ),
        };
        let mut error = Self::new(status, kind, code, message);
        error.retry_after_s = is_for_later.then_some(retry_after_s);
        error.param = is_about_model.then(|| "model".into());
        error
    }

    /// The envelope.
    pub(crate) fn envelope(&self) -> Value {
        json!({"error": {
            "message": hide_secrets(&self.message),
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

/// A client's text cut to a length that is safe to send back.
fn cut(text: &str) -> String {
    text.chars().take(256).collect()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.envelope())).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(ms) = self.retry_after_ms {
            headers.insert("retry-after-ms", HeaderValue::from(ms));
        }
        // Clients that retry what they do not know are told not to; a spent budget stays spent.
        if self.kind == "insufficient_quota" {
            headers.insert("x-should-retry", HeaderValue::from_static("false"));
        }
        response
    }
}
