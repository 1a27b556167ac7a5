//! `POST /v1/files`: a form with a file and its purpose, sealed piece by piece as it comes.
//!
//! Nothing of a file is held but the piece that is being sealed, and a file that breaks off leaves nothing.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest as _, Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::StatusCode;

use super::door::{Guest, enter, told, too_many};
use super::files::show_card;
use super::id::Uuid;
use super::sealed::Writer;
use super::shelf::{Card, Kind, NAME_CHARS_MAX, Room, card_of};
use crate::error::ApiError;
use crate::intake;
use crate::proxy::Gateway;
use crate::within::within;

/// Most fields of a form.
const FIELDS_MAX: usize = 16;
/// Longest value of a field that is no file, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;
/// Most bytes of a form that are read before they are understood.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// Most bytes of a form beside its file.
const FORM_BYTES_MAX: u64 = 64 << 10;
/// Most of a file that is refused is read and dropped, so that its sender reads why.
const DROPPED_BYTES_MAX: u64 = 64 << 20;
/// Days that a file may be kept, in seconds: OpenAI's bounds.
const KEPT_S: std::ops::RangeInclusive<i64> = 3_600..=2_592_000;

/// What a form has said so far.
#[derive(Default)]
struct Form {
    purpose: Option<String>,
    kept_s: Option<i64>,
    file: Option<(String, Writer)>,
}

/// `POST /v1/files`.
pub(super) async fn create(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let created = upload(&gateway, request).await;
    gateway.finish(created.map(|card| told(show_card(&card))))
}

async fn upload(gateway: &Gateway, request: Request) -> Result<Card, ApiError> {
    let guest = enter(gateway, request.headers())?;
    let turn = guest.desk.upload(guest.project);
    let Some(_turn) = turn else {
        return Err(too_many("as many files are being uploaded as may be: retry shortly".into()));
    };
    let timeout = gateway.config().body_timeout;
    let (request, ahead) = within_bounds(&guest, request, timeout).await?;
    let read = Multipart::from_request(request, &()).await;
    let mut form = read.map_err(|error| ApiError::invalid(None, error.body_text()))?;
    let id = gateway.fresh_uuid();
    let room = guest.blocking(room).await?;
    let mut said = Form::default();
    for _ in 0..FIELDS_MAX {
        let next = within(timeout, form.next_field()).await.ok_or_else(too_slow)?;
        let Some(field) = next.map_err(|error| broken(&error, &ahead))? else {
            return keep(&guest, (room, id), said).await;
        };
        ahead.store(0, Ordering::Relaxed);
        let name = field.name().unwrap_or_default().to_owned();
        let filename = field.file_name().unwrap_or("file.jsonl");
        let filename = filename.chars().take(NAME_CHARS_MAX).collect();
        let source = Source { field, ahead: &ahead, timeout };
        match name.as_str() {
            "file" if said.file.is_some() => {
                let message = "the form has two fields `file`: send one file at a time";
                return Err(ApiError::invalid(Some("file"), message.into()));
            }
            "file" => {
                let written = write(&guest, (room.clone(), id), source).await?;
                said.file = Some((filename, written));
            }
            "purpose" => said.purpose = Some(value(source).await?),
            "expires_after[seconds]" => {
                let seconds = value(source).await?;
                let is_in = |seconds: &i64| KEPT_S.contains(seconds);
                said.kept_s = Some(seconds.parse().ok().filter(is_in).ok_or_else(|| {
                    let message =
                        format!("`{name}` must be from {} to {}", KEPT_S.start(), KEPT_S.end());
                    ApiError::invalid(Some("expires_after"), message)
                })?);
            }
            // It has no documented unit, and a file must not stay longer than somebody means.
            "expiry" => {
                let message = "`expiry` is not known here: give `expires_after[seconds]`";
                return Err(ApiError::invalid(Some("expiry"), message.into()));
            }
            // Mistral's clients say who may see it: here it is always the project.
            _ => drop(value(source).await?),
        }
    }
    Err(ApiError::invalid(None, format!("the form has more than {FIELDS_MAX} fields")))
}

/// The project's room, if it has any left. Blocks.
pub(super) fn room(guest: &Guest) -> Result<Room, ApiError> {
    let config = &guest.desk.config;
    let room = guest.desk.shelf.make_room(guest.project)?;
    let (files, bytes) = room.used()?;
    if files >= config.files_max {
        let message = format!("the project keeps {files} files already: delete some");
        return Err(too_many(message));
    }
    if bytes >= config.project_bytes_max {
        let message = format!("the project keeps {bytes} bytes already: delete some files");
        return Err(too_many(message));
    }
    Ok(room)
}

