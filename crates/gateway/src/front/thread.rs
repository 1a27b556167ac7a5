//! One thread with its runtime and its connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use super::pulse::{Pulse, Watched};
use super::{Sender, Shared};
use crate::client;

/// Most bytes of a connection that wait to be read or written.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// How often a thread that is to end looks whether all has been answered.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How often idle connections to replicas are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// A running thread; it ends when nothing can come any more.
#[derive(Debug)]
pub(super) struct Thread {
    sender: Sender,
    open: Arc<AtomicUsize>,
}

impl Thread {
    /// Connections that it serves now.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Serves one more.
    pub(super) fn take(&self, stream: std::net::TcpStream, peer: SocketAddr) {
        self.open.fetch_add(1, Ordering::Relaxed);
        if self.sender.send((stream, peer)).is_err() {
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Starts a thread.
pub(super) fn start(
    number: usize,
    shared: &Arc<Shared>,
    stopped: &watch::Receiver<bool>,
) -> std::io::Result<Thread> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let open = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (shared, counted, stopped) = (Arc::clone(shared), Arc::clone(&open), stopped.clone());
    std::thread::Builder::new().name(format!("front-{number}")).spawn(move || {
        client::use_shard(number);
        runtime.block_on(run(&shared, receiver, &counted, stopped));
        // What is still in flight now belongs to a listener that is gone.
        drop(runtime);
    })?;
    Ok(Thread { sender, open })
}

async fn run(
    shared: &Arc<Shared>,
    mut receiver: mpsc::UnboundedReceiver<(std::net::TcpStream, SocketAddr)>,
    open: &Arc<AtomicUsize>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            taken = receiver.recv(), if !is_stopping => match taken {
                Some((stream, peer)) => {
                    let counted = Counted::new(shared, open);
                    let (shared, stopped) = (Arc::clone(shared), stopped.clone());
                    tokio::spawn(connection(shared, stream, peer, (stopped, counted)));
                }
                None => is_stopping = true,
            },
            // An error means that the listener is gone without having asked anybody to finish.
            changed = stopped.changed() => match changed {
                Ok(()) => is_stopping = true,
                Err(_) => return,
            },
            _ = sweep.tick() => shared.front.gateway.sweep(),
            () = tokio::time::sleep(LOOK_AGAIN), if is_stopping => {}
        }
        // What was handed over and not begun has asked for nothing yet.
        while is_stopping && receiver.try_recv().is_ok() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
        if is_stopping && open.load(Ordering::Relaxed) == 0 {
            return;
        }
    }
}

/// One connection that is open.
struct Counted {
    shared: Arc<Shared>,
    open: Arc<AtomicUsize>,
}

impl Counted {
    fn new(shared: &Arc<Shared>, open: &Arc<AtomicUsize>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self { shared: Arc::clone(shared), open: Arc::clone(open) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn connection(
    shared: Arc<Shared>,
    stream: std::net::TcpStream,
    peer: SocketAddr,
    (mut stopped, _counted): (watch::Receiver<bool>, Counted),
) {
    let stream = match TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return tracing::warn!(%error, "a connection could not be taken over"),
    };
    // Without this the first token of a stream waits for the next one.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let (pulse, client_timeout) = (Arc::new(Pulse::new()), shared.client_timeout);
    let watched = Arc::clone(&pulse);
    let service = service_fn(move |request| {
        let (shared, beat) = (Arc::clone(&shared), watched.beat());
        // The server keeps room for one for as long as the connection is open; what has been answered must hold
        // none of it while its body goes out.
        Box::pin(async move {
            let answer = shared.answer(peer, request).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Watched { body, beat }))
        })
    });
    let mut builder = http1::Builder::new();
    // Answers are short, or come in short pieces: copied together they cost the system less than apart.
    builder.max_buf_size(BUFFER_BYTES_MAX).writev(false);
    // The time is kept by the pulse.
    builder.header_read_timeout(None);
    let mut served = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let asked_to_stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = pulse.stopped(client_timeout) => return,
        () = asked_to_stop => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        // Clients go as they please.
        tracing::trace!(%error, "a connection ended early");
    }
}
