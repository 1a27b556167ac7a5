//! `/v1/files`: what a project keeps, shown, read and removed. One shape serves OpenAI's clients and Mistral's.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::door::{Guest, conflict, enter, missing, told};
use super::id::Uuid;
use super::pages::{self, Length};
use super::shelf::{Card, Kind};
use crate::error::ApiError;
use crate::proxy::Gateway;

/// How many files a page has, as OpenAI says it.
const LENGTH: Length = Length { usual: 10_000, most: 10_000 };

/// A file as clients read it.
pub(super) fn show_card(card: &Card) -> Value {
    let (sample_type, source) = match card.kind {
        Kind::Request => ("batch_request", "upload"),
        Kind::Result => ("batch_result", "mistral"),
        Kind::Error => ("batch_error", "mistral"),
    };
    json!({
        "id": card.id,
        "object": "file",
        "bytes": card.bytes,
        "created_at": card.created_s,
        "expires_at": card.expires_s,
        "filename": card.filename,
        "purpose": purpose(card),
        "status": "processed",
        "status_details": null,
        // From here on for Mistral's clients.
        "sample_type": sample_type,
        "source": source,
        "num_lines": card.lines,
        "mimetype": "application/jsonl",
        "signature": null,
        "deleted": false,
    })
}

fn purpose(card: &Card) -> &'static str {
    match card.kind {
        Kind::Result | Kind::Error if !card.of_job => "batch_output",
        Kind::Request | Kind::Result | Kind::Error => "batch",
    }
}

/// `GET /v1/files`.
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Query(query): Query<pages::Query>,
) -> Response {
    let listed = async {
        let guest = enter(&gateway, &headers)?;
        let cards = guest.blocking(|guest| {
            let room = guest.desk.shelf.room(guest.project)?;
            Ok(room.map_or(Ok(Vec::new()), |room| room.cards(guest.now_s))?)
        });
        let mut cards = cards.await?;
        let (wanted, samples) = (pages::get(&query, "purpose"), pages::all(&query, "sample_type"));
        cards.retain(|card| {
            let sample = show_card(card)["sample_type"].as_str().map(str::to_owned);
            wanted.is_none_or(|wanted| wanted == purpose(card))
                && (samples.is_empty() || sample.is_some_and(|one| samples.contains(&one.as_str())))
        });
        let after = |text: &str| text.parse().ok();
        pages::page(cards, (&query, LENGTH), after, |card| card.id, show_card).map(told)
    };
    gateway.finish(listed.await)
}

/// The card of a file by the id in a path.
async fn card(guest: &Guest, id: &str) -> Result<Card, ApiError> {
    let named = id.to_owned();
    let found = guest.blocking(move |guest| find(guest, &named));
    found.await?.ok_or_else(|| missing("file", id))
}

/// Blocks.
pub(super) fn find(guest: &Guest, id: &str) -> Result<Option<Card>, ApiError> {
    let Ok(id) = id.parse::<Uuid>() else { return Ok(None) };
    let Some(room) = guest.desk.shelf.room(guest.project)? else { return Ok(None) };
    Ok(room.card(id, guest.now_s)?)
}

/// `GET /v1/files/{id}`.
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let shown = async {
        let guest = enter(&gateway, &headers)?;
        Ok(told(show_card(&card(&guest, &id).await?)))
    };
    gateway.finish(shown.await)
}

/// `DELETE /v1/files/{id}`.
pub(super) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let deleted = async {
        let guest = enter(&gateway, &headers)?;
        let card = card(&guest, &id).await?;
        let reads = |live: &Arc<super::desk::Live>| {
            let record = live.record();
            record.input_file == card.id && !record.status.is_final()
        };
        if let Some(live) = guest.desk.live_of(guest.project).iter().find(|live| reads(live)) {
            let batch = live.id.batch_text();
            return Err(conflict(format!("`{batch}` reads this file: cancel it first")));
        }
        let gone = card.id;
        let removed = guest.blocking(move |guest| {
            let room = guest.desk.shelf.room(guest.project)?;
            Ok(room.map_or(Ok(false), |room| room.remove(gone))?)
        });
        if !removed.await? {
            return Err(missing("file", &id));
        }
        Ok(told(json!({"id": gone, "object": "file", "deleted": true})))
    };
    gateway.finish(deleted.await)
}

/// `GET /v1/files/{id}/content`.
pub(super) async fn content(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let read = async {
        let guest = enter(&gateway, &headers)?;
        let card = card(&guest, &id).await?;
        let bytes = card.bytes;
        let opened = guest.blocking(move |guest| {
            let room = guest.desk.shelf.room(guest.project)?;
            Ok(room.map(|room| room.read_content(&card)).transpose()?)
        });
        let reader = opened.await?.ok_or_else(|| missing("file", &id))?;
        // A piece is opened when the one before is on its way: no file is held whole.
        let pieces = futures_util::stream::try_unfold(reader, |mut reader| async {
            let read = tokio::task::spawn_blocking(move || (reader.next(), reader)).await;
            let (piece, reader) = read.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(piece.map_err(std::io::Error::other)?.map(|one| (one, reader)))
        });
        let mut response = Response::new(Body::from_stream(pieces));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        Ok(response)
    };
    gateway.finish(read.await)
}
