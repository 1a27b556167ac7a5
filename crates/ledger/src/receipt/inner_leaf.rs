//! A leaf of a smaller tree, whose head is written in an entry of the log: of each minute of inference the log has
//! one entry with the root over its answers. What the entry says is not read here: whoever can read it hands in the
//! head, and must take it from the proven entry at [`InnerLeaf::entry`] and from nowhere else.

use serde::{Deserialize, Serialize};

use super::{ReceiptError, from_base64, to_base64};
use crate::hash::{Hash, leaf_hash};
use crate::proof::{self, MAX_PROOF_HASHES};
use crate::tile::MAX_ENTRY_BYTES;
use crate::tree::TreeHead;

/// The leaf with its way to that root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InnerLeaf {
    /// Position in the log of the entry that names the root.
    pub entry: u64,
    /// Position in the smaller tree, from 0.
    pub index: u64,
    /// The leaf's bytes; base64 in the file.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub leaf: Vec<u8>,
    /// Inclusion proof, from the leaf's sibling up to the root's child.
    pub proof: Vec<Hash>,
}

impl InnerLeaf {
    /// Checks the way from the leaf to the root that the entry names.
    ///
    /// # Errors
    /// `Answer` if it does not lead there.
    pub fn verify(&self, head: &TreeHead) -> Result<(), ReceiptError> {
        proof::verify_inclusion(head, self.index, &leaf_hash(&self.leaf), &self.proof)
            .map_err(|error| ReceiptError::Answer { reason: error.to_string() })
    }

    pub(super) fn check_shape(&self) -> Result<(), ReceiptError> {
        let refuse = |reason: &str| Err(ReceiptError::Answer { reason: reason.to_owned() });
        if self.leaf.len() > MAX_ENTRY_BYTES {
            return refuse("its leaf is longer than an entry may be");
        }
        if self.proof.len() > MAX_PROOF_HASHES {
            return refuse("its proof has more hashes than a tree is high");
        }
        Ok(())
    }
}
