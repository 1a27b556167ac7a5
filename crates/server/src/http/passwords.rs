//! Setting a password: by an administrator for anybody, or by somebody for themselves.
//!
//! Whoever sets one ends all sessions of that person: who knew the old one is out.

use std::sync::Arc;

use api::{endpoint::Nothing, nouns::password::PasswordSet, problem::Code};
use kernel::{Command, access::Role, user};
use units::{Id, kinds};

use super::{
    App, access,
    blobs::blocking_fail,
    caller::Who,
    fail::Fail,
    mount::Call,
    people,
    sessions::{self, no_verdict},
    visible::scope_of_home,
};
use crate::sign_in::session::Principal;

/// Longest name to sign in with, in bytes.
const USER_NAME_BYTES_MAX: usize = 254;

/// `PUT /api/v1/users/{id}/password`
pub(crate) async fn set(call: Call<PasswordSet>) -> Result<Nothing, Fail> {
    let id = call.path.id;
    let own = matches!(call.caller.who(), Who::User(me) if *me == id);
    let home = call.read(|state| {
        let found = state.users.get(&id).map(|user| (user, scope_of_home(user.home)));
        let found = match (own, found) {
            (true, Some((user, _))) => Ok(user),
            (_, found) => {
                access::find(state, &call.caller, Role::Administrator, found, ("user", &id))
            }
        };
        found.map(|user| user.home)
    })?;
    let person = people::open(&call.app, vec![(home, id)]).await?.pop().flatten();
    let mut person = person.ok_or_else(|| Fail::not_found("user", id))?;
    let passwords = &call.platform().sign_in().passwords;
    if own {
        let label = format!("own {id}");
        let (throttle, now) = (&call.platform().sign_in().throttle, call.platform().now());
        throttle.admit(now, &label, call.source).map_err(sessions::too_often)?;
        let current = call.body.current.clone().unwrap_or_default();
        let same = passwords.verify(person.password.clone(), current).await.map_err(no_verdict)?;
        if !same {
            return Err(Fail::new(Code::Forbidden, "the current password is wrong")
                .remedy("give it in `current`, or ask an administrator to set a new one"));
        }
        throttle.succeeded(now, &label, call.source);
    }
    if let Some(name) = &call.body.user_name {
        person.user_name = Some(checked_name(name)?);
    }
    if person.user_name.is_none() && person.email.is_none() {
        return Err(Fail::field("/user_name", "give a name to sign in with: there is no address"));
    }
    person.password = Some(passwords.hash(call.body.password.clone()).await.map_err(no_verdict)?);
    let commitment = people::seal(&call.app, home, id, person).await?;
    call.submit_plain(Command::User(user::Command::ReplaceData { id, commitment })).await?;
    end_sessions(&call.app, id).await?;
    Ok(Nothing {})
}

/// A name to sign in with.
pub(crate) fn checked_name(name: &str) -> Result<String, Fail> {
    let name = name.trim();
    if name.is_empty() || name.len() > USER_NAME_BYTES_MAX || name.contains(char::is_control) {
        let text = format!("a name has 1 to {USER_NAME_BYTES_MAX} bytes of one line");
        return Err(Fail::field("/user_name", text));
    }
    Ok(name.to_owned())
}

/// Ends all sessions of somebody.
pub(crate) async fn end_sessions(app: &Arc<App>, id: Id<kinds::User>) -> Result<(), Fail> {
    let app = Arc::clone(app);
    blocking_fail(move || {
        let ended = app.platform.sign_in().sessions.end_all(Principal::User(id));
        ended.map(|_| ()).map_err(|error| Fail::internal("sessions could not be ended", &error))
    })
    .await
}
