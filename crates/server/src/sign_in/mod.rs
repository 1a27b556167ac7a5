//! Signing in: who is at the other end, and how that is remembered.
//!
//! Four ways in: an API key, a name with a password, an identity provider (in the browser or by the
//! device flow), and a capability token. What somebody may do is not decided here but where handlers
//! authorise. Secrets are only ever kept as hashes, and names and addresses only where they can be erased.

pub(crate) mod capability;
pub(crate) mod oidc;
pub(crate) mod password;
pub(crate) mod session;
pub(crate) mod throttle;

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path};

use units::UnixMicros;

use self::{
    capability::{Meter, MeterError, Root},
    oidc::Oidc,
    password::Passwords,
    session::{SessionError, Sessions},
    throttle::Throttle,
};

/// The folder of sign-in in the data folder.
const FOLDER: &str = "sign-in";

/// Why sign-in cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The folder, or the root key of capability tokens.
    #[error("the folder of sign-in: {0}")]
    Io(#[from] io::Error),
    /// The sessions.
    #[error("{0}")]
    Sessions(String),
    /// What was spent by capability tokens.
    #[error("{0}")]
    Meter(String),
}

impl From<SessionError> for SignInError {
    fn from(error: SessionError) -> Self {
        Self::Sessions(error.to_string())
    }
}

impl From<MeterError> for SignInError {
    fn from(error: MeterError) -> Self {
        Self::Meter(error.to_string())
    }
}

/// Everything of sign-in that a running platform shares.
#[derive(Debug)]
pub(crate) struct SignIn {
    /// Who is signed in.
    pub(crate) sessions: Sessions,
    /// Who tried how often.
    pub(crate) throttle: Throttle,
    /// Hashes of passwords.
    pub(crate) passwords: Passwords,
    /// Sign-ins at providers.
    pub(crate) oidc: Oidc,
    /// The root key of capability tokens.
    pub(crate) root: Root,
    /// What they have spent.
    pub(crate) meter: Meter,
}

impl SignIn {
    /// Opens what a data folder keeps of sign-ins.
    ///
    /// # Errors
    /// [`SignInError`].
    pub(crate) fn open(data_dir: &Path, now: UnixMicros) -> Result<Self, SignInError> {
        let folder = data_dir.join(FOLDER);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        Ok(Self {
            sessions: Sessions::open(&folder, now)?,
            throttle: Throttle::new(key),
            passwords: Passwords::default(),
            oidc: Oidc::default(),
            root: Root::open(&folder)?,
            meter: Meter::open(&folder)?,
        })
    }
}
