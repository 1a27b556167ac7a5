//! What taking nodes from a rack breaks: large blocks of idle nodes are dear, tails are cheap.
//!
//! A rack of 18 trays holds one block of 16 and a tail of two. Whoever needs one or two trays
//! should take tails, or every rack soon lacks its block of 16 (the reason why NVIDIA recommends
//! segments of at most 16 of 18). The same holds for blocks of eight and four.

/// Blocks broken and nodes left over; smaller is better, field after field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Broken {
    n_16: u32,
    n_8: u32,
    n_4: u32,
    /// Nodes left in the racks: best fit.
    n_left: u32,
}

impl Broken {
    /// Of taking `taken` of `free` nodes, `taken` at most `free`.
    pub(crate) const fn of(free: u32, taken: u32) -> Self {
        let left = free.saturating_sub(taken);
        Self {
            n_16: (free >> 4).saturating_sub(left >> 4),
            n_8: (free >> 3).saturating_sub(left >> 3),
            n_4: (free >> 2).saturating_sub(left >> 2),
            n_left: left,
        }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            n_16: self.n_16.saturating_add(other.n_16),
            n_8: self.n_8.saturating_add(other.n_8),
            n_4: self.n_4.saturating_add(other.n_4),
            n_left: self.n_left.saturating_add(other.n_left),
        }
    }
}
