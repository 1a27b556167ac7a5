//! `Idempotency-Key` and `If-Match`: what a caller adds to a command.

use api::problem::Code;
use http::{HeaderMap, header};

use super::fail::Fail;

/// The conditions of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    /// Makes a repeated command answer as the first one did.
    pub(crate) idempotency_key: Option<String>,
    /// The version that the caller has seen.
    pub(crate) expected_version: Option<u64>,
}

impl Conditions {
    /// Reads both headers.
    ///
    /// # Errors
    /// 400 for a header that cannot be read: a condition that is not understood must not be ignored.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Fail> {
        let idempotency_key = headers.get("idempotency-key").map(|value| {
            let text = value.to_str().ok().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| {
                wrong("the header Idempotency-Key needs 1 to 128 visible ASCII characters")
            })
        });
        let expected_version = headers.get(header::IF_MATCH).map(|value| {
            let version = value.to_str().ok().and_then(version_of);
            version.ok_or_else(|| {
                wrong("the header If-Match needs one version in quotes, such as `\"3\"`")
            })
        });
        Ok(Self {
            idempotency_key: idempotency_key.transpose()?,
            expected_version: expected_version.transpose()?,
        })
    }
}

/// The number in `"3"` or `W/"3"`.
fn version_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = text.strip_prefix("W/").unwrap_or(text);
    let digits = text.strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn wrong(detail: &str) -> Fail {
    Fail::new(Code::InvalidQuery, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(if_match: &str, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, if_match.parse().unwrap());
        let read = Conditions::of(&headers).ok().and_then(|c| c.expected_version);
        assert_eq!(read, expected, "{if_match}");
    }

    #[test]
    fn versions_are_quoted_numbers() {
        check("\"3\"", Some(3));
        check("W/\"3\"", Some(3));
        for wrong in ["3", "*", "\"\"", "\"+3\"", "\"3\", \"4\"", "\"99999999999999999999\""] {
            check(wrong, None);
        }
    }
}
