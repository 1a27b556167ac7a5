//! Validates commands about custom roles.

use std::collections::BTreeSet;

use policy::access::{Mask, permission};

use super::{Command, Event, get};
use crate::{
    Ctx, Reject, State,
    access::{self, Role as BuiltIn, Scope},
    binding::Role as Given,
    limits,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { organisation, name, permissions } => {
            if !state.organisations.contains_key(organisation) {
                return Err(Reject::not_found("organisation", organisation));
            }
            let mask = check(permissions)?;
            access::require_within(state, ctx, mask, Scope::Organisation(*organisation))?;
            let count = state.roles.values().filter(|r| r.organisation == *organisation).count();
            let max = limits::ROLES_PER_ORGANISATION_MAX;
            Reject::limit("roles of this organisation", count, max)?;
            let taken = state.role_by_name(*organisation, name).is_some();
            if taken || name.as_str().parse::<BuiltIn>().is_ok() {
                return Err(Reject::NameTaken { kind: "role", name: name.to_string() });
            }
            let (name, permissions) = (name.clone(), permissions.clone());
            Event::Created { id: ctx.id(0), organisation: *organisation, name, permissions }
        }
        Command::Set { id, permissions } => {
            let role = get(state, *id)?;
            if role.permissions == *permissions {
                return Ok(Vec::new());
            }
            let mask = check(permissions)?;
            access::require_within(state, ctx, mask, Scope::Organisation(role.organisation))?;
            Event::Changed { id: *id, permissions: permissions.clone() }
        }
        Command::Delete { id } => {
            let role = get(state, *id)?;
            let given = state.bindings.values().find(|b| b.role == Given::Custom(*id));
            if let Some(binding) = given {
                return Err(Reject::WrongState {
                    kind: "role",
                    id: id.to_string(),
                    state: format!("given in binding `{}`", binding.id),
                    action: "be deleted before that binding",
                });
            }
            Event::Deleted { id: *id, organisation: role.organisation }
        }
    };
    Ok(vec![crate::Event::Role(event)])
}

fn check(names: &BTreeSet<String>) -> Result<Mask, Reject> {
    let refuse = |message: String| Reject::invalid("permissions", message);
    if names.is_empty() {
        return Err(refuse("is empty: name groups such as `read`, or operations".to_owned()));
    }
    Reject::limit("permissions of a role", names.len().saturating_sub(1), limits::PERMISSIONS_MAX)?;
    let administrator = BuiltIn::Administrator.mask();
    let mut all = Mask::NOTHING;
    for name in names {
        let mask = permission(name).map_err(|error| refuse(limits::cut(&error.to_string())))?;
        if !mask.within(administrator) {
            return Err(refuse(format!(
                "`{name}` is more than an administrator of an organisation has: leave it out"
            )));
        }
        all = all.or(mask);
    }
    Ok(all)
}
