//! A run of leaves in one buffer, which a replay fills again and again: no allocation for each row,
//! and no column that it does not need. The bytes are those stored; nothing here looks into them.

/// Leaves with their positions, in the order in which they were put.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves {
    bytes: Vec<u8>,
    // INVARIANT: position in the log, and where the leaf ends in `bytes`; it begins where the one
    // before ends.
    ends: Vec<(u64, usize)>,
}

impl Leaves {
    /// No leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes all leaves and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds the leaf at position `seq` of the log.
    pub fn push(&mut self, seq: u64, leaf: &[u8]) {
        self.bytes.extend_from_slice(leaf);
        self.ends.push((seq, self.bytes.len()));
    }

    /// How many leaves there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all leaves together.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Each leaf with its position.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let mut start = 0_usize;
        self.ends.iter().map(move |(seq, end)| {
            let leaf = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            (*seq, leaf)
        })
    }
}
