//! Secrets of this platform in text that somebody will read: each is cut to what tells its sort. Messages repeat what
//! a caller wrote so that the caller finds the mistake, and a key in the wrong place must not be repeated with it.

use std::borrow::Cow;

/// What the platform's own secrets begin with: keys, capability tokens, sessions.
const PREFIXES: [&str; 3] = ["cck_", "ccc_", "ccs_"];

/// The text, of each secret in it only its first four characters and `…`.
#[must_use]
pub fn hide_secrets(text: &str) -> Cow<'_, str> {
    if !PREFIXES.iter().any(|prefix| text.contains(prefix)) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((at, prefix)) =
        PREFIXES.iter().filter_map(|prefix| Some((rest.find(prefix)?, *prefix))).min()
    {
        let (before, from) = rest.split_at(at);
        let tail = from.strip_prefix(prefix).unwrap_or(from);
        let is_part =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '=' | '+' | '/');
        let secret = tail.find(|c| !is_part(c)).unwrap_or(tail.len());
        shown.push_str(before);
        shown.push_str(prefix);
        if secret > 0 {
            shown.push('…');
        }
        rest = tail.split_at(secret).1;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_cut_and_everything_else_stays() {
        for (text, expected) in [
            ("", ""),
            ("nothing here", "nothing here"),
            ("key `cck_01ABCxyz-_=` is wrong", "key `cck_…` is wrong"),
            ("ccc_a ccs_b cck_c", "ccc_… ccs_… cck_…"),
            ("begin a key with `cck_`", "begin a key with `cck_`"),
            ("/x/cck_ab/cd?é=ccs_1", "/x/cck_…?é=ccs_…"),
        ] {
            assert_eq!(hide_secrets(text), expected);
        }
    }
}
