//! Connections to upstreams: names are resolved, each address is held against the reach, then TCP and TLS.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::reach::Reach;
use crate::client::Wire;

/// Whom upstreams' certificates are trusted from: Mozilla's list, and authorities of one's own.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why authorities of one's own cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text is no certificates.
    #[error("these are no certificates in PEM: {0}")]
    Pem(String),
    /// A certificate is not usable, or TLS is not.
    #[error("a certificate authority is not usable: {0}")]
    Rustls(#[from] rustls::Error),
}

impl Tls {
    /// Trusts the usual authorities and those of `more`, certificates in PEM; empty for none.
    ///
    /// # Errors
    /// [`TlsError`] if these are none.
    pub fn new(more: &[u8]) -> Result<Self, TlsError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for one in CertificateDer::pem_slice_iter(more) {
            roots.add(one.map_err(|error| TlsError::Pem(error.to_string()))?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::clone(&self.0))
    }
}

/// Opens connections to one upstream.
#[derive(Clone)]
pub(crate) struct Dial {
    /// A name or an address, without brackets.
    host: String,
    port: u16,
    reach: Reach,
    timeout: Duration,
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Dial {
    pub(super) fn new(
        authority: &Authority,
        reach: Reach,
        timeout: Duration,
        tls: Option<TlsConnector>,
    ) -> Self {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        Self { host, port, reach, timeout, tls }
    }

    /// A connection, TLS included.
    ///
    /// # Errors
    /// What the system says, that no allowed address is among those of the name, or that time is up.
    pub(crate) async fn open(&self) -> Result<Wire, Error> {
        // Seldom asked for, and large: it takes no room in the requests that need no connection.
        let opened = tokio::time::timeout(self.timeout, Box::pin(self.connect()));
        opened.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    async fn connect(&self) -> Result<Wire, Error> {
        let found: Vec<SocketAddr> =
            tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        let mut failed = Error::new(ErrorKind::NotFound, "the name stands for no address");
        for address in found {
            if !self.reach.allows(address.ip()) {
                let text = "the name stands for an address that is not public";
                failed = Error::new(ErrorKind::PermissionDenied, text);
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return self.secure(stream).await,
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn secure(&self, stream: TcpStream) -> Result<Wire, Error> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Wire::Plain(stream)) };
        let name = ServerName::try_from(self.host.clone()).map_err(Error::other)?;
        Ok(Wire::Secure(Box::new(tls.connect(name, stream).await?)))
    }
}
