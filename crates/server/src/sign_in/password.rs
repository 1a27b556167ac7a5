//! Passwords of local accounts: argon2id, as the PHC text that the vault keeps.
//!
//! Hashing takes 19 MiB and tens of milliseconds each, on purpose. It must never run on more threads
//! than [`AT_ONCE`], nor queue more than [`WAITING_MAX`]: a flood of sign-ins is then answered "later"
//! and cannot take the machine's memory. A name that nobody has costs exactly what a wrong password
//! costs, so that time does not tell which names exist.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use tokio::sync::Semaphore;

/// Memory of one hash in KiB: OWASP's password storage cheat sheet (2024) asks for at least 19 MiB
/// with two passes and one lane.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Most memory that a stored hash may ask for, in KiB: whoever writes one must not choose ours.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
/// Most passes that a stored hash may ask for.
const PASSES_MAX: u32 = 8;
/// Hashes computed at the same time: at most 38 MiB for sign-ins.
const AT_ONCE: usize = 2;
/// Sign-ins that wait for their turn; the next one is told to come back.
const WAITING_MAX: usize = 32;
/// Bytes of salt, as RFC 9106 §3.1 recommends.
const SALT_BYTES: usize = 16;
/// Least characters of a new password (NIST SP 800-63B-4 §3.1.1.2: 15 where it is the only factor).
pub(crate) const CHARACTERS_MIN: usize = 15;
/// Most bytes of a password.
pub(crate) const BYTES_MAX: usize = 1_024;

/// Why a password was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Too many sign-ins wait already.
    #[error("too many sign-ins at once")]
    Busy,
    /// A new password that is not accepted, with the reason.
    #[error("{0}")]
    Refused(String),
    /// Hashing itself failed.
    #[error("a password could not be hashed: {0}")]
    Fault(String),
}

/// Hashes and compares passwords, a bounded number at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// A hash that no password has, compared with when there is no account.
    dummy: OnceLock<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { turns, waiting: AtomicUsize::new(0), dummy: OnceLock::new() }
    }
}

impl Passwords {
    /// The PHC text of a new password.
    ///
    /// # Errors
    /// [`PasswordError::Refused`] for one that is too short or too long, [`PasswordError::Busy`].
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let characters = password.chars().count();
        if characters < CHARACTERS_MIN || password.len() > BYTES_MAX {
            let text = format!(
                "a password has at least {CHARACTERS_MIN} characters and at most {BYTES_MAX} bytes; \
                 this one has {characters} characters"
            );
            return Err(PasswordError::Refused(text));
        }
        self.in_turn(move || hash(&password)).await?
    }

    /// True if this is the password of the stored hash. Without a stored hash the answer is no, after
    /// the same work.
    ///
    /// # Errors
    /// [`PasswordError::Busy`].
    pub(crate) async fn verify(
        &self,
        stored: Option<String>,
        password: String,
    ) -> Result<bool, PasswordError> {
        let known = stored.is_some();
        let stored = match stored {
            Some(stored) => stored,
            None => self.dummy().await?,
        };
        // A longer one is wrong, but must cost as much as any wrong one.
        let password = if password.len() > BYTES_MAX { String::new() } else { password };
        let same = self.in_turn(move || verify(&stored, &password)).await?;
        Ok(same && known)
    }

    async fn dummy(&self) -> Result<String, PasswordError> {
        if let Some(dummy) = self.dummy.get() {
            return Ok(dummy.clone());
        }
        let made = self.in_turn(|| hash("nobody has this password")).await??;
        Ok(self.dummy.get_or_init(|| made).clone())
    }

    /// Runs on a thread that may block, when it is this one's turn.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let waiting = Waiting::enter(&self.waiting)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|error| PasswordError::Fault(error.to_string()))?;
        drop(waiting);
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // The turn ends with the work, even if nobody waits for its result any more.
            drop(turn);
            done
        });
        done.await.map_err(|error| PasswordError::Fault(error.to_string()))
    }
}

/// A place in the queue, given back when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, PasswordError> {
        let before = count.fetch_add(1, Ordering::SeqCst);
        let place = Self(count);
        if before >= WAITING_MAX { Err(PasswordError::Busy) } else { Ok(place) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let fault = |error: &dyn std::fmt::Display| PasswordError::Fault(error.to_string());
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|e| fault(&e))?;
    let mut salt = [0_u8; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|e| fault(&e))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash =
        argon.hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| fault(&e))?;
    Ok(hash.to_string())
}

/// Compares in constant time; a stored text that is no argon2id hash, or asks for more than is
/// allowed, is nobody's password.
fn verify(stored: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return false };
    let Ok(params) = Params::try_from(&hash) else { return false };
    let allowed = params.m_cost() <= MEMORY_KIB_MAX && params.t_cost() <= PASSES_MAX;
    if !allowed || hash.algorithm.as_str() != Algorithm::Argon2id.as_str() {
        return false;
    }
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests;
