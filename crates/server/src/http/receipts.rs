//! Receipts and proofs: entries that a caller may see, with the way from each to a signed checkpoint.

use std::{sync::Arc, time::Duration};

use api::{
    nouns::entry::{EntryProofGet, ReceiptGet},
    problem::Code,
    reference::ProjectRef,
};
use axum::response::Response;
use http::{HeaderValue, header};
use kernel::access::Role;
use store::{Row, ViewError, view::Entries};
use units::{Id, kinds};

use super::{
    App, answers, blobs::blocking_fail, caller::Caller, costs, fail::Fail, mount::Call,
    proofs::body, resolve, visible, workloads,
};

/// Longest wait for witnesses.
const FINAL_WAIT: Duration = Duration::from_secs(30);
/// Longest id that is looked for.
const ID_CHARS_MAX: usize = 80;

/// `GET /api/v1/receipts/{id}`
pub(crate) async fn receipt(call: Call<ReceiptGet>) -> Result<Response, Fail> {
    let id = call.path.id.clone();
    let mut answer = None;
    let entries = match (id.parse::<Id<kinds::Workload>>(), &call.query.month) {
        (Ok(workload), None) => of_workload(&call, workload).await?,
        (_, Some(month)) => of_invoice(&call, month).await?,
        (Err(_), None) if answers::is_answer(&id) => {
            let (entries, leaf) = answers::entries(&call).await?;
            answer = Some(leaf);
            entries
        }
        (Err(_), None) => of_subject(&call).await?,
    };
    if entries.is_empty() {
        return Err(missing(&id));
    }
    let wait = call.query.wait_final.unwrap_or(false);
    let checkpoint = checkpoint_for(&call.app, &entries, wait).await?;
    let log = call.platform().log().clone();
    let subject = call.query.month.as_ref().map_or_else(|| id.clone(), |m| format!("{id} {m}"));
    let json = blocking_fail(move || {
        let mut receipt = log.prove(&subject, &checkpoint, entries)?;
        receipt.answer = answer;
        receipt.to_json().map_err(|error| ViewError::from(error).into())
    })
    .await?;
    let mut response = body(json.into_bytes(), "application/json", "no-store");
    // Only what an id is made of goes into a header.
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = id.chars().filter(fits).collect();
    let name = format!("attachment; filename=\"{name}.receipt.json\"");
    if let Ok(value) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// `GET /log/proof/{index}`
pub(crate) async fn proof(call: Call<EntryProofGet>) -> Result<Response, Fail> {
    let index = call.path.index;
    let log = call.platform().log().clone();
    let rows = blocking_fail(move || log.rows(index, 1).map_err(Fail::from)).await?;
    let not_there = || Fail::not_found("entry", index);
    let row = rows.into_iter().next().ok_or_else(not_there)?;
    // An entry that the caller may not see answers as one that is not there.
    call.read(|state| visible::event(state, &call.caller, &row))?.ok_or_else(not_there)?;
    let entries = vec![(row.seq, row.leaf)];
    let wait = call.query.wait_final.unwrap_or(false);
    let checkpoint = checkpoint_for(&call.app, &entries, wait).await?;
    let log = call.platform().log().clone();
    let text = blocking_fail(move || {
        let receipt = log.prove("", &checkpoint, entries)?;
        let proof = receipt.tlog_proof(0).map(|proof| proof.to_string());
        proof.ok_or_else(|| Fail::internal("the proof cannot be made", &"an empty receipt"))
    })
    .await?;
    Ok(body(text.into_bytes(), "text/plain; charset=utf-8", "no-store"))
}

async fn of_workload(call: &Call<ReceiptGet>, id: Id<kinds::Workload>) -> Result<Entries, Fail> {
    call.read(|state| workloads::find(state, &call.caller, Role::Viewer, id).map(|_| ()))?;
    let log = call.platform().log().clone();
    blocking_fail(move || log.workload_entries(id).map_err(Fail::from)).await
}

/// The use that a project's invoice of one month is made of.
async fn of_invoice(call: &Call<ReceiptGet>, month: &str) -> Result<Entries, Fail> {
    let month = costs::month_of(month)?;
    let id: Id<kinds::Project> = call.path.id.parse().map_err(|_| missing(&call.path.id))?;
    let reference = ProjectRef::Id(id);
    call.read(|state| resolve::project(state, &call.caller, Role::Viewer, &reference))?;
    // So that the receipt is of now and not of the last minute.
    call.platform().flush_usage().await;
    scan(&call.app, move |row| row.kind.starts_with("usage.") && costs::is_billed(row, id, month))
        .await
}

/// Everything about one thing that the caller may see.
async fn of_subject(call: &Call<ReceiptGet>) -> Result<Entries, Fail> {
    let id = call.path.id.clone();
    if id.is_empty() || id.chars().count() > ID_CHARS_MAX {
        return Err(missing(&id));
    }
    let (app, caller) = (Arc::clone(&call.app), call.caller.clone());
    let seen = move |row: &Row| row.subject == id && may_see(&app, &caller, row);
    scan(&call.app, seen).await
}

fn may_see(app: &App, caller: &Caller, row: &Row) -> bool {
    let seen = app.platform.read(|state| visible::event(state, caller, row));
    seen.is_ok_and(|event| event.is_some())
}

/// The entries of the whole log that are wanted.
async fn scan(
    app: &Arc<App>,
    wanted: impl Fn(&Row) -> bool + Send + 'static,
) -> Result<Entries, Fail> {
    let log = app.platform.log().clone();
    blocking_fail(move || {
        let mut entries = Entries::new();
        log.scan(0, log.size(), |row| {
            if wanted(row) {
                entries.push((row.seq, row.leaf.clone()));
            }
        })?;
        Ok(entries)
    })
    .await
}

/// The checkpoint to prove at: the last final one if it covers every entry, else the newest.
async fn checkpoint_for(app: &App, entries: &Entries, wait: bool) -> Result<String, Fail> {
    let finality = app.platform.finality();
    let needed = entries.last().map_or(0, |(index, _)| index.saturating_add(1));
    if wait && finality.size() < needed {
        if finality.quorum().needed() == 0 {
            let detail = "no witness watches this log, so nothing in it ever becomes final";
            return Err(Fail::new(Code::StateConflict, detail)
                .remedy("ask without `wait_final`, or start the platform with `--witness`"));
        }
        let mut size = app.platform.watch_final();
        let waited = tokio::time::timeout(FINAL_WAIT, size.wait_for(|size| *size >= needed));
        if waited.await.is_err() {
            let detail = "witnesses have not confirmed these entries in time";
            return Err(Fail::new(Code::Unavailable, detail)
                .remedy("see `/log/status` for where they stand, or ask without `wait_final`"));
        }
    }
    let last = finality.last().filter(|last| last.head.size >= needed);
    Ok(last.map_or_else(|| finality.newest(), |last| last.note))
}

fn missing(id: &str) -> Fail {
    let shown: String = id.chars().take(ID_CHARS_MAX).collect();
    Fail::not_found("receipt", shown)
}
