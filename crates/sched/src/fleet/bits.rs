//! A set of small numbers as bits, read in ascending order.
//!
//! Must never allocate after it was made: numbers beyond its size are not in it.

/// A set of numbers below a fixed size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    /// Words that are not zero, one bit each: sets are mostly sparse, and asked far more often than
    /// changed.
    busy: Vec<u64>,
}

impl Bits {
    /// An empty set of numbers below `size`.
    pub(crate) fn new(size: usize) -> Self {
        let n_words = size.div_ceil(64);
        Self { words: vec![0; n_words], busy: vec![0; n_words.div_ceil(64)] }
    }

    /// Puts the number in or takes it out.
    pub(crate) fn set(&mut self, number: usize, is_in: bool) {
        let at = number >> 6;
        let Some(word) = self.words.get_mut(at) else { return };
        let put = |word: u64, bit: usize, is_in: bool| {
            let bit = 1_u64 << (bit & 63);
            if is_in { word | bit } else { word & !bit }
        };
        *word = put(*word, number, is_in);
        if let Some(busy) = self.busy.get_mut(at >> 6) {
            *busy = put(*busy, at, *word != 0);
        }
    }

    /// The numbers in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        positions(&self.busy).flat_map(|at| {
            let word = self.words.get(at).copied().unwrap_or(0);
            ones(word).map(move |bit| at.saturating_mul(64).saturating_add(bit))
        })
    }
}

/// The positions of the bits that are set in several words, ascending.
fn positions(words: &[u64]) -> impl Iterator<Item = usize> + '_ {
    (0_usize..).zip(words).flat_map(|(at, word)| {
        ones(*word).map(move |bit| at.saturating_mul(64).saturating_add(bit))
    })
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
