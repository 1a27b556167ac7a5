//! Addresses: the platform's, and an endpoint's with its parameters filled in.

use std::net::IpAddr;

use http::Uri;
use serde::Serialize;
use serde_json::Value;

use super::ClientError;

/// Checks the platform's address and takes the slash off its end.
pub(super) fn base(text: &str) -> Result<String, ClientError> {
    let wrong = || ClientError::BaseUrl { text: text.chars().take(200).collect() };
    let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
    let known = matches!(uri.scheme_str(), Some("http" | "https"));
    if !known || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
        return Err(wrong());
    }
    Ok(text.trim().trim_end_matches('/').to_owned())
}

/// True if the address is this machine's own, by number or as `localhost`.
pub(super) fn is_loopback(base: &str) -> bool {
    host(base) == "localhost" || is_loopback_number(base)
}

/// True if the address is this machine's own by number, which no name service can lead elsewhere.
#[must_use]
pub fn is_loopback_number(base: &str) -> bool {
    host(base).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host alone: what stands before an `@` is a user, and no part of it.
fn host(base: &str) -> String {
    let uri: Uri = base.parse().unwrap_or_default();
    uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// The address of an endpoint with its path and query parameters.
pub(super) fn address(
    base: &str,
    template: &str,
    path: &impl Serialize,
    query: &impl Serialize,
) -> Result<String, ClientError> {
    let bad = |message: String| ClientError::BadRequest { message };
    let path = serde_json::to_value(path).map_err(|e| bad(e.to_string()))?;
    let query = serde_json::to_value(query).map_err(|e| bad(e.to_string()))?;
    let mut address = base.to_owned();
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        let (name, after) = tail.split_once('}').unwrap_or((tail, ""));
        let (name, keep) = name.strip_prefix('*').map_or((name, ""), |name| (name, "/"));
        let value = path.get(name).map(scalar).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| bad(format!("the path parameter `{name}` is empty")))?;
        address.push_str(before);
        push_encoded(&mut address, &value, keep);
        rest = after;
    }
    address.push_str(rest);
    let mut separator = '?';
    for (name, value) in query.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()) {
        address.push(separator);
        push_encoded(&mut address, name, "");
        address.push('=');
        push_encoded(&mut address, &scalar(value), "");
        separator = '&';
    }
    Ok(address)
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Percent-encodes all but unreserved characters and those to keep (RFC 3986 §2.3).
fn push_encoded(address: &mut String, text: &str, keep: &str) {
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
        if plain || keep.as_bytes().contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
}
