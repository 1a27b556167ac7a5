//! Validates key commands.

use units::{Digest, UnixMicros};

use super::{Command, Event, Issue, Limits, Owner};
use crate::{
    Actor, Ctx, Reject, State,
    access::{self, Role, Scope},
    erasure, limits, project,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { name, scope, role, secret_hash, expires_at } => {
            Reject::limit("keys", state.keys.len(), limits::KEYS_MAX)?;
            check_scope(state, *scope, *role)?;
            check_new(state, (*secret_hash, *expires_at), ctx)?;
            Event::Created {
                id: ctx.id(0),
                name: name.clone(),
                scope: *scope,
                role: *role,
                secret_hash: *secret_hash,
                expires_at: *expires_at,
            }
        }
        Command::Issue(issue) => issued(state, issue, ctx)?,
        Command::Rotate { id, secret_hash, overlap } => {
            let key = state.keys.get(id).ok_or_else(|| Reject::not_found("key", id))?;
            if !key.is_valid_at(ctx.now) {
                return Err(Reject::WrongState {
                    kind: "key",
                    id: id.to_string(),
                    state: "expired or revoked".to_owned(),
                    action: "give it a new secret: create another key",
                });
            }
            if *overlap > limits::KEY_OVERLAP_MAX {
                let days = limits::KEY_OVERLAP_MAX.as_secs() / 86_400;
                let message = format!("is more than {days} days: rotate with a shorter overlap");
                return Err(Reject::invalid("overlap_seconds", message));
            }
            check_new(state, (*secret_hash, None), ctx)?;
            let earlier_until = ctx.now.plus(*overlap);
            Event::Rotated { id: *id, secret_hash: *secret_hash, earlier_until }
        }
        Command::Revoke { id } => {
            let key = state.keys.get(id).ok_or_else(|| Reject::not_found("key", id))?;
            if key.revoked_at.is_some() {
                return Ok(Vec::new());
            }
            Event::Revoked { id: *id }
        }
    };
    Ok(vec![crate::Event::Key(event)])
}

fn issued(state: &State, issue: &Issue, ctx: &Ctx) -> Result<Event, Reject> {
    Reject::limit("keys", state.keys.len(), limits::KEYS_MAX)?;
    access::scope_exists(state, issue.scope)?;
    access::check_role(issue.role, issue.scope)?;
    if let Some(organisation) = access::organisation_of(state, issue.scope) {
        erasure::require_open(state, organisation)?;
    }
    check_new(state, (issue.secret_hash, issue.expires_at), ctx)?;
    check_limits(&issue.limits)?;
    match issue.owner {
        Some(owner) => check_owner(state, owner, issue.scope, ctx.now)?,
        None => require_nobody(state, ctx, issue.scope)?,
    }
    access::require_within(state, ctx, issue.role.mask(), issue.scope)?;
    Ok(Event::Issued {
        id: ctx.id(0),
        name: issue.name.clone(),
        scope: issue.scope,
        role: issue.role,
        secret_hash: issue.secret_hash,
        expires_at: issue.expires_at,
        owner: issue.owner,
        limits: issue.limits.clone(),
    })
}

/// Whoever is somebody at home makes no key that is nobody's: it would live on when they are gone.
fn require_nobody(state: &State, ctx: &Ctx, scope: Scope) -> Result<(), Reject> {
    let own = match ctx.actor {
        Actor::User(id) => Some(Owner::User(id)),
        Actor::ServiceAccount(id) => Some(Owner::ServiceAccount(id)),
        Actor::Key(id) => state.keys.get(&id).and_then(|key| key.owner),
        Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => None,
    };
    if own.is_some_and(|own| is_at_home(state, own, scope)) {
        let message = "is nobody: name the user or service account that the key is for";
        return Err(Reject::invalid("owner", message));
    }
    Ok(())
}

fn check_new(
    state: &State,
    (secret_hash, expires_at): (Digest, Option<UnixMicros>),
    ctx: &Ctx,
) -> Result<(), Reject> {
    if state.index.key_hashes.contains_key(&secret_hash) {
        return Err(Reject::NameTaken { kind: "key", name: "with this secret".to_owned() });
    }
    if expires_at.is_some_and(|end| end <= ctx.now) {
        return Err(Reject::invalid("expires_at", "lies in the past: give a later time"));
    }
    Ok(())
}

fn check_limits(given: &Limits) -> Result<(), Reject> {
    let room = |what, list: usize| {
        if (1..=limits::KEY_LIMITS_MAX).contains(&list) {
            return Ok(());
        }
        let max = limits::KEY_LIMITS_MAX;
        Err(Reject::invalid(what, format!("has {list} entries: name 1 to {max}, or leave it out")))
    };
    room("models", given.models.as_ref().map_or(1, Vec::len))?;
    room("countries", given.countries.as_ref().map_or(1, Vec::len))
}

/// True if the owner exists and is at home in a scope: the platform's people on the platform, a
/// tenant's in the tenant, a program where it belongs.
#[must_use]
pub fn is_at_home(state: &State, owner: Owner, scope: Scope) -> bool {
    match owner {
        Owner::User(id) => {
            let home = state.users.get(&id).map(|user| user.home);
            home == Some(access::organisation_of(state, scope))
        }
        Owner::ServiceAccount(id) => {
            let account = state.service_accounts.get(&id);
            account.is_some_and(|account| access::covers(state, account.scope, scope))
        }
    }
}

/// A key is of somebody who is at home where it is valid.
fn check_owner(state: &State, owner: Owner, scope: Scope, now: UnixMicros) -> Result<(), Reject> {
    if !is_at_home(state, owner, scope) {
        return Err(match owner {
            Owner::User(id) => Reject::not_found("user", id),
            Owner::ServiceAccount(id) => Reject::not_found("service account", id),
        });
    }
    if access::is_active(state, owner.into(), now) {
        return Ok(());
    }
    Err(Reject::invalid("owner", "is suspended or has expired: name one that may act"))
}

fn check_scope(state: &State, scope: Scope, role: Role) -> Result<(), Reject> {
    match scope {
        Scope::Platform if role != Role::Operator => Err(Reject::invalid(
            "scope",
            "only operator keys are valid on the whole platform: name an organisation or a project",
        )),
        Scope::Platform => Ok(()),
        Scope::Organisation(_) | Scope::Project(_) if role == Role::Operator => {
            Err(Reject::invalid(
                "role",
                "an operator key is valid on the whole platform: leave organisation and project out",
            ))
        }
        Scope::Organisation(id) => erasure::require_open(state, id),
        Scope::Project(id) => erasure::require_open(state, project::get(state, id)?.organisation),
    }
}
