//! Validates commands about consents.

use units::{Id, UnixMicros, kinds};

use super::{Command, Event, get};
use crate::{
    Actor, Ctx, Reject, State,
    access::{self, Scope},
    key, limits, user,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Grant { scope, users, level, until } => {
            access::tenant_scope_exists(state, *scope)?;
            require_own(state, ctx.actor, *scope)?;
            access::require_within(state, ctx, level.mask(), *scope)?;
            check_users(state, users.iter().copied())?;
            check_end(ctx, *until)?;
            Reject::limit("consents", state.consents.len(), limits::CONSENTS_MAX)?;
            let (scope, level, until) = (*scope, *level, *until);
            Event::Granted { id: ctx.id(0), scope, users: users.clone(), level, until }
        }
        Command::Revoke { id } => {
            let consent = get(state, *id)?;
            if consent.revoked_at.is_some() {
                return Ok(Vec::new());
            }
            Event::Revoked { id: *id, scope: consent.scope }
        }
        Command::Use { id, operation, request } => {
            let consent = get(state, *id)?;
            if !consent.is_in_force(ctx.now) || !is_named(state, consent, ctx.actor) {
                return Err(Reject::WrongState {
                    kind: "consent",
                    id: id.to_string(),
                    state: "over, revoked or not for this user".to_owned(),
                    action: "be used: ask the tenant for another",
                });
            }
            let (operation, request) = (limits::cut(operation), limits::cut(request));
            Event::Used { id: *id, scope: consent.scope, operation, request }
        }
    };
    Ok(vec![crate::Event::Consent(event)])
}

/// True if the actor is one of the people whom the consent names, or a key of theirs.
fn is_named(state: &State, consent: &super::Consent, actor: Actor) -> bool {
    let user = match actor {
        Actor::User(id) => Some(id),
        Actor::Key(id) => match state.keys.get(&id).and_then(|key| key.owner) {
            Some(key::Owner::User(id)) => Some(id),
            Some(key::Owner::ServiceAccount(_)) | None => None,
        },
        Actor::ServiceAccount(_)
        | Actor::System
        | Actor::Planner
        | Actor::Engine
        | Actor::Gateway => None,
    };
    user.is_some_and(|user| consent.users.contains(&user))
}

/// The platform cannot consent in a tenant's name: neither by itself, nor by its people, nor by a key
/// that is valid everywhere.
fn require_own(state: &State, actor: Actor, scope: Scope) -> Result<(), Reject> {
    let organisation = access::organisation_of(state, scope);
    let home = match actor {
        Actor::User(id) => state.users.get(&id).and_then(|user| user.home),
        Actor::Key(id) => {
            state.keys.get(&id).and_then(|key| access::organisation_of(state, key.scope))
        }
        Actor::ServiceAccount(id) => {
            let account = state.service_accounts.get(&id);
            account.and_then(|account| access::organisation_of(state, account.scope))
        }
        Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => None,
    };
    if home.is_some() && home == organisation {
        return Ok(());
    }
    Err(Reject::invalid("scope", "only somebody of the organisation itself consents for it"))
}

/// Support is of the platform, and may act.
fn check_users(
    state: &State,
    users: impl ExactSizeIterator<Item = Id<kinds::User>>,
) -> Result<(), Reject> {
    let max = limits::CONSENT_USERS_MAX;
    if users.len() == 0 || users.len() > max {
        let message = format!("names {} people: name 1 to {max}", users.len());
        return Err(Reject::invalid("users", message));
    }
    for id in users {
        let found = user::get(state, id)?;
        if found.home.is_some() || found.status != user::Status::Active {
            return Err(Reject::not_found("user", id));
        }
    }
    Ok(())
}

fn check_end(ctx: &Ctx, until: UnixMicros) -> Result<(), Reject> {
    if until > ctx.now && until <= ctx.now.plus(limits::CONSENT_MAX) {
        return Ok(());
    }
    let days = limits::CONSENT_MAX.as_secs() / 86_400;
    Err(Reject::invalid(
        "expires_in_seconds",
        format!("ends in the past or after more than {days} days: give an end in between"),
    ))
}
