//! `/v1/batches`, as OpenAI's clients speak of batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use super::door::{self, Guest, conflict, enter, missing, told, too_many};
use super::files;
use super::id::Uuid;
use super::pages::{self, Length};
use super::record::{Counts, Dialect, Record, Since, Status};
use crate::call::Call;
use crate::error::ApiError;
use crate::proxy::Gateway;

/// How many batches a page has, as OpenAI says it.
const LENGTH: Length = Length { usual: 20, most: 100 };
/// The only window there is, as clients write it and in seconds.
const WINDOW: (&str, i64) = ("24h", 86_400);
/// Most pairs of metadata, and the longest key and value in characters.
const METADATA_MAX: (usize, usize, usize) = (16, 64, 512);
/// Seconds that results may be kept.
const KEPT_S: std::ops::RangeInclusive<i64> = 3_600..=2_592_000;

/// What a client asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    input_file_id: String,
    endpoint: String,
    completion_window: String,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    output_expires_after: Option<After>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    anchor: String,
    seconds: i64,
}

/// What either kind of client asks for, once it is understood.
pub(super) struct Wanted {
    pub(super) dialect: Dialect,
    pub(super) input_file: String,
    pub(super) endpoint: String,
    pub(super) model: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) window_s: i64,
    pub(super) output_kept_s: Option<i64>,
}

/// A batch as OpenAI's clients read it.
fn show_record(record: &Record) -> Value {
    let Since { in_progress, finalizing, completed, failed, expired, cancelling, cancelled } =
        record.since;
    let Counts { total, completed: good, failed: bad } = record.counts;
    let errors = (!record.faults.is_empty()).then(|| {
        let faults = record.faults.iter().map(|fault| {
            json!({"code": fault.code, "message": fault.message, "line": fault.line, "param": fault.param})
        });
        json!({"object": "list", "data": faults.collect::<Vec<_>>()})
    });
    json!({
        "id": record.id.batch_text(),
        "object": "batch",
        "endpoint": record.endpoint,
        "errors": errors,
        "input_file_id": record.input_file,
        "completion_window": WINDOW.0,
        "status": record.status.word(),
        // Files are named once they can be read.
        "output_file_id": record.output_file.filter(|_| record.status.is_final()),
        "error_file_id": record.error_file.filter(|_| record.status.is_final()),
        "created_at": record.created_s,
        "in_progress_at": in_progress,
        "expires_at": record.expires_s,
        "finalizing_at": finalizing,
        "completed_at": completed,
        "failed_at": failed,
        "expired_at": expired,
        "cancelling_at": cancelling,
        "cancelled_at": cancelled,
        "request_counts": {"total": total, "completed": good, "failed": bad},
        "metadata": record.metadata,
    })
}

/// `POST /v1/batches`.
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let created = async {
        let guest = enter(&gateway, &headers)?;
        let wanted = wanted(door::read(&gateway, body).await?)?;
        let id = gateway.fresh_uuid();
        let record = guest.blocking(move |guest| begin(guest, id, wanted)).await?;
        Ok(told(show_record(&record)))
    };
    gateway.finish(created.await)
}

fn wanted(asked: Create) -> Result<Wanted, ApiError> {
    if asked.completion_window != WINDOW.0 {
        let message = format!("`completion_window` must be `{}`", WINDOW.0);
        return Err(ApiError::invalid(Some("completion_window"), message));
    }
    if let Some(After { anchor, seconds }) = &asked.output_expires_after
        && (anchor != "created_at" || !KEPT_S.contains(seconds))
    {
        let message = format!(
            "`output_expires_after` must be from {} to {} seconds after `created_at`",
            KEPT_S.start(),
            KEPT_S.end()
        );
        return Err(ApiError::invalid(Some("output_expires_after"), message));
    }
    Ok(Wanted {
        dialect: Dialect::OpenAi,
        input_file: asked.input_file_id,
        endpoint: asked.endpoint,
        model: None,
        metadata: asked.metadata,
        window_s: WINDOW.1,
        output_kept_s: asked.output_expires_after.map(|after| after.seconds),
    })
}

