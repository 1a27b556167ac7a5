//! Upstreams as a gateway needs them: how each is spoken to, with its key out of the vault.
//!
//! Reading a key may block; nothing here is called on the path of a request.

use kernel::{
    State,
    endpoint::Endpoint,
    upstream::{Probe, Reach, Timeouts},
};
use store::vault::VaultError;
use units::{Country, Id, kinds};

use super::Platform;
use crate::http::upstreams::tenant_of;

/// One upstream of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallUpstream {
    /// The upstream.
    pub id: Id<kinds::Upstream>,
    /// Its share of the requests, where a service has 100.
    pub weight: u32,
    /// The name of the model there, where the upstream's own is not meant.
    pub model: Option<String>,
    /// Where it stands.
    pub site: Id<kinds::Site>,
}

/// Upstreams to which a route is open.
pub(super) fn of_endpoint(
    state: &State,
    endpoint: &Endpoint,
    allowed: impl Fn(Country) -> bool,
) -> Vec<CallUpstream> {
    let routed = endpoint.routed_upstreams(state, allowed);
    routed
        .map(|(backend, upstream)| CallUpstream {
            id: upstream.id,
            weight: backend.weight,
            model: backend.model.clone(),
            site: upstream.site,
        })
        .collect()
}

/// How an upstream is spoken to.
#[derive(Clone, PartialEq, Eq)]
pub struct UpstreamAccess {
    /// Its id.
    pub id: Id<kinds::Upstream>,
    /// Grows with every change.
    pub version: u64,
    /// Its base URL.
    pub url: String,
    /// The name under which it knows the model.
    pub model: String,
    /// True if its name may stand for addresses of private networks.
    pub is_private: bool,
    /// Most requests there at once, if limited.
    pub in_flight_max: Option<u32>,
    /// Milliseconds to take a connection.
    pub connect_ms: u32,
    /// Milliseconds to the first byte of an answer.
    pub first_byte_ms: u32,
    /// Milliseconds between two pieces of an answer.
    pub gap_ms: u32,
    /// Milliseconds to the end of an answer.
    pub total_ms: u32,
    /// How its health is found out: nothing, `models`, or a path.
    pub probe: Option<String>,
    /// Its key.
    pub key: Option<String>,
    /// True if it is the platform's.
    pub is_shared: bool,
}

impl std::fmt::Debug for UpstreamAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the key.
        f.debug_struct("UpstreamAccess").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why an upstream cannot be spoken to.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The vault does not give its key.
    #[error("its key cannot be read now: {0}")]
    Vault(#[from] VaultError),
    /// There is no key where one was.
    #[error("its key is gone: set it again")]
    KeyMissing,
}

impl Platform {
    /// Every upstream with its version: what changed since is to be read again.
    #[must_use]
    pub fn upstream_versions(&self) -> Vec<(Id<kinds::Upstream>, u64)> {
        self.read(|state| state.upstreams.iter().map(|(id, one)| (*id, one.meta.version)).collect())
    }

    /// How an upstream is spoken to; blocks. `None` if it was deleted.
    ///
    /// # Errors
    /// If its key cannot be read.
    pub fn upstream_access(
        &self,
        id: Id<kinds::Upstream>,
    ) -> Result<Option<UpstreamAccess>, UpstreamError> {
        let found = self.read(|state| {
            let found = state.upstreams.get(&id)?.clone();
            let tenant = tenant_of(state, found.project);
            Some((found, tenant))
        });
        let Some((found, tenant)) = found else { return Ok(None) };
        let key = match found.secret {
            None => None,
            Some(_) => {
                let opened = self.vault().get(tenant, &id.to_string())?;
                let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
                Some(text.ok_or(UpstreamError::KeyMissing)?)
            }
        };
        let config = found.config;
        let Timeouts { connect_ms, first_byte_ms, gap_ms, total_ms } = config.timeouts;
        Ok(Some(UpstreamAccess {
            id,
            version: found.meta.version,
            url: config.url,
            model: config.model,
            is_private: match config.reach {
                Reach::Private => true,
                Reach::Public => false,
            },
            in_flight_max: config.in_flight_max,
            connect_ms,
            first_byte_ms,
            gap_ms,
            total_ms,
            probe: match config.probe {
                Probe::None => None,
                Probe::Models => Some("models".to_owned()),
                Probe::Path(path) => Some(path),
            },
            key,
            is_shared: found.project.is_none(),
        }))
    }
}
