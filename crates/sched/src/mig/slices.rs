//! What is taken of one GPU: a bit for each memory slice and one for the media engines.
//!
//! A GPU has eight memory slices (four in an A30) and seven (four) compute slices. The start
//! positions count memory slices, and every legal set of instances stays within the compute slices
//! by itself (a test tries them all). The media engines that a `+me` profile takes exist once, so
//! they are one more bit.

use std::fmt;

/// The number of states of a GPU: eight memory slices and the media engines.
pub(super) const STATES: usize = 1 << 9;

const MEDIA: u16 = 1 << 8;

/// A set of memory slices, with or without the media engines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slices(u16);

impl Slices {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// So many memory slices from a start on; those beyond the eighth are left out.
    #[must_use]
    pub const fn run(start: u8, slices: u8, media: bool) -> Self {
        let ones = match 1_u32.checked_shl(if slices > 8 { 8 } else { slices as u32 }) {
            Some(bit) => bit.saturating_sub(1),
            None => 0,
        };
        let shifted = match ones.checked_shl(start as u32) {
            Some(bits) => bits & 0xff,
            None => 0,
        };
        let [low, _, _, _] = shifted.to_le_bytes();
        Self(low as u16 | if media { MEDIA } else { 0 })
    }

    /// True if the two have nothing in common.
    #[must_use]
    pub const fn is_disjoint(self, other: Self) -> bool {
        self.0 & other.0 == 0
    }

    /// True if all of the other is in this.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This without the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Number of memory slices.
    #[must_use]
    pub const fn n_memory(self) -> u32 {
        (self.0 & !MEDIA).count_ones()
    }

    /// Position among the states.
    pub(super) const fn state(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Slices {
    /// A character for each slice from 0 on, `#` taken, `.` free; `+` if the media engines are taken.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for slice in 0..8 {
            f.write_str(if self.is_disjoint(Self::run(slice, 1, false)) { "." } else { "#" })?;
        }
        f.write_str(if self.is_disjoint(Self(MEDIA)) { "" } else { "+" })
    }
}
