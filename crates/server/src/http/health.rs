//! The platform itself: health, metrics, its own description, problem pages, backup.

use std::{io, path::Path};

use api::{
    nouns::platform::{
        BackupGet, Health, Healthz, Metrics, OpenapiGet, ProblemGet, Readiness, Readyz,
    },
    openapi,
    problem::Code,
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    blobs::blocking_fail,
    fail::Fail,
    finality,
    metrics::Figures,
    mount::{self, Call, as_of},
    proofs::body,
    require_operator, serve,
};

/// Pieces of a backup that wait for a slow reader.
pub(crate) const PIECES_MAX: usize = 16;
/// The key of model signatures in the data folder, which the copy of the log does not hold.
const SIGNING_KEY_FILE: &str = "model-signing.key";

/// `GET /healthz`
pub(crate) async fn healthz(_call: Call<Healthz>) -> Result<Health, Fail> {
    Ok(Health { status: "ok".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() })
}

/// `GET /readyz`
pub(crate) async fn readyz(call: Call<Readyz>) -> Result<Readiness, Fail> {
    if call.app.metrics.store_failing() {
        return Err(Fail::new(Code::Unavailable, "the last command could not be stored")
            .remedy("look for space on the data folder's disk"));
    }
    Ok(Readiness { status: "ready".to_owned(), seq: call.read(as_of) })
}

/// `GET /metrics`
pub(crate) async fn metrics(call: Call<Metrics>) -> Result<Response, Fail> {
    let figures = call.read(Figures::of);
    let mut text = call.app.metrics.render(&figures);
    text.push_str(&finality::metrics(&call.platform().finality().status()));
    text.push_str(&call.platform().gateway_metrics());
    Ok(body(text.into_bytes(), "text/plain; version=0.0.4; charset=utf-8", "no-store"))
}

/// `GET /api/v1/openapi.json`
pub(crate) async fn openapi(_call: Call<OpenapiGet>) -> Result<Response, Fail> {
    mount::json(200, &openapi::document())
}

/// `GET /problems/{slug}`
pub(crate) async fn problem(call: Call<ProblemGet>) -> Result<Response, Fail> {
    let slug = &call.path.slug;
    let code = Code::from_slug(slug).ok_or_else(|| {
        let shown: String = slug.chars().take(80).collect();
        Fail::not_found("problem", shown)
    })?;
    let page = code.info().page.as_bytes().to_vec();
    Ok(body(page, "text/markdown; charset=utf-8", "public, max-age=3600"))
}

/// `GET /api/v1/backup`
pub(crate) async fn backup(call: Call<BackupGet>) -> Result<Response, Fail> {
    require_operator(&call)?;
    let from = call.platform().data_dir().to_path_buf();
    let copy = from.join(format!("backup-{}", serve::request_id(&call.app)));
    let copied = {
        let (from, copy) = (from.clone(), copy.clone());
        blocking_fail(move || {
            store::backup::backup(&from, &copy).map(|_| ()).map_err(|error| backup_fail(&error))
        })
        .await
    };
    if let Err(fail) = copied {
        remove(&copy);
        return Err(fail);
    }
    let (pieces_in, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let mut writer = ChannelWriter::new(&pieces_in);
        if let Err(error) = archive(&from, &copy, &mut writer) {
            tracing::warn!(%error, "a backup was not sent to its end");
            // A reader that has gone does not want to know.
            let _ = pieces_in.blocking_send(Err(error));
        }
        remove(&copy);
    });
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = HeaderValue::from_static("attachment; filename=\"cocarde-backup.tar\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

fn backup_fail(error: &store::backup::BackupError) -> Fail {
    match error {
        store::backup::BackupError::Full { .. } => {
            tracing::error!(%error, "no space for a backup");
            Fail::new(Code::StorageFull, "there is no space for the copy; nothing was changed")
                .remedy("free space beside the data folder, then ask again")
        }
        other => Fail::internal("the backup could not be made", other),
    }
}

/// Writes the copy, and the key of model signatures that lies beside the log.
fn archive(from: &Path, copy: &Path, writer: &mut ChannelWriter) -> io::Result<()> {
    let mut tar = tar::Builder::new(writer);
    tar.follow_symlinks(false);
    tar.append_dir_all(".", copy)?;
    let key = from.join(SIGNING_KEY_FILE);
    if key.is_file() && !copy.join(SIGNING_KEY_FILE).exists() {
        tar.append_path_with_name(&key, SIGNING_KEY_FILE)?;
    }
    tar.finish()
}

fn remove(copy: &Path) {
    if let Err(error) = std::fs::remove_dir_all(copy)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %copy.display(), "a backup's copy could not be removed");
    }
}

/// Hands bytes to a response, and waits while its reader is slow.
pub(crate) struct ChannelWriter {
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl ChannelWriter {
    pub(crate) fn new(pieces: &mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { pieces: pieces.clone() }
    }
}

impl io::Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.pieces.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
