//! A tenant's own entries with their proofs: in pages at one checkpoint, or followed as a stream. It must
//! never show a byte of somebody else's, nor leave one of the tenant's out.

use std::sync::Arc;

use api::{
    nouns::entry::{EntryList, EntryPage, EntryQuery, ProvenEntry, StreamedEntry},
    problem::Code,
};
use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use kernel::{
    State,
    access::{Role, Scope, covers},
};

use super::{
    App,
    blobs::blocking_fail,
    caller::Caller,
    fail::Fail,
    follow::{self, Seen, wants_stream},
    mount::{self, Call},
    page as pages, resolve,
    visible::place_of,
};

/// Entries of a page if the caller does not say, and at most.
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 500;
/// Most rows looked at for one page: a tenant with little is told how far it got.
const ROWS_SCANNED_MAX: u64 = 65_536;

/// `GET /api/v1/entries`
pub(crate) async fn list(call: Call<EntryList>) -> Result<Response, Fail> {
    let owner = call.read(|state| owner(state, &call.caller, &call.query))?;
    if wants_stream(&call.headers) {
        return follow(call, owner);
    }
    let limit = pages::limit_of(call.query.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let after = call.query.after.unwrap_or(0);
    let (size, checkpoint) = match call.query.size {
        Some(size) if size <= call.platform().read_size() => (size, None),
        Some(size) => {
            let detail = format!("`size` is {size}: give the `size` of the page before");
            return Err(Fail::new(Code::InvalidQuery, detail));
        }
        None => {
            let (size, note) = newest(&call.app, after);
            (size, Some(note))
        }
    };
    let wish = Wish { owner, after, size, limit };
    let (items, next_after) = page(&call.app, wish).await?;
    let owner = match owner {
        Scope::Organisation(id) => id.to_string(),
        Scope::Project(id) => id.to_string(),
        Scope::Platform => String::new(),
    };
    mount::json(200, &EntryPage { owner, items, size, checkpoint, next_after })
}

/// Whose entries are asked for. All of a tenant's entries, keys and refusals too, are its administrator's.
fn owner(state: &State, caller: &Caller, query: &EntryQuery) -> Result<Scope, Fail> {
    let role = Role::Administrator;
    match (&query.organisation, &query.project) {
        (Some(organisation), None) => {
            resolve::organisation(state, caller, role, organisation).map(Scope::Organisation)
        }
        (None, Some(project)) => resolve::project(state, caller, role, project).map(Scope::Project),
        (None, None) | (Some(_), Some(_)) => {
            Err(Fail::new(Code::InvalidQuery, "give either `organisation` or `project`"))
        }
    }
}

/// The last final checkpoint if it has anything after a position, else the newest.
fn newest(app: &App, after: u64) -> (u64, String) {
    let finality = app.platform.finality();
    match finality.last() {
        Some(last) if last.head.size > after => (last.head.size, last.note),
        _ => {
            let (note, head) = app.platform.log().signed_head();
            (head.size, note)
        }
    }
}

/// Which entries.
#[derive(Debug, Clone, Copy)]
struct Wish {
    owner: Scope,
    after: u64,
    size: u64,
    limit: usize,
}

/// The tenant's entries from a position on, proven at a size, and where to read on.
async fn page(app: &Arc<App>, wish: Wish) -> Result<(Vec<ProvenEntry>, u64), Fail> {
    let app = Arc::clone(app);
    blocking_fail(move || {
        let (log, owners) = (app.platform.log(), &app.owners);
        let end = wish.size.min(wish.after.saturating_add(ROWS_SCANNED_MAX));
        owners.read_up_to(log, wish.size, |event| {
            app.platform.read(|state| place_of(state, event).0)
        })?;
        let mut items = Vec::new();
        let mut next = wish.after.min(wish.size);
        while next < end && items.len() < wish.limit {
            let rows = log.rows(next, usize::try_from(end.saturating_sub(next)).unwrap_or(1))?;
            let own = app.platform.read(|state| {
                let is_own = |row: &&store::Row| {
                    let scope = owners.scope_of(state, row);
                    scope.is_some_and(|scope| covers(state, wish.owner, scope))
                };
                rows.iter().filter(is_own).cloned().collect::<Vec<_>>()
            });
            let room = wish.limit.saturating_sub(items.len());
            let is_full = own.len() > room;
            for row in own.into_iter().take(room) {
                next = row.seq.saturating_add(1);
                let proof = log.inclusion(row.seq, wish.size)?;
                let proof = proof.iter().map(ToString::to_string).collect();
                let leaf = STANDARD.encode(&row.leaf);
                items.push(ProvenEntry { index: row.seq, leaf, proof });
            }
            match rows.last() {
                Some(last) if !is_full => next = last.seq.saturating_add(1).min(end),
                Some(_) => break,
                None => return Err(store::ViewError::EntryMissing { seq: next }.into()),
            }
        }
        Ok((items, next))
    })
    .await
}

/// A reader of the stream.
struct Reader {
    query: EntryQuery,
    wish: Wish,
}

fn follow(call: Call<EntryList>, owner: Scope) -> Result<Response, Fail> {
    let resumed = follow::resumed(&call.headers)?;
    // `Last-Event-ID` is a position that was seen; `after` is where to begin.
    let after = resumed.map(|seen| seen.saturating_add(1)).or(call.query.after).unwrap_or(0);
    let limit = usize::try_from(LIMIT_DEFAULT).unwrap_or(usize::MAX);
    let wish = Wish { owner, after, size: 0, limit };
    let reader = Reader { query: call.query, wish };
    Ok(follow::respond(call.app, call.caller, call.session, reader))
}

impl follow::Reader for Reader {
    async fn look(&mut self, app: &Arc<App>, caller: &Caller) -> Result<Seen, Fail> {
        // A right that was lost meanwhile ends the stream.
        app.platform.read(|state| owner(state, caller, &self.query))?;
        let (size, checkpoint) = newest(app, self.wish.after);
        self.wish.size = size;
        let before = self.wish.after;
        let (items, next) = page(app, self.wish).await?;
        self.wish.after = next;
        if !items.is_empty() {
            let text = |entry| message(&StreamedEntry { entry, checkpoint: checkpoint.clone() });
            return Ok(Seen::Messages(items.into_iter().map(text).collect()));
        }
        Ok(if next > before { Seen::Nothing } else { Seen::End })
    }
}

/// One message: position and data, each on a line of its own (JSON has no line breaks).
fn message(entry: &StreamedEntry) -> String {
    let data = serde_json::to_string(entry).unwrap_or_default();
    format!("id: {}\nevent: entry\ndata: {data}\n\n", entry.entry.index)
}
