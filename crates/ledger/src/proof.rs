//! Inclusion and consistency proofs: made from stored hashes, checked from nothing but the proof.
//! Making (`generate`, RFC 6962 §2.1.1-2) and checking (`check`, RFC 9162 §2.1.3.2 and §2.1.4.2)
//! share no code, so that a mistake in one is not repeated by the other.

mod check;
mod generate;

pub use check::{verify_consistency, verify_inclusion};
pub use generate::{consistency, inclusion, root_at};

use crate::hash::Hash;

/// Longest proof that any tree of fewer than 2^64 leaves needs, plus one for consistency.
pub const MAX_PROOF_HASHES: usize = 65;

/// Read access to the hashes of a Merkle tree.
pub trait HashReader {
    /// The hash of the complete subtree of `2^level` leaves that starts at leaf
    /// `index * 2^level`; `None` when the tree does not hold all of these leaves (or the hash
    /// cannot be read).
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

/// Why a proof cannot be made or does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of this size.
    #[error("leaf {index} is not in a tree of {size} leaves; ask for an index below the size")]
    IndexOutOfTree {
        /// Leaf asked for.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// The older tree is larger than the newer one.
    #[error("a tree of {old} leaves cannot grow into one of {new}; swap the two checkpoints")]
    SizesReversed {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// A hash that the proof needs is not stored.
    #[error("the hash of subtree {index} at level {level} is missing; restore its tile")]
    HashMissing {
        /// Level of the subtree, 0 for leaves.
        level: u8,
        /// Position within the level.
        index: u64,
    },
    /// The proof has too many or too few hashes for these sizes.
    #[error("the proof has {found} hashes, which does not fit these tree sizes; ask for it again")]
    WrongLength {
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof leads to another root than the checkpoint's: something was changed.
    #[error("the proof leads to root {computed}, the checkpoint says {expected}: data was changed")]
    RootMismatch {
        /// Root of the checkpoint.
        expected: Hash,
        /// Root that the proof leads to.
        computed: Hash,
    },
}

#[cfg(test)]
mod tests;
