//! Sessions of people who signed in: kept on the server, by the hash of a secret that only the
//! browser or the command line has.
//!
//! A secret is fresh at each sign-in, so that one that was planted before is worth nothing. A session
//! ends when it is idle, when it is old, when it is revoked or signed out, and each of these is
//! looked at on each request. Only ids, hashes and times are kept, in a file that survives a restart;
//! a session that was ended stays ended.

mod file;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use units::{Digest, DurationMicros, Id, UnixMicros, kinds};

use crate::platform::token::hash;

use file::{Line, SessionFile};

/// What every session secret starts with, so that scanners and people recognise it.
pub(crate) const PREFIX: &str = "ccs_";
/// Sessions of all people; beyond, nobody else is signed in until some have ended.
const SESSIONS_MAX: usize = 20_000;
/// Sessions of one person or key; the one used longest ago ends first.
const PER_PRINCIPAL_MAX: usize = 32;
/// How exact the time of last use is kept: an hour's idle time needs no better.
const SEEN_STEP: DurationMicros = DurationMicros(60 * 1_000_000);

/// Who signed in: a session is held by whom a capability token can be made for.
pub(crate) use kernel::capability::Holder as Principal;

/// How they showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Means {
    /// An API key, typed into the sign-in page.
    Key,
    /// A name and a password.
    Password,
    /// An identity provider vouched for them.
    Provider(Id<kinds::IdentityProvider>),
}

/// What a session is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Device {
    /// The console in a browser: ends after eight hours without use, and after a day.
    Browser,
    /// The command line: ends after a week without use, and after thirty days.
    CommandLine,
}

impl Device {
    const fn idle(self) -> DurationMicros {
        match self {
            Self::Browser => DurationMicros::from_secs(8 * 3_600),
            Self::CommandLine => DurationMicros::from_secs(7 * 86_400),
        }
    }

    const fn lifetime(self) -> DurationMicros {
        match self {
            Self::Browser => DurationMicros::from_secs(86_400),
            Self::CommandLine => DurationMicros::from_secs(30 * 86_400),
        }
    }

    /// Seconds after which a session of this device is over in any case.
    pub(crate) const fn lifetime_s(self) -> u64 {
        self.lifetime().as_secs()
    }
}

/// One session, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Names it in lists; opens nothing.
    pub(crate) handle: String,
    /// SHA-256 of the secret.
    secret_hash: Digest,
    /// Who signed in.
    pub(crate) principal: Principal,
    /// How.
    pub(crate) means: Means,
    /// With what.
    pub(crate) device: Device,
    /// When.
    pub(crate) created_at: UnixMicros,
    /// When it was last used, to the minute.
    pub(crate) seen_at: UnixMicros,
}

impl Session {
    /// When it ends unless it is used.
    pub(crate) fn ends_at(&self) -> UnixMicros {
        let idle = self.seen_at.plus(self.device.idle());
        idle.min(self.created_at.plus(self.device.lifetime()))
    }

    fn is_over(&self, now: UnixMicros) -> bool {
        now >= self.ends_at()
    }
}

/// Why a session cannot be begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Too many people are signed in.
    #[error("{SESSIONS_MAX} sessions are open already")]
    Full,
    /// The system has no randomness to give.
    #[error("no randomness for a session: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The file cannot be written or read.
    #[error("the file of sessions: {0}")]
    File(#[from] std::io::Error),
}

#[derive(Debug)]
struct Inner {
    file: SessionFile,
    by_hash: BTreeMap<Digest, Session>,
    by_principal: BTreeMap<Principal, BTreeSet<Digest>>,
}

/// All sessions.
#[derive(Debug)]
pub(crate) struct Sessions(Mutex<Inner>);

