//! The HTTP side of a witness: `POST /add-checkpoint` (C2SP `tlog-witness`), its key, its state and its
//! health. It must never answer before the witness's folder has stored what it says.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use store::WitnessFolder;
use store::witness::{NotCosigned, REQUEST_BYTES_MAX, SIZE_MEDIA_TYPE, WatchedLog};
use tokio::sync::Semaphore;

/// Requests that are worked on at once; more are told to come again.
const REQUESTS_MAX: usize = 64;

/// Longest wait for a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// What all requests share.
struct Service {
    folder: WitnessFolder,
    permits: Semaphore,
}

/// What `GET /` shows: all of it is public.
#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    key: String,
    logs: Vec<WatchedLog>,
}

/// The routes of a witness.
pub fn router(folder: WitnessFolder) -> Router {
    let service = Arc::new(Service { folder, permits: Semaphore::new(REQUESTS_MAX) });
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/", get(show))
        .route("/key", get(key))
        .route("/health", get(|| async { "ok\n" }))
        .with_state(service)
}

async fn show(State(service): State<Arc<Service>>) -> Json<Shown> {
    let public = service.folder.public();
    let (name, key) = (public.name().to_owned(), public.to_string());
    Json(Shown { name, key, logs: service.folder.logs() })
}

async fn key(State(service): State<Arc<Service>>) -> String {
    format!("{}\n", service.folder.public())
}

async fn add_checkpoint(State(service): State<Arc<Service>>, request: Request) -> Response {
    let Ok(_permit) = service.permits.try_acquire() else {
        let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once\n");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return answer;
    };
    let read = body::to_bytes(request.into_body(), REQUEST_BYTES_MAX);
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let said = format!("a request has at most {REQUEST_BYTES_MAX} bytes\n");
            return text(StatusCode::PAYLOAD_TOO_LARGE, said);
        }
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n"),
    };
    let worker = Arc::clone(&service);
    let judged = tokio::task::spawn_blocking(move || worker.folder.add_checkpoint(&bytes)).await;
    match judged {
        Ok(Ok(lines)) => text(StatusCode::OK, lines),
        Ok(Err(NotCosigned::Refused(refusal))) => {
            tracing::info!(witness.status = refusal.status(), "not cosigned: {refusal}");
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            match refusal.size() {
                Some(size) => with_media(status, format!("{size}\n"), SIZE_MEDIA_TYPE),
                None => text(status, format!("{refusal}\n")),
            }
        }
        Ok(Err(NotCosigned::NotStored(error))) => {
            tracing::error!(%error, "a checkpoint could not be stored");
            text(StatusCode::SERVICE_UNAVAILABLE, "the checkpoint could not be stored\n")
        }
        Err(error) => {
            tracing::error!(%error, "a request ended early");
            text(StatusCode::INTERNAL_SERVER_ERROR, "a fault of the witness\n")
        }
    }
}

fn text(status: StatusCode, body: impl Into<Body>) -> Response {
    with_media(status, body, "text/plain; charset=utf-8")
}

fn with_media(status: StatusCode, body: impl Into<Body>, media: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
