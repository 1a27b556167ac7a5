//! What must be able to disappear: personal data and secrets, sealed under one key per tenant, in a
//! SQLite file of its own beside the log. The log holds a salted commitment, this file the content.
//!
//! Two things must never happen here: content or a data key reaching the disk unsealed, and bytes of
//! an erased record staying in a file. The log, in turn, must never need anything from here to verify.

mod content;
mod error;
mod file;
mod inner;
mod key;
mod offline;
mod seal;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;
use units::{Digest, Id, ParseIdError, kinds};

pub use content::ContentKey;
pub use error::VaultError;
pub use file::{KEK_FILE, file_key, text_key};
pub use key::{KeyEncryption, KeyError, LocalKey, Secret, Wrapped};
pub use offline::rotate_folder;
pub use tables::{Summary, VAULT_FILE};

use crate::clock;
use seal::TenantKeys;

/// Most bytes of one record.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of a subject's, purpose's or looked-up text.
pub const TEXT_BYTES_MAX: usize = 512;

/// Most lookups of one record.
pub const LOOKUPS_MAX: usize = 16;

/// Most records of one tenant.
pub const RECORDS_MAX: u64 = 1_000_000;

/// Most unwrapped keys kept for a key-encryption key that is far away.
const CACHED_KEYS_MAX: usize = 256;

/// Whose data it is; each has a data key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tenant {
    /// The operator's own people and secrets.
    Platform,
    /// A customer's.
    Organisation(Id<kinds::Organisation>),
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Organisation(id) => fmt::Display::fmt(id, f),
        }
    }
}

impl FromStr for Tenant {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text == "platform" { Ok(Self::Platform) } else { text.parse().map(Self::Organisation) }
    }
}

impl From<Option<Id<kinds::Organisation>>> for Tenant {
    /// Whose data that of somebody of this home is.
    fn from(home: Option<Id<kinds::Organisation>>) -> Self {
        home.map_or(Self::Platform, Self::Organisation)
    }
}

/// A record's content with the (purpose, value) pairs by which it is found.
pub type TakenOut = (Vec<u8>, Vec<(String, String)>);

/// An open vault; cheap to clone, safe to share.
#[derive(Debug, Clone)]
pub struct Vault {
    shared: Arc<Mutex<Inner>>,
}

