//! `/v1/batch/jobs`, as Mistral's clients speak of batches.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::door::{self, Guest, enter, told};
use super::id::Uuid;
use super::openai::{self, Wanted};
use super::pages::{self, Length};
use super::record::{Counts, Dialect, Record};
use super::shelf::{Kind, card_of};
use crate::error::ApiError;
use crate::proxy::Gateway;

/// How many jobs a page has at most.
const LENGTH: Length = Length { usual: 100, most: 1_000 };
/// Hours that a job may take, and the usual number.
const HOURS: (std::ops::RangeInclusive<i64>, i64) = (1..=168, 24);

/// What a client asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    endpoint: String,
    #[serde(default)]
    input_files: Option<Vec<String>>,
    #[serde(default)]
    requests: Option<Vec<Box<RawValue>>>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    agent_id: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    timeout_hours: Option<i64>,
}

/// A batch as Mistral's clients read it.
fn show_record(record: &Record) -> Value {
    let Counts { total, completed, failed } = record.counts;
    let faults = record.faults.iter().map(|fault| {
        let line = fault.line.map_or_else(String::new, |line| format!("line {line}: "));
        json!({"message": format!("{line}{}", fault.message), "count": 1})
    });
    let since = &record.since;
    let ended = since.completed.or(since.failed).or(since.expired).or(since.cancelled);
    json!({
        "id": record.id,
        "object": "batch",
        "input_files": [record.input_file],
        "endpoint": record.endpoint,
        "model": record.model,
        "agent_id": null,
        "metadata": record.metadata,
        "output_file": record.output_file.filter(|_| record.status.is_final()),
        "error_file": record.error_file.filter(|_| record.status.is_final()),
        "errors": faults.collect::<Vec<_>>(),
        "status": record.status.job_word(),
        "created_at": record.created_s,
        "total_requests": total,
        "completed_requests": completed.saturating_add(failed),
        "succeeded_requests": completed,
        "failed_requests": failed,
        "started_at": since.in_progress,
        "completed_at": ended,
    })
}

/// `POST /v1/batch/jobs`.
pub(super) async fn create(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let created = async {
        let guest = enter(&gateway, &headers)?;
        let asked: Create = door::read(&gateway, body).await?;
        let ids = (gateway.fresh_uuid(), gateway.fresh_uuid());
        let record = guest.blocking(move |guest| begin(guest, ids, asked)).await?;
        Ok(told(show_record(&record)))
    };
    gateway.finish(created.await)
}

fn begin(guest: &Guest, (id, file): (Uuid, Uuid), asked: Create) -> Result<Record, ApiError> {
    if asked.agent_id.is_some() {
        let message = "there are no agents here: name a `model`".to_owned();
        return Err(ApiError::invalid(Some("agent_id"), message));
    }
    let hours = asked.timeout_hours.unwrap_or(HOURS.1);
    if !HOURS.0.contains(&hours) {
        let message =
            format!("`timeout_hours` must be from {} to {}", HOURS.0.start(), HOURS.0.end());
        return Err(ApiError::invalid(Some("timeout_hours"), message));
    }
    let input_file = match (asked.input_files.as_deref(), asked.requests) {
        (Some([one]), None) => one.clone(),
        (None | Some([]), Some(requests)) => inline(guest, file, &requests)?,
        (_, _) => {
            let message = "give one file in `input_files`, or `requests`".to_owned();
            return Err(ApiError::invalid(Some("input_files"), message));
        }
    };
    let wanted = Wanted {
        dialect: Dialect::Mistral,
        input_file,
        endpoint: asked.endpoint,
        model: asked.model,
        metadata: asked.metadata,
        window_s: hours.saturating_mul(3_600),
        output_kept_s: None,
    };
    openai::begin(guest, id, wanted)
}

/// Requests that came with the job become its file.
fn inline(guest: &Guest, id: Uuid, requests: &[Box<RawValue>]) -> Result<String, ApiError> {
    let room = super::upload::room(guest)?;
    let mut writer = room.write(id)?;
    for request in requests {
        // Line ends stand between parts of JSON only.
        writer.write(request.get().replace(['\r', '\n'], " ").as_bytes())?;
        writer.write(b"\n")?;
    }
    let days = (guest.now_s, guest.now_s.saturating_add(guest.desk.config.kept_s()));
    let name = format!("{id}.jsonl");
    room.keep(&card_of((id, name), (Kind::Request, true), writer.finish()?, days))?;
    Ok(id.to_string())
}

/// `GET /v1/batch/jobs`.
pub(super) async fn list(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Query(query): Query<pages::Query>,
) -> Response {
    let listed = async {
        let guest = enter(&gateway, &headers)?;
        let mut records = guest.blocking(|guest| guest.records()).await?;
        let (statuses, model) = (pages::all(&query, "status"), pages::get(&query, "model"));
        let is_mine = pages::get(&query, "created_by_me") == Some("true");
        records.retain(|record| {
            record.dialect == Dialect::Mistral
                && (statuses.is_empty() || statuses.contains(&record.status.job_word()))
                && model.is_none_or(|model| record.model.as_deref() == Some(model))
                && (!is_mine || record.key == guest.key)
        });
        let after = |text: &str| Dialect::Mistral.id(text);
        pages::page(records, (&query, LENGTH), after, |record| record.id, show_record).map(told)
    };
    gateway.finish(listed.await)
}

/// `GET /v1/batch/jobs/{id}`.
pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let shown = async {
        let guest = enter(&gateway, &headers)?;
        Ok(told(show_record(&openai::find(&guest, &id, Dialect::Mistral).await?)))
    };
    gateway.finish(shown.await)
}

/// `POST /v1/batch/jobs/{id}/cancel`.
pub(super) async fn cancel(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let cancelled = async {
        let guest = enter(&gateway, &headers)?;
        let found = openai::find(&guest, &id, Dialect::Mistral).await?;
        Ok(told(show_record(&openai::end(&guest, found).await?)))
    };
    gateway.finish(cancelled.await)
}
