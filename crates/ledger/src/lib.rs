//! The tamper-evident log formats of Cocarde: given a checkpoint no byte of a leaf changes
//! undetected. That is the invariant of this crate: whoever holds one signed checkpoint (or only
//! the verifier key) finds any later change to any entry, hash tile or checkpoint before it.
//!
//! Formats: Merkle trees of RFC 6962 §2.1, C2SP `tlog-tiles`, `tlog-checkpoint`, `signed-note`
//! and `tlog-cosignature` (Ed25519), `tlog-witness` and the draft `tlog-proof`. Entries are hashed as stored and never re-encoded.
//!
//! The crate is pure: no I/O, no clock, no randomness (a key is made from a 32-byte seed that the
//! caller draws). What it cannot find alone: a log cut short *together with* all its later
//! checkpoints, or two histories shown to two people. Both need a copy of a checkpoint elsewhere,
//! which is what witnesses ([`witness`]) are for.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::float_arithmetic
)]
// Tests count freely: an overflow there panics and is seen.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

pub mod checkpoint;
pub mod cosignature;
pub mod hash;
mod math;
pub mod note;
pub mod proof;
pub mod receipt;
#[cfg(test)]
mod testing;
pub mod tile;
pub mod tree;
pub mod verify;
pub mod witness;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use cosignature::{
    CosignerKey, CosigningKey, PolicyError, Quorum, QuorumError, Tally, TrustPolicy,
};
pub use hash::{EMPTY_ROOT, Hash, leaf_hash, node_hash};
pub use note::{NoteError, SignedNote, SigningKey, VerifierKey};
pub use proof::{HashReader, ProofError};
pub use receipt::{Receipt, ReceiptError, VerifiedReceipt};
pub use tile::{MAX_ENTRY_BYTES, TILE_WIDTH, Tile, TileError, TileKind};
pub use tree::{Frontier, Tree, TreeHead};
pub use verify::{Finding, Verifier};
pub use witness::{Accepted, AddCheckpoint, Refusal, Witness};
