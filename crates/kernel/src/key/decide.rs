//! Validates key commands.

use super::{Command, Event};
use crate::{
    Ctx, Reject, State,
    access::{Role, Scope},
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
            if state.index.key_hashes.contains_key(secret_hash) {
                return Err(Reject::NameTaken { kind: "key", name: name.to_string() });
            }
            if expires_at.is_some_and(|end| end <= ctx.now) {
                return Err(Reject::invalid("expires_at", "lies in the past: give a later time"));
            }
            Event::Created {
                id: ctx.id(0),
                name: name.clone(),
                scope: *scope,
                role: *role,
                secret_hash: *secret_hash,
                expires_at: *expires_at,
            }
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
