//! The platform itself: health, metrics, its own description, problem pages, backup.

use std::{io, path::Path};

use api::{
    nouns::platform::{
        BackupGet, Health, Healthz, Metrics, OpenapiGet, ProblemGet, Readiness, Readyz,
    },
    openapi,
    problem::Code,
};
use axum::response::Response;
use kernel::storage::Sent;

use super::{
    blobs::blocking_fail,
    fail::Fail,
    finality,
    metrics::Figures,
    mount::{self, Call, as_of},
    proofs::body,
    require_operator, serve,
    sovereign::sending,
    tar_stream::{self, PieceWriter},
};

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
    // Sums over few tenants say what each of them does.
    require_operator(&call)?;
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
    sending::send(&call, Sent::Backup).await?;
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
    Ok(tar_stream::answer("cocarde-backup", "backup".to_owned(), move |writer| {
        let written = archive(&from, &copy, writer);
        remove(&copy);
        written
    }))
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
fn archive(from: &Path, copy: &Path, writer: PieceWriter) -> io::Result<()> {
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
