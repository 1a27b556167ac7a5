//! Upstreams registered by URL, kept ready for the gateway: their keys are read from the vault here, off the
//! path of requests.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use gateway::{Reach, Remote, RemoteConfig, RemoteTimeouts, Tls};
use server::{Platform, UpstreamAccess};
use units::{Id, kinds};

/// How soon an upstream that could not be prepared is looked at again.
const RETRY: Duration = Duration::from_secs(2);

/// How long after all were asked for their health they are asked again.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// How many are asked at once.
const CHECKS_MAX: usize = 32;

type UpstreamId = Id<kinds::Upstream>;
type Ready = BTreeMap<UpstreamId, (u64, Arc<Remote>)>;

/// Upstreams that can be spoken to, each with the version that it was prepared from.
#[derive(Debug, Clone)]
pub(crate) struct Remotes {
    tls: Tls,
    ready: Arc<RwLock<Ready>>,
}

impl Remotes {
    /// None yet; `authorities` are certificates in PEM of authorities of one's own.
    ///
    /// # Errors
    /// If these are none.
    pub(crate) fn new(authorities: &[u8]) -> anyhow::Result<Self> {
        let tls = Tls::new(authorities).context("cannot trust these certificate authorities")?;
        Ok(Self { tls, ready: Arc::default() })
    }

    /// An upstream, if it can be spoken to.
    pub(crate) fn get(&self, id: UpstreamId) -> Option<Arc<Remote>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        ready.get(&id).map(|(_, remote)| Arc::clone(remote))
    }

    /// All that can be spoken to.
    pub(crate) fn all(&self) -> Vec<Arc<Remote>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        ready.values().map(|(_, remote)| Arc::clone(remote)).collect()
    }

    /// Asks for the health of each, again and again, for ever.
    pub(crate) async fn check(self) {
        loop {
            let checks = self.all().into_iter().map(|one| async move { one.check().await });
            let mut checks = futures_util::stream::iter(checks).buffer_unordered(CHECKS_MAX);
            while checks.next().await.is_some() {}
            tokio::time::sleep(CHECK_EVERY).await;
        }
    }

    /// Prepares these and lets go of all others; for whoever is told of them instead of reading a register.
    pub(crate) fn keep(&self, wanted: impl Iterator<Item = (u64, RemoteConfig)>) {
        let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = std::mem::take(&mut *ready);
        for (version, config) in wanted {
            let id = config.id;
            let same = known.remove(&id).filter(|(prepared, _)| *prepared == version);
            let prepared = match same {
                Some(one) => Ok(one),
                None => Remote::new(&config, &self.tls).map(|one| (version, Arc::new(one))),
            };
            match prepared {
                Ok(one) => {
                    ready.insert(id, one);
                }
                Err(error) => {
                    tracing::warn!(upstream.id = %id, %error, "upstream {id} gets no requests");
                }
            }
        }
    }

    /// Follows the register of upstreams for ever.
    pub(crate) async fn run(self, platform: Arc<Platform>) {
        let mut size = platform.watch();
        loop {
            size.borrow_and_update();
            let is_settled = self.follow(&platform).await;
            let changed = size.changed();
            let ended = match is_settled {
                true => changed.await.is_err(),
                false => tokio::time::timeout(RETRY, changed).await.is_ok_and(|end| end.is_err()),
            };
            if ended {
                // The log has ended, and so does the process.
                return std::future::pending().await;
            }
        }
    }

    /// Prepares what changed and lets go of what is gone; false if something is to be tried again.
    async fn follow(&self, platform: &Arc<Platform>) -> bool {
        let wanted = platform.upstream_versions();
        let stale: Vec<UpstreamId> = {
            let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
            ready.retain(|id, _| wanted.binary_search_by_key(id, |one| one.0).is_ok());
            let is_stale = |(id, version): &&(UpstreamId, u64)| {
                ready.get(id).is_none_or(|(known, _)| known != version)
            };
            wanted.iter().filter(is_stale).map(|(id, _)| *id).collect()
        };
        let mut is_settled = true;
        for id in stale {
            let platform = Arc::clone(platform);
            let read = tokio::task::spawn_blocking(move || platform.upstream_access(id)).await;
            let prepared = match read {
                Ok(Ok(Some(access))) => Remote::new(&config_of(&access), &self.tls)
                    .map(|remote| (access.version, Arc::new(remote)))
                    .map_err(|error| error.to_string()),
                // It was deleted a moment ago.
                Ok(Ok(None)) => continue,
                Ok(Err(error)) => Err(error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match prepared {
                Ok(one) => {
                    let mut ready = self.ready.write().unwrap_or_else(PoisonError::into_inner);
                    ready.insert(id, one);
                }
                Err(error) => {
                    is_settled = false;
                    // Without its key, or under its older description, it gets no request.
                    self.ready.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
                    tracing::warn!(upstream.id = %id, error, "upstream {id} gets no requests");
                }
            }
        }
        is_settled
    }
}

fn config_of(access: &UpstreamAccess) -> RemoteConfig {
    let ms = |value: u32| Duration::from_millis(value.into());
    RemoteConfig {
        id: access.id,
        url: access.url.clone(),
        model: access.model.clone(),
        key: access.key.clone(),
        reach: if access.is_private { Reach::Private } else { Reach::Public },
        in_flight_max: access.in_flight_max,
        timeouts: RemoteTimeouts {
            connect: ms(access.connect_ms),
            first_byte: ms(access.first_byte_ms),
            gap: ms(access.gap_ms),
            total: ms(access.total_ms),
        },
        probe: access.probe.clone(),
        is_shared: access.is_shared,
    }
}
