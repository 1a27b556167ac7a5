//! Integers that the twin computes with: decimal texts read exactly, fractions rounded once, a
//! logarithm for axes and failures. Nothing here is a float, so that a result has the same bytes
//! on every machine.

/// Why a text is not the number wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotANumber {
    /// It has other characters.
    Text,
    /// It is below zero.
    Negative,
    /// It is beyond what fits.
    TooLarge,
}

impl NotANumber {
    /// For a message.
    pub(crate) const fn message(self) -> &'static str {
        match self {
            Self::Text => "is not a number: write digits, with a point before decimals",
            Self::Negative => "is negative: it must be zero or more",
            Self::TooLarge => "is too large",
        }
    }
}

/// A decimal text times 10^`places`, the digits beyond rounded half up. No sign but `-` for refusal.
pub(crate) fn fixed(text: &str, places: usize) -> Result<u64, NotANumber> {
    u64::try_from(fixed_wide(text, places)?).map_err(|_| NotANumber::TooLarge)
}

/// The same with room for many places.
pub(crate) fn fixed_wide(text: &str, places: usize) -> Result<u128, NotANumber> {
    let text = text.trim();
    let (digits, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
        return Err(NotANumber::Text);
    }
    let mut value: u128 = 0;
    for byte in whole.bytes().chain((0..places).map(|at| digit_at(fraction, at))) {
        value = value.saturating_mul(10).saturating_add(u128::from(byte.saturating_sub(b'0')));
    }
    if digit_at(fraction, places) >= b'5' {
        value = value.saturating_add(1);
    }
    if negative && value > 0 {
        return Err(NotANumber::Negative);
    }
    if value == u128::MAX { Err(NotANumber::TooLarge) } else { Ok(value) }
}

fn digit_at(fraction: &str, at: usize) -> u8 {
    fraction.as_bytes().get(at).copied().unwrap_or(b'0')
}

/// `value × by / per`, rounded down, at most the largest number; zero for a `per` of zero.
pub(crate) fn scale(value: u64, by: u64, per: u64) -> u64 {
    let product = u128::from(value).saturating_mul(u128::from(by));
    narrow(product.checked_div(u128::from(per)).unwrap_or(0))
}

/// The same for larger products, rounded half up.
pub(crate) fn scale_wide(value: u128, by: u128, per: u128) -> u64 {
    let half = per / 2;
    narrow(value.saturating_mul(by).saturating_add(half).checked_div(per).unwrap_or(0))
}

/// Microseconds as seconds, without zeros at the end: `1.5`.
pub(crate) fn seconds_text(micros: u64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:06}").trim_end_matches('0').to_owned()
}

/// A number cut to 64 bits.
pub(crate) fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// A number cut to 32 bits.
pub(crate) fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// How many things there are.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A position in a list.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The same for a larger number.
pub(crate) fn index_wide(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Bits after the point of [`log2`].
pub(crate) const LOG_BITS: u32 = 16;

/// The logarithm to base 2 in 1/65,536, rounded down; 0 for 0 and 1.
///
/// Digit by digit: squaring the mantissa doubles its logarithm, and an overflow past 2 is a 1.
pub(crate) fn log2(value: u64) -> u64 {
    let Some(whole) = value.checked_ilog2() else { return 0 };
    // The mantissa in [1, 2) with 32 bits after the point.
    let mut mantissa =
        if whole >= 32 { value >> (whole - 32) } else { value << (32_u32.saturating_sub(whole)) };
    let mut result = u64::from(whole);
    for _ in 0..LOG_BITS {
        let squared = u128::from(mantissa).saturating_mul(u128::from(mantissa)) >> 32;
        mantissa = narrow(squared);
        result <<= 1;
        if mantissa >> 33 != 0 {
            mantissa >>= 1;
            result |= 1;
        }
    }
    result
}

/// Digits in groups of three, for people: `1,234,567`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of thousandths with so many decimals (at most 3), cut: `12.3`.
pub(crate) fn thousandths(value: u64, decimals: u32) -> String {
    let decimals = decimals.min(3);
    let unit = 10_u64.pow(3 - decimals);
    let kept = value.saturating_add(unit / 2) / unit;
    let base = 10_u64.pow(decimals);
    if decimals == 0 {
        return grouped(kept);
    }
    let width = index(decimals);
    format!("{}.{:0width$}", grouped(kept / base), kept % base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, places, value) in [
            ("0", 0, Ok(0)),
            ("12", 3, Ok(12_000)),
            ("0.57694", 9, Ok(576_940_000)),
            ("1.2345", 3, Ok(1_235)),
            (".5", 0, Ok(1)),
            ("5.", 1, Ok(50)),
            ("-0.0", 2, Ok(0)),
            ("-1", 0, Err(NotANumber::Negative)),
            ("", 0, Err(NotANumber::Text)),
            (".", 0, Err(NotANumber::Text)),
            ("1e5", 0, Err(NotANumber::Text)),
            ("+1", 0, Err(NotANumber::Text)),
            ("18446744073709551616", 0, Err(NotANumber::TooLarge)),
        ] {
            assert_eq!(fixed(text, places), value, "`{text}` with {places} places");
        }
    }

    #[test]
    fn the_logarithm_is_exact_at_powers_of_two_and_close_between() {
        for power in 0..64_u32 {
            assert_eq!(log2(1_u64 << power), u64::from(power) << LOG_BITS);
        }
        // log2(10) = 3.321928…, log2(1000) = 9.965784…
        assert_eq!(log2(10), 217_705);
        assert_eq!(log2(1_000), 653_117);
        assert_eq!(log2(0), 0);
    }

    #[test]
    fn figures_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(thousandths(12_345, 1), "12.3");
        assert_eq!(thousandths(999_999, 0), "1,000");
        assert_eq!(thousandths(1_050, 2), "1.05");
    }
}
