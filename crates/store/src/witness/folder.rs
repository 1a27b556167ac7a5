//! The files of a witness: `witness.json`, `witness.key`, `witness.vkey`, and one checkpoint for each log
//! in `logs`. A new key is made only in an empty folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ledger::CosigningKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::{Digest, UnixMicros};

use crate::clock;
use crate::folder::{self, FolderError, LOCK_FILE, io_error};

/// The format that this version writes.
pub const WITNESS_FORMAT_VERSION: u32 = 1;

const FORMAT_FILE: &str = "witness.json";
const KEY_FILE: &str = "witness.key";
const PUBLIC_FILE: &str = "witness.vkey";
const LOGS_FOLDER: &str = "logs";
const SUFFIX: &str = ".checkpoint";
pub(super) const EVIDENCE_FOLDER: &str = "evidence";

/// What a first start writes before the format file; such a folder is ours though it has none.
const FIRST_START: [&str; 6] =
    [LOCK_FILE, KEY_FILE, PUBLIC_FILE, "witness.key.new", "witness.vkey.new", "witness.json.new"];

/// The content of `witness.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Format {
    /// [`WITNESS_FORMAT_VERSION`] or older.
    witness: u32,
    /// Name of the key.
    name: String,
    /// When it was made.
    created: UnixMicros,
}

/// Locks the folder and reads or makes its key.
pub(super) fn open(path: &Path, name: Option<&str>) -> Result<(CosigningKey, File), FolderError> {
    fs::create_dir_all(path).map_err(io_error("create", path))?;
    let format = path.join(FORMAT_FILE);
    if !format.exists() {
        folder::require_only(path, &FIRST_START)?;
    }
    let lock = folder::lock(path)?;
    if !format.exists() {
        create(path, name)?;
    }
    let logs = path.join(LOGS_FOLDER);
    fs::create_dir_all(&logs).map_err(io_error("create", &logs))?;
    Ok((read(path)?, lock))
}

/// The stored checkpoints with their files, in order of their names. A file that is half written by a
/// crash counts as never written.
pub(super) fn checkpoints(path: &Path) -> Result<Vec<(PathBuf, String)>, FolderError> {
    let folder = path.join(LOGS_FOLDER);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(io_error("read", &folder))? {
        let file = entry.map_err(io_error("read", &folder))?.path();
        if file.to_string_lossy().ends_with(SUFFIX) {
            let bytes = folder::read_small(&file)?;
            found.push((file, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found.sort();
    Ok(found)
}

/// Where the checkpoint of a log is: an origin can hold what a file name cannot.
pub(super) fn checkpoint_file(path: &Path, origin: &str) -> PathBuf {
    let digest = Digest(Sha256::digest(origin).into()).to_string().replace(':', "-");
    path.join(LOGS_FOLDER).join(format!("{digest}{SUFFIX}"))
}

/// The format file comes last: until it is there, the folder counts as empty.
fn create(path: &Path, name: Option<&str>) -> Result<(), FolderError> {
    let key_file = path.join(KEY_FILE);
    let wrong = |reason: String| FolderError::Key { path: key_file.clone(), reason };
    let mut seed = [0_u8; 32];
    let mut random = [0_u8; 8];
    clock::fill(&mut seed).map_err(|error| wrong(format!("cannot be made ({error})")))?;
    clock::fill(&mut random).map_err(|error| wrong(format!("cannot be made ({error})")))?;
    let drawn = format!("cocarde.local/witness/{:016x}", u64::from_be_bytes(random));
    let name = name.unwrap_or(&drawn).to_owned();
    let key = CosigningKey::from_seed(&name, seed).map_err(|error| wrong(error.to_string()))?;
    folder::write_whole(&key_file, &seed, 0o600)?;
    let public = format!("{}\n", key.public());
    folder::write_whole(&path.join(PUBLIC_FILE), public.as_bytes(), 0o644)?;
    let created = clock::system_now();
    let format = Format { witness: WITNESS_FORMAT_VERSION, name, created };
    let text = serde_json::to_vec(&format).unwrap_or_default();
    folder::write_whole(&path.join(FORMAT_FILE), &text, 0o644)
}

fn read(path: &Path) -> Result<CosigningKey, FolderError> {
    let file = path.join(FORMAT_FILE);
    let damaged = |reason: String| FolderError::FormatDamaged { path: file.clone(), reason };
    let format: Format = serde_json::from_slice(&folder::read_small(&file)?)
        .map_err(|error| damaged(error.to_string()))?;
    if format.witness > WITNESS_FORMAT_VERSION {
        return Err(FolderError::FormatNewer { path: path.to_owned(), found: format.witness });
    }
    let file = path.join(KEY_FILE);
    let wrong = |reason: &str| FolderError::Key { path: file.clone(), reason: reason.to_owned() };
    if !file.exists() {
        return Err(wrong("is missing"));
    }
    let seed: [u8; 32] =
        folder::read_small(&file)?.try_into().map_err(|_| wrong("does not have 32 bytes"))?;
    let key = CosigningKey::from_seed(&format.name, seed)
        .map_err(|_| wrong("does not fit the name in `witness.json`"))?;
    let public = folder::read_small(&path.join(PUBLIC_FILE))?;
    if String::from_utf8_lossy(&public).trim() != key.public().to_string() {
        return Err(wrong("is not the private half of `witness.vkey`"));
    }
    Ok(key)
}
