//! Content by digest: blobs and manifests. Streamed both ways, never whole in memory.
//!
//! Who may read what is decided in [`super::possession`]: a digest alone opens nothing.

use std::{collections::BTreeSet, fs::File, io::Read as _, sync::PoisonError};

use api::{
    endpoint::Endpoint,
    nouns::artefact::{
        BlobGet, BlobPut, BlobStored, Manifest, ManifestCreate, ManifestFile, ManifestGet,
        ManifestStored,
    },
    problem::{Code, FieldError},
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderValue, header};
use store::blob::{self, BlobError, BlobWriter, ManifestError};
use units::Digest;

use super::{fail::Fail, mount::Call, possession, serve};

/// Bytes of one piece of a blob on its way out.
const PIECE_BYTES: usize = 128 * 1024;
/// Bytes of a text that is stored beside the log.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// `PUT /api/v1/blobs/{digest}`
pub(crate) async fn put(call: Call<BlobPut>) -> Result<BlobStored, Fail> {
    announced(&call.headers, call.app.options.blob_bytes_max)?;
    let mut writer = call.platform().blobs().writer(call.app.options.blob_bytes_max)?;
    let timeout = call.app.options.body_timeout;
    let stream = call.stream.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut pieces = stream.into_data_stream();
    while let Some(piece) = tokio::time::timeout(timeout, pieces.next())
        .await
        .map_err(|_elapsed| serve::too_slow(timeout))?
    {
        let broken = |_| Fail::new(Code::InvalidBody, "the body broke off before its end");
        writer = write(writer, piece.map_err(broken)?).await?;
    }
    let expected = call.path.digest;
    let stored = blocking(move || writer.finish(Some(expected))).await?;
    call.app.possession.note(&call.caller, stored.digest);
    Ok(BlobStored { digest: stored.digest, size_bytes: units::Bytes(stored.size) })
}

async fn write(mut writer: BlobWriter, piece: Bytes) -> Result<BlobWriter, Fail> {
    blocking(move || writer.write(&piece).map(|()| writer)).await
}

/// Refuses early what announces itself as too large.
fn announced(headers: &HeaderMap, limit: u64) -> Result<(), Fail> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limit) {
        return Err(BlobError::TooLarge { limit }.into());
    }
    Ok(())
}

