//! The log as the caller may see it.

use api::{nouns::event::EventQuery, problem::Code};
use askama::Template;
use axum::{extract::Query, response::Response};

use super::{Layout, Visit, render, text};
use crate::http::{events, fail::Fail, mount::as_of};

/// Events on a page.
const ROWS: u64 = 100;

struct EventRow {
    seq: u64,
    at: String,
    kind: String,
    subject: String,
    actor: String,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    layout: Layout,
    rows: Vec<EventRow>,
    earlier: String,
    later: String,
}

/// `GET /events`
pub(crate) async fn page(visit: Visit) -> Result<Response, Fail> {
    let query = Query::<EventQuery>::try_from_uri(&visit.parts.uri);
    let query = query.map_err(|error| Fail::new(Code::InvalidQuery, error.body_text()))?.0;
    let size = visit.app.platform.read(as_of);
    let after = query.after.unwrap_or_else(|| size.saturating_sub(ROWS));
    let limit = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let wish = events::Wish { after, limit, subject: None };
    let page = events::page(&visit.app, &visit.caller, wish).await?;
    let rows = page.items.into_iter().map(|event| EventRow {
        seq: event.seq,
        at: text::time(event.at),
        kind: event.kind,
        subject: event.subject.unwrap_or_default(),
        actor: event.actor.unwrap_or_else(|| "the platform".to_owned()),
    });
    let link = |after: u64| format!("/events?after={after}");
    let layout =
        Layout::new("Events", "events", format!("/api/v1/events?after={after}"), &visit.caller);
    let template = EventsPage {
        layout,
        rows: rows.collect(),
        earlier: if after == 0 { String::new() } else { link(after.saturating_sub(ROWS)) },
        later: if page.next_after < size { link(page.next_after) } else { String::new() },
    };
    render(&template)
}
