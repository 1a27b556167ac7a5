//! Who is asking: a bearer token, or the console's cookie with the secret of a session.
//!
//! A cookie proves who the browser's user is, not that the user wanted the request: what a cookie
//! asks to change must come from this very origin.

use api::problem::Code;
use http::{HeaderMap, header};
use kernel::{Actor, State, key::Key};
use units::{Id, UnixMicros, kinds};

use super::fail::Fail;
use crate::platform::token;

/// Name of the console's cookie over plain HTTP, which is for this very machine.
pub(crate) const COOKIE: &str = "cocarde_session";
/// Its name over HTTPS: browsers take a cookie of this name only from this host itself, over HTTPS and
/// for all paths, so that no neighbour can plant one.
pub(crate) const HOST_COOKIE: &str = "__Host-cocarde_session";

/// Longest key that is looked at.
const TOKEN_BYTES_MAX: usize = 128;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Caller {
    /// Nobody in particular; only public endpoints answer.
    Anonymous,
    /// The holder of a valid key.
    Key(Box<Key>),
}

impl Caller {
    /// The key.
    ///
    /// # Errors
    /// 401 for somebody without one.
    pub(crate) fn key(&self) -> Result<&Key, Fail> {
        match self {
            Self::Anonymous => Err(unauthenticated("no key was sent")),
            Self::Key(key) => Ok(key),
        }
    }

    /// Who the log says it was.
    ///
    /// # Errors
    /// 401 for somebody without a key.
    pub(crate) fn actor(&self) -> Result<Actor, Fail> {
        self.key().map(|key| Actor::Key(key.id))
    }
}

/// A token and how it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential<'a> {
    /// `Authorization: Bearer`.
    Bearer(&'a str),
    /// The console's cookie.
    Cookie(&'a str),
}

/// Reads the token of a request; the header wins over the cookie.
pub(crate) fn credential(headers: &HeaderMap) -> Option<Credential<'_>> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| Credential::Bearer(token.trim()));
    }
    cookie(headers, HOST_COOKIE).or_else(|| cookie(headers, COOKIE)).map(Credential::Cookie)
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// The key of a token, if it is valid now.
///
/// # Errors
/// 401 for an unknown, expired or revoked one; the answer does not tell which.
pub(crate) fn key_of(state: &State, now: UnixMicros, token: &str) -> Result<Key, Fail> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(unauthenticated("the key is unknown, expired or revoked"));
    }
    let key = state.key_by_hash(token::hash(token)).filter(|key| key.is_valid_at(now));
    key.cloned().ok_or_else(|| unauthenticated("the key is unknown, expired or revoked"))
}

/// Refuses a key that was revoked or has expired since it was looked up.
///
/// # Errors
/// 401.
pub(crate) fn still_valid(state: &State, now: UnixMicros, id: Id<kinds::Key>) -> Result<(), Fail> {
    let valid = state.keys.get(&id).is_some_and(|key| key.is_valid_at(now));
    if valid { Ok(()) } else { Err(unauthenticated("the key is unknown, expired or revoked")) }
}

/// Refuses a change that a page of another origin asks for.
///
/// # Errors
/// 403 unless `Origin` is this host.
pub(crate) fn require_same_origin(headers: &HeaderMap) -> Result<(), Fail> {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let host = text(header::HOST);
    let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://")).map(|(_, h)| h);
    if origin.is_some() && origin == host {
        return Ok(());
    }
    Err(Fail::new(Code::Forbidden, "the request does not come from a page of this console")
        .remedy("open the console at its own address, or send the key as a bearer token"))
}

pub(crate) fn unauthenticated(detail: &str) -> Fail {
    Fail::new(Code::Unauthenticated, detail)
        .remedy("send `Authorization: Bearer cck_…` with a valid key")
}

#[cfg(test)]
mod tests;
