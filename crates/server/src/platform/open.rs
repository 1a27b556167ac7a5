//! Opening a platform's data folder: the log, the blobs, and the key for model signatures.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use ledger::Quorum;
use sha2::{Digest as _, Sha256};
use store::{
    Clock, Config, DataFolder, Finality, FinalityError, SystemClock, Vault, VaultError,
    finality::Pace,
    vault::{KEK_FILE, KeyEncryption, KeyError, file_key},
};
use tokio::sync::watch;
use units::{Digest, DurationMicros, UnixMicros};

use super::leases::Leases;
use super::{
    Platform, figures,
    signature::{ModelSigner, SignatureError},
};
use crate::sign_in::{SignIn, SignInError};

/// The private key for model signatures, PKCS#8 PEM, mode 0600.
pub(crate) const SIGNING_KEY_FILE: &str = "model-signing.key";

/// What a platform needs to open.
#[derive(Debug, Clone)]
pub struct PlatformConfig {
    /// The data folder; made if missing.
    pub data_dir: PathBuf,
    /// Name and version of this program, for lineage.
    pub version: String,
    /// Witnesses of the log and how many must agree; none if empty.
    pub quorum: Quorum,
}

/// The system's clock, and how far a drill has set it ahead.
#[derive(Debug, Clone, Default)]
pub(super) struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// Microseconds ahead; never less than before.
    pub(super) fn micros(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, by: DurationMicros) {
        let by = i64::try_from(by.0).unwrap_or(i64::MAX);
        let sum = self.micros().saturating_add(by);
        self.0.fetch_max(sum, Ordering::Relaxed);
    }
}

impl Clock for Ahead {
    fn now(&mut self) -> UnixMicros {
        UnixMicros(SystemClock.now().0.saturating_add(self.micros()))
    }
}

/// Why a platform cannot open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The log or its folder.
    #[error(transparent)]
    Store(#[from] store::OpenError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The key that the vault is sealed with.
    #[error("personal data and secrets cannot be sealed: {0}")]
    Key(#[from] KeyError),
    /// Sessions and the root key of capability tokens.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// What witnesses have seen is not what the log is.
    #[error(transparent)]
    Finality(#[from] FinalityError),
    /// The model signing key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A file operation failed.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The system has no randomness to give.
    #[error("no randomness for a key: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Platform {
    /// Opens a data folder and replays its log; the vault's key is a file in the folder.
    ///
    /// # Errors
    /// [`OpenError`], saying what to do.
    pub fn open(config: PlatformConfig) -> Result<Self, OpenError> {
        Self::open_with(config, |dir| Ok(Box::new(file_key(&dir.join(KEK_FILE), dir)?)))
    }

    /// As [`open`](Self::open) with another key for the vault. `key` is called once the folder is
    /// locked and known to be ours.
    ///
    /// # Errors
    /// [`OpenError`], saying what to do.
    pub fn open_with(
        config: PlatformConfig,
        key: impl FnOnce(&Path) -> Result<Box<dyn KeyEncryption>, KeyError>,
    ) -> Result<Self, OpenError> {
        let PlatformConfig { data_dir, version, quorum } = config;
        let ahead = Ahead::default();
        let clock = Box::new(ahead.clone());
        let folder = DataFolder::open(&data_dir, Config { clock, ..Config::default() })?;
        let vault = Vault::open(&data_dir, key(&data_dir)?)?;
        let handle = folder.handle().clone();
        let signer = signer(&data_dir)?;
        let sign_in = SignIn::open(&data_dir, SystemClock.now())?;
        let (tell, size) = watch::channel(handle.size());
        handle.on_commit(Box::new(move |size| {
            // Without listeners there is nobody to tell.
            let _ = tell.send(size);
        }));
        handle.on_end(Box::new(end_with_log));
        let finality = Finality::open(folder.view(), &data_dir, quorum, Pace::default())?;
        let grown = finality.clone();
        handle.on_commit(Box::new(move |_| grown.grown()));
        let (tell_final, final_size) = watch::channel(finality.size());
        finality.on_final(move |size| {
            let _ = tell_final.send(size);
        });
        Ok(Self {
            log: folder.view(),
            finality,
            final_size,
            blobs: folder.blobs().clone(),
            vault,
            ahead,
            references: std::sync::Arc::default(),
            folder: Mutex::new(Some(folder)),
            handle,
            leases: leases(&data_dir)?,
            data_dir,
            version,
            program: OnceLock::new(),
            signer,
            size,
            usage_flush: OnceLock::new(),
            answers: OnceLock::new(),
            captures: OnceLock::new(),
            declared: OnceLock::new(),
            local_held: OnceLock::new(),
            gateway_metrics: OnceLock::new(),
            figures: figures::Figures::since(SystemClock.now()),
            loads: Mutex::default(),
            heard: super::heard::Heard::default(),
            sign_in,
            public_url: OnceLock::new(),
            positions: super::positions::Positions::default(),
        })
    }
}

/// A dead process replays; a platform without its log would only pretend.
fn end_with_log(failure: Option<&str>) {
    if let Some(reason) = failure {
        tracing::error!(reason, "the log has stopped: this process ends");
        std::process::abort();
    }
}

/// The shares of budgets that gateways elsewhere have been given.
fn leases(data_dir: &Path) -> Result<Leases, OpenError> {
    let path = data_dir.join("gateway-leases.json");
    Leases::open(path.clone()).map_err(|source| {
        let action = "read the shares that gateways have of budgets in";
        OpenError::Io { action, path, source }
    })
}

/// SHA-256 of the running program's own file.
pub(super) fn program_digest() -> std::io::Result<Digest> {
    let mut file = fs::File::open(std::env::current_exe()?)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        let n = file.read(&mut buffer)?;
        match buffer.get(..n) {
            Some(bytes) if !bytes.is_empty() => hash.update(bytes),
            _ => return Ok(Digest(hash.finalize().into())),
        }
    }
}

/// The public key of a data folder's model signatures, in PEM.
///
/// # Errors
/// [`OpenError`] if the folder has no key.
pub fn model_public_key(data_dir: &Path) -> Result<String, OpenError> {
    let path = data_dir.join(SIGNING_KEY_FILE);
    let pem = fs::read_to_string(&path).map_err(io_error("read", &path))?;
    Ok(ModelSigner::from_pem(&pem)?.public_pem()?)
}

fn signer(data_dir: &Path) -> Result<ModelSigner, OpenError> {
    let path = data_dir.join(SIGNING_KEY_FILE);
    match fs::read_to_string(&path) {
        Ok(pem) => Ok(ModelSigner::from_pem(&pem)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make_signer(&path),
        Err(source) => Err(OpenError::Io { action: "read", path, source }),
    }
}

/// Makes a key; the file appears whole or not at all.
fn make_signer(path: &Path) -> Result<ModelSigner, OpenError> {
    let signer = loop {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        // All but one in 2^32 byte strings are scalars of the curve.
        if let Some(signer) = ModelSigner::from_random(&bytes) {
            break signer;
        }
    };
    store::replace_file(path, signer.to_pem()?.as_bytes(), 0o600)
        .map_err(io_error("write", path))?;
    Ok(signer)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { action, path, source }
}
