//! Connections that wait for their next request, by replica and by the thread that they belong to.
//!
//! A connection is given to requests of its own thread only, whose loop it is registered with: no request
//! crosses threads. Among those that wait, the one used last is taken first, so that the others grow old and go.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::inflow::Rest;
use super::link::Link;

/// Shards: one for each thread that serves, and the first for all other threads together.
const N_SHARDS: usize = 33;
/// Idle connections kept by replica and shard.
const IDLE_CONNECTIONS_MAX: usize = 128;
/// How long an idle connection is kept; below the 5 s after which common Python servers close.
const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(4);
/// How many are looked at for one request before a fresh one is made.
const LOOKS_MAX: usize = 8;

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(0) };
}

/// Makes this thread the owner of a shard; `number` counts the threads that serve, from 0.
pub(crate) fn use_shard(number: usize) {
    SHARD.set(1 + number % (N_SHARDS - 1));
}

/// Idle connections.
#[derive(Debug)]
pub(crate) struct Pool {
    shards: Vec<Mutex<Shelf>>,
}

type Shelf = BTreeMap<Arc<str>, Vec<Idle>>;

#[derive(Debug)]
struct Idle {
    since: Instant,
    rest: Rest,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { shards: (0..N_SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self) -> Option<std::sync::MutexGuard<'_, Shelf>> {
        let shard = self.shards.get(SHARD.get())?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A connection that can be asked now.
    pub(super) fn take(&self, replica: &str) -> Option<Link> {
        let mut shard = self.shard()?;
        let idle = shard.get_mut(replica)?;
        let mut cx = Context::from_waker(Waker::noop());
        let mut place = idle.len();
        for _ in 0..LOOKS_MAX {
            place = place.checked_sub(1)?;
            let one = idle.get_mut(place)?;
            if one.since.elapsed() >= IDLE_CONNECTION_AGE {
                // All before it are older.
                idle.drain(..=place);
                return None;
            }
            match one.rest.poll_idle(&mut cx) {
                Poll::Ready(true) => return Some(idle.remove(place).rest.into_link()),
                Poll::Ready(false) => drop(idle.remove(place)),
                // The end of its answer is on its way.
                Poll::Pending => {}
            }
        }
        None
    }

    /// Keeps a connection whose answer has been taken.
    pub(super) fn put(&self, rest: Rest) {
        let Some(mut shard) = self.shard() else { return };
        let idle = match shard.get_mut(rest.replica()) {
            Some(idle) => idle,
            None => shard.entry(Arc::clone(rest.replica())).or_default(),
        };
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(Idle { since: Instant::now(), rest });
        }
    }

    /// Closes what this thread has kept for too long, and forgets replicas without connections.
    pub(super) fn sweep(&self) {
        if let Some(mut shard) = self.shard() {
            sweep(&mut shard);
        }
    }

    /// The same for all threads.
    pub(super) fn sweep_all(&self) {
        for shard in &self.shards {
            sweep(&mut shard.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

fn sweep(shelf: &mut Shelf) {
    shelf.retain(|_, idle| {
        idle.retain(|one| one.since.elapsed() < IDLE_CONNECTION_AGE);
        !idle.is_empty()
    });
}
