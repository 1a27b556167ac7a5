//! What the vault does under its lock: keys of tenants, records sealed and opened, files emptied.
//!
//! A data key is unwrapped here and nowhere else, and kept only as long as its key-encryption key says.

use std::time::Instant;

use units::Digest;
use zeroize::Zeroizing;

use super::key::Secret;
use super::seal::{self, Place, TenantKeys};
use super::tables::{self, Record};
use super::{CACHED_KEYS_MAX, Inner, Tenant, VaultError, fill};

impl Inner {
    pub(super) fn put(
        &mut self,
        tenant: Tenant,
        subject: &str,
        plain: &[u8],
        lookups: &[(&str, &str)],
    ) -> Result<Digest, VaultError> {
        let keys = self.keys_to_write(tenant)?;
        let version = tables::version(&self.connection, tenant, subject)?.saturating_add(1);
        let mut random = Zeroizing::new([0_u8; seal::SALT_BYTES + seal::NONCE_BYTES]);
        fill(&mut *random)?;
        let place = Place { tenant, subject, version };
        let (sealed, commitment) = seal::seal(&keys, &place, &random, plain, lookups)?;
        let hashes: Vec<(&str, [u8; 32])> = lookups
            .iter()
            .map(|(purpose, value)| (*purpose, seal::lookup(&keys, purpose, value)))
            .collect();
        tables::put(&mut self.connection, tenant, subject, &Record { version, sealed }, &hashes)?;
        Ok(commitment)
    }

    pub(super) fn open_record(
        &mut self,
        tenant: Tenant,
        subject: &str,
    ) -> Result<Option<seal::Opened>, VaultError> {
        let Some(Record { version, sealed }) = tables::record(&self.connection, tenant, subject)?
        else {
            return Ok(None);
        };
        let place = Place { tenant, subject, version };
        let keys = self.keys(tenant)?.ok_or_else(|| place.damaged())?;
        seal::open(&keys, &place, &sealed).map(Some)
    }

    /// The tenant's keys; `None` if it never had any or they were destroyed.
    pub(super) fn keys(&mut self, tenant: Tenant) -> Result<Option<TenantKeys>, VaultError> {
        if let Some((keys, until)) = self.cached.get(&tenant)
            && Instant::now() < *until
        {
            return Ok(Some(keys.clone()));
        }
        self.cached.remove(&tenant);
        let Some(wrapped) = tables::tenant_key(&self.connection, tenant)? else { return Ok(None) };
        let opened = self.kek.unwrap(&seal::key_context(tenant), &wrapped);
        let secret = opened.map_err(|source| VaultError::Key { tenant, source })?;
        Ok(Some(self.remember(tenant, &secret)))
    }

    /// The tenant's keys, made when it has none yet.
    fn keys_to_write(&mut self, tenant: Tenant) -> Result<TenantKeys, VaultError> {
        if let Some(keys) = self.keys(tenant)? {
            return Ok(keys);
        }
        if tables::is_destroyed(&self.connection, tenant)? {
            return Err(VaultError::Destroyed { tenant });
        }
        let mut secret: Secret = Zeroizing::new([0_u8; 32]);
        fill(&mut *secret)?;
        let wrapped = self.kek.wrap(&seal::key_context(tenant), &secret);
        let wrapped = wrapped.map_err(|source| VaultError::Key { tenant, source })?;
        tables::add_tenant_key(&self.connection, tenant, &wrapped)?;
        Ok(self.remember(tenant, &secret))
    }

    fn remember(&mut self, tenant: Tenant, secret: &Secret) -> TenantKeys {
        let keys = TenantKeys::derive(secret);
        let keep = self.kek.keep_unwrapped();
        if !keep.is_zero() {
            if self.cached.len() >= CACHED_KEYS_MAX {
                self.cached.clear();
            }
            self.cached.insert(tenant, (keys.clone(), Instant::now() + keep));
        }
        keys
    }

    /// Takes deleted bytes out of the files: first the rewritten database, then the log of writes.
    pub(super) fn purge(&mut self) -> Result<(), VaultError> {
        if self.purge_due {
            if !tables::purge(&self.connection)? {
                return Err(VaultError::NotYetGone);
            }
            self.purge_due = false;
        }
        Ok(())
    }
}