/// Begins a batch. Blocks.
pub(super) fn begin(guest: &Guest, id: Uuid, wanted: Wanted) -> Result<Record, ApiError> {
    let config = &guest.desk.config;
    require_endpoint(&wanted.endpoint)?;
    require_metadata(wanted.metadata.as_ref())?;
    let param = match wanted.dialect {
        Dialect::OpenAi => "input_file_id",
        Dialect::Mistral => "input_files",
    };
    let card = files::find(guest, &wanted.input_file)?;
    let room = guest.desk.shelf.room(guest.project)?;
    let (Some(card), Some(room)) = (card, room) else {
        let mut error = missing("file", &wanted.input_file);
        error.param = Some(param.into());
        return Err(error);
    };
    let expires_s = guest.now_s.saturating_add(wanted.window_s);
    if card.expires_s < expires_s {
        let message = "the file expires before the batch's window ends: upload it again";
        return Err(ApiError::invalid(Some(param), message.into()));
    }
    let is_full = room.used()?.1 >= config.project_bytes_max;
    if is_full || room.count_batches()? >= config.batches_max {
        let message = "the project keeps as much as it may: delete some files";
        return Err(too_many(message.into()));
    }
    let record = Record {
        id,
        dialect: wanted.dialect,
        project: guest.project,
        key: guest.key,
        endpoint: wanted.endpoint,
        input_file: card.id,
        model: wanted.model,
        metadata: wanted.metadata,
        created_s: guest.now_s,
        expires_s,
        output_kept_s: wanted.output_kept_s.unwrap_or(i64::MAX).min(config.kept_s()),
        kept_until_s: expires_s.saturating_add(config.kept_s()),
        status: Status::Validating,
        since: Since::default(),
        counts: Counts::default(),
        faults: Vec::new(),
        is_late: false,
        output_file: None,
        error_file: None,
    };
    if !guest.desk.begin(&room, record.clone())? {
        let message = format!("the project has {} batches under way: wait", config.open_max);
        return Err(too_many(message));
    }
    Ok(record)
}

fn require_endpoint(endpoint: &str) -> Result<(), ApiError> {
    let usable = Call::ALL.iter().filter(|call| call.uses_tokens());
    let paths: Vec<&str> = usable.flat_map(|call| call.paths()).copied().collect();
    if Call::of(&Method::POST, endpoint).is_some_and(Call::uses_tokens) {
        return Ok(());
    }
    let message = format!("`endpoint` must be one of {}", paths.join(", "));
    Err(ApiError::invalid(Some("endpoint"), message))
}

fn require_metadata(metadata: Option<&BTreeMap<String, String>>) -> Result<(), ApiError> {
    let (pairs, key_max, value_max) = METADATA_MAX;
    let Some(metadata) = metadata else { return Ok(()) };
    let fits = |(key, value): (&String, &String)| {
        key.chars().count() <= key_max && value.chars().count() <= value_max
    };
    if metadata.len() <= pairs && metadata.iter().all(fits) {
        return Ok(());
    }
    let message = format!(
        "`metadata` has at most {pairs} pairs with keys of {key_max} and values of {value_max} characters"
    );
    Err(ApiError::invalid(Some("metadata"), message))
}

/// `GET /v1/batches`.
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Query(query): Query<pages::Query>,
) -> Response {
    let listed = async {
        let guest = enter(&gateway, &headers)?;
        let mut records = guest.blocking(|guest| guest.records()).await?;
        records.retain(|record| record.dialect == Dialect::OpenAi);
        let id = |record: &Record| record.id;
        let after = |text: &str| Dialect::OpenAi.id(text);
        pages::page(records, (&query, LENGTH), after, id, show_record).map(told)
    };
    gateway.finish(listed.await)
}

/// One batch of a project by the id in a path, as it is now.
pub(super) async fn find(guest: &Guest, text: &str, dialect: Dialect) -> Result<Record, ApiError> {
    let gone = || missing(dialect.noun(), text);
    let id = dialect.id(text).ok_or_else(gone)?;
    let found = match guest.desk.live(guest.project, id) {
        Some(live) => Some(live.record()),
        None => {
            let read = guest.blocking(move |guest| {
                let room = guest.desk.shelf.room(guest.project)?;
                Ok(room.map_or(Ok(None), |room| room.record(id, guest.now_s))?)
            });
            read.await?
        }
    };
    found.filter(|record| record.dialect == dialect).ok_or_else(gone)
}

/// Asks a batch to end; what it is then. Lines in flight break off at once.
pub(super) async fn end(guest: &Guest, found: Record) -> Result<Record, ApiError> {
    let ended = |record: &Record| {
        let word = record.dialect.word(record.status);
        conflict(format!("the batch is `{word}`: it cannot be cancelled any more"))
    };
    let Some(live) = guest.desk.live(guest.project, found.id) else { return Err(ended(&found)) };
    let changed = guest.blocking(move |guest| {
        let now_s = guest.now_s;
        let is_new = live.change(|record| record.step(Status::Cancelling, now_s))?;
        let record = live.record();
        if is_new {
            live.ending.send_replace(true);
        }
        Ok((is_new || record.status == Status::Cancelling, record))
    });
    let (is_ending, record) = changed.await?;
    if is_ending { Ok(record) } else { Err(ended(&record)) }
}

/// `GET /v1/batches/{id}`.
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let shown = async {
        let guest = enter(&gateway, &headers)?;
        Ok(told(show_record(&find(&guest, &id, Dialect::OpenAi).await?)))
    };
    gateway.finish(shown.await)
}

/// `POST /v1/batches/{id}/cancel`.
pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let cancelled = async {
        let guest = enter(&gateway, &headers)?;
        let found = find(&guest, &id, Dialect::OpenAi).await?;
        Ok(told(show_record(&end(&guest, found).await?)))
    };
    gateway.finish(cancelled.await)
}
