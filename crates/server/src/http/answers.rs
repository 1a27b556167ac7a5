//! Receipts of single answers of models. Whoever may see a project's usage may have them; to anybody else an answer's
//! id is one that does not exist, whether it does or not.

use api::{nouns::entry::ReceiptGet, problem::Code};
use kernel::access::{Role, Scope};
use ledger::{Hash, receipt::InnerLeaf};
use serde::Deserialize;
use store::view::Entries;
use units::UnixMicros;

use super::{access, blobs::blocking_fail, fail::Fail, mount::Call};
use crate::platform::{AnswerPath, FoundAnswer};

/// How much earlier than its end an answer's minute may have begun, and clocks may differ: two minutes.
const MARGIN: i64 = 120_000_000;

/// What ids of answers begin with.
pub(super) fn is_answer(id: &str) -> bool {
    ["chatcmpl-", "cmpl-", "embd-", "resp_", "tok-"].iter().any(|prefix| id.starts_with(prefix))
}

/// The entries of an answer, and the answer under the root that one of them names.
///
/// # Errors
/// 404 if it does not exist, is not the caller's to see, or its minute is not closed yet.
pub(super) async fn entries(call: &Call<ReceiptGet>) -> Result<(Entries, InnerLeaf), Fail> {
    let id = call.path.id.as_str();
    let missing = || Fail::not_found("receipt", id);
    let kept = call.platform().kept_answer(id).await;
    let kept = kept.map_err(|error| Fail::internal("answers cannot be read", &error))?;
    let kept = match kept {
        FoundAnswer::Kept(kept) => kept,
        FoundAnswer::Away => return Err(away(id)),
        FoundAnswer::Unknown => return Err(missing()),
    };
    call.read(|state| {
        let endpoint = state.endpoints.get(&kept.endpoint).ok_or_else(missing)?;
        let scope = Scope::Project(endpoint.project);
        // A key that may not look answers as an id that is not there.
        access::require(state, &call.caller, Role::Viewer, scope, missing).map_err(|_| missing())
    })?;
    let rolled = kept.rolled.ok_or_else(|| pending(id))?;
    let AnswerPath { gateway, sequence, leaf, index, path } = rolled;
    if call.platform().recorded_rollups(gateway) < sequence {
        return Err(pending(id));
    }
    let since = UnixMicros(ended_at(&leaf).0.saturating_sub(MARGIN));
    let log = call.platform().log().clone();
    let found = blocking_fail(move || {
        let found = log.answer_entries(gateway, sequence, since)?;
        // The clock of its gateway may have been ahead: then the entry is from before the answer.
        let all = || log.answer_entries(gateway, sequence, UnixMicros(0));
        found.map_or_else(all, |found| Ok(Some(found))).map_err(Fail::from)
    });
    let (entry, entries) = found.await?.ok_or_else(missing)?;
    let proof = path.into_iter().map(Hash).collect();
    Ok((entries, InnerLeaf { entry, index, leaf, proof }))
}

/// When the answer of a leaf ended; the beginning of time if it does not say.
fn ended_at(leaf: &[u8]) -> UnixMicros {
    #[derive(Deserialize)]
    struct Ended {
        at_ms: i64,
    }
    let ended = serde_json::from_slice::<Ended>(leaf).map_or(0, |leaf| leaf.at_ms);
    UnixMicros(ended.saturating_mul(1_000))
}

fn pending(id: &str) -> Fail {
    Fail::new(Code::ReceiptPending, format!("the minute of `{id}` is not closed yet"))
        .remedy("ask again in a minute: a receipt is there once the minute's usage is in the log")
}

/// Whoever asks for what the gateway never gave hears the same.
fn away(id: &str) -> Fail {
    let detail = format!("the gateway that gives answers like `{id}` is not heard now");
    Fail::new(Code::ReceiptPending, detail)
        .remedy("ask again when it runs and reaches the platform: it keeps what it answered")
}
