//! Rounds: which checkpoint is being cosigned now, and what to ask of whom. It must never ask for a smaller
//! size than it asked for before.

use std::time::{Duration, Instant};

use ledger::witness::AddCheckpoint;
use ledger::{SignedNote, TreeHead};

use super::{Inner, State, WitnessState};

/// Tries of one witness in one round: the second has the size that the witness named.
pub(super) const TRIES_MAX: u32 = 3;

/// The checkpoint that is being cosigned.
pub(super) struct Target {
    pub(super) round: u64,
    pub(super) head: TreeHead,
    /// With the cosignatures that there are.
    pub(super) note: SignedNote,
    pub(super) started: Instant,
    pub(super) is_final: bool,
}

/// Where one witness stands.
#[derive(Default)]
pub(super) struct Standing {
    /// The size it cosigned last, as far as is known.
    pub(super) known: u64,
    /// The last round that is over for it, and tries in the one that is not.
    pub(super) done_round: u64,
    pub(super) n_tries: u32,
    /// Failures in a row, and when to try again.
    pub(super) n_failures: u32,
    pub(super) not_before: Option<Instant>,
    /// What it cosigned last, and when by its clock.
    pub(super) cosigned: Option<(u64, u64)>,
    pub(super) state: WitnessState,
    pub(super) detail: Option<String>,
}

/// What to send to a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub(super) witness: usize,
    pub(super) round: u64,
    pub(super) old: u64,
    /// The body of `POST add-checkpoint`.
    pub body: String,
}

/// What a witness's connection should do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Send this and give the answer to [`take`](super::Finality::take).
    Ask(Ask),
    /// Nothing for now: ask again.
    Nothing,
    /// End.
    Closed,
}

/// Makes the newest checkpoint the target if it is time.
pub(super) fn begin_if_due(inner: &Inner, state: &mut State, now: Instant) {
    let size = inner.view.size();
    let due = match &state.target {
        None => true,
        Some(target) => {
            let age = now.saturating_duration_since(target.started);
            let grew = size > target.head.size;
            (grew && target.is_final && age >= inner.pace.round_gap)
                || (grew && age >= inner.pace.round_max)
                || age >= inner.pace.idle
        }
    };
    if !due {
        return;
    }
    let (signed, head) = inner.view.signed_head();
    let note = match SignedNote::parse(signed.as_bytes()) {
        Ok(note) => note,
        Err(error) => {
            tracing::error!("the log's own checkpoint cannot be read: {error}");
            return;
        }
    };
    state.n_rounds = state.n_rounds.saturating_add(1);
    let round = state.n_rounds;
    state.target = Some(Target { round, head, note, started: now, is_final: false });
    inner.changed.notify_all();
}

/// What a witness is to be asked now, if anything.
pub(super) fn ask(inner: &Inner, state: &mut State, witness: usize, now: Instant) -> Option<Ask> {
    let target = state.target.as_ref()?;
    let standing = state.standings.get_mut(witness)?;
    let waits = standing.not_before.is_some_and(|at| now < at);
    if standing.done_round >= target.round || waits {
        return None;
    }
    let old = standing.known;
    if old > target.head.size {
        // It has seen more of this log than there is: the log was cut short.
        standing.done_round = target.round;
        standing.state = WitnessState::Ahead;
        standing.detail = Some(format!("it has cosigned {old} entries of this log"));
        tracing::error!(
            witness.size = old,
            "a witness has cosigned {old} entries, this log has {}: it was cut short or is an old copy",
            target.head.size
        );
        return None;
    }
    let proof = inner.view.consistency(old, target.head.size);
    let request = proof.map(|proof| AddCheckpoint { old, proof, note: target.note.clone() });
    match request {
        Ok(request) => {
            standing.n_tries = standing.n_tries.saturating_add(1);
            Some(Ask { witness, round: target.round, old, body: request.to_string() })
        }
        Err(error) => {
            tracing::error!("no proof from {old} entries on: {error}");
            standing.done_round = target.round;
            None
        }
    }
}

/// How long to leave a witness alone that failed so many times in a row.
pub(super) fn backoff(retry: Duration, n_failures: u32) -> Duration {
    retry.saturating_mul(1_u32 << n_failures.saturating_sub(1).min(6))
}
