//! Validates evidence commands.

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits};

/// Bytes of a criterion's id.
const CRITERION_BYTES_MAX: usize = 64;

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Record { claim } => {
            Reject::limit("pieces of evidence", state.evidence.len(), limits::EVIDENCE_MAX)?;
            let criterion = &claim.criterion;
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
            if criterion.is_empty()
                || criterion.len() > CRITERION_BYTES_MAX
                || !criterion.bytes().all(plain)
            {
                let message = "needs the id of a criterion, such as `csf.sov-1.seal-2.1`: see `cocarde audit criteria`";
                return Err(Reject::invalid("criterion", message));
            }
            if !state.entities.contains_key(&claim.issuer) {
                return Err(Reject::not_found("entity", claim.issuer));
            }
            if claim.valid_until.is_some_and(|until| until <= ctx.now) {
                return Err(Reject::invalid(
                    "valid_until",
                    "lies in the past: it would never count",
                ));
            }
            let mut same = state.evidence.values();
            if same.any(|one| one.claim == *claim && one.withdrawn_at.is_none()) {
                return Ok(Vec::new());
            }
            Event::Recorded { id: ctx.id(0), claim: claim.clone() }
        }
        Command::Withdraw { id } => {
            let found = state.evidence.get(id).ok_or_else(|| Reject::not_found("evidence", id))?;
            if found.withdrawn_at.is_some() {
                return Ok(Vec::new());
            }
            Event::Withdrawn { id: *id }
        }
    };
    Ok(vec![crate::Event::Evidence(event)])
}
