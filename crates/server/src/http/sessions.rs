//! Sessions of the caller: list and end; and signing in with a name and a password.
//!
//! A refusal never says whether the name exists, and costs the same in both cases.

use std::sync::Arc;

use api::{
    endpoint::Nothing,
    nouns::session::{
        Session as Dto, SessionBegun, SessionCreate, SessionEnd, SessionItems, SessionList,
        SignInDevice, SignInMeans,
    },
    problem::Code,
    text::Timestamp,
};

use kernel::{access, user};
use units::{Id, kinds};

use super::{App, caller::Caller, fail::Fail, mount::Call, people};
use crate::sign_in::{
    password::PasswordError,
    session::{Device, Means, Principal, Session, SessionError},
    throttle::{Source, Wait},
};

/// `POST /api/v1/sessions`
pub(crate) async fn create(call: Call<SessionCreate>) -> Result<SessionBegun, Fail> {
    let body = &call.body;
    let account = Account { organisation: body.organisation.clone(), name: body.user.clone() };
    let principal = by_password(&call.app, call.source, &account, &body.password).await?;
    let (session, secret) =
        begin(&call.app, principal, Means::Password, Device::CommandLine).await?;
    Ok(SessionBegun { session: dto(&session, true), secret })
}

/// `GET /api/v1/sessions`
pub(crate) async fn list(call: Call<SessionList>) -> Result<SessionItems, Fail> {
    let principal = principal_of(&call.caller)?;
    let now = call.platform().now();
    let current = call.session.as_ref().map(|session| session.handle.as_str());
    let sessions = call.platform().sign_in().sessions.of(now, principal);
    let items = sessions.iter().map(|s| dto(s, current == Some(s.handle.as_str()))).collect();
    Ok(SessionItems { items })
}

/// `DELETE /api/v1/sessions/{id}`
pub(crate) async fn end(call: Call<SessionEnd>) -> Result<Nothing, Fail> {
    let principal = principal_of(&call.caller)?;
    let handle = match (&call.session, call.path.id.as_str()) {
        (Some(session), "current") => session.handle.clone(),
        (None, "current") => {
            return Err(
                Fail::not_found("session", "current").remedy("sign in with a session first")
            );
        }
        (_, handle) => handle.to_owned(),
    };
    end_one(&call.app, principal, &handle).await?;
    Ok(Nothing {})
}

/// A name within an organisation, or among those who run the platform.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) organisation: Option<units::Name>,
    pub(crate) name: String,
}

/// Who has this name and this password.
///
/// # Errors
/// 401 if nobody, 429 after too many attempts, 503 if too many sign in at once.
pub(crate) async fn by_password(
    app: &Arc<App>,
    source: Source,
    account: &Account,
    password: &str,
) -> Result<Principal, Fail> {
    let sign_in = app.platform.sign_in();
    let home = account.organisation.as_ref().map(units::Name::as_str).unwrap_or_default();
    let label = format!("{home}/{}", account.name);
    sign_in.throttle.admit(app.platform.now(), &label, source).map_err(too_often)?;
    let (principal, stored) = stored(app, account).await?.unzip();
    let same = sign_in.passwords.verify(stored, password.to_owned()).await.map_err(no_verdict)?;
    match principal.filter(|_| same) {
        Some(principal) => {
            sign_in.throttle.succeeded(app.platform.now(), &label, source);
            Ok(principal)
        }
        None => Err(Fail::new(Code::Unauthenticated, "the name or the password is wrong")
            .remedy("check both, or ask an administrator of your organisation")),
    }
}

/// Whom an account is of, with their password's hash; nothing for one that nobody has.
async fn stored(app: &Arc<App>, account: &Account) -> Result<Option<(Principal, String)>, Fail> {
    let home = match &account.organisation {
        None => None,
        Some(name) => match app.platform.read(|state| state.organisation_by_name(name)) {
            None => return Ok(None),
            found => found,
        },
    };
    let name = account.name.trim().to_lowercase();
    if name.is_empty() || name.len() > 254 {
        return Ok(None);
    }
    let by_name = people::find(app, home, people::purpose::USER_NAME, name.clone()).await?;
    let id = match by_name {
        Some(id) => Some(id),
        None => people::find(app, home, people::purpose::EMAIL, name).await?,
    };
    let active = |id: &Id<kinds::User>| {
        app.platform.read(|state| {
            state.users.get(id).is_some_and(|user| user.status == user::Status::Active)
        })
    };
    let Some(id) = id.filter(active) else { return Ok(None) };
    let person = people::open_one(app, home, id).await?;
    Ok(person.and_then(|person| person.password).map(|hash| (Principal::User(id), hash)))
}