struct Inner {
    connection: Connection,
    kek: Box<dyn KeyEncryption>,
    /// Only of a key-encryption key that is far away, and only for as long as that one says.
    cached: BTreeMap<Tenant, (TenantKeys, Instant)>,
    /// Whether something deleted may still be in a file.
    purge_due: bool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("kek", &self.kek).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the vault of a data folder, making it when missing. The key-encryption key is asked only
    /// when something is sealed or opened, so a platform starts without it and says so then.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn open(dir: &Path, kek: Box<dyn KeyEncryption>) -> Result<Self, VaultError> {
        let connection = tables::open(&dir.join(VAULT_FILE))?;
        // What a process that died had deleted and not yet purged.
        let purge_due = !tables::checkpoint(&connection)?;
        let inner = Inner { connection, kek, cached: BTreeMap::new(), purge_due };
        Ok(Self { shared: Arc::new(Mutex::new(inner)) })
    }

    /// Seals `plain` as the record of `subject` (an id's text), replaces an earlier one, and gives the
    /// commitment for the log: SHA-256(salt ‖ plain) with 32 fresh random bytes of salt.
    ///
    /// `lookups` are (purpose, value) pairs by which the subject can be found again; only their keyed
    /// hashes are kept. Values are compared as they are: normalise them first.
    ///
    /// # Errors
    /// [`VaultError`]; nothing has changed then.
    pub fn put(
        &self,
        tenant: Tenant,
        subject: &str,
        plain: &[u8],
        lookups: &[(&str, &str)],
    ) -> Result<Digest, VaultError> {
        check_limits(subject, plain, lookups)?;
        self.lock().put(tenant, subject, plain, lookups)
    }

    /// Opens the record of a subject; `None` if there is none.
    ///
    /// # Errors
    /// [`VaultError::Key`] if the key is withheld, [`VaultError::Damaged`] if somebody changed it.
    pub fn get(&self, tenant: Tenant, subject: &str) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.lock().open_record(tenant, subject)?.map(|opened| opened.plain))
    }

    /// The record of a subject with the pairs by which it is found, as [`put`](Self::put) took them: for
    /// taking it to another installation.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn take_out(&self, tenant: Tenant, subject: &str) -> Result<Option<TakenOut>, VaultError> {
        Ok(self.lock().open_record(tenant, subject)?.map(|opened| (opened.plain, opened.lookups)))
    }

    /// The commitment that the stored record of a subject has, to compare with the log's.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn commitment(&self, tenant: Tenant, subject: &str) -> Result<Option<Digest>, VaultError> {
        Ok(self.lock().open_record(tenant, subject)?.map(|opened| opened.commitment))
    }

    /// The subject that has this value for this purpose.
    ///
    /// # Errors
    /// [`VaultError::Key`] if the key is withheld.
    pub fn find(
        &self,
        tenant: Tenant,
        purpose: &str,
        value: &str,
    ) -> Result<Option<String>, VaultError> {
        let mut inner = self.lock();
        let Some(keys) = inner.keys(tenant)? else { return Ok(None) };
        tables::find(&inner.connection, tenant, purpose, &seal::lookup(&keys, purpose, value))
    }

    /// Erases a subject's record, salt and lookups for good; answers whether there were any. When it
    /// returns, the bytes are in no file of the vault.
    ///
    /// # Errors
    /// [`VaultError::NotYetGone`] if somebody reads the file just now: erase again.
    pub fn erase(&self, tenant: Tenant, subject: &str) -> Result<bool, VaultError> {
        let mut inner = self.lock();
        let found = tables::erase(&mut inner.connection, tenant, subject)?;
        inner.purge_due |= found;
        inner.purge()?;
        Ok(found)
    }

    /// Destroys a tenant's data key with all of its records; answers whether there was one. Nothing can
    /// be kept for the tenant afterwards.
    ///
    /// # Errors
    /// As [`erase`](Self::erase), and [`VaultError::PlatformKey`].
    pub fn destroy_tenant(&self, tenant: Tenant) -> Result<bool, VaultError> {
        if tenant == Tenant::Platform {
            return Err(VaultError::PlatformKey);
        }
        let mut inner = self.lock();
        inner.cached.remove(&tenant);
        let found = tables::destroy(&mut inner.connection, tenant)?;
        inner.purge_due |= found;
        inner.purge()?;
        Ok(found)
    }

    /// The subjects of a tenant after `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// If the file cannot be read; needs no key.
    pub fn subjects(
        &self,
        tenant: Tenant,
        after: &str,
        limit: usize,
    ) -> Result<Vec<String>, VaultError> {
        tables::subjects(&self.lock().connection, tenant, after, limit)
    }

    /// Wraps every data key anew with `next` and uses that one from then on; answers how many. All or
    /// none: afterwards the former key opens nothing in this file. Older backups stay under it, so
    /// destroying the former key makes them unreadable.
    ///
    /// # Errors
    /// If either key refuses; nothing has changed then.
    pub fn rotate(&self, next: Box<dyn KeyEncryption>) -> Result<u64, VaultError> {
        let mut inner = self.lock();
        let held = tables::tenant_keys(&inner.connection)?;
        let mut wrapped = Vec::with_capacity(held.len());
        for (tenant, old) in held {
            let failed = |source| VaultError::Key { tenant, source };
            let context = seal::key_context(tenant);
            let secret = inner.kek.unwrap(&context, &old).map_err(failed)?;
            wrapped.push((tenant, next.wrap(&context, &secret).map_err(failed)?));
        }
        tables::replace_keys(&mut inner.connection, &wrapped)?;
        inner.cached.clear();
        inner.kek = next;
        inner.purge_due = true;
        inner.purge()?;
        Ok(u64::try_from(wrapped.len()).unwrap_or(u64::MAX))
    }

    /// Asks the key-encryption key to open every tenant's key; answers how many it opened.
    ///
    /// # Errors
    /// The first refusal.
    pub fn check_keys(&self) -> Result<u64, VaultError> {
        let inner = self.lock();
        let held = tables::tenant_keys(&inner.connection)?;
        for (tenant, wrapped) in &held {
            let failed = |source| VaultError::Key { tenant: *tenant, source };
            inner.kek.unwrap(&seal::key_context(*tenant), wrapped).map_err(failed)?;
        }
        Ok(u64::try_from(held.len()).unwrap_or(u64::MAX))
    }

    /// True if the key that wraps tenants' keys is with a service, and not in this process.
    #[must_use]
    pub fn key_is_with_service(&self) -> bool {
        self.lock().kek.is_service()
    }

    /// How much it holds; needs no key.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn summary(&self) -> Result<Summary, VaultError> {
        tables::summary(&self.lock().connection)
    }

    /// Looks at the vault of a folder, in use or not, without any key; `None` if it has none.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn inspect(dir: &Path) -> Result<Option<Summary>, VaultError> {
        reader(dir)?.map(|connection| tables::summary(&connection)).transpose()
    }

    /// A panic while the lock is held ends no transaction half: SQLite rolls it back.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection to the vault of a folder that only reads; `None` if it has none.
pub(crate) fn reader(dir: &Path) -> Result<Option<Connection>, VaultError> {
    let file = dir.join(VAULT_FILE);
    if file.exists() { tables::open_reader(&file).map(Some) } else { Ok(None) }
}

fn fill(bytes: &mut [u8]) -> Result<(), VaultError> {
    clock::fill(bytes).map_err(|error| VaultError::Entropy { reason: error.reason })
}

fn check_limits(subject: &str, plain: &[u8], lookups: &[(&str, &str)]) -> Result<(), VaultError> {
    let within = |what, length: usize, limit: usize| {
        let limit_shown = u64::try_from(limit).unwrap_or(u64::MAX);
        if length > limit { Err(VaultError::Limit { what, limit: limit_shown }) } else { Ok(()) }
    };
    within("the record in bytes", plain.len(), RECORD_BYTES_MAX)?;
    within("the subject in bytes", subject.len(), TEXT_BYTES_MAX)?;
    within("the number of lookups", lookups.len(), LOOKUPS_MAX)?;
    for (purpose, value) in lookups {
        within("a lookup's purpose in bytes", purpose.len(), TEXT_BYTES_MAX)?;
        within("a lookup's value in bytes", value.len(), TEXT_BYTES_MAX)?;
    }
    Ok(())
}
