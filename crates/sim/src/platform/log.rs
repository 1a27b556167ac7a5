//! A durable log in memory: leaves as stored, their Merkle tree, signed checkpoints, one snapshot.
//! It never changes a leaf, and appends only against the head that the writer has seen.

use kernel::{Entry, State};
use ledger::{Checkpoint, SigningKey, Tree, TreeHead, leaf_hash};
use sha2::{Digest as _, Sha256};

/// The name that simulated checkpoints carry; never that of a real log.
pub const ORIGIN: &str = "simulated.example/log";

/// A signed statement of the log about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Size and root.
    pub head: TreeHead,
    /// The file that would be served.
    pub note: String,
}

#[derive(Debug, Clone)]
struct Snapshot {
    size: usize,
    digest: [u8; 32],
    bytes: Vec<u8>,
}

/// The writer had seen another head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict;

/// How a state was rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BootPath {
    /// From the first entry.
    Whole,
    /// From a snapshot and the entries after it.
    Snapshot,
}

/// The log.
#[derive(Debug, Clone)]
pub struct Log {
    leaves: Vec<Vec<u8>>,
    tree: Tree,
    checkpoints: Vec<Signed>,
    snapshot: Option<Snapshot>,
    key: SigningKey,
}

impl Log {
    /// An empty log with the fixed test key.
    ///
    /// # Errors
    /// Only if [`ORIGIN`] could not name a key.
    pub fn new() -> Result<Self, String> {
        let key = SigningKey::from_seed(ORIGIN, [7; 32]).map_err(|error| error.to_string())?;
        Ok(Self {
            leaves: Vec::new(),
            tree: Tree::new(),
            checkpoints: Vec::new(),
            snapshot: None,
            key,
        })
    }

    /// Leaves so far.
    #[must_use]
    pub fn leaves(&self) -> &[Vec<u8>] {
        &self.leaves
    }

    /// The tree over them.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Every checkpoint that was ever served, oldest first.
    #[must_use]
    pub fn checkpoints(&self) -> &[Signed] {
        &self.checkpoints
    }

    /// The key to check them with.
    #[must_use]
    pub fn verifier(&self) -> &ledger::VerifierKey {
        self.key.verifier()
    }

    /// Appends a whole batch if the log still has `expected` entries.
    ///
    /// # Errors
    /// [`Conflict`] if it has not; nothing was appended then.
    pub fn append(&mut self, expected: usize, batch: Vec<Vec<u8>>) -> Result<(), Conflict> {
        if self.leaves.len() != expected {
            return Err(Conflict);
        }
        for leaf in batch {
            self.tree.append(leaf_hash(&leaf));
            self.leaves.push(leaf);
        }
        Ok(())
    }

    /// Signs the present head, if it was not signed already.
    ///
    /// # Errors
    /// If the checkpoint cannot be written, which a fixed origin excludes.
    pub fn sign(&mut self) -> Result<(), String> {
        let head = self.tree.head();
        if self.checkpoints.last().is_some_and(|last| last.head == head) {
            return Ok(());
        }
        let checkpoint = Checkpoint::new(ORIGIN, head).map_err(|error| error.to_string())?;
        let note = checkpoint.sign(&self.key).map_err(|error| error.to_string())?.to_string();
        self.checkpoints.push(Signed { head, note });
        Ok(())
    }

    /// Keeps a snapshot of a state that the log gives.
    ///
    /// # Errors
    /// If the state cannot be written.
    pub fn save_snapshot(&mut self, state: &State) -> Result<(), String> {
        let bytes = state.to_snapshot().map_err(|error| error.to_string())?;
        let size = usize::try_from(state.size).map_err(|error| error.to_string())?;
        let digest = Sha256::digest(&bytes).into();
        self.snapshot = Some(Snapshot { size, digest, bytes });
        Ok(())
    }

    /// Cuts the snapshot off, as a power failure during its write would.
    pub fn tear_snapshot(&mut self, keep_percent: u64) {
        if let Some(snapshot) = &mut self.snapshot {
            let keep = usize::try_from(keep_percent.min(99)).unwrap_or(0);
            let length = snapshot.bytes.len().saturating_mul(keep) / 100;
            snapshot.bytes.truncate(length);
        }
    }

    /// The boot path: checks every leaf against the last checkpoint, then folds.
    ///
    /// # Errors
    /// If a leaf cannot be read or the log does not lead to its own last checkpoint.
    pub fn boot(&self) -> Result<(State, BootPath), String> {
        if let Some(signed) = self.checkpoints.last() {
            let size = usize::try_from(signed.head.size).unwrap_or(usize::MAX);
            let rebuilt: Tree = self.leaves.iter().take(size).map(|l| leaf_hash(l)).collect();
            if rebuilt.head() != signed.head {
                return Err("the log does not lead to its last checkpoint".to_owned());
            }
        }
        let whole = |snapshot: &Snapshot| Sha256::digest(&snapshot.bytes)[..] == snapshot.digest;
        let found = self.snapshot.as_ref().filter(|s| whole(s) && s.size <= self.leaves.len());
        let read = found.and_then(|s| State::from_snapshot(&s.bytes).ok().map(|x| (x, s.size)));
        let (mut state, from, path) = match read {
            Some((state, size)) => (state, size, BootPath::Snapshot),
            None => (State::default(), 0, BootPath::Whole),
        };
        for leaf in self.leaves.iter().skip(from) {
            let entry = Entry::from_leaf(leaf).map_err(|error| error.to_string())?;
            state.apply(&entry);
        }
        Ok((state, path))
    }
}
