//! What every handler of files and batches does first: who asks, for which project, and whether anything is kept
//! here at all. And what they all say when something is not there.

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use units::{Id, kinds};

use super::desk::Desk;
use super::record::Record;
use super::sealed::KeepError;
use crate::directory::Caller;
use crate::error::ApiError;
use crate::intake;
use crate::proxy::Gateway;

/// Somebody who may keep files in a project.
#[derive(Clone)]
pub(super) struct Guest {
    pub(super) desk: Arc<Desk>,
    pub(super) key: Id<kinds::Key>,
    pub(super) project: Id<kinds::Project>,
    pub(super) now_s: i64,
}

/// Lets somebody in.
///
/// # Errors
/// 401 without a key, 403 if it may not, 501 where nothing is kept.
pub(super) fn enter(gateway: &Gateway, headers: &HeaderMap) -> Result<Guest, ApiError> {
    let caller = gateway.authenticate(headers)?;
    let desk = gateway.desk().cloned().ok_or_else(|| {
        let message = "this gateway keeps no files and no batches: ask the platform's own address";
        let status = StatusCode::NOT_IMPLEMENTED;
        ApiError::new(status, "invalid_request_error", "not_kept_here", message.into())
    })?;
    require_project(&caller)?;
    desk.safe.may_keep(&caller).map_err(|refusal| gateway.refuse(refusal, ""))?;
    let Caller { key, project, .. } = caller;
    Ok(Guest { desk, key, project, now_s: gateway.now_s() })
}

/// Files belong to a project, and lines are asked as a key: without either there is nothing to keep.
fn require_project(caller: &Caller) -> Result<(), ApiError> {
    let message = if caller.charge.is_some() {
        "files and batches are kept for keys: a capability token opens models only"
    } else if *caller.project.as_bytes() == [0; 16] {
        "files and batches belong to a project: use a key of one"
    } else {
        return Ok(());
    };
    let status = StatusCode::FORBIDDEN;
    Err(ApiError::new(status, "permission_error", "forbidden", message.into()))
}

impl Guest {
    /// Runs what blocks.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let guest = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&guest)).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "work on files broke off");
            Err(ApiError::from(KeepError::Damaged))
        })
    }

    /// Batches of the project, as they are now, the newest first. Blocks.
    pub(super) fn records(&self) -> Result<Vec<Record>, ApiError> {
        let Some(room) = self.desk.shelf.room(self.project)? else { return Ok(Vec::new()) };
        let mut records = room.records(self.now_s)?;
        let live = self.desk.live_of(self.project);
        for record in &mut records {
            if let Some(live) = live.iter().find(|live| live.id == record.id) {
                *record = live.record();
            }
        }
        Ok(records)
    }
}

impl From<KeepError> for ApiError {
    fn from(error: KeepError) -> Self {
        let is_full = |error: &KeepError| match error {
            KeepError::Io { source, .. } => matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            ),
            KeepError::Safe(_) | KeepError::Damaged => false,
        };
        let (status, code, message) = match &error {
            full if is_full(full) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "storage_full",
                "there is no room on the disk: tell the operator",
            ),
            KeepError::Safe(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "content_sealed",
                "what is kept cannot be opened now: its key is withheld",
            ),
            KeepError::Io { .. } | KeepError::Damaged => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                "what is kept cannot be read or written: tell the operator",
            ),
        };
        // What is kept is never in its text.
        tracing::error!(%error, "files and batches: {code}");
        Self::new(status, "server_error", code, message.into())
    }
}

/// 404, whether it does not exist or is another's.
pub(super) fn missing(what: &str, id: &str) -> ApiError {
    let id: String = id.chars().take(64).collect();
    let message = format!("there is no {what} `{id}` in this project");
    let kind = "invalid_request_error";
    let mut error = ApiError::new(StatusCode::NOT_FOUND, kind, "not_found", message);
    error.param = Some("id".into());
    error
}

/// 409: it is not in a state for that.
pub(super) fn conflict(message: String) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, "invalid_request_error", "conflict", message)
}

/// 429: as many as may be are there.
pub(super) fn too_many(message: String) -> ApiError {
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "too_many", message)
}

/// Reads a body by its fields; one that is not known is named.
pub(super) async fn read<T: DeserializeOwned>(
    gateway: &Gateway,
    body: Body,
) -> Result<T, ApiError> {
    let config = gateway.config();
    let bytes = intake::read(body, config.body_bytes_max, config.body_timeout).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::invalid(None, format!("the body is not what is asked for here: {error}"))
    })
}

/// An answer in JSON.
pub(super) fn told(value: Value) -> axum::response::Response {
    axum::response::IntoResponse::into_response(axum::Json(value))
}
