//! Connections to upstreams: names are resolved, each address is held against the reach, then TCP and TLS.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::reach::Reach;

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

/// Opens connections for one upstream.
#[derive(Clone)]
pub(super) struct Dial {
    reach: Reach,
    timeout: Duration,
    tls: Option<TlsConnector>,
}

impl Dial {
    pub(super) fn new(reach: Reach, timeout: Duration, tls: Option<TlsConnector>) -> Self {
        Self { reach, timeout, tls }
    }

    async fn dial(self, uri: Uri) -> Result<Wire, Error> {
        let opened = tokio::time::timeout(self.timeout, self.open(&uri));
        let stream = opened.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
        Ok(Wire { io: TokioIo::new(stream), used: Used::default() })
    }

    async fn open(&self, uri: &Uri) -> Result<Box<dyn Stream>, Error> {
        let invalid = || Error::from(ErrorKind::InvalidInput);
        let host = uri.host().ok_or_else(invalid)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let usual = if uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let mut failed = Error::new(ErrorKind::NotFound, "the name stands for no address");
        for address in found {
            if !self.reach.allows(address.ip()) {
                let text = "the name stands for an address that is not public";
                failed = Error::new(ErrorKind::PermissionDenied, text);
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return self.secure(host, stream).await,
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    async fn secure(&self, host: &str, stream: TcpStream) -> Result<Box<dyn Stream>, Error> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.to_owned()).map_err(Error::other)?;
        Ok(Box::new(tls.connect(name, stream).await?))
    }
}

impl Service<Uri> for Dial {
    type Response = Wire;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Wire, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// Bytes both ways.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Whether a connection has answered a request before: then its end may be that of an idle one.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(pub(super) Arc<AtomicBool>);

/// A connection.
pub(super) struct Wire {
    io: TokioIo<Box<dyn Stream>>,
    used: Used,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.used.clone())
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
}
