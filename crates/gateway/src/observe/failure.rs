//! The kinds of failure that are counted: few, fixed, and none says whose request it was.

use http::StatusCode;

/// Why a request did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// 400, 408, 422 and whatever else the client got wrong.
    InvalidRequest,
    /// 401.
    Authentication,
    /// 402.
    Quota,
    /// 403.
    Permission,
    /// 404.
    ModelNotFound,
    /// 413.
    TooLarge,
    /// 429.
    RateLimited,
    /// A guardrail refused the question or the answer.
    ContentFilter,
    /// 503: nothing serves the model, or usage cannot be recorded.
    Unavailable,
    /// 502 and any other fault behind us.
    Upstream,
    /// 504.
    UpstreamTimeout,
    /// A stream ended early on the replica's side.
    StreamBroken,
    /// The client went away before its answer was complete.
    ClientLeft,
}

impl FailureKind {
    /// Every kind, in the order of the counters.
    pub(crate) const ALL: [Self; 13] = [
        Self::InvalidRequest,
        Self::Authentication,
        Self::Quota,
        Self::Permission,
        Self::ModelNotFound,
        Self::TooLarge,
        Self::RateLimited,
        Self::ContentFilter,
        Self::Unavailable,
        Self::Upstream,
        Self::UpstreamTimeout,
        Self::StreamBroken,
        Self::ClientLeft,
    ];

    /// What an answer's status says; `None` for a good one.
    pub(crate) fn of(status: StatusCode) -> Option<Self> {
        Some(match status.as_u16() {
            0..400 => return None,
            401 => Self::Authentication,
            402 => Self::Quota,
            403 => Self::Permission,
            404 => Self::ModelNotFound,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            400..500 => Self::InvalidRequest,
            503 => Self::Unavailable,
            504 => Self::UpstreamTimeout,
            _ => Self::Upstream,
        })
    }

    /// The value of the label `kind`, of `error` in the access log and of `error.type` in traces.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Authentication => "authentication",
            Self::Quota => "quota",
            Self::Permission => "permission",
            Self::ModelNotFound => "model_not_found",
            Self::TooLarge => "too_large",
            Self::RateLimited => "rate_limited",
            Self::ContentFilter => "content_filter",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::StreamBroken => "stream_broken",
            Self::ClientLeft => "client_left",
        }
    }
}
