//! What must hold for any bytes: one function for each target of `cargo xtask fuzz`, and a test that runs them over
//! the corpora that are checked in.
//!
//! A target finds more than panics: it reads its bytes in several ways that must agree (cut anywhere, by another
//! parser, by a slower rule) and asserts what the modules promise. None of it is in a gateway that serves.

mod bench;
mod headers;
pub(crate) mod json;
mod sse;
mod stream;
mod surface;
#[cfg(test)]
mod tests;

use crate::{batch, client, guard};
pub(crate) use bench::Nobody;

/// A target: its name, and what must hold for any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// The targets by name; `fuzz/corpus` has a folder for each.
pub const TARGETS: &[Target] = &[
    ("batch", batch::fuzz::run),
    ("client", client::fuzz::run),
    ("guard", guard::fuzz::run),
    ("headers", headers::run),
    ("json", json::run),
    ("sse", sse::run),
    ("stream", stream::run),
    ("surface", surface::run),
];

/// Ways to cut bytes into pieces: not at all, byte by byte, and two that depend on the bytes alone.
pub(crate) fn cuts(bytes: &[u8]) -> [Vec<&[u8]>; 4] {
    let mut seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut at_random = |longest: u64| {
        let (mut pieces, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() {
            // Xorshift: any spread will do, as long as it is the same each time.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let length = usize::try_from(seed % longest).unwrap_or(0).min(rest.len());
            let (piece, after) = rest.split_at(length);
            pieces.push(piece);
            rest = after;
        }
        pieces
    };
    let (short, long) = (at_random(5), at_random(60));
    [vec![bytes], bytes.chunks(1).collect(), short, long]
}

/// The first byte, which chooses among ways to use a target, and the rest.
pub(crate) fn choice(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}
