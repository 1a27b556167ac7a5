//! From the credential of a request to its caller: an API key, a session, or a capability token.
//!
//! A cookie only ever holds a session, and what a cookie asks to change must come from this very
//! origin. What makes new credentials is never done by a capability token: it would make one that is
//! wider than itself.

use api::problem::Code;
use http::{HeaderMap, Method};
use units::UnixMicros;

use super::{
    App,
    caller::{self, Caller, Credential, unauthenticated},
    fail::Fail,
};
use crate::sign_in::{
    capability::{self, Asked, Refused},
    session::{self, Principal, Session},
};

/// Operations that make credentials, or say what others may do.
const MAKES_CREDENTIALS: [&str; 4] =
    ["capability_create", "key_create", "key_rotate", "password_set"];

/// A caller, and the session that they used.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    /// Who.
    pub(crate) caller: Caller,
    /// Their session, if that is how they came.
    pub(crate) session: Option<Session>,
}

/// The caller of a request that needs one.
///
/// # Errors
/// 401 without a valid credential; 403 for a change that a page of another origin asks for, or that a
/// capability token does not allow.
pub(crate) fn identify(
    app: &App,
    now: UnixMicros,
    method: &Method,
    headers: &HeaderMap,
    operation: &str,
) -> Result<Identified, Fail> {
    let credential = caller::credential(headers);
    match credential.ok_or_else(|| unauthenticated("no key was sent"))? {
        Credential::Cookie(secret) => {
            if !method.is_safe() {
                caller::require_same_origin(headers)?;
            }
            of_session(app, now, secret)
        }
        Credential::Bearer(token) if token.starts_with(session::PREFIX) => {
            of_session(app, now, token)
        }
        Credential::Bearer(token) if token.starts_with(capability::PREFIX) => {
            of_capability(app, now, token, operation)
        }
        Credential::Bearer(token) => {
            let caller = app.platform.read(|state| {
                let id = caller::key_of(state, now, token)?.id;
                Caller::key_holder(state, id, now)
            })?;
            Ok(Identified { caller, session: None })
        }
    }
}

/// The session of a secret, and whose it is.
fn of_session(app: &App, now: UnixMicros, secret: &str) -> Result<Identified, Fail> {
    let session = app.platform.sign_in().sessions.find(now, secret);
    let session = session.ok_or_else(|| {
        Fail::new(Code::Unauthenticated, "the session is unknown or over")
            .remedy("sign in again: on the console, or with `cocarde login`")
    })?;
    let caller = of_principal(app, now, session.principal)?;
    Ok(Identified { caller, session: Some(session) })
}

/// A key or a person that may act now: a session never outlives them.
pub(crate) fn of_principal(
    app: &App,
    now: UnixMicros,
    principal: Principal,
) -> Result<Caller, Fail> {
    let found = app.platform.read(|state| match principal {
        Principal::Key(id) => Caller::key_holder(state, id, now),
        Principal::User(id) => Caller::user(state, id, now),
    });
    found.map_err(|_| unauthenticated("who signed in may not act any more"))
}

fn of_capability(
    app: &App,
    now: UnixMicros,
    token: &str,
    operation: &str,
) -> Result<Identified, Fail> {
    let sign_in = app.platform.sign_in();
    let capability = sign_in.root.verify(token).map_err(|refused| refuse(&refused))?;
    if MAKES_CREDENTIALS.contains(&operation) {
        return Err(Fail::new(Code::Forbidden, "a capability token makes no credentials")
            .remedy("use the key or the account that it was made from"));
    }
    let revoked = app.platform.read(|state| capability.is_revoked(state));
    if revoked {
        return Err(refuse(&Refused::Revoked));
    }
    let caller = of_principal(app, now, capability.holder)?;
    let asked = Asked { now, operation, model: None, country: None };
    let allowed = capability.allow(asked, |id| sign_in.meter.spent(id));
    allowed.map_err(|refused| refuse(&refused))?;
    Ok(Identified { caller, session: None })
}

fn refuse(refused: &Refused) -> Fail {
    match refused {
        Refused::Invalid | Refused::Revoked | Refused::Unsupported(_) => {
            Fail::new(Code::Unauthenticated, refused.to_string())
                .remedy("get a new one with `cocarde key capability`")
        }
        Refused::Narrowed(_) => Fail::new(Code::Forbidden, refused.to_string())
            .remedy("use a token that is narrowed less; `cocarde key show` prints its conditions"),
    }
}
