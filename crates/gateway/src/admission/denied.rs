//! A request that is not admitted, as its client hears it: what is in the way, and when to come back.

use http::{HeaderMap, HeaderValue, StatusCode};
use units::{Id, kinds};

use super::bucket::Rate;
use super::table::{Over, Rates};
use crate::error::ApiError;

/// How long to wait where nothing better is known, in microseconds.
const UNKNOWN_US: u64 = 1_000_000;

/// Why a request is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// A limit is reached.
    Over(Over),
    /// A budget is used up.
    UsedUp(Id<kinds::Budget>),
    /// The rest of a budget is reserved for requests in flight.
    Reserved(Id<kinds::Budget>),
    /// The endpoint is full and so is its line, or waiting took too long.
    Overloaded {
        /// How long the line takes at the pace of late; 0 where nobody knows.
        wait_us: u64,
    },
}

impl Denied {
    /// The rates that stood in the way.
    pub(crate) const fn rates(&self) -> Rates {
        match self {
            Self::Over(Over::Requests { rate, .. }) => {
                Rates { requests: Some(*rate), tokens: None }
            }
            Self::Over(Over::Tokens { rate, .. }) => Rates { requests: None, tokens: Some(*rate) },
            Self::Over(Over::Concurrent { .. } | Over::Full)
            | Self::UsedUp(_)
            | Self::Reserved(_)
            | Self::Overloaded { .. } => Rates { requests: None, tokens: None },
        }
    }

    /// The refusal in the envelope.
    pub(crate) fn into_error(self) -> ApiError {
        let (code, message, wait_us) = match self {
            Self::UsedUp(budget) => return used_up(budget),
            Self::Over(Over::Requests { wait_us, rate }) => {
                let text = format!(
                    "the limit of {} requests per minute is reached: retry after the time given",
                    rate.limit
                );
                ("rate_limit_exceeded", text, wait_us)
            }
            Self::Over(Over::Tokens { wait_us, rate }) => {
                let text = format!(
                    "the limit of {} tokens per minute is reached: retry after the time given, or ask for a shorter answer",
                    rate.limit
                );
                ("rate_limit_exceeded", text, wait_us)
            }
            Self::Over(Over::Concurrent { limit }) => {
                let text = format!(
                    "the limit of {limit} requests in flight is reached: retry when one has ended"
                );
                ("rate_limit_exceeded", text, UNKNOWN_US)
            }
            Self::Over(Over::Full) => {
                let text = "more keys are active than can be counted here: retry later".to_owned();
                ("rate_limit_exceeded", text, UNKNOWN_US)
            }
            Self::Reserved(budget) => {
                let text = format!(
                    "what is left of the budget `{budget}` is reserved for requests in flight: retry when they have ended"
                );
                ("budget_reserved", text, UNKNOWN_US)
            }
            Self::Overloaded { wait_us } => {
                let text =
                    "this model has all the requests that it can take: retry after the time given";
                ("overloaded", text.to_owned(), wait_us.max(UNKNOWN_US))
            }
        };
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut error = ApiError::new(status, "rate_limit_error", code, message);
        error.retry_after_s =
            Some(u32::try_from(wait_us.div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1));
        error.retry_after_ms = Some(wait_us.div_ceil(1_000).max(1));
        error
    }
}

fn used_up(budget: Id<kinds::Budget>) -> ApiError {
    let text = format!(
        "the budget `{budget}` is used up, counting what was used since it was last settled: ask its administrator to raise it"
    );
    ApiError::new(StatusCode::PAYMENT_REQUIRED, "insufficient_quota", "insufficient_quota", text)
}

impl Rates {
    /// Adds OpenAI's headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Some(rate) = self.requests {
            put(headers, rate, REQUESTS);
        }
        if let Some(rate) = self.tokens {
            put(headers, rate, TOKENS);
        }
    }
}

const REQUESTS: [&str; 3] =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const TOKENS: [&str; 3] =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];

fn put(headers: &mut HeaderMap, rate: Rate, [limit, remaining, reset]: [&'static str; 3]) {
    headers.insert(limit, HeaderValue::from(rate.limit));
    headers.insert(remaining, HeaderValue::from(rate.remaining));
    let ms = rate.reset_us.div_ceil(1_000);
    let text = if ms < 1_000 { format!("{ms}ms") } else { format!("{}s", ms.div_ceil(1_000)) };
    // Digits and letters are always a valid header value.
    if let Ok(text) = HeaderValue::from_str(&text) {
        headers.insert(reset, text);
    }
}
