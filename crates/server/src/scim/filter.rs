//! The filters that directories use to find what they made before: `attribute eq "value"`.
//!
//! Everything else of RFC 7644 §3.4.2.2 is refused by name, never ignored: a filter that is ignored
//! would answer with somebody else.

use super::error::ScimError;

/// Longest filter that is read, in bytes.
const BYTES_MAX: usize = 1_024;

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    /// The attribute in lower case, without the schema's prefix.
    pub(super) attribute: String,
    /// What it must be.
    pub(super) value: String,
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Filter, ScimError> {
    let offered = "write `attribute eq \"value\"`, such as `userName eq \"ada@example.fr\"`";
    if text.len() > BYTES_MAX {
        return Err(ScimError::filter(format!("the filter is too long: {offered}")));
    }
    let wrong = || {
        let shown: String = text.chars().take(80).collect();
        ScimError::filter(format!("the filter `{shown}` is not offered: {offered}"))
    };
    let (attribute, rest) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let (operator, value) = rest.trim_start().split_once(' ').ok_or_else(wrong)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err(wrong());
    }
    // A JSON string, with nothing after it (RFC 7644 figure 1: compValue).
    let value: String = serde_json::from_str(value.trim()).map_err(|_| wrong())?;
    let attribute = attribute.rsplit(':').next().unwrap_or(attribute).to_lowercase();
    let plain = !attribute.is_empty()
        && attribute.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'$');
    if plain { Ok(Filter { attribute, value }) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_comparison_is_read_and_everything_else_refused() {
        let good = |text: &str, attribute: &str, value: &str| {
            let filter = Filter { attribute: attribute.to_owned(), value: value.to_owned() };
            assert_eq!(parse(text), Ok(filter), "{text}");
        };
        good("userName eq \"ada\"", "username", "ada");
        good("USERNAME EQ \"a \\\"b\\\" c\"", "username", "a \"b\" c");
        good("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"a\"", "username", "a");
        good("emails.value eq \"a@b\"", "emails.value", "a@b");
        for bad in [
            "",
            "userName",
            "userName eq",
            "userName eq ada",
            "userName sw \"a\"",
            "userName pr",
            "userName eq \"a\" or userName eq \"b\"",
            "not (userName eq \"a\")",
            "emails[type eq \"work\"] eq \"a\"",
            "userName eq \"a",
            &format!("userName eq \"{}\"", "x".repeat(2_000)),
        ] {
            assert_eq!(parse(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
