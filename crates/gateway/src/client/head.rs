//! The heads of requests and answers (RFC 9112), and what an answer's head says of its body's end.
//!
//! Whatever could be read in two ways is refused: an answer whose end is in doubt could be taken for the
//! beginning of another client's.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{Order, Target};

/// Most headers of an answer.
const HEADERS_MAX: usize = 100;
/// Largest head of an answer in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 64 << 10;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) framing: Framing,
    /// Whether another request may follow on the connection.
    pub(super) is_kept: bool,
    /// What came of the body together with the head.
    pub(super) ahead: Vec<u8>,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// An answer's head is not one that we understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its answer is no HTTP/1.1 that can be read in one way only")]
pub(super) struct Unusable;

/// The head of a request; `None` if the address cannot stand in one.
pub(super) fn request(target: &Target<'_>, order: &Order<'_>) -> Option<Vec<u8>> {
    let Target { host, authorization, .. } = target;
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !is_plain(host) || !is_plain(order.path) {
        return None;
    }
    let optional = [
        (&b"\r\nx-request-id: "[..], order.request_id),
        (&b"\r\nauthorization: "[..], *authorization),
    ];
    let given = optional.iter().filter_map(|(_, value)| *value).map(HeaderValue::len);
    let room = order.path.len() + host.len() + given.sum::<usize>();
    let mut head = Vec::with_capacity(208 + room);
    head.extend_from_slice(order.method.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(order.path.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    head.extend_from_slice(host.as_bytes());
    head.extend_from_slice(b"\r\ncontent-type: application/json");
    for (name, value) in optional {
        if let Some(value) = value {
            head.extend_from_slice(name);
            head.extend_from_slice(value.as_bytes());
        }
    }
    if let Some((parent, state)) = order.trace {
        head.extend_from_slice(b"\r\ntraceparent: ");
        head.extend_from_slice(parent.as_bytes());
        if let Some(state) = state {
            head.extend_from_slice(b"\r\ntracestate: ");
            head.extend_from_slice(state.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\ncontent-length: ");
    head.extend_from_slice(order.body.len().to_string().as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
    Some(head)
}

/// Reads the head of an answer; `None` while it is not all there, and for interim answers nothing but the
/// bytes they take.
///
/// # Errors
/// [`Unusable`].
pub(super) fn answer(bytes: &[u8]) -> Result<Option<Answer>, Unusable> {
    let mut rest = bytes;
    loop {
        let mut held = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Response::new(&mut held);
        let length = match parsed.parse(rest) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Unusable),
        };
        let after = rest.get(length..).unwrap_or_default();
        let code = parsed.code.ok_or(Unusable)?;
        let status = StatusCode::from_u16(code).map_err(|_| Unusable)?;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Unusable);
        }
        if status.is_informational() {
            rest = after;
            continue;
        }
        let is_old = parsed.version != Some(1);
        return read(status, is_old, parsed.headers, after).map(Some);
    }
}

fn read(
    status: StatusCode,
    is_old: bool,
    fields: &[httparse::Header<'_>],
    after: &[u8],
) -> Result<Answer, Unusable> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    let (mut length, mut is_chunked, mut is_kept) = (None, false, !is_old);
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Unusable)?;
        if name == header::CONTENT_LENGTH {
            let given = digits(field.value).ok_or(Unusable)?;
            if length.is_some_and(|before| before != given) {
                return Err(Unusable);
            }
            length = Some(given);
        } else if name == header::TRANSFER_ENCODING {
            // Nothing but `chunked` was asked for.
            if is_chunked || is_old || !field.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Unusable);
            }
            is_chunked = true;
        } else if name == header::CONNECTION {
            is_kept &= !has_word(field.value, b"close");
        } else {
            let value = HeaderValue::from_bytes(field.value).map_err(|_| Unusable)?;
            headers.append(name, value);
        }
    }
    let is_empty = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = match (is_empty, is_chunked, length) {
        (true, ..) => Framing::Length(0),
        (false, true, None) => Framing::Chunked,
        (false, true, Some(_)) => return Err(Unusable),
        (false, false, Some(length)) => Framing::Length(length),
        (false, false, None) => Framing::UntilClose,
    };
    let is_kept = is_kept && framing != Framing::UntilClose;
    Ok(Answer { status, headers, framing, is_kept, ahead: after.to_vec() })
}

/// A length, in digits only: no sign, no list.
fn digits(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn has_word(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(word))
}
