//! Text in HTML and SVG: everything that comes from a list or a fleet is escaped here.

/// Text that means nothing to HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

/// Escaped text of at most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return escaped(text);
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", escaped(&kept))
}

/// Classes of the look of a policy: eight colours with a dash pattern each, then the same wider.
pub(super) fn colour(policy: usize) -> String {
    let (colour, round) = (policy % 8, (policy / 8).min(3));
    if round == 0 { format!("c{colour}") } else { format!("c{colour} r{round}") }
}

/// A length in tenths of a pixel.
pub(super) fn tenths(length: i64) -> String {
    let (whole, rest) = (length.unsigned_abs() / 10, length.unsigned_abs() % 10);
    let sign = if length < 0 { "-" } else { "" };
    if rest == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}
