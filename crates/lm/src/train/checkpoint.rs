//! Checkpoints: everything a run needs to go on exactly, in one file that is whole or refused.
//!
//! Layout: magic, length of the header (u64, little endian), header (JSON), weights, first moments,
//! second moments (f32, little endian), SHA-256 of all that precedes.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    error::{LmError, Result},
    files,
    train::step::Moments,
};

const MAGIC: &[u8; 8] = b"LMCKPT01";
const DIGEST_LEN: usize = 32;
const HEADER_MAX: u64 = 1 << 20;
const CHECKPOINT_BYTES_MAX: u64 = 64 << 30;
/// Checkpoints kept in the folder: the latest and one to fall back on.
const KEPT: usize = 2;

/// Where a run stands. The data order follows from seed and step, so no generator state is needed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Digest of everything the result depends on.
    pub(crate) fingerprint: String,
    /// Steps done.
    pub(crate) step: u64,
    /// Tokens processed.
    pub(crate) tokens: u64,
    /// Time spent so far; does not influence the result.
    pub(crate) elapsed_ms: u64,
    /// Energy measured so far, if it can be.
    pub(crate) energy_mj: Option<u64>,
    /// CPU time spent so far, if it can be read.
    pub(crate) cpu_ms: Option<u64>,
    /// Mean training loss of the last logging interval.
    pub(crate) loss_train: f64,
    /// Number of parameters.
    pub(crate) parameters: u64,
}

/// A run at rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) header: Header,
    pub(crate) weights: Vec<f32>,
    pub(crate) moments: Moments,
}

/// Writes a checkpoint atomically and removes all but the latest two.
pub(crate) fn write(
    folder: &Path,
    header: &Header,
    weights: &[f32],
    moments: &Moments,
) -> Result<PathBuf> {
    files::create_folder(folder)?;
    let path = folder.join(format!("step-{:010}.ckpt", header.step));
    let header = serde_json::to_vec(header)
        .map_err(|error| LmError::format(&path, "checkpoint header", error))?;
    let mut bytes = Vec::with_capacity(64 + header.len() + 12 * weights.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&(header.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&header);
    for values in [weights, &moments.first, &moments.second] {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    files::write_atomic(&path, &bytes)?;
    for old in list(folder)?.into_iter().skip(KEPT) {
        // A checkpoint too many is harmless; the next write tries again.
        let _ = std::fs::remove_file(old);
    }
    Ok(path)
}

/// The latest checkpoint that is whole; broken ones are passed over.
///
/// # Errors
/// When the latest whole one belongs to a run with another fingerprint.
pub(crate) fn latest(folder: &Path, fingerprint: &str) -> Result<Option<Checkpoint>> {
    if !folder.exists() {
        return Ok(None);
    }
    for path in list(folder)? {
        let Ok(checkpoint) = read(&path) else { continue };
        if checkpoint.header.fingerprint != fingerprint {
            return Err(LmError::ForeignCheckpoint { path });
        }
        return Ok(Some(checkpoint));
    }
    Ok(None)
}

/// Reads one checkpoint.
///
/// # Errors
/// When it is truncated, altered or of another format.
pub(crate) fn read(path: &Path) -> Result<Checkpoint> {
    let wrong = |detail: &str| LmError::format(path, "checkpoint", detail);
    let bytes = files::read_limited(path, CHECKPOINT_BYTES_MAX)?;
    let (body, digest) = bytes
        .split_last_chunk::<DIGEST_LEN>()
        .ok_or_else(|| wrong("it is shorter than its checksum"))?;
    if Sha256::digest(body).as_slice() != digest {
        return Err(wrong("its checksum does not match, it was cut short or altered"));
    }
    let rest = body.strip_prefix(MAGIC).ok_or_else(|| wrong("unknown format"))?;
    let (len, rest) = rest.split_first_chunk::<8>().ok_or_else(|| wrong("no header"))?;
    let len = u64::from_le_bytes(*len);
    if len > HEADER_MAX || len > rest.len() as u64 {
        return Err(wrong("the header is longer than the file"));
    }
    let (header, values) = rest.split_at(len as usize);
    let header: Header =
        serde_json::from_slice(header).map_err(|error| wrong(&error.to_string()))?;
    let (values, odd) = values.as_chunks::<4>();
    let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    if !odd.is_empty() || values.len() as u64 != header.parameters.saturating_mul(3) {
        return Err(wrong("the number of values is not three times the parameters"));
    }
    let (weights, moments) = values.split_at(values.len() / 3);
    let (first, second) = moments.split_at(moments.len() / 2);
    let moments = Moments { first: first.to_vec(), second: second.to_vec() };
    Ok(Checkpoint { header, weights: weights.to_vec(), moments })
}

/// Checkpoint files, latest first.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|error| LmError::io("read", folder, error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ckpt"))
        .collect();
    paths.sort_unstable_by(|a, b| b.cmp(a));
    Ok(paths)
}
