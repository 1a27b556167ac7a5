//! Verification of a log as served: every entry bundle, every hash tile, and the signed root.
//! Hash tiles must never be believed: all of them are made again from the entries and compared.

use super::{Finding, Findings};
use crate::hash::{Hash, leaf_hash};
use crate::tile::{
    Tile, TileError, TileKind, TileStream, decode_bundle, decode_hashes, entry_bundles,
};
use crate::tree::TreeHead;

/// Checks all bundles and hash tiles of a log against the head of one signed checkpoint, in
/// constant memory. `fetch` gives the bytes of a tile, `None` when missing.
///
/// A bundle that cannot be read is a finding, and its leaf hashes are then taken from the level-0
/// tile so that the rest is still checked; when that is unreadable too the check ends there.
#[must_use]
pub fn check_log(head: &TreeHead, fetch: &dyn Fn(&Tile) -> Option<Vec<u8>>) -> Findings {
    let mut check = Check { fetch, findings: Findings::default() };
    let mut stream = TileStream::new();
    for bundle in entry_bundles(0, head.size) {
        let Some(leaves) = check.leaf_hashes(&bundle) else { return check.findings };
        for leaf in leaves {
            stream.append(leaf, |tile, hashes| check.compare(&tile, hashes));
        }
    }
    let found = stream.finish(|tile, hashes| check.compare(&tile, hashes));
    if found != *head {
        check.findings.push(Finding::RootMismatch {
            size: head.size,
            good_size: 0,
            signed: head.root,
            computed: found.root,
        });
    }
    check.findings
}

struct Check<'a> {
    fetch: &'a dyn Fn(&Tile) -> Option<Vec<u8>>,
    findings: Findings,
}

impl Check<'_> {
    fn read(&self, tile: &Tile) -> Result<Vec<u8>, TileError> {
        (self.fetch)(tile).ok_or(TileError::Missing { tile: *tile })
    }

    fn read_hashes(&self, tile: &Tile) -> Result<Vec<Hash>, TileError> {
        decode_hashes(tile, &self.read(tile)?)
    }

    /// The leaf hashes of a bundle's entries, or `None` when they cannot be had at all.
    fn leaf_hashes(&mut self, bundle: &Tile) -> Option<Vec<Hash>> {
        let hashed = self.read(bundle).and_then(|bytes| {
            let entries = decode_bundle(bundle, &bytes)?;
            Ok(entries.into_iter().map(leaf_hash).collect())
        });
        hashed
            .or_else(|reason| {
                self.findings.push(Finding::TileUnreadable { reason });
                let kind = TileKind::Hashes { level: 0 };
                self.read_hashes(&Tile::new(kind, bundle.index(), bundle.width())?)
            })
            .map_err(|reason| self.findings.push(Finding::TileUnreadable { reason }))
            .ok()
    }

    fn compare(&mut self, tile: &Tile, expected: &[Hash]) {
        match self.read_hashes(tile) {
            Err(reason) => self.findings.push(Finding::TileUnreadable { reason }),
            Ok(stored) => {
                let differing = (0_u16..).zip(stored.iter().zip(expected));
                for (position, (stored, expected)) in differing {
                    if stored != expected {
                        self.findings.push(Finding::TileMismatch { tile: *tile, position });
                    }
                }
            }
        }
    }
}
