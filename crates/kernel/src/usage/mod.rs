//! Metered use, rated: every figure says whether it was measured or modelled, and by what.
//!
//! A line of the ledger is one (project, month, unit, price, origin); its amount is rated once from
//! its whole quantity, so rounding never accumulates and an invoice adds up to the cent.

mod apply;
mod decide;
mod ledger;
mod recent;

pub(crate) use apply::apply;
pub(crate) use decide::{charge, decide, metered};
pub use ledger::{Ledger, Line, LineKey, Totals};
pub(crate) use ledger::{month_of, month_start};
pub use recent::{HALF_LIFE_HOURS, Recent};

use serde::{Deserialize, Serialize};
use units::{
    Bytes, Digest, Id, MicroEuro, MicroGram, MilliJoule, Price, PriceUnit, Tokens, UnixMicros,
    kinds,
};

use crate::{Actor, State, Subject};

/// A quantity at the price in force when it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Per what.
    pub per: PriceUnit,
    /// Price of one unit.
    pub price: MicroEuro,
    /// Quantity in base units of `per`.
    pub quantity_base: u64,
}

impl Charge {
    /// The price as a ratio.
    #[must_use]
    pub const fn price(&self) -> Price {
        Price { amount: self.price, per: self.per }
    }
}

/// Energy with how it is known, and what it emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Energy {
    /// Energy at the node.
    pub energy: MilliJoule,
    /// Emissions at the site's intensity, facility overhead (PUE) included.
    #[serde(rename = "carbon_ug")]
    pub carbon: MicroGram,
    /// True if a meter was read, false for a model.
    pub measured: bool,
    /// The meter or the model with its constants.
    pub source: String,
    /// Where the carbon intensity comes from.
    pub carbon_source: String,
}

/// Cumulative counters of one rank of one attempt; never decrease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Processor time in core-microseconds.
    pub cpu_micros: u64,
    /// GPU time in GPU-microseconds.
    pub gpu_micros: u64,
    /// Energy.
    pub energy: MilliJoule,
}

impl Counters {
    /// Both together, saturating.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            cpu_micros: self.cpu_micros.saturating_add(other.cpu_micros),
            gpu_micros: self.gpu_micros.saturating_add(other.gpu_micros),
            energy: self.energy.saturating_add(other.energy),
        }
    }

    /// What was added since these counters, at least nothing.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            cpu_micros: self.cpu_micros.saturating_sub(before.cpu_micros),
            gpu_micros: self.gpu_micros.saturating_sub(before.gpu_micros),
            energy: self.energy.saturating_sub(before.energy),
        }
    }
}

/// Use by one rank of an attempt since the last such event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptMetered {
    /// The workload.
    pub workload: Id<kinds::Workload>,
    /// Who pays.
    pub project: Id<kinds::Project>,
    /// The attempt.
    pub attempt: u32,
    /// The rank.
    pub rank: u32,
    /// Counters after this event.
    pub total: Counters,
    /// What was used since the last event, priced.
    pub charges: Vec<Charge>,
    /// Energy since the last event.
    pub energy: Option<Energy>,
}

/// The head of a tree over the answers of a roll-up (RFC 6962 §2.1): one leaf for each request that got
/// an answer, with its facts and digests. The leaves themselves are kept by the gateway, and not for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Leaves: from 1, and at most the requests.
    pub count: u64,
    /// The root.
    pub root: Digest,
}

/// A gateway's count of one key, endpoint and minute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokensMetered {
    /// The gateway.
    pub gateway: Id<kinds::Gateway>,
    /// Number of the roll-up within the gateway, from 1 without gaps.
    pub sequence: u64,
    /// The key that called.
    pub key: Id<kinds::Key>,
    /// Who pays.
    pub project: Id<kinds::Project>,
    /// What was called.
    pub endpoint: Id<kinds::Endpoint>,
    /// Start of the minute.
    pub minute: UnixMicros,
    /// Requests answered.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Prompt tokens.
    pub tokens_in: Tokens,
    /// Generated tokens.
    pub tokens_out: Tokens,
    /// True if some streams broke and their tokens were counted by chunk.
    pub estimated: bool,
    /// Tokens, priced.
    pub charges: Vec<Charge>,
    /// Positions of the decisions that allowed the routes in use; empty in older entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<u64>,
    /// The tree over the answers; absent without any and in older entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Answers>,
}

/// Why data left in bulk; each is priced on its own (Regulation (EU) 2023/2854, Article 29).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressPurpose {
    /// The customer switches to another provider: free from [`SWITCH_FREE_FROM`] on.
    Switch,
    /// The customer uses another provider as well.
    Parallel,
}

/// From this moment on nothing may be charged for a switch: 12 January 2027, in the earliest time zone
/// of a member state.
pub const SWITCH_FREE_FROM: UnixMicros = UnixMicros(1_799_704_800_000_000);

/// Data of a project that left in bulk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressMetered {
    /// Whose data it was, and who pays.
    pub project: Id<kinds::Project>,
    /// Why it left.
    pub purpose: EgressPurpose,
    /// Bytes.
    pub size: Bytes,
    /// The bytes, priced.
    pub charges: Vec<Charge>,
}

/// What can be asked about usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Records a gateway's roll-up; prices are filled in here.
    RecordTokens {
        /// The gateway.
        gateway: Id<kinds::Gateway>,
        /// Number of the roll-up within the gateway.
        sequence: u64,
        /// The key.
        key: Id<kinds::Key>,
        /// The endpoint.
        endpoint: Id<kinds::Endpoint>,
        /// Start of the minute.
        minute: UnixMicros,
        /// Requests answered.
        requests: u64,
        /// Requests that failed.
        errors: u64,
        /// Prompt tokens.
        tokens_in: Tokens,
        /// Generated tokens.
        tokens_out: Tokens,
        /// True if some tokens were counted by chunk.
        estimated: bool,
        /// The tree over the answers.
        answers: Option<Answers>,
    },
    /// Records data that left in bulk; the price is filled in here.
    RecordEgress {
        /// Whose data it was.
        project: Id<kinds::Project>,
        /// Why it left.
        purpose: EgressPurpose,
        /// Bytes.
        size: Bytes,
    },
}

/// What can happen to usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Use by a workload.
    Attempt(AttemptMetered),
    /// Use through the gateway.
    Tokens(TokensMetered),
    /// Data that left in bulk.
    Egress(EgressMetered),
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Attempt(_) => "usage.attempt",
            Self::Tokens(_) => "usage.tokens",
            Self::Egress(_) => "usage.egress",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Attempt(m) => m.workload.into(),
            Self::Tokens(m) => m.gateway.into(),
            Self::Egress(m) => m.project.into(),
        }
    }

    /// Who pays.
    #[must_use]
    pub const fn project(&self) -> Id<kinds::Project> {
        match self {
            Self::Attempt(m) => m.project,
            Self::Tokens(m) => m.project,
            Self::Egress(m) => m.project,
        }
    }

    /// Who caused it: who submitted the work, whose key called, who asked for the data.
    pub(crate) fn by(&self, state: &State, actor: Actor) -> Actor {
        match self {
            Self::Attempt(m) => {
                state.workloads.get(&m.workload).map_or(actor, |workload| workload.by)
            }
            Self::Tokens(m) => Actor::Key(m.key),
            Self::Egress(_) => actor,
        }
    }

    pub(crate) fn charges(&self) -> &[Charge] {
        match self {
            Self::Attempt(m) => &m.charges,
            Self::Tokens(m) => &m.charges,
            Self::Egress(m) => &m.charges,
        }
    }
}
