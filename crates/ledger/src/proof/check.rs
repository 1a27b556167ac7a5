//! Checks proofs with the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2. It must never read stored
//! hashes: a proof stands on the checkpoint alone.

use super::ProofError;
use crate::hash::{EMPTY_ROOT, Hash, node_hash};
use crate::tree::TreeHead;

/// Checks that the leaf with this hash is leaf `index` of the tree `head` (RFC 9162 §2.1.3.2).
/// `head` must come from one signed checkpoint: size and root are only trusted together.
///
/// # Errors
/// `IndexOutOfTree`, `WrongLength`, or `RootMismatch` when anything was changed.
pub fn verify_inclusion(
    head: &TreeHead,
    index: u64,
    leaf: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::IndexOutOfTree { index, size: head.size });
    }
    let mut walk = Walk { node: index, last: head.size.saturating_sub(1) };
    let mut root = *leaf;
    for sibling in path {
        match walk.up() {
            Some(Side::Left) => root = node_hash(sibling, &root),
            Some(Side::Right) => root = node_hash(&root, sibling),
            None => return Err(ProofError::WrongLength { found: path.len() }),
        }
    }
    if walk.last != 0 {
        return Err(ProofError::WrongLength { found: path.len() });
    }
    same_root(head.root, root)
}

/// Checks that the tree `old` is a prefix of the tree `new`: nothing in it was changed, removed or
/// inserted (RFC 9162 §2.1.4.2). Every tree extends the empty one, with an empty proof.
///
/// # Errors
/// `SizesReversed`, `WrongLength`, or `RootMismatch` when the two are not one history.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, path: &[Hash]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::SizesReversed { old: old.size, new: new.size });
    }
    let wrong_length = ProofError::WrongLength { found: path.len() };
    if old.size == 0 {
        same_root(EMPTY_ROOT, old.root)?;
    }
    if old.size == 0 || old.size == new.size {
        if !path.is_empty() {
            return Err(wrong_length);
        }
        return if old.size == new.size { same_root(new.root, old.root) } else { Ok(()) };
    }
    let mut walk = Walk { node: old.size.saturating_sub(1), last: new.size.saturating_sub(1) };
    while walk.node & 1 == 1 {
        walk.shift();
    }
    // An old size that is a power of two is itself the first subtree, left out of the proof.
    let (first, rest) = match (old.size.is_power_of_two(), path.split_first()) {
        (_, None) => return Err(wrong_length),
        (true, Some(_)) => (old.root, path),
        (false, Some((first, rest))) => (*first, rest),
    };
    let (mut old_root, mut new_root) = (first, first);
    for sibling in rest {
        match walk.up() {
            Some(Side::Left) => {
                old_root = node_hash(sibling, &old_root);
                new_root = node_hash(sibling, &new_root);
            }
            Some(Side::Right) => new_root = node_hash(&new_root, sibling),
            None => return Err(wrong_length),
        }
    }
    if walk.last != 0 {
        return Err(wrong_length);
    }
    same_root(old.root, old_root)?;
    same_root(new.root, new_root)
}

/// Position while climbing: this node's index at the current level and that of the last node
/// (`fn` and `sn` in RFC 9162).
struct Walk {
    node: u64,
    last: u64,
}

/// On which side of the climbing node its sibling stands.
enum Side {
    Left,
    Right,
}

impl Walk {
    fn shift(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    /// Climbs to the parent and tells where the sibling was; `None` at the root already.
    fn up(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node & 1 == 1 || self.node == self.last {
            // The last node of a level without sibling climbs for free.
            while self.node & 1 == 0 && self.node != 0 {
                self.shift();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.shift();
        Some(side)
    }
}

fn same_root(expected: Hash, computed: Hash) -> Result<(), ProofError> {
    if expected == computed {
        return Ok(());
    }
    Err(ProofError::RootMismatch { expected, computed })
}
