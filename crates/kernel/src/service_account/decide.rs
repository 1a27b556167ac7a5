//! Validates commands about service accounts.

use units::{Id, UnixMicros, kinds};

use super::{Command, Event, get};
use crate::{
    Ctx, Reject, State,
    access::{self, Scope},
    binding::{self, Principal},
    limits, user,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { scope, name, owner, expires_at } => {
            access::tenant_scope_exists(state, *scope)?;
            may_own(state, *owner, *scope)?;
            check_end(ctx, *expires_at)?;
            let (count, max) = (state.service_accounts.len(), limits::SERVICE_ACCOUNTS_MAX);
            Reject::limit("service accounts", count, max)?;
            if state.service_account_by_name(*scope, name).is_some() {
                return Err(Reject::NameTaken { kind: "service account", name: name.to_string() });
            }
            let (id, name) = (ctx.id(0), name.clone());
            Event::Created { id, scope: *scope, name, owner: *owner, expires_at: *expires_at }
        }
        Command::Renew { id, expires_at } => {
            if get(state, *id)?.expires_at == *expires_at {
                return Ok(Vec::new());
            }
            check_end(ctx, *expires_at)?;
            Event::Renewed { id: *id, expires_at: *expires_at }
        }
        Command::Assign { id, owner } => {
            let account = get(state, *id)?;
            if account.owner == *owner {
                return Ok(Vec::new());
            }
            may_own(state, *owner, account.scope)?;
            Event::Assigned { id: *id, owner: *owner }
        }
        Command::Delete { id } => {
            let gone = Event::Deleted { id: *id, scope: get(state, *id)?.scope };
            let taken = binding::taken_from(state, Principal::ServiceAccount(*id));
            return Ok(taken.chain(std::iter::once(crate::Event::ServiceAccount(gone))).collect());
        }
    };
    Ok(vec![crate::Event::ServiceAccount(event)])
}

/// Somebody of the same organisation who may act answers for an account.
fn may_own(state: &State, owner: Id<kinds::User>, scope: Scope) -> Result<(), Reject> {
    let found = user::get(state, owner)?;
    if found.home.is_none() || found.home != access::organisation_of(state, scope) {
        return Err(Reject::not_found("user", owner));
    }
    match found.status {
        user::Status::Active => Ok(()),
        user::Status::Suspended => Err(Reject::WrongState {
            kind: "user",
            id: owner.to_string(),
            state: found.status.as_str().to_owned(),
            action: "own a service account",
        }),
    }
}

fn check_end(ctx: &Ctx, end: UnixMicros) -> Result<(), Reject> {
    let latest = ctx.now.plus(limits::SERVICE_ACCOUNT_LIFETIME_MAX);
    if end > ctx.now && end <= latest {
        return Ok(());
    }
    let days = limits::SERVICE_ACCOUNT_LIFETIME_MAX.as_secs() / 86_400;
    Err(Reject::invalid(
        "expires_at",
        format!("lies in the past or more than {days} days ahead: give an end in between"),
    ))
}
