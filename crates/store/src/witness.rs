//! A witness's folder: its key, and the last checkpoint that it cosigned of each log it watches. It must
//! never forget one of them and go on: what cannot be read is an error at start, and what is not stored
//! durably is not cosigned.

mod folder;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ledger::{CosigningKey, Refusal, Witness};
use sha2::{Digest as _, Sha256};
use units::Digest;

use crate::clock;
use crate::folder::FolderError;

pub use folder::WITNESS_FORMAT_VERSION;
pub use ledger::cosignature::TrustPolicy;
pub use ledger::witness::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, SIZE_MEDIA_TYPE};
pub use ledger::{CosignerKey, Quorum, VerifierKey};

/// Most requests kept as evidence of a log that contradicts itself.
const EVIDENCE_MAX: usize = 100;

/// Most logs that one witness watches.
pub const LOGS_MAX: usize = 1_000;

/// Why a witness cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A stored checkpoint cannot be used: going on would forget what was cosigned.
    #[error(
        "`{}` is not a checkpoint that a known key of its log signed ({reason}): restore it, or give the log's key with `--origin`",
        path.display()
    )]
    Stored {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Above [`LOGS_MAX`].
    #[error("{count} logs are more than {LOGS_MAX}: start a second witness")]
    TooManyLogs {
        /// How many were given.
        count: usize,
    },
}

/// Why a request gets no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// The protocol's refusal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The state could not be stored; nothing was cosigned.
    #[error("the checkpoint could not be stored, so it was not cosigned: {0}")]
    NotStored(FolderError),
}

/// A log that is watched.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WatchedLog {
    /// Its origin.
    pub origin: String,
    /// Entries when it was last cosigned, 0 if it never was.
    pub size: u64,
    /// Root at that size.
    pub root: Option<ledger::Hash>,
}

/// A witness with its folder, which this process alone uses.
#[derive(Debug)]
pub struct WitnessFolder {
    path: PathBuf,
    key: CosigningKey,
    witness: Mutex<Witness>,
    // Held for its lock.
    _lock: File,
}

impl WitnessFolder {
    /// Opens a folder, making it and its key when missing or empty. `name` is for a new key; an existing
    /// one keeps its name. `logs` are origins with the keys that sign them.
    ///
    /// # Errors
    /// [`WitnessError`]; nothing is ever repaired.
    pub fn open(
        path: &Path,
        name: Option<&str>,
        logs: &[(String, VerifierKey)],
    ) -> Result<Self, WitnessError> {
        if logs.len() > LOGS_MAX {
            return Err(WitnessError::TooManyLogs { count: logs.len() });
        }
        let (key, lock) = folder::open(path, name)?;
        let mut witness = Witness::new();
        for (origin, key) in logs {
            witness.trust(origin, key.clone());
        }
        for (file, note) in folder::checkpoints(path)? {
            let stored = |reason: String| WitnessError::Stored { path: file.clone(), reason };
            witness.restore(&note).map_err(|refusal| stored(refusal.to_string()))?;
        }
        Ok(Self { path: path.to_owned(), key, witness: Mutex::new(witness), _lock: lock })
    }

    /// The witness's public key, which logs and auditors are given.
    #[must_use]
    pub fn public(&self) -> &CosignerKey {
        self.key.public()
    }

    /// The logs, in order of their origins.
    #[must_use]
    pub fn logs(&self) -> Vec<WatchedLog> {
        let of = |(origin, head): (&str, Option<ledger::TreeHead>)| WatchedLog {
            origin: origin.to_owned(),
            size: head.map_or(0, |head| head.size),
            root: head.map(|head| head.root),
        };
        self.lock().logs().map(of).collect()
    }

    /// Answers the body of `POST add-checkpoint` with signature lines. Blocks for the disk.
    ///
    /// # Errors
    /// [`NotCosigned`]; then nothing was cosigned and nothing remembered.
    pub fn add_checkpoint(&self, body: &[u8]) -> Result<String, NotCosigned> {
        // INVARIANT: one lock from the comparison to the durable record, so that of two requests at once
        // the second is compared with the first.
        let mut witness = self.lock();
        let accepted = witness.judge(body).inspect_err(|refusal| {
            if refusal.is_evidence() {
                self.keep_evidence(body, refusal);
            }
        })?;
        let origin = accepted.checkpoint().origin();
        let known = witness.logs().find(|(name, _)| *name == origin).and_then(|(_, head)| head);
        if known != Some(accepted.checkpoint().head()) {
            let file = folder::checkpoint_file(&self.path, origin);
            let stored = crate::folder::write_whole(&file, accepted.note().as_bytes(), 0o644);
            stored.map_err(NotCosigned::NotStored)?;
            witness.record(&accepted);
        }
        let seconds = clock::system_now().0.checked_div(1_000_000).unwrap_or(0);
        let line = accepted.cosign(&self.key, u64::try_from(seconds).unwrap_or(0));
        Ok(format!("{line}\n"))
    }

    /// A log's own signature on what contradicts its history is worth keeping. Failing to is harmless for
    /// the answer.
    fn keep_evidence(&self, body: &[u8], refusal: &Refusal) {
        let folder = self.path.join(folder::EVIDENCE_FOLDER);
        let digest = Digest(Sha256::digest(body).into());
        tracing::warn!(witness.evidence = %digest, "a log contradicts itself: {refusal}");
        let count = fs::read_dir(&folder).map_or(0, Iterator::count);
        let file = folder.join(digest.to_string().replace(':', "-"));
        if count >= EVIDENCE_MAX || file.exists() {
            return;
        }
        let kept = fs::create_dir_all(&folder)
            .map_err(crate::folder::io_error("create", &folder))
            .and_then(|()| crate::folder::write_whole(&file, body, 0o644));
        if let Err(error) = kept {
            tracing::warn!("evidence was not kept: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Witness> {
        self.witness.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
