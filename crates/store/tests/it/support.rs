//! Clocks, randomness, folders and random numbers for tests.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernel::{Actor, Command, Submission};
use ledger::SigningKey;
use store::{Clock, Config, Entropy, EntropyError};
use units::UnixMicros;

/// A clock that stands still, so that the sequencer's own step shows.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) i64);

impl Clock for Stopped {
    fn now(&mut self) -> UnixMicros {
        UnixMicros(self.0)
    }
}

/// Counts instead of drawing, on through the whole program: a restart draws no number again.
#[derive(Debug)]
pub(crate) struct Counter;

static NEXT: AtomicU64 = AtomicU64::new(1);

impl Entropy for Counter {
    fn draw(&mut self) -> Result<[u8; 10], EntropyError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        // The lowest bytes tell the ids of one command apart: counted there, one's second id would be
        // the next one's first.
        Ok([a, b, c, d, e, f, g, h, 0, 0])
    }
}

/// SplitMix64: the same seed, the same numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

pub(crate) fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Everything that a seeded run needs.
pub(crate) fn config() -> Config {
    Config {
        clock: Box::new(Stopped(1_700_000_000_000_000)),
        entropy: Box::new(Counter),
        ..Config::default()
    }
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("cocarde.local/test", [5; 32]).unwrap()
}

/// A submission with an idempotency key.
pub(crate) fn keyed(command: Command, key: &str) -> Submission {
    Submission { idempotency_key: Some(key.to_owned()), ..Submission::new(command) }
}

pub(crate) const SYSTEM: Actor = Actor::System;

/// Copies the files of a folder as they are, without locks and shared memory: what a power cut
/// leaves.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &to.join(name));
        } else if name != "log.db-shm" && name != "lock" {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// Waits for something to become true.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        assert!(Instant::now() < end, "timed out: {what}");
        std::thread::yield_now();
    }
}
