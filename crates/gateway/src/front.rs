//! The listener: connections spread over threads, each of which serves its own from first byte to last.
//!
//! A thread has a runtime of its own, and the connections to replicas that its requests use belong to it too:
//! no request of the data plane crosses threads, wakes another or waits for a lock of the runtime. Everything
//! that is not a call (the API, the console) is answered by the runtime that listens, so that what is slow
//! there delays no token. A client that sends its request too slowly is let go.

mod pulse;
mod thread;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

use crate::batch::{self, BatchConfig, BatchError, Batches, Safe};
use crate::body::Body;
use crate::call::Call;
use crate::config::GatewayConfig;
use crate::directory::Directory;
use crate::meter::Meter;
use crate::proxy::Gateway;

/// Most threads; one for each processor otherwise.
const THREADS_MAX: usize = 32;
/// Pause after a connection could not be taken, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What answers on a port: the gateway, and routes of others beside it.
#[derive(Clone)]
pub struct Front {
    gateway: Arc<Gateway>,
    others: Router,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Front")
    }
}

/// What the threads of one listener share.
#[derive(Debug)]
struct Shared {
    front: Front,
    /// The runtime that listens.
    home: Handle,
    connections_max: usize,
    client_timeout: Duration,
    open: AtomicUsize,
}

impl Front {
    /// The gateway under `/v1`, and `others` for every request that is not for it.
    pub fn new(
        config: GatewayConfig,
        directory: Arc<dyn Directory>,
        meter: Meter,
        others: Router,
    ) -> Self {
        let gateway = Arc::new(Gateway::new(config, directory, meter));
        let others = others.merge(crate::routes(Arc::clone(&gateway)));
        Self { gateway, others }
    }

    /// Keeps files and batches; what is given back does the work and must be run beside the listener. Without
    /// this every request for them is answered with 501.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn keep_batches(
        &self,
        config: BatchConfig,
        safe: Arc<dyn Safe>,
    ) -> Result<Batches, BatchError> {
        batch::open(&self.gateway, config, safe)
    }

    /// Serves until asked to stop, then lets requests in flight finish. When the future is dropped before,
    /// they break off.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub async fn listen(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let GatewayConfig { connections_max, client_timeout, .. } = *self.gateway.config();
        let home = Handle::current();
        let open = AtomicUsize::new(0);
        let shared = Arc::new(Shared { front: self, home, connections_max, client_timeout, open });
        let (stopping, stopped) = watch::channel(false);
        let n_threads =
            std::thread::available_parallelism().map_or(1, |n| n.get().min(THREADS_MAX));
        let mut threads = Vec::with_capacity(n_threads);
        for number in 0..n_threads {
            threads.push(thread::start(number, &shared, &stopped)?);
        }
        drop(stopped);
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = stop.as_mut() => break,
                taken = listener.accept() => match taken {
                    Ok((stream, peer)) => spread(&shared, &threads, stream, peer),
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        // Whoever waits for the next request of a connection hears it; those in flight finish.
        let _ = stopping.send(true);
        drop(threads);
        stopping.closed().await;
        Ok(())
    }
}

/// Hands a connection to the thread that has the fewest.
fn spread(
    shared: &Shared,
    threads: &[thread::Thread],
    stream: tokio::net::TcpStream,
    peer: SocketAddr,
) {
    if shared.open.load(Ordering::Relaxed) >= shared.connections_max {
        tracing::warn!(open = shared.connections_max, "a connection more than may be open");
        return;
    }
    let least = threads.iter().min_by_key(|thread| thread.open());
    // It leaves the loop that took it and joins the thread's own.
    if let (Some(thread), Ok(stream)) = (least, stream.into_std()) {
        thread.take(stream, peer);
    }
}

type Sender = mpsc::UnboundedSender<(std::net::TcpStream, SocketAddr)>;

impl Shared {
    /// Answers one request.
    async fn answer(&self, peer: SocketAddr, mut request: Request<Incoming>) -> Response<Body> {
        if let Some(call) = Call::of(request.method(), request.uri().path()) {
            return self.front.gateway.call(call, request).await;
        }
        // Attempts to sign in are counted by who is at the other end.
        request.extensions_mut().insert(ConnectInfo(peer));
        let answering = self.front.others.clone().oneshot(request.map(axum::body::Body::new));
        let mut elsewhere = AbortOnDrop(self.home.spawn(answering));
        match (&mut elsewhere.0).await {
            Ok(Ok(response)) => response.map(Body::from),
            Ok(Err(never)) => match never {},
            Err(error) => {
                tracing::error!(%error, "a handler ended without an answer");
                let mut response = Response::new(Body::Whole(bytes::Bytes::new()));
                *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }
}

/// A handler ends with the client that waits for it.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