/// The request with a body that is never read far ahead; refused if it says itself that it is too large.
async fn within_bounds(
    guest: &Guest,
    request: Request,
    timeout: Duration,
) -> Result<(Request, Arc<AtomicUsize>), ApiError> {
    let (head, mut body) = request.into_parts();
    let most = guest.desk.config.file_bytes_max.saturating_add(FORM_BYTES_MAX);
    if hyper::body::Body::size_hint(&body).lower() > most {
        intake::discard(&mut body, timeout).await;
        return Err(too_large(guest));
    }
    let ahead = Arc::new(AtomicUsize::new(0));
    let paced = Paced { body: body.into_data_stream(), ahead: Arc::clone(&ahead), is_due: false };
    Ok((Request::from_parts(head, Body::from_stream(paced)), ahead))
}

/// A file on its way in.
struct Source<'a> {
    field: Field<'a>,
    ahead: &'a AtomicUsize,
    timeout: Duration,
}

impl Source<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = within(self.timeout, self.field.chunk()).await.ok_or_else(too_slow)?;
        let chunk = chunk.map_err(|error| broken(&error, self.ahead))?;
        self.ahead.store(0, Ordering::Relaxed);
        Ok(chunk)
    }
}

/// Seals a file's bytes as they come.
async fn write(
    guest: &Guest,
    (room, id): (Room, Uuid),
    mut source: Source<'_>,
) -> Result<Writer, ApiError> {
    let mut writer = guest.blocking(move |_| Ok(room.write(id)?)).await?;
    let bytes_max = guest.desk.config.file_bytes_max;
    while let Some(chunk) = source.next().await? {
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        if writer.bytes().saturating_add(length) > bytes_max {
            drop(writer);
            let mut dropped = length;
            while let (true, Ok(Some(chunk))) = (dropped < DROPPED_BYTES_MAX, source.next().await) {
                dropped = dropped.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            }
            return Err(too_large(guest));
        }
        let written = guest.blocking(move |_| {
            writer.write(&chunk)?;
            Ok(writer)
        });
        writer = written.await?;
    }
    Ok(writer)
}

/// Makes the file appear, if the form was whole.
async fn keep(guest: &Guest, (room, id): (Room, Uuid), form: Form) -> Result<Card, ApiError> {
    let Form { purpose, kept_s, file } = form;
    let purpose = purpose.unwrap_or_default();
    if purpose != "batch" {
        let purpose: String = purpose.chars().take(64).collect();
        let message = format!("files are kept for the purpose `batch` only, not for `{purpose}`");
        return Err(ApiError::invalid(Some("purpose"), message));
    }
    let Some((filename, writer)) = file else {
        return Err(ApiError::invalid(Some("file"), "the form has no field `file`".into()));
    };
    let kept_s = kept_s.unwrap_or(i64::MAX).min(guest.desk.config.kept_s());
    guest
        .blocking(move |guest| {
            let days = (guest.now_s, guest.now_s.saturating_add(kept_s));
            let card = card_of((id, filename), (Kind::Request, false), writer.finish()?, days);
            room.keep(&card)?;
            Ok(card)
        })
        .await
}

/// The value of a short field.
async fn value(mut source: Source<'_>) -> Result<String, ApiError> {
    let mut held = Vec::new();
    while let Some(chunk) = source.next().await? {
        held.extend_from_slice(&chunk);
        if held.len() > VALUE_BYTES_MAX {
            let name: String = source.field.name().unwrap_or_default().chars().take(64).collect();
            return Err(ApiError::invalid(None, format!("the field `{name}` is too long")));
        }
    }
    Ok(String::from_utf8_lossy(&held).into_owned())
}

fn too_large(guest: &Guest) -> ApiError {
    let most = guest.desk.config.file_bytes_max;
    let message = format!("the file has more than {most} bytes: split it");
    let kind = "invalid_request_error";
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, kind, "file_too_large", message)
}

fn too_slow() -> ApiError {
    let message = "the file came too slowly: send it again".to_owned();
    let kind = "invalid_request_error";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, kind, "request_timeout", message)
}

fn broken(error: &axum::extract::multipart::MultipartError, ahead: &AtomicUsize) -> ApiError {
    if ahead.load(Ordering::Relaxed) > AHEAD_BYTES_MAX {
        let message = "the form cannot be read: the head of a field has no end";
        return ApiError::invalid(None, message.into());
    }
    ApiError::invalid(None, format!("the form cannot be read: {}", error.body_text()))
}

/// A body that gives one piece at a time, and none any more once much was read and nothing understood: whoever
/// parses it would otherwise hold all that a client cares to send.
struct Paced {
    body: BodyDataStream,
    ahead: Arc<AtomicUsize>,
    /// Whether a piece was given and the next one waits for another look.
    is_due: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.is_due) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = std::task::ready!(Pin::new(&mut this.body).poll_next(cx));
        let Some(Ok(piece)) = next else {
            return Poll::Ready(next.map(|one| one.map_err(Into::into)));
        };
        this.is_due = true;
        let ahead = this.ahead.fetch_add(piece.len(), Ordering::Relaxed);
        if ahead > AHEAD_BYTES_MAX {
            return Poll::Ready(Some(Err("a field has no end".into())));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
