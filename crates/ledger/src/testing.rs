//! Helpers of the crate's tests: a seeded generator and a small complete log. Never for
//! production: the generator is predictable.

use std::collections::BTreeMap;

use crate::tile::{EntryBundle, TileStream, encode_hashes, entry_bundles};
use crate::{Checkpoint, Hash, SigningKey, Tile, TreeHead, leaf_hash};

/// Origin of the sample logs.
pub(crate) const ORIGIN: &str = "cocarde.example/log";

/// The key of the sample logs.
pub(crate) fn sample_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, [7; 32]).unwrap()
}

/// SplitMix64: the same seed gives the same numbers on every machine.
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

/// Flips one bit, counted from the first byte's lowest bit.
pub(crate) fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Distinct entries of varied length.
pub(crate) fn sample_entries(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| format!("{number};").repeat(1 + number % 5).into_bytes()).collect()
}

/// Distinct leaf hashes.
pub(crate) fn sample_hashes(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

/// A log as it would lie on a disk.
pub(crate) struct SampleLog {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) files: BTreeMap<Tile, Vec<u8>>,
    pub(crate) head: TreeHead,
    pub(crate) checkpoint: String,
}

impl SampleLog {
    pub(crate) fn new(count: usize) -> Self {
        let entries = sample_entries(count);
        let mut files = BTreeMap::new();
        let mut stream = TileStream::new();
        for entry in &entries {
            stream.append(leaf_hash(entry), |tile, hashes| {
                files.insert(tile, encode_hashes(hashes));
            });
        }
        let head = stream.finish(|tile, hashes| {
            files.insert(tile, encode_hashes(hashes));
        });
        for (bundle, chunk) in entry_bundles(0, head.size).zip(entries.chunks(256)) {
            let mut writer = EntryBundle::new();
            for entry in chunk {
                writer.push(entry).unwrap();
            }
            files.insert(bundle, writer.into_bytes());
        }
        let checkpoint = sign(head);
        SampleLog { entries, files, head, checkpoint }
    }
}

/// A signed checkpoint of the sample log.
pub(crate) fn sign(head: TreeHead) -> String {
    Checkpoint::new(ORIGIN, head).unwrap().sign(&sample_key()).unwrap().to_string()
}

/// Reads lower-case hexadecimal.
pub(crate) fn hash_of_hex(text: &str) -> Hash {
    let byte = |place: usize| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap();
    Hash(std::array::from_fn(byte))
}

/// The eight leaves of the well-known Certificate Transparency test vectors.
pub(crate) fn vector_leaves() -> Vec<Vec<u8>> {
    let bytes = |range: std::ops::Range<u8>| range.collect::<Vec<u8>>();
    vec![
        vec![],
        vec![0x00],
        vec![0x10],
        bytes(0x20..0x22),
        bytes(0x30..0x32),
        bytes(0x40..0x44),
        bytes(0x50..0x58),
        bytes(0x60..0x70),
    ]
}
