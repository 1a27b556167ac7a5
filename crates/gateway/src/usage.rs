//! Usage as it leaves this crate: one roll-up per key, endpoint and minute.
//!
//! A roll-up is identified by gateway and sequence. Sequences of a gateway start at 1, have no
//! holes and are delivered in order, so a hole in the log is usage that is visibly missing.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use units::{Digest, Id, kinds};

/// Where roll-ups go, in practice the sequencer of the log.
pub trait UsageSink: Send + Sync + 'static {
    /// Takes one roll-up; must be idempotent by (`gateway`, `sequence`), since a delivery whose
    /// outcome is unknown is repeated. Ok means it is durable.
    fn record(&self, rollup: Rollup) -> BoxFuture<'_, Result<(), SinkError>>;
}

/// Usage of one key at one endpoint within one minute, or within a part of it: a minute that was
/// flushed early continues in a later roll-up, so consumers add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// The gateway that counted.
    pub gateway: Id<kinds::Gateway>,
    /// Position among this gateway's roll-ups, from 1, without holes.
    pub sequence: u64,
    /// The key used.
    pub key: Id<kinds::Key>,
    /// The project that pays.
    pub project: Id<kinds::Project>,
    /// The endpoint called.
    pub endpoint: Id<kinds::Endpoint>,
    /// Start of the minute in which the requests ended, in seconds since 1970.
    pub minute_unix: i64,
    /// Requests that reached a replica or tried to.
    pub requests: u64,
    /// Those of them whose answer was an error or incomplete.
    pub errors: u64,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// True if any part of the tokens was counted by the gateway instead of told by the engine.
    pub estimated: bool,
    /// The tree over those requests that got an answer; `None` if none did, and in roll-ups that an
    /// older version left waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// What a roll-up says of its answers: the head of an RFC 6962 tree with one leaf each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Leaves, from 1.
    pub count: u64,
    /// The tree's root.
    pub root: Digest,
}

/// Why a sink did not take a roll-up; it will be offered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the usage sink did not take the roll-up: {detail}")]
pub struct SinkError {
    /// What went wrong, for the log.
    pub detail: String,
}
