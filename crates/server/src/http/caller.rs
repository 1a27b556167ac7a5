//! Who is asking: a bearer token, or the console's cookie with the secret of a session.
//!
//! A cookie proves who the browser's user is, not that the user wanted the request: what a cookie
//! asks to change must come from this very origin.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use api::problem::Code;
use http::{HeaderMap, header};
use kernel::{
    Actor, State,
    access::{Grants, Operation, Principal, Role, Wish, is_active, is_of_content},
    key::Key,
};
use policy::access::Action;
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

/// Who asks, what they held when they came, and what they are about to do.
///
/// What is held is looked up once for a request: a right that is taken while a request runs ends
/// with the next one.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    who: Who,
    grants: Arc<Grants>,
    /// The operation under way and the role that its description asks for.
    operation: Option<(Operation, Role)>,
    /// Consents without which something would have been refused.
    consents: Arc<Mutex<BTreeSet<Id<kinds::Consent>>>>,
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    /// Nobody in particular; only public endpoints answer.
    Anonymous,
    /// The holder of a valid key.
    Key(Box<Key>),
    /// Somebody who has signed in.
    User(Id<kinds::User>),
    /// A program with an identity of its own.
    ServiceAccount(Id<kinds::ServiceAccount>),
}

impl Caller {
    /// Nobody in particular.
    pub(crate) fn anonymous() -> Self {
        Self {
            who: Who::Anonymous,
            grants: Arc::default(),
            operation: None,
            consents: Arc::default(),
        }
    }

    /// The holder of a key.
    ///
    /// # Errors
    /// 401 if the key, or its owner, may not act now.
    pub(crate) fn key_holder(
        state: &State,
        id: Id<kinds::Key>,
        now: UnixMicros,
    ) -> Result<Self, Fail> {
        let key = state.keys.get(&id).ok_or_else(unknown_key)?;
        Self::of(state, Who::Key(Box::new(key.clone())), now)
    }

    /// Somebody whose session was found to be good.
    ///
    /// # Errors
    /// 401 if they may not act now.
    pub(crate) fn user(state: &State, id: Id<kinds::User>, now: UnixMicros) -> Result<Self, Fail> {
        Self::of(state, Who::User(id), now)
    }

    /// A program whose credential was found to be good.
    ///
    /// # Errors
    /// 401 if it may not act now.
    #[expect(dead_code, reason = "tokens of accounts come with sign-in")]
    pub(crate) fn service_account(
        state: &State,
        id: Id<kinds::ServiceAccount>,
        now: UnixMicros,
    ) -> Result<Self, Fail> {
        Self::of(state, Who::ServiceAccount(id), now)
    }

    fn of(state: &State, who: Who, now: UnixMicros) -> Result<Self, Fail> {
        let principal = who.principal().ok_or_else(unknown_key)?;
        if !is_active(state, principal, now) {
            return Err(unknown_key());
        }
        let grants = Arc::new(Grants::of(state, principal, now));
        Ok(Self { who, grants, operation: None, consents: Arc::default() })
    }

    /// The same caller as they stand now: for what goes on for long.
    ///
    /// # Errors
    /// 401 if they may not act any more.
    pub(crate) fn renewed(&self, state: &State, now: UnixMicros) -> Result<Self, Fail> {
        let who = match &self.who {
            Who::Key(key) => state.keys.get(&key.id).cloned().map(Box::new).map(Who::Key),
            Who::Anonymous | Who::User(_) | Who::ServiceAccount(_) => Some(self.who.clone()),
        };
        let renewed = Self::of(state, who.ok_or_else(unknown_key)?, now)?;
        Ok(Self { operation: self.operation, consents: Arc::clone(&self.consents), ..renewed })
    }

    /// The same caller within an operation of the API.
    pub(crate) fn within(mut self, id: &str, role: Option<Role>) -> Self {
        self.operation = Operation::named(id).zip(role);
        self
    }

    /// Who it is.
    pub(crate) const fn who(&self) -> &Who {
        &self.who
    }

    /// The key, if it is one.
    pub(crate) fn key(&self) -> Option<&Key> {
        match &self.who {
            Who::Key(key) => Some(key),
            Who::Anonymous | Who::User(_) | Who::ServiceAccount(_) => None,
        }
    }

    /// What they held when they came.
    pub(crate) fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What is asked when a handler needs this role: within an operation that asks for the same,
    /// having been given that operation is enough.
    pub(crate) fn wish(&self, role: Role) -> Wish {
        let same = self.operation.filter(|(_, asks)| *asks == role);
        let own = policy::access::own();
        let of_own = |(operation, _)| own.allows(Action::Operation(operation));
        Wish {
            role,
            operation: same.map(|(operation, _)| operation),
            // The vocabulary says of an operation whether it is about what is a tenant's own. Whatever
            // a handler needs beside what its description asks for is taken to be.
            content: match same {
                Some(operation) => of_own(operation),
                None => is_of_content(role) || self.operation.is_some_and(of_own),
            },
        }
    }

    /// Something was allowed by this consent and by nothing else.
    pub(crate) fn note_consent(&self, id: Id<kinds::Consent>) {
        self.consents.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// All consents that the caller has now: for an answer that goes on for long.
    pub(crate) fn note_consents(&self) {
        let all = self.grants.iter().filter_map(|grant| grant.consent);
        self.consents.lock().unwrap_or_else(PoisonError::into_inner).extend(all);
    }

    /// The consents that were needed so far.
    pub(crate) fn consents_used(&self) -> BTreeSet<Id<kinds::Consent>> {
        self.consents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who acts.
    ///
    /// # Errors
    /// 401 for nobody in particular.
    pub(crate) fn principal(&self) -> Result<Principal, Fail> {
        self.who.principal().ok_or_else(|| unauthenticated("no key was sent"))
    }

    /// Who the log says it was.
    ///
    /// # Errors
    /// 401 for nobody in particular.
    pub(crate) fn actor(&self) -> Result<Actor, Fail> {
        self.principal().map(|principal| match principal {
            Principal::Key(id) => Actor::Key(id),
            Principal::User(id) => Actor::User(id),
            Principal::ServiceAccount(id) => Actor::ServiceAccount(id),
        })
    }
}

impl Who {
    fn principal(&self) -> Option<Principal> {
        match self {
            Self::Anonymous => None,
            Self::Key(key) => Some(Principal::Key(key.id)),
            Self::User(id) => Some(Principal::User(*id)),
            Self::ServiceAccount(id) => Some(Principal::ServiceAccount(*id)),
        }
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
pub(crate) fn key_of<'a>(state: &'a State, now: UnixMicros, token: &str) -> Result<&'a Key, Fail> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(unknown_key());
    }
    state.key_by_hash(token::hash(token), now).ok_or_else(unknown_key)
}

fn unknown_key() -> Fail {
    unauthenticated("the key is unknown, expired or revoked")
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
