//! What a witness's answer means. Nothing it says is believed but a cosignature that holds; the size in a
//! conflict only tells from where to prove.

use std::time::Instant;

use ledger::SignedNote;
use ledger::witness::read_cosignatures;

use super::round::{Ask, TRIES_MAX, backoff};
use super::{Inner, State, WitnessState};

/// What came back from a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// An HTTP answer.
    Status {
        /// Its status.
        status: u16,
        /// Its body, bounded by the caller.
        body: Vec<u8>,
    },
    /// None: the witness could not be reached in time.
    Unreachable {
        /// Why.
        reason: String,
    },
}

/// What follows for the witness.
enum Outcome {
    /// A cosignature at this time.
    Cosigned(u64),
    /// Another size to prove from.
    From(u64),
    /// A refusal for good, in this round.
    Refused(String),
    /// No answer.
    Unreachable(String),
}

/// Takes an answer; gives the size of a checkpoint that became final by it.
pub(super) fn take(
    inner: &Inner,
    state: &mut State,
    ask: &Ask,
    answer: &WitnessAnswer,
) -> Option<u64> {
    let mut completed = None;
    let outcome = match answer {
        WitnessAnswer::Unreachable { reason } => Outcome::Unreachable(reason.clone()),
        WitnessAnswer::Status { status: 200, body } => match cosigned(inner, state, ask, body) {
            Ok((time_s, size)) => {
                completed = size;
                Outcome::Cosigned(time_s)
            }
            Err(reason) => Outcome::Refused(reason),
        },
        WitnessAnswer::Status { status: 409, body } => conflict(ask, body),
        WitnessAnswer::Status { status, body } if *status >= 500 || *status == 429 => {
            Outcome::Unreachable(format!("status {status}: {}", short(body)))
        }
        WitnessAnswer::Status { status, body } => {
            Outcome::Refused(format!("status {status}: {}", short(body)))
        }
    };
    settle(inner, state, ask, outcome);
    completed
}

/// Adds the witness's lines to the target if they hold.
fn cosigned(
    inner: &Inner,
    state: &mut State,
    ask: &Ask,
    body: &[u8],
) -> Result<(u64, Option<u64>), String> {
    let key = inner.quorum.witnesses().get(ask.witness).ok_or("this witness is not known")?;
    let lines = read_cosignatures(body).map_err(|error| error.to_string())?;
    // The request's own checkpoint: the target may be another by now.
    let note = ask.body.split_once("\n\n").map_or("", |(_, note)| note);
    let mut note = SignedNote::parse(note.as_bytes()).map_err(|error| error.to_string())?;
    // Lines of other keys are ignored (`tlog-witness` §add-checkpoint).
    let own: Vec<_> = lines.into_iter().filter(|line| key.is_of(line)).take(1).collect();
    for line in &own {
        note.add_signature(line.clone()).map_err(|error| error.to_string())?;
    }
    let time_s = key.verify(&note).map_err(|error| error.to_string())?;
    let Some(target) = state.target.as_mut().filter(|target| target.round == ask.round) else {
        return Ok((time_s, None));
    };
    if target.note.signatures().iter().any(|line| key.is_of(line)) {
        return Ok((time_s, None));
    }
    for line in own {
        target.note.add_signature(line).map_err(|error| error.to_string())?;
    }
    if !inner.quorum.tally(&target.note).is_final() {
        return Ok((time_s, None));
    }
    let (note, head) = (target.note.clone(), target.head);
    target.is_final = true;
    Ok((time_s, inner.complete(state, &note, head)))
}

/// A witness that has another size names it; one that has the same size has another root.
fn conflict(ask: &Ask, body: &[u8]) -> Outcome {
    let size = std::str::from_utf8(body).ok().and_then(|text| text.strip_suffix('\n'));
    match size.and_then(|text| text.parse::<u64>().ok()) {
        Some(size) if size != ask.old => Outcome::From(size),
        Some(_) | None => {
            Outcome::Refused("it has cosigned another history of this log".to_owned())
        }
    }
}

fn settle(inner: &Inner, state: &mut State, ask: &Ask, outcome: Outcome) {
    let Some(standing) = state.standings.get_mut(ask.witness) else { return };
    let (new_state, detail) = match outcome {
        Outcome::Cosigned(time_s) => {
            let size = size_of(ask);
            standing.known = size;
            standing.cosigned = Some((size, time_s));
            standing.n_failures = 0;
            standing.not_before = None;
            (WitnessState::Cosigned, None)
        }
        Outcome::From(size) if standing.n_tries < TRIES_MAX => {
            standing.known = size;
            return;
        }
        Outcome::From(size) => (WitnessState::Refused, Some(format!("it asks for size {size}"))),
        Outcome::Refused(reason) => (WitnessState::Refused, Some(reason)),
        Outcome::Unreachable(reason) => (WitnessState::Unreachable, Some(reason)),
    };
    if new_state != WitnessState::Cosigned {
        standing.n_failures = standing.n_failures.saturating_add(1);
        standing.not_before = Some(Instant::now() + backoff(inner.pace.retry, standing.n_failures));
    }
    if new_state != standing.state {
        let name = inner.quorum.witnesses().get(ask.witness).map_or("?", |key| key.name());
        let said = detail.as_deref().unwrap_or_default();
        tracing::info!(witness.name = name, "witness `{name}` {}: {said}", new_state.as_str());
    }
    standing.state = new_state;
    standing.detail = detail;
    standing.n_tries = 0;
    // A witness that could not be reached is tried again in the same round.
    if new_state != WitnessState::Unreachable {
        standing.done_round = standing.done_round.max(ask.round);
    }
}

/// The size in the request's checkpoint.
fn size_of(ask: &Ask) -> u64 {
    let note = ask.body.split_once("\n\n").map_or("", |(_, note)| note);
    note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0)
}

/// The beginning of a body, for a message.
fn short(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect()
}