/// Begins a session, durably.
///
/// # Errors
/// 503 if there are too many, 500 if it cannot be kept.
pub(crate) async fn begin(
    app: &Arc<App>,
    principal: Principal,
    means: Means,
    device: Device,
) -> Result<(Session, String), Fail> {
    let app = Arc::clone(app);
    let begun = tokio::task::spawn_blocking(move || {
        app.platform.sign_in().sessions.begin(app.platform.now(), principal, means, device)
    });
    let begun = begun.await.map_err(|e| Fail::internal("a session could not begin", &e))?;
    begun.map_err(|error| session_fail(&error))
}

/// Ends a session of somebody, durably.
///
/// # Errors
/// 404 if they have none of this handle.
pub(crate) async fn end_one(
    app: &Arc<App>,
    principal: Principal,
    handle: &str,
) -> Result<(), Fail> {
    let (app, wanted) = (Arc::clone(app), handle.to_owned());
    let ended = tokio::task::spawn_blocking(move || {
        app.platform.sign_in().sessions.end(principal, &wanted)
    });
    let ended = ended.await.map_err(|e| Fail::internal("a session could not be ended", &e))?;
    let shown: String = handle.chars().take(64).collect();
    match ended {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fail::not_found("session", shown)),
        Err(error) => Err(session_fail(&error)),
    }
}

fn session_fail(error: &SessionError) -> Fail {
    match error {
        SessionError::Full => {
            Fail::new(Code::Unavailable, "too many people are signed in").remedy("try again later")
        }
        SessionError::Randomness(_) | SessionError::File(_) => {
            Fail::internal("a session could not be kept", error)
        }
    }
}

/// Come back later.
pub(crate) fn too_often(wait: Wait) -> Fail {
    let seconds = wait.ms.div_ceil(1_000);
    let mut fail = Fail::new(Code::RateLimited, "too many attempts to sign in");
    fail.0.retry_after_ms = Some(wait.ms);
    fail.remedy(format!("wait {seconds} s, then try again"))
}

pub(crate) fn no_verdict(error: PasswordError) -> Fail {
    match error {
        PasswordError::Busy => Fail::new(Code::Unavailable, "too many people sign in at once")
            .remedy("try again in a moment"),
        PasswordError::Refused(text) => Fail::field("/password", text),
        PasswordError::Fault(_) => Fail::internal("a password could not be compared", &error),
    }
}

/// Whose sessions a caller sees.
///
/// # Errors
/// 401 for nobody, 403 for a service account, which has keys and no sessions.
pub(crate) fn principal_of(caller: &Caller) -> Result<Principal, Fail> {
    match caller.principal()? {
        access::Principal::Key(id) => Ok(Principal::Key(id)),
        access::Principal::User(id) => Ok(Principal::User(id)),
        access::Principal::ServiceAccount(_) => {
            Err(Fail::new(Code::Forbidden, "a service account has keys and no sessions")
                .remedy("give it a key with `cocarde key create`"))
        }
    }
}

pub(crate) fn dto(session: &Session, current: bool) -> Dto {
    Dto {
        handle: session.handle.clone(),
        means: match session.means {
            Means::Key => SignInMeans::Key,
            Means::Password => SignInMeans::Password,
            Means::Provider(_) => SignInMeans::Provider,
        },
        device: match session.device {
            Device::Browser => SignInDevice::Browser,
            Device::CommandLine => SignInDevice::CommandLine,
        },
        created_at: Timestamp(session.created_at),
        seen_at: Timestamp(session.seen_at),
        ends_at: Timestamp(session.ends_at()),
        current,
    }
}
