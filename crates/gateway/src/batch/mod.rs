//! Files and batches: many requests in one file, asked when there is room, answered in another file.
//!
//! What tenants upload and get belongs to the project of the key they came with, and to nobody else; it lies sealed
//! under the tenant's key, within bounds, for a month, and is no part of any log. A batch survives the process: a
//! line that has its answer is not asked again. Both OpenAI's words and Mistral's say the same batch (ADR 31).

mod ask;
mod config;
mod desk;
mod door;
mod files;
mod finish;
mod id;
mod jobs;
mod journal;
mod line;
mod openai;
mod pages;
mod record;
mod run;
mod safe;
mod sealed;
mod shelf;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use config::BatchConfig;
pub use desk::Batches;
pub(crate) use desk::Desk;
pub(crate) use id::Uuid;
pub use safe::{Safe, SafeError, Seal};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use upload::fuzz;

use crate::proxy::Gateway;
use crate::surface::paths::wrong_method;

/// Files and batches cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("files and batches cannot be kept: {detail}")]
pub struct BatchError {
    /// What went wrong.
    pub detail: String,
}

/// Opens what is kept; the gateway answers for files and batches from then on.
pub(crate) fn open(
    gateway: &Arc<Gateway>,
    config: BatchConfig,
    safe: Arc<dyn Safe>,
) -> Result<Batches, BatchError> {
    let opened = Desk::open(config, safe);
    let (desk, starts) = opened.map_err(|error| BatchError { detail: error.to_string() })?;
    let desk = Arc::new(desk);
    if !gateway.keep(Arc::clone(&desk)) {
        return Err(BatchError { detail: "they are kept already".to_owned() });
    }
    Ok(Batches::new(Arc::clone(gateway), desk, starts))
}

/// The routes. A gateway that keeps nothing says so on each of them.
pub(crate) fn routes(router: Router<Arc<Gateway>>) -> Router<Arc<Gateway>> {
    // How large a body may be is counted while it is read.
    let upload = post(upload::create).layer(DefaultBodyLimit::disable());
    let job = get(jobs::show).fallback(wrong_method);
    router
        .route("/v1/files", upload.get(files::list).fallback(wrong_method))
        .route("/v1/files/{id}", get(files::show).delete(files::delete).fallback(wrong_method))
        .route("/v1/files/{id}/content", get(files::content).fallback(wrong_method))
        .route("/v1/batches", post(openai::create).get(openai::list).fallback(wrong_method))
        .route("/v1/batches/{id}", get(openai::show).fallback(wrong_method))
        .route("/v1/batches/{id}/cancel", post(openai::cancel).fallback(wrong_method))
        .route("/v1/batch/jobs", post(jobs::create).get(jobs::list).fallback(wrong_method))
        .route("/v1/batch/jobs/{id}", job)
        .route("/v1/batch/jobs/{id}/cancel", post(jobs::cancel).fallback(wrong_method))
}
