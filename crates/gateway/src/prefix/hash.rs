//! Chained hashes of a prompt's blocks: small ones at its beginning, where prompts part, larger ones later.

use super::BYTES_MAX;

/// Bytes of a block within the first [`FINE_BYTES`] of a prompt.
const FINE_BLOCK: usize = 256;
/// Where blocks become larger.
const FINE_BYTES: usize = 4 << 10;
/// Bytes of a block from there on.
const COARSE_BLOCK: usize = 2 << 10;
/// Most blocks of a prompt.
const BLOCKS_MAX: usize = FINE_BYTES / FINE_BLOCK + (BYTES_MAX - FINE_BYTES) / COARSE_BLOCK;

/// The hashes of a prompt's beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    hashes: Vec<u64>,
}

impl Chain {
    /// Of a prompt's whole blocks; `seed` keeps what belongs to different endpoints apart.
    pub(crate) fn of(seed: u64, prompt: &[u8]) -> Self {
        let prompt = prompt.get(..BYTES_MAX).unwrap_or(prompt);
        let (fine, coarse) = prompt.split_at(prompt.len().min(FINE_BYTES));
        let n_blocks = fine.len() / FINE_BLOCK + coarse.len() / COARSE_BLOCK;
        let mut hashes = Vec::with_capacity(n_blocks.min(BLOCKS_MAX));
        let mut before = seed;
        let blocks = fine.chunks_exact(FINE_BLOCK).chain(coarse.chunks_exact(COARSE_BLOCK));
        for block in blocks {
            before = hash_of(before, block);
            hashes.push(before);
        }
        Self { hashes }
    }

    /// One entry that stands for a session.
    pub(crate) fn of_session(seed: u64, session: &[u8]) -> Self {
        // Not the hash that a prompt of the same bytes would have.
        Self { hashes: vec![hash_of(!seed, session)] }
    }

    /// Each hash with the bytes that it covers.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        let n_fine = FINE_BYTES / FINE_BLOCK;
        self.hashes.iter().enumerate().map(move |(place, hash)| {
            let (fine, coarse) = ((place + 1).min(n_fine), (place + 1).saturating_sub(n_fine));
            (*hash, fine * FINE_BLOCK + coarse * COARSE_BLOCK)
        })
    }
}

/// A fast hash that is not cryptographic: sixteen bytes a step through one wide multiplication, whose halves
/// are folded (the idea of wyhash, Wang Yi 2019). Never 0, which is no entry.
pub(crate) fn hash_of(seed: u64, bytes: &[u8]) -> u64 {
    const A: u64 = 0xa076_1d64_78bd_642f;
    const B: u64 = 0xe703_7ed1_a0b4_28db;
    let mut state = seed ^ A;
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        let (low, high) = pair.split_at(8);
        state = fold(word(low) ^ B, word(high) ^ state);
    }
    let mut last = [0_u8; 16];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let (low, high) = last.split_at(8);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    state = fold(word(low) ^ B, word(high) ^ state);
    fold(state ^ A, length ^ B).max(1)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    let high = u64::try_from(wide >> 64).unwrap_or(0);
    let low = u64::try_from(wide & u128::from(u64::MAX)).unwrap_or(0);
    high ^ low
}
