//! Token usage from a gateway into the log.

use kernel::{Actor, Command, Submission, usage};
use units::{Digest, Id, Tokens, UnixMicros, kinds};

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
    /// Number and root of the tree over the answers.
    pub answers: Option<(u64, Digest)>,
}

impl Platform {
    /// Records a roll-up; the same one again changes nothing.
    ///
    /// # Errors
    /// [`SubmitFailure`]; nothing is lost, the gateway offers it again.
    pub async fn record_tokens(&self, counted: &TokenUsage) -> Result<(), SubmitFailure> {
        let command = usage::Command::RecordTokens {
            gateway: counted.gateway,
            sequence: counted.sequence,
            key: counted.key,
            endpoint: counted.endpoint,
            minute: UnixMicros(counted.minute_unix_s.saturating_mul(1_000_000)),
            requests: counted.requests,
            errors: counted.errors,
            tokens_in: Tokens(counted.prompt_tokens),
            tokens_out: Tokens(counted.completion_tokens),
            estimated: counted.estimated,
            answers: counted.answers.map(|(count, root)| usage::Answers { count, root }),
        };
        self.submit(Actor::Gateway, Submission::new(Command::Usage(command))).await.map(|_| ())
    }

    /// The last roll-up of a gateway that is in the log.
    #[must_use]
    pub fn recorded_rollups(&self, gateway: Id<kinds::Gateway>) -> u64 {
        self.read(|state| state.usage.gateways.get(&gateway).copied().unwrap_or(0))
    }
}
