//! Where finality stands, for people, metrics and the API. Read only.

use ledger::Hash;
use serde::Serialize;

use super::{Inner, State};

/// What the last exchange with a witness came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessState {
    /// It was not asked yet.
    #[default]
    Waiting,
    /// It cosigned.
    Cosigned,
    /// It could not be reached; it is tried again.
    Unreachable,
    /// It refused.
    Refused,
    /// It has seen more of this log than there is: the log was cut short.
    Ahead,
}

impl WitnessState {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Cosigned => "cosigned",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Ahead => "ahead",
        }
    }
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WitnessStatus {
    /// Its name.
    pub name: String,
    /// Its key.
    pub key: String,
    /// What the last exchange came to.
    pub state: WitnessState,
    /// Entries of the checkpoint that it cosigned last.
    pub size: Option<u64>,
    /// When it did, in seconds since 1970, by its clock.
    pub time_s: Option<u64>,
    /// Why it did not, in its words.
    pub detail: Option<String>,
}

/// The log and its witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FinalityStatus {
    /// Durable entries, all of them signed.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// Witnesses that must agree; 0 without witnesses, when nothing is ever final.
    pub needed: usize,
    /// Entries of the last final checkpoint.
    pub final_size: Option<u64>,
    /// When its quorum was complete, in seconds since 1970.
    pub final_time_s: Option<u64>,
    /// The witnesses.
    pub witnesses: Vec<WitnessStatus>,
}

pub(super) fn of(inner: &Inner, state: &State) -> FinalityStatus {
    let (_, head) = inner.view.signed_head();
    let witnesses = inner.quorum.witnesses().iter().zip(&state.standings);
    let witnesses = witnesses.map(|(key, standing)| WitnessStatus {
        name: key.name().to_owned(),
        key: key.to_string(),
        state: standing.state,
        size: standing.cosigned.map(|(size, _)| size),
        time_s: standing.cosigned.map(|(_, time_s)| time_s),
        detail: standing.detail.clone(),
    });
    FinalityStatus {
        size: head.size,
        root: head.root,
        needed: inner.quorum.needed(),
        final_size: state.last.as_ref().map(|last| last.head.size),
        final_time_s: state.last.as_ref().map(|last| last.time_s),
        witnesses: witnesses.collect(),
    }
}
