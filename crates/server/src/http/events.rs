//! The log as events: in pages, or followed as a stream (SSE, HTML Living Standard §9.2).

use std::sync::Arc;

use api::{
    nouns::{
        event::{Event, EventList, EventPage},
        workload_insight::WorkloadEvents,
    },
    problem::Code,
};
use axum::response::Response;
use kernel::access::Role;

use super::{
    App,
    caller::Caller,
    fail::Fail,
    follow::{self, Seen, wants_stream},
    mount::{self, Call, as_of},
    page as pages, visible, workloads,
};

/// Events of a page if the caller does not say, and at most.
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;
/// Rows read from the log at a time.
const ROWS: usize = 512;
/// Most rows looked at for one page: a caller who may see little is told how far it got.
const ROWS_SCANNED_MAX: usize = 65_536;

/// `GET /api/v1/events`
pub(crate) async fn list(call: Call<EventList>) -> Result<Response, Fail> {
    let query = call.query.clone();
    let limit = pages::limit_of(query.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    if wants_stream(&call.headers) {
        let after = super::follow::resumed(&call.headers)?.or(query.after);
        return Ok(follow(call, after.unwrap_or(0), query.follow.unwrap_or(true)));
    }
    if query.follow == Some(true) {
        return Err(Fail::new(Code::InvalidQuery, "`follow` needs `Accept: text/event-stream`"));
    }
    let after = query.after.unwrap_or(0);
    let page = page(&call.app, &call.caller, Wish { after, limit, subject: None }).await?;
    mount::json(200, &page)
}

/// `GET /api/v1/workloads/{id}/events`
pub(crate) async fn of_workload(call: Call<WorkloadEvents>) -> Result<EventPage, Fail> {
    let id = call.path.id;
    let from = call.read(|state| {
        workloads::find(state, &call.caller, Role::Viewer, id).map(|w| w.submitted_seq)
    })?;
    let token = call.query.page_token.as_ref();
    let after = token.map(|text| text.parse::<u64>()).transpose().map_err(|_| {
        Fail::new(Code::InvalidQuery, "`page_token` needs the `next_after` of the page before")
    })?;
    let limit = pages::limit_of(call.query.limit, LIMIT_DEFAULT, LIMIT_MAX)?;
    let wish = Wish { after: after.unwrap_or(from), limit, subject: Some(id.to_string()) };
    page(&call.app, &call.caller, wish).await
}

/// Which events.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Only after this sequence number, from 1.
    pub(crate) after: u64,
    /// At most so many.
    pub(crate) limit: usize,
    /// Only about this.
    pub(crate) subject: Option<String>,
}

/// A page of what the caller may see.
pub(crate) async fn page(
    app: &Arc<App>,
    caller: &Caller,
    mut wish: Wish,
) -> Result<EventPage, Fail> {
    let mut items = Vec::new();
    let mut n_scanned = 0_usize;
    while items.len() < wish.limit && n_scanned < ROWS_SCANNED_MAX {
        let batch = batch(app, caller, &wish).await?;
        if batch.n_rows == 0 {
            break;
        }
        n_scanned = n_scanned.saturating_add(batch.n_rows);
        let room = wish.limit.saturating_sub(items.len());
        if batch.events.len() > room {
            items.extend(batch.events.into_iter().take(room));
            wish.after = items.last().map_or(wish.after, |event| event.seq);
            break;
        }
        items.extend(batch.events);
        wish.after = batch.next_after;
    }
    let as_of = app.platform.read(as_of);
    Ok(EventPage { items, next_after: wish.after, as_of })
}

/// Some rows of the log, filtered.
struct Batch {
    events: Vec<Event>,
    n_rows: usize,
    next_after: u64,
}

/// Reads rows on a thread that may block, then filters them by what the caller may see now.
async fn batch(app: &Arc<App>, caller: &Caller, wish: &Wish) -> Result<Batch, Fail> {
    let log = app.platform.log().clone();
    // Sequence numbers count from 1, positions from 0: `after` is the next position.
    let from = wish.after;
    let rows = tokio::task::spawn_blocking(move || log.rows(from, ROWS)).await;
    let rows = rows
        .map_err(|error| Fail::internal("reading the log ended early", &error))?
        .map_err(|error| Fail::internal("the log cannot be read", &error))?;
    let wanted = |subject: &str| wish.subject.as_deref().is_none_or(|wanted| wanted == subject);
    let events = app.platform.read(|state| {
        let seen = rows.iter().filter(|row| wanted(&row.subject));
        let seen = seen.filter_map(|row| visible::event(state, caller, row).transpose());
        seen.collect::<Result<Vec<Event>, Fail>>()
    })?;
    let n_rows = rows.len();
    let next_after = rows.last().map_or(from, |row| row.seq.saturating_add(1));
    Ok(Batch { events, n_rows, next_after })
}

/// A reader of the stream.
struct Reader {
    wish: Wish,
    keep_on: bool,
}

fn follow(call: Call<EventList>, after: u64, keep_on: bool) -> Response {
    // What comes later is told under the consents of now.
    call.caller.note_consents();
    let wish = Wish { after, limit: ROWS, subject: None };
    follow::respond(call.app, call.caller, call.session, Reader { wish, keep_on })
}

impl follow::Reader for Reader {
    fn keeps_on(&self) -> bool {
        self.keep_on
    }

    async fn look(&mut self, app: &Arc<App>, caller: &Caller) -> Result<Seen, Fail> {
        let batch = batch(app, caller, &self.wish).await?;
        self.wish.after = batch.next_after;
        Ok(match batch.n_rows {
            _ if !batch.events.is_empty() => {
                Seen::Messages(batch.events.iter().map(message).collect())
            }
            0 => Seen::End,
            _ => Seen::Nothing,
        })
    }
}

/// One message: number, kind and data, each on a line of its own (JSON has no line breaks).
fn message(event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.seq, event.kind)
}
