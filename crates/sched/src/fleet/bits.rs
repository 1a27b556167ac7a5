//! A set of small numbers as bits, read in ascending order.
//!
//! Must never allocate after it was made: numbers beyond its size are not in it.

/// A set of numbers below a fixed size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// An empty set of numbers below `size`.
    pub(crate) fn new(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    /// Puts the number in or takes it out.
    pub(crate) fn set(&mut self, number: usize, is_in: bool) {
        if let Some(word) = self.0.get_mut(number >> 6) {
            let bit = 1_u64 << (number & 63);
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// The numbers in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0_usize..).zip(&self.0).flat_map(|(place, word)| {
            ones(*word).map(move |bit| place.saturating_mul(64).saturating_add(bit))
        })
    }
}

/// The positions of the bits that are set, ascending.
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        usize::try_from(bit).ok()
    })
}
