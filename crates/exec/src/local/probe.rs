//! Asking a service for its health: `GET /healthz` over HTTP/1.1 on loopback (RFC 9112).

use std::{net::Ipv4Addr, time::Duration};

use api::engine::Phase;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longest wait for a connection and a status line.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Unanswered probes in a row before a ready service counts as unready.
const N_FAILURES_MAX: u32 = 3;
/// A status line is `HTTP/1.1 200`: this many bytes say all.
const STATUS_BYTES: usize = 12;

/// True if the service answers with a 2xx status in time.
pub(super) async fn healthz(port: u16) -> bool {
    timeout(TIMEOUT, ask(port)).await.is_ok_and(|answer| answer.unwrap_or(false))
}

async fn ask(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0_u8; STATUS_BYTES];
    stream.read_exact(&mut head).await?;
    Ok(is_success(&head))
}

/// `HTTP/1.x 2yy`.
pub(super) fn is_success(head: &[u8]) -> bool {
    head.starts_with(b"HTTP/1.") && head.get(8..10) == Some(b" 2")
}

/// Whether a service is ready, with a little patience.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Readiness {
    ready: bool,
    was_ready: bool,
    n_failures: u32,
}

impl Readiness {
    /// A service that an earlier platform started: it may have been ready, so silence is unready.
    pub(super) fn adopted() -> Self {
        Self { was_ready: true, ..Self::default() }
    }

    /// Takes the answer of one probe.
    pub(super) fn step(&mut self, answered: bool, port: u16) -> Phase {
        if answered {
            *self = Self { ready: true, was_ready: true, n_failures: 0 };
        } else {
            self.n_failures = self.n_failures.saturating_add(1);
            self.ready = self.ready && self.n_failures < N_FAILURES_MAX;
        }
        match (self.ready, self.was_ready) {
            (true, _) => Phase::Ready { address: format!("127.0.0.1:{port}") },
            (false, true) => Phase::Unready,
            (false, false) => Phase::Running,
        }
    }
}