impl Sessions {
    /// Reads the sessions that a folder keeps; makes it if it is missing.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub(crate) fn open(folder: &Path, now: UnixMicros) -> Result<Self, SessionError> {
        let (file, sessions) = SessionFile::open(folder, |session| !session.is_over(now))?;
        let mut inner = Inner { file, by_hash: BTreeMap::new(), by_principal: BTreeMap::new() };
        for session in sessions {
            inner.insert(session);
        }
        Ok(Self(Mutex::new(inner)))
    }

    /// Begins a session and answers its secret, which is known to nobody afterwards. It is durable
    /// when this returns; it blocks.
    ///
    /// # Errors
    /// [`SessionError`].
    pub(crate) fn begin(
        &self,
        now: UnixMicros,
        principal: Principal,
        means: Means,
        device: Device,
    ) -> Result<(Session, String), SessionError> {
        let (mut secret, mut handle) = ([0_u8; 32], [0_u8; 16]);
        getrandom::fill(&mut secret)?;
        getrandom::fill(&mut handle)?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
        let session = Session {
            handle: URL_SAFE_NO_PAD.encode(handle),
            secret_hash: hash(&secret),
            principal,
            means,
            device,
            created_at: now,
            seen_at: now,
        };
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.make_room(now, principal)?;
        inner.write(&Line::Begun(session.clone()), true)?;
        inner.insert(session.clone());
        Ok((session, secret))
    }

    /// The session of a secret, if it is not over; this is a use of it.
    pub(crate) fn find(&self, now: UnixMicros, secret: &str) -> Option<Session> {
        if !secret.starts_with(PREFIX) {
            return None;
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = inner.by_hash.get_mut(&hash(secret)).filter(|s| !s.is_over(now))?;
        let unseen = now.0.saturating_sub(session.seen_at.0);
        if u64::try_from(unseen).is_ok_and(|unseen| unseen < SEEN_STEP.0) {
            return Some(session.clone());
        }
        session.seen_at = session.seen_at.max(now);
        let session = session.clone();
        // Lost with the power: the session then ends a little earlier, which is safe.
        if let Err(error) = inner.write(&Line::Seen(session.secret_hash, now), false) {
            tracing::warn!(%error, "the use of a session was not written");
        }
        Some(session)
    }

    /// True if a session that was found before is not over meanwhile; this is no use of it.
    pub(crate) fn is_open(&self, now: UnixMicros, session: &Session) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.by_hash.get(&session.secret_hash).is_some_and(|session| !session.is_over(now))
    }

    /// The sessions of somebody, the newest first.
    pub(crate) fn of(&self, now: UnixMicros, principal: Principal) -> Vec<Session> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hashes = inner.by_principal.get(&principal).into_iter().flatten();
        let mut sessions: Vec<Session> =
            hashes.filter_map(|hash| inner.by_hash.get(hash)).cloned().collect();
        sessions.retain(|session| !session.is_over(now));
        sessions.sort_by_key(|session| std::cmp::Reverse(session.created_at));
        sessions
    }

    /// Ends somebody's session of this handle, durably; false if they have none. It blocks.
    ///
    /// # Errors
    /// If the file cannot be written; the session is over all the same while this process runs.
    pub(crate) fn end(&self, principal: Principal, handle: &str) -> Result<bool, SessionError> {
        self.end_where(principal, |session| session.handle == handle).map(|ended| ended > 0)
    }

    /// Ends all sessions of somebody, durably; how many there were. It blocks.
    ///
    /// # Errors
    /// As [`Self::end`].
    pub(crate) fn end_all(&self, principal: Principal) -> Result<usize, SessionError> {
        self.end_where(principal, |_| true)
    }

    fn end_where(
        &self,
        principal: Principal,
        wanted: impl Fn(&Session) -> bool,
    ) -> Result<usize, SessionError> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hashes: Vec<Digest> = inner
            .by_principal
            .get(&principal)
            .into_iter()
            .flatten()
            .filter(|hash| inner.by_hash.get(*hash).is_some_and(&wanted))
            .copied()
            .collect();
        for hash in &hashes {
            inner.remove(hash);
        }
        for hash in &hashes {
            inner.write(&Line::Ended(*hash), true)?;
        }
        Ok(hashes.len())
    }
}

impl Inner {
    fn insert(&mut self, session: Session) {
        self.by_principal.entry(session.principal).or_default().insert(session.secret_hash);
        self.by_hash.insert(session.secret_hash, session);
    }

    fn remove(&mut self, hash: &Digest) {
        let Some(session) = self.by_hash.remove(hash) else { return };
        if let Some(hashes) = self.by_principal.get_mut(&session.principal) {
            hashes.remove(hash);
            if hashes.is_empty() {
                self.by_principal.remove(&session.principal);
            }
        }
    }

    /// Writes a line; a file that has grown long is first written anew.
    fn write(&mut self, line: &Line, durable: bool) -> Result<(), SessionError> {
        if self.file.is_long(self.by_hash.len()) {
            self.file.rewrite(self.by_hash.values())?;
        }
        Ok(self.file.append(line, durable)?)
    }

    /// Ends what is in the way of one more session of somebody.
    fn make_room(&mut self, now: UnixMicros, principal: Principal) -> Result<(), SessionError> {
        if self.by_hash.len() >= SESSIONS_MAX {
            let over = self.by_hash.values().filter(|session| session.is_over(now));
            let over: Vec<Digest> = over.map(|session| session.secret_hash).collect();
            for hash in over {
                self.remove(&hash);
            }
        }
        let mine = self.by_principal.get(&principal);
        if mine.is_some_and(|hashes| hashes.len() >= PER_PRINCIPAL_MAX) {
            let sessions = mine.into_iter().flatten().filter_map(|hash| self.by_hash.get(hash));
            let oldest = sessions.min_by_key(|session| session.seen_at).map(|s| s.secret_hash);
            if let Some(oldest) = oldest {
                self.remove(&oldest);
                self.write(&Line::Ended(oldest), true)?;
            }
        }
        if self.by_hash.len() >= SESSIONS_MAX { Err(SessionError::Full) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
