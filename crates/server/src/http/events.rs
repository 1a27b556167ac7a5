//! The log as events: in pages, or followed as a stream (SSE, HTML Living Standard §9.2).

use std::{sync::Arc, time::Duration};

use api::{
    nouns::{
        event::{Event, EventList, EventPage},
        workload_insight::WorkloadEvents,
    },
    problem::Code,
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use kernel::access::Role;
use tokio::sync::watch;

use super::{
    App,
    caller::Caller,
    fail::Fail,
    mount::{self, Call, as_of},
    visible, workloads,
};
use crate::sign_in::session::Session;

/// Events of a page if the caller does not say, and at most.
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;
/// Rows read from the log at a time.
const ROWS: usize = 512;
/// Most rows looked at for one page: a caller who may see little is told how far it got.
const ROWS_SCANNED_MAX: usize = 65_536;
/// A comment that keeps the connection open while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// `GET /api/v1/events`
pub(crate) async fn list(call: Call<EventList>) -> Result<Response, Fail> {
    let query = call.query.clone();
    let limit = limit_of(query.limit)?;
    if wants_stream(&call.headers) {
        let resumed = call.headers.get("last-event-id");
        let resumed = resumed.map(|id| id.to_str().ok().and_then(|id| id.parse().ok()));
        let after = match resumed {
            Some(Some(after)) => Some(after),
            Some(None) => {
                let detail = "the header Last-Event-ID needs a sequence number";
                return Err(Fail::new(Code::InvalidQuery, detail));
            }
            None => query.after,
        };
        return follow(call, after.unwrap_or(0), query.follow.unwrap_or(true));
    }
    if query.follow == Some(true) {
        return Err(Fail::new(Code::InvalidQuery, "`follow` needs `Accept: text/event-stream`"));
    }
    let after = query.after.unwrap_or(0);
    let page = page(&call.app, &call.caller, Wish { after, limit, subject: None }).await?;
    mount::json(200, &page)
}

fn limit_of(limit: Option<u32>) -> Result<usize, Fail> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("`limit` is {limit}: use 1 to {LIMIT_MAX}");
        return Err(Fail::new(Code::InvalidQuery, detail));
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|line| line.split(',')).any(|media| {
        media.split(';').next().is_some_and(|m| m.trim().eq_ignore_ascii_case("text/event-stream"))
    })
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
    let limit = limit_of(call.query.limit)?;
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
struct Follower {
    app: Arc<App>,
    caller: Caller,
    session: Option<Session>,
    wish: Wish,
    changes: watch::Receiver<u64>,
    keep_on: bool,
}

fn follow(call: Call<EventList>, after: u64, keep_on: bool) -> Result<Response, Fail> {
    // What comes later is told under the consents of now.
    call.caller.note_consents();
    let changes = call.platform().watch();
    let wish = Wish { after, limit: ROWS, subject: None };
    let (app, caller, session) = (call.app, call.caller, call.session);
    let follower = Follower { app, caller, session, wish, changes, keep_on };
    let pieces = stream::unfold(Some(follower), |state| async move {
        let mut follower = state?;
        match follower.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(follower))),
            Ok(None) => None,
            // The connection ends; the client resumes with Last-Event-ID and is told why then.
            Err(fail) => Some((Err(std::io::Error::other(fail.0.detail.clone())), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

impl Follower {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Fail> {
        loop {
            // Marked before reading: what comes while reading wakes the wait below.
            self.changes.borrow_and_update();
            self.require_session()?;
            let now = self.app.platform.now();
            // Who was stopped meanwhile is sent nothing more, and who lost a right no more of that.
            self.caller = self.app.platform.read(|state| self.caller.renewed(state, now))?;
            let batch = batch(&self.app, &self.caller, &self.wish).await?;
            self.wish.after = batch.next_after;
            if !batch.events.is_empty() {
                return Ok(Some(Bytes::from(batch.events.iter().map(message).collect::<String>())));
            }
            if batch.n_rows > 0 {
                continue;
            }
            if !self.keep_on {
                return Ok(None);
            }
            match tokio::time::timeout(HEARTBEAT, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_closed)) => return Ok(None),
                Err(_elapsed) => return Ok(Some(Bytes::from_static(b": still here\n\n"))),
            }
        }
    }

    /// A key that was revoked meanwhile, or a session that is over, ends the stream.
    fn require_session(&self) -> Result<(), Fail> {
        let now = self.app.platform.now();
        match &self.session {
            Some(session) if !self.app.platform.sign_in().sessions.is_open(now, session) => {
                Err(super::caller::unauthenticated("the session is over"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// One message: number, kind and data, each on a line of its own (JSON has no line breaks).
fn message(event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.seq, event.kind)
}
