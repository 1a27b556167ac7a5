//! Makes proofs from stored subtree hashes (RFC 6962 §2.1.1 and §2.1.2, written as loops).
//! It must never verify: that is `check`, on purpose another algorithm.

use super::{HashReader, ProofError};
use crate::hash::Hash;
use crate::math::{shift_left, shift_right, split_point, subtree_levels};
use crate::tree::join_subtrees;

/// The root of the first `size` leaves, in O(log n) reads.
///
/// # Errors
/// `HashMissing` when the reader lacks a subtree.
pub fn root_at(reader: &dyn HashReader, size: u64) -> Result<Hash, ProofError> {
    range_root(reader, 0, size)
}

/// The inclusion proof of leaf `index` in the tree of the first `size` leaves, from the leaf's
/// sibling up to the root's child (RFC 6962 §2.1.1).
///
/// # Errors
/// `IndexOutOfTree`, or `HashMissing` when the reader lacks a subtree.
pub fn inclusion(reader: &dyn HashReader, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfTree { index, size });
    }
    let mut path = Vec::new();
    let (mut start, mut length) = (0_u64, size);
    while length > 1 {
        let left = split_point(length);
        let middle = start.saturating_add(left);
        let right = length.saturating_sub(left);
        if index < middle {
            path.push(range_root(reader, middle, right)?);
            length = left;
        } else {
            path.push(range_root(reader, start, left)?);
            (start, length) = (middle, right);
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `old` leaves is a prefix of that of the first `new`
/// leaves (RFC 6962 §2.1.2). Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// `SizesReversed`, or `HashMissing` when the reader lacks a subtree.
pub fn consistency(reader: &dyn HashReader, old: u64, new: u64) -> Result<Vec<Hash>, ProofError> {
    if old > new {
        return Err(ProofError::SizesReversed { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let mut path = Vec::new();
    let (mut start, mut length) = (0_u64, new);
    // While the subtree still starts at leaf 0, its old part is the root that the checker knows.
    let mut known = true;
    let mut rest = old;
    while rest != length {
        let left = split_point(length);
        let middle = start.saturating_add(left);
        let right = length.saturating_sub(left);
        if rest <= left {
            path.push(range_root(reader, middle, right)?);
            length = left;
        } else {
            path.push(range_root(reader, start, left)?);
            (start, length) = (middle, right);
            rest = rest.saturating_sub(left);
            known = false;
        }
    }
    if !known {
        path.push(range_root(reader, start, length)?);
    }
    path.reverse();
    Ok(path)
}

/// The root of `length` leaves from `start`. INVARIANT: `start` is a multiple of a power of two
/// that is at least `length`, as all subtrees of RFC 6962 are; so each part is aligned.
fn range_root(reader: &dyn HashReader, start: u64, length: u64) -> Result<Hash, ProofError> {
    let mut offset = start;
    let mut peaks = Vec::new();
    for level in subtree_levels(length) {
        let index = shift_right(offset, level);
        let missing = ProofError::HashMissing { level, index };
        peaks.push(reader.node(level, index).ok_or(missing)?);
        offset = offset.saturating_add(shift_left(1, level).unwrap_or(0));
    }
    Ok(join_subtrees(&peaks))
}
