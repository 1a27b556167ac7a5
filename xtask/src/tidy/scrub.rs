//! Rust text with comments and literals blanked, so that words and braces in them do not count.
//!
//! Line numbers stay as they were. It knows nested comments, escapes, raw strings, and that `'a` is
//! a lifetime; it is no parser and must never be asked what code means.

/// The text with every comment, string and character literal replaced by spaces.
pub(super) fn scrub(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let word_before = out.last().is_some_and(|&before| is_word(before));
        let end = literal_end(bytes, at, word_before);
        if end > at {
            out.extend(bytes[at..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn literal_end(bytes: &[u8], at: usize, word_before: bool) -> usize {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment(rest);
    }
    if !word_before && let Some(length) = raw_string(rest) {
        return at + length;
    }
    match rest.first() {
        Some(b'"') => at + quoted(rest, b'"'),
        Some(b'\'') if is_character(rest) => at + quoted(rest, b'\''),
        _ => at,
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of `r"…"`, `r#"…"#`, `br…` or `cr…` at the start, if one is there.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let after_kind = rest.strip_prefix(b"b").or_else(|| rest.strip_prefix(b"c")).unwrap_or(rest);
    let after_r = after_kind.strip_prefix(b"r")?;
    let hashes = after_r.iter().take_while(|&&b| b == b'#').count();
    let body = after_r.get(hashes..)?.strip_prefix(b"\"")?;
    let mut close = vec![b'"'];
    close.extend(std::iter::repeat_n(b'#', hashes));
    let opened = rest.len() - body.len();
    let length = body.windows(close.len()).position(|window| window == close);
    Some(length.map_or(rest.len(), |length| opened + length + close.len()))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `'x'` and `'\n'` are characters, `'x` is a lifetime.
fn is_character(rest: &[u8]) -> bool {
    match rest.get(1) {
        Some(b'\\') => true,
        Some(&first) if first < 0x80 => rest.get(2) == Some(&b'\''),
        // A letter outside ASCII has two to four bytes before the closing quote.
        Some(_) => rest.iter().skip(2).take(4).any(|&b| b == b'\''),
        None => false,
    }
}

/// Whether a byte can be part of an identifier.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Lines, from 1, on which a whole word or path (`std::env`) stands.
pub(super) fn lines_with(code: &str, word: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let found = line.match_indices(word).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|at| line.as_bytes().get(at));
            let after = line.as_bytes().get(at + word.len());
            !before.is_some_and(|&b| is_word(b)) && !after.is_some_and(|&b| is_word(b))
        });
        if found {
            lines.push(index + 1);
        }
    }
    lines
}
