//! Token usage from a gateway into the log.

use kernel::{Actor, Command, Submission, usage};
use units::{Id, Tokens, UnixMicros, kinds};

use super::{Platform, SubmitFailure};

/// A gateway's count of one key, endpoint and minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenUsage {
    /// The gateway.
    pub gateway: Id<kinds::Gateway>,
    /// Number of the roll-up within the gateway.
    pub sequence: u64,
    /// The key.
    pub key: Id<kinds::Key>,
    /// The endpoint.
    pub endpoint: Id<kinds::Endpoint>,
    /// Start of the minute in seconds since the epoch.
    pub minute_unix_s: i64,
    /// Requests answered.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Prompt tokens.
    pub prompt_tokens: u64,
    /// Generated tokens.
    pub completion_tokens: u64,
    /// True if some tokens were counted by chunk.
    pub estimated: bool,
}

impl Platform {
    /// Records a roll-up; the same one again changes nothing.
    ///
    /// # Errors
    /// [`SubmitFailure`]; nothing is lost, the gateway offers it again.
    pub async fn record_tokens(&self, usage: &TokenUsage) -> Result<(), SubmitFailure> {
        let command = usage::Command::RecordTokens {
            gateway: usage.gateway,
            sequence: usage.sequence,
            key: usage.key,
            endpoint: usage.endpoint,
            minute: UnixMicros(usage.minute_unix_s.saturating_mul(1_000_000)),
            requests: usage.requests,
            errors: usage.errors,
            tokens_in: Tokens(usage.prompt_tokens),
            tokens_out: Tokens(usage.completion_tokens),
            estimated: usage.estimated,
        };
        self.submit(Actor::Gateway, Submission::new(Command::Usage(command))).await.map(|_| ())
    }

    /// The last roll-up of a gateway that is in the log.
    #[must_use]
    pub fn recorded_rollups(&self, gateway: Id<kinds::Gateway>) -> u64 {
        self.read(|state| state.usage.gateways.get(&gateway).copied().unwrap_or(0))
    }
}
