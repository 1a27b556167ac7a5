//! Validates group commands.

use super::{Command, Event, get};
use crate::{
    Ctx, Reject, State, access,
    binding::{self, Principal},
    limits, user,
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { home, name } => {
            user::home_exists(state, *home)?;
            Reject::limit("groups", state.groups.len(), limits::GROUPS_MAX)?;
            if state.group_by_name(*home, name).is_some() {
                return Err(Reject::NameTaken { kind: "group", name: name.to_string() });
            }
            Event::Created { id: ctx.id(0), home: *home, name: name.clone() }
        }
        Command::AddMember { id, user } => {
            let group = get(state, *id)?;
            let found = user::get(state, *user)?;
            if found.home != group.home {
                return Err(Reject::not_found("user", user));
            }
            if group.members.contains(user) {
                return Ok(Vec::new());
            }
            Reject::limit("members of this group", group.members.len(), limits::MEMBERS_MAX)?;
            let count = state.groups_of(*user).count();
            Reject::limit("groups of this user", count, limits::GROUPS_PER_USER_MAX)?;
            // Whoever joins gets what the group has, which nobody may give who has it not.
            for binding in state.bindings_of(Principal::Group(*id)) {
                let mask = binding::mask_of(state, binding.role);
                access::require_within(state, ctx, mask, binding.scope)?;
            }
            Event::MemberAdded { id: *id, user: *user }
        }
        Command::RemoveMember { id, user } => {
            if !get(state, *id)?.members.contains(user) {
                return Ok(Vec::new());
            }
            Event::MemberRemoved { id: *id, user: *user }
        }
        Command::Delete { id } => {
            let group = get(state, *id)?;
            let gone = Event::Deleted { id: *id, home: group.home };
            let taken = binding::taken_from(state, Principal::Group(*id));
            return Ok(taken.chain(std::iter::once(crate::Event::Group(gone))).collect());
        }
    };
    Ok(vec![crate::Event::Group(event)])
}
