//! Ending in good order: Ctrl-C while following, SIGTERM while training or serving.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8, Ordering},
};

use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;

/// Which signals asked to stop, and whether any did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Set by the first signal.
    pub(crate) stop: Arc<AtomicBool>,
    code: Arc<AtomicU8>,
}

impl Asked {
    /// The exit code of a program that stopped because it was asked to.
    pub(crate) fn exit(&self) -> Exit {
        if self.code.load(Ordering::Relaxed) == Exit::Interrupted.code() {
            Exit::Interrupted
        } else {
            Exit::Stopped
        }
    }
}

/// Ends the program with its own code at Ctrl-C; whatever was written stays written.
pub(crate) fn exit_on_interrupt() {
    listen(&[(SignalKind::interrupt(), Exit::Interrupted)], |exit| {
        std::process::exit(i32::from(exit.code()));
    });
}

/// Sets a flag at SIGTERM, SIGINT, SIGUSR1 or SIGUSR2; a second one ends the program at once.
pub(crate) fn flag_on_stop() -> Asked {
    let asked = Asked::default();
    let (stop, code) = (Arc::clone(&asked.stop), Arc::clone(&asked.code));
    let kinds = [
        (SignalKind::terminate(), Exit::Stopped),
        (SignalKind::interrupt(), Exit::Interrupted),
        (SignalKind::user_defined1(), Exit::Stopped),
        (SignalKind::user_defined2(), Exit::Stopped),
    ];
    listen(&kinds, move |exit| {
        code.store(exit.code(), Ordering::Relaxed);
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(exit.code()));
        }
    });
    asked
}

/// Acts on every signal of these kinds, on a thread of its own.
///
/// Returns once they are caught; if they cannot be, the system's own reaction stays.
fn listen(kinds: &[(SignalKind, Exit)], act: impl Fn(Exit) + Send + 'static) {
    let kinds = kinds.to_vec();
    let (caught, ready) = std::sync::mpsc::channel();
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async move {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
            for (kind, exit) in kinds {
                let Ok(mut stream) = signal(kind) else { continue };
                let sender = sender.clone();
                tokio::spawn(async move {
                    while stream.recv().await.is_some() && sender.send(exit).await.is_ok() {}
                });
            }
            drop(sender);
            // The other side may have stopped waiting; signals are caught all the same.
            let _ = caught.send(());
            while let Some(exit) = receiver.recv().await {
                act(exit);
            }
        });
    };
    // Without a thread, or without signals, the channel closes and the wait ends.
    if std::thread::Builder::new().name("signals".to_owned()).spawn(work).is_ok() {
        let _ = ready.recv();
    }
}
