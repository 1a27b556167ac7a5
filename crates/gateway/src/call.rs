//! What can be asked for under `/v1`, and what differs from one kind of call to the next.
//!
//! All kinds take the same path through [`crate::proxy`]; whatever depends on the kind is a method here,
//! with an exhaustive match, so that a new kind says all there is to say about it.

use http::Method;

/// A kind of call that a replica answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/completions`.
    Text,
}

impl Call {
    /// Every kind.
    pub(crate) const ALL: [Self; 2] = [Self::Chat, Self::Text];

    /// The kind behind a request line; `None` for what this gateway does not send on.
    pub(crate) fn of(method: &Method, path: &str) -> Option<Self> {
        if method != Method::POST {
            return None;
        }
        Self::ALL.into_iter().find(|call| call.path() == path)
    }

    /// The path, here and at the replica.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Text => "/v1/completions",
        }
    }

    /// The answer's id: that of its request, in the form that clients of this kind know.
    pub(crate) fn answer_id(self, request_id: &str) -> String {
        let prefix = match self {
            Self::Chat => "chatcmpl-",
            Self::Text => "cmpl-",
        };
        let request = request_id.strip_prefix("req_").unwrap_or(request_id);
        let mut id = String::with_capacity(prefix.len() + request.len());
        id.push_str(prefix);
        id.push_str(request);
        id
    }
}
