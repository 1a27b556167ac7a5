//! Decimal text to integers, exactly: a float would round where nobody sees it.

/// The text × 10^`places`, rounded half up; `None` if it is no plain decimal number of at most 18
/// digits before the point that is at least 0.
pub(super) fn scaled(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 18 || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let mut value: u64 = whole.parse().ok()?;
    let mut digits = part.bytes().map(|digit| u64::from(digit.saturating_sub(b'0')));
    for _ in 0..places {
        value = value.checked_mul(10)?.checked_add(digits.next().unwrap_or(0))?;
    }
    match digits.next() {
        Some(5..) => value.checked_add(1),
        Some(_) | None => Some(value),
    }
}
