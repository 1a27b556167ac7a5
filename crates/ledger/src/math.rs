//! Index arithmetic of Merkle trees that cannot overflow. It must never wrap: a wrapped index
//! would point at another leaf. Called by every other module of the crate.

/// `value >> bits`, and 0 when all bits are shifted out.
pub(crate) fn shift_right(value: u64, bits: u8) -> u64 {
    value.checked_shr(u32::from(bits)).unwrap_or(0)
}

/// `value * 2^bits`, or `None` when it does not fit.
pub(crate) fn shift_left(value: u64, bits: u8) -> Option<u64> {
    if value == 0 {
        return Some(0);
    }
    (u32::from(bits) <= value.leading_zeros()).then(|| value.checked_shl(u32::from(bits))).flatten()
}

/// The largest power of two strictly below `length`: where RFC 6962 §2.1 splits a tree.
/// A length below 2 has no split and gives 0.
pub(crate) fn split_point(length: u64) -> u64 {
    match length.saturating_sub(1).checked_ilog2() {
        Some(exponent) => 1_u64.checked_shl(exponent).unwrap_or(0),
        None => 0,
    }
}

/// The levels (exponents) of the set bits of `length`, highest first: the complete subtrees of
/// which a tree of that length is made, left to right.
pub(crate) fn subtree_levels(length: u64) -> impl Iterator<Item = u8> {
    (0_u8..64).rev().filter(move |level| shift_right(length, *level) & 1 == 1)
}