/// `GET /api/v1/blobs/{digest}`
pub(crate) async fn get(call: Call<BlobGet>) -> Result<Response, Fail> {
    let digest = call.path.digest;
    require_readable(&call, digest, "blob").await?;
    let blobs = call.platform().blobs().clone();
    let (file, size) =
        blocking(move || Ok((blobs.open_blob(digest)?, blobs.size(digest)?))).await?;
    let mut response = Response::new(Body::from_stream(pieces(file)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    let forever = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, forever);
    Ok(response)
}

/// Content that the caller may not read looks as if it were not stored.
async fn require_readable<E: Endpoint>(
    call: &Call<E>,
    digest: Digest,
    kind: &str,
) -> Result<(), Fail> {
    let wanted = BTreeSet::from([digest]);
    let withheld = possession::withheld(&call.app, &call.caller, wanted).await?;
    if withheld.is_empty() { Ok(()) } else { Err(Fail::not_found(kind, digest)) }
}

/// A file as a stream; each piece is read on a thread that may block.
pub(crate) fn pieces(file: File) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(file), |state| async move {
        let mut file = state?;
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0_u8; PIECE_BYTES];
            let n_read = file.read(&mut buffer)?;
            buffer.truncate(n_read);
            Ok::<_, std::io::Error>((Bytes::from(buffer), file))
        });
        match read.await.map_err(std::io::Error::other).and_then(|read| read) {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(piece), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// `POST /api/v1/manifests`
pub(crate) async fn create_manifest(call: Call<ManifestCreate>) -> Result<ManifestStored, Fail> {
    let blobs = call.platform().blobs().clone();
    let files = call.body.files.into_iter().map(|file| blob::File {
        path: file.path,
        digest: file.digest,
        size: file.size_bytes.0,
    });
    let files: Vec<blob::File> = files.collect();
    let named = files.iter().map(|file| file.digest).collect();
    let withheld = possession::withheld(&call.app, &call.caller, named).await?;
    let stored = blocking_fail(move || {
        require_stored(&blobs, &files, &withheld)?;
        let manifest = blob::Manifest::new(files).map_err(BlobError::from)?;
        let (n_files, size) = (manifest.files.len(), manifest.size());
        let digest = blobs.put_manifest(manifest)?.digest;
        let n_files = u64::try_from(n_files).unwrap_or(u64::MAX);
        Ok(ManifestStored { digest, n_files, size_bytes: units::Bytes(size) })
    })
    .await?;
    call.app.possession.note(&call.caller, stored.digest);
    Ok(stored)
}

/// Every blob named must be stored, with the size that is said, and be the caller's to name.
fn require_stored(
    blobs: &store::Blobs,
    files: &[blob::File],
    withheld: &BTreeSet<Digest>,
) -> Result<(), Fail> {
    let wrong = files.iter().enumerate().find_map(|(at, file)| {
        let pointer = format!("/files/{at}");
        match blobs.size(file.digest).ok().filter(|_| !withheld.contains(&file.digest)) {
            Some(size) if size == file.size => None,
            Some(size) => {
                let message = format!("`{}` has {size} bytes, not {}", file.path, file.size);
                Some(FieldError::new(format!("{pointer}/size_bytes"), message))
            }
            None => {
                let message = format!("blob `{}` is not stored: put it first", file.digest);
                Some(FieldError::new(format!("{pointer}/digest"), message))
            }
        }
    });
    let Some(error) = wrong else { return Ok(()) };
    let code =
        if error.pointer.ends_with("digest") { Code::BlobMissing } else { Code::InvalidField };
    let mut fail = Fail::new(code, error.message.clone());
    fail.0.errors = vec![error];
    Err(fail)
}

/// `GET /api/v1/manifests/{digest}`
pub(crate) async fn get_manifest(call: Call<ManifestGet>) -> Result<Manifest, Fail> {
    let digest = call.path.digest;
    require_readable(&call, digest, "manifest").await?;
    load(&call.app, digest, "manifest").await.map(|manifest| Manifest {
        files: manifest
            .files
            .into_iter()
            .map(|file| ManifestFile {
                path: file.path,
                digest: file.digest,
                size_bytes: units::Bytes(file.size),
            })
            .collect(),
    })
}

/// A stored manifest.
///
/// # Errors
/// 404 if there is none of that digest.
pub(crate) async fn load(
    app: &super::App,
    digest: Digest,
    kind: &str,
) -> Result<blob::Manifest, Fail> {
    let blobs = app.platform.blobs().clone();
    let found = blocking_fail(move || Ok(blobs.manifest(digest))).await?;
    found.map_err(|error| match error {
        BlobError::Missing { .. } | BlobError::Manifest(_) => Fail::not_found(kind, digest),
        other => other.into(),
    })
}

/// A manifest that a new version names.
///
/// # Errors
/// 422 if it is not stored, or not the caller's to name.
pub(crate) async fn of_version<E: Endpoint>(
    call: &Call<E>,
    digest: Digest,
) -> Result<(u32, units::Bytes), Fail> {
    let found = match require_readable(call, digest, "manifest").await {
        Ok(()) => load(&call.app, digest, "manifest").await,
        Err(fail) => Err(fail),
    };
    let manifest = found.map_err(|fail| match fail.code() {
        Code::NotFound => {
            let message = format!("manifest `{digest}` is not stored: store it first");
            let mut fail = Fail::new(Code::BlobMissing, message.clone());
            fail.0.errors = vec![FieldError::new("/manifest", message)];
            fail
        }
        _ => fail,
    })?;
    let n_files = u32::try_from(manifest.files.len()).unwrap_or(u32::MAX);
    Ok((n_files, units::Bytes(manifest.size())))
}

/// Stores a small text.
pub(crate) async fn put_text(app: &super::App, text: String) -> Result<Digest, Fail> {
    let blobs = app.platform.blobs().clone();
    let stored =
        blocking(move || blobs.put_reader(&mut text.as_bytes(), None, TEXT_BYTES_MAX)).await?;
    Ok(stored.digest)
}

/// Reads a small text, if it is there.
pub(crate) fn read_text(blobs: &store::Blobs, digest: Digest) -> Option<String> {
    let bytes = blobs.read(digest, TEXT_BYTES_MAX).ok()?;
    String::from_utf8(bytes).ok()
}

/// Work with files, on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, Fail> {
    blocking_fail(move || work().map_err(Fail::from)).await
}

/// The same with other refusals.
pub(crate) async fn blocking_fail<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fail> + Send + 'static,
) -> Result<T, Fail> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fail::internal("work with files ended early", &error))?
}

impl From<BlobError> for Fail {
    fn from(error: BlobError) -> Self {
        let text = error.to_string();
        match error {
            BlobError::Full { .. } => {
                tracing::error!(%text, "the blob folder's disk is full");
                Self::new(Code::StorageFull, "the disk is full; nothing was written")
                    .remedy("ask the operator to free space; then send it again")
            }
            BlobError::Missing { digest } => Self::not_found("blob", digest),
            BlobError::WrongDigest { .. } => Self::new(Code::DigestMismatch, text),
            BlobError::TooLarge { limit } => {
                let mut fail = Self::new(Code::PayloadTooLarge, text);
                fail.0.limit = Some(limit);
                fail
            }
            BlobError::Manifest(error) => manifest_fail(&error),
            BlobError::Damaged { .. }
            | BlobError::Io { .. }
            | BlobError::NotAFile { .. }
            | BlobError::NotEmpty { .. } => Self::internal("the blob store failed", &text),
        }
    }
}

fn manifest_fail(error: &ManifestError) -> Fail {
    Fail::field("/files", error.to_string())
}
