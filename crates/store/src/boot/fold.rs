//! What the leaves of a log add up to: the tree of their hashes and the state. Chunks come in the
//! order of the log; whoever holds the fold is the only one who changes it.

use kernel::{Entry, State};
use ledger::{Hash, Tree, leaf_hash};

use crate::leaves::Leaves;
use crate::seal::Seal;

/// A chunk of leaves, hashed and parsed.
pub(super) struct Chunk {
    hashes: Vec<Hash>,
    // Entries below the snapshot are not parsed.
    entries: Vec<Entry>,
    // The first entry that is not one. Hashing goes on: the root tells whether it was changed.
    unreadable: Option<(u64, String)>,
}

impl Chunk {
    /// Hashes every leaf, and parses those from `first_folded` on.
    pub(super) fn new(leaves: &Leaves, first_folded: u64) -> Self {
        let mut hashes = Vec::with_capacity(leaves.len());
        let mut entries = Vec::with_capacity(leaves.len());
        let mut unreadable = None;
        for (seq, leaf) in leaves.iter() {
            hashes.push(leaf_hash(leaf));
            if seq < first_folded {
                continue;
            }
            match Entry::from_leaf(leaf) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    unreadable.get_or_insert((seq, error.to_string()));
                }
            }
        }
        Self { hashes, entries, unreadable }
    }
}

/// The log so far.
pub(super) struct Fold {
    pub(super) state: State,
    pub(super) tree: Tree,
    pub(super) seal_mismatch: Option<String>,
    /// The first entry that this program cannot read, and why; the state then means nothing.
    pub(super) unreadable: Option<(u64, String)>,
    pub(super) n_folded: u64,
    seal: Option<Seal>,
}

impl Fold {
    /// Starts from a snapshot or from nothing.
    pub(super) fn new(snapshot: Option<(Seal, State)>) -> Self {
        let (seal, state) =
            snapshot.map_or_else(|| (None, State::default()), |(seal, state)| (Some(seal), state));
        let tree = Tree::new();
        Self { state, tree, seal_mismatch: None, unreadable: None, n_folded: 0, seal }
    }

    /// Adds the next chunk.
    pub(super) fn take(&mut self, chunk: Chunk) {
        self.unreadable = self.unreadable.take().or(chunk.unreadable);
        for hash in chunk.hashes {
            self.tree.append(hash);
            if let Some(seal) = &self.seal
                && seal.seq == self.tree.size()
                && seal.root != self.tree.root()
            {
                self.seal_mismatch = Some("it was taken of another log".to_owned());
            }
        }
        for entry in &chunk.entries {
            self.state.apply(entry);
            self.n_folded = self.n_folded.saturating_add(1);
        }
    }
}
