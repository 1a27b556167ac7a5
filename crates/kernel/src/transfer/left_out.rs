//! What an organisation leaves behind, and why. Leaving something out is never a way around a refusal:
//! what nobody may bring is not left out, it is refused.

use units::{Id, UnixMicros, kinds};

use crate::{
    Event, State,
    binding::{self, Principal, Role},
    erasure::{self, Target},
    group, service_account, user,
};

/// Why an item of an honest file cannot come in: what it is about did not arrive, or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The user that it is about did not come.
    UserUnknown,
    /// The group that it is about did not come.
    GroupUnknown,
    /// The service account that it is about did not come.
    ServiceAccountUnknown,
    /// The custom role that it gives did not come.
    RoleUnknown,
    /// It has ended.
    Ended,
}

/// Says whether an item is to be left out, and why; `None` if it is to be admitted, which refuses
/// what nobody may bring.
#[must_use]
pub fn left_out(state: &State, item: &Event, now: UnixMicros) -> Option<LeftOut> {
    let no_user = |id: &Id<kinds::User>| {
        let known = state.users.contains_key(id);
        (!known).then_some(LeftOut::UserUnknown)
    };
    if let Event::User(user::Event::Suspended { id })
    | Event::Group(group::Event::MemberAdded { user: id, .. }) = item
    {
        return no_user(id);
    }
    if let Event::ServiceAccount(service_account::Event::Created { owner, expires_at, .. }) = item {
        return no_user(owner).or((*expires_at <= now).then_some(LeftOut::Ended));
    }
    let Event::Binding(binding::Event::Created { role, principal, expires_at, .. }) = item else {
        return None;
    };
    let missing = match principal {
        Principal::User(id) => no_user(id),
        Principal::Group(id) => (!state.groups.contains_key(id)).then_some(LeftOut::GroupUnknown),
        Principal::ServiceAccount(id) => {
            let known = state.service_accounts.contains_key(id);
            (!known).then_some(LeftOut::ServiceAccountUnknown)
        }
    };
    let role = match role {
        Role::Custom(id) => (!state.roles.contains_key(id)).then_some(LeftOut::RoleUnknown),
        Role::BuiltIn(_) => None,
    };
    missing.or(role).or(expires_at.is_some_and(|end| end <= now).then_some(LeftOut::Ended))
}

/// True if a person goes along with their organisation: one whose data is erased, or is being
/// erased, does not.
#[must_use]
pub fn travels(state: &State, home: Id<kinds::Organisation>, id: Id<kinds::User>) -> bool {
    let is_of_home = state.users.get(&id).is_some_and(|user| user.home == Some(home));
    let is_gone = state.erasures.values().any(|erasure| {
        let is_theirs = matches!(erasure.target, Target::User { id: theirs, .. } if theirs == id);
        is_theirs
            && matches!(erasure.phase, erasure::Phase::Begun { .. } | erasure::Phase::Done { .. })
    });
    is_of_home && !is_gone
}
