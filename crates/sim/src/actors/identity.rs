//! Commands about people, groups, service accounts, roles and what is given to them.

use kernel::{
    Command, State,
    access::{Role, Scope},
    binding::{self, Principal},
    group, key, role, service_account, user,
};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::catalogue::{any, name, nobody, soon};
use crate::rng::Rng;

/// Names that custom roles are made of; the last two are refused.
const PERMISSIONS: [&str; 6] =
    ["read", "work", "workload_create", "binding_create", "operate", "no_such"];

/// One command, mostly valid.
pub(crate) fn identity_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<Command, String> {
    Ok(match rng.below(10) {
        0..=1 => Command::User(user_command(rng, state)),
        2..=3 => Command::Group(group_command(rng, state)?),
        4 => Command::ServiceAccount(account_command(rng, state, now)?),
        5 => Command::Role(role_command(rng, state)?),
        6..=7 => Command::Binding(binding_command(rng, state, now)),
        _ => Command::Key(issue_command(rng, state, now)?),
    })
}

fn home(rng: &mut Rng, state: &State) -> Option<Id<kinds::Organisation>> {
    any(rng, &state.organisations).filter(|_| rng.chance(85))
}

fn a_user(rng: &mut Rng, state: &State) -> Id<kinds::User> {
    any(rng, &state.users).unwrap_or(nobody())
}

fn scope(rng: &mut Rng, state: &State) -> Scope {
    match rng.below(10) {
        0 => Scope::Platform,
        1..=3 => Scope::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
        _ => Scope::Project(any(rng, &state.projects).unwrap_or(nobody())),
    }
}

fn user_command(rng: &mut Rng, state: &State) -> user::Command {
    match rng.below(6) {
        0 => user::Command::Suspend { id: a_user(rng, state) },
        1 => user::Command::Resume { id: a_user(rng, state) },
        2 => user::Command::ReplaceData { id: a_user(rng, state), commitment: rng.digest() },
        _ => {
            let [a, b, c, d, e, f, g, h, i, j, ..] = rng.digest().0;
            let id = Id::from_parts(1, [a, b, c, d, e, f, g, h, i, j]);
            user::Command::Create { id, home: home(rng, state), commitment: rng.digest() }
        }
    }
}

fn group_command(rng: &mut Rng, state: &State) -> Result<group::Command, String> {
    let id = any(rng, &state.groups).unwrap_or(nobody());
    let user = a_user(rng, state);
    Ok(match rng.below(6) {
        0 => group::Command::Delete { id },
        1 => group::Command::RemoveMember { id, user },
        2..=3 => group::Command::AddMember { id, user },
        _ => group::Command::Create { home: home(rng, state), name: name(rng, "group", 4)? },
    })
}

fn account_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<service_account::Command, String> {
    let id = any(rng, &state.service_accounts).unwrap_or(nobody());
    let (owner, expires_at) = (a_user(rng, state), soon(rng, now));
    Ok(match rng.below(5) {
        0 => service_account::Command::Delete { id },
        1 => service_account::Command::Renew { id, expires_at },
        2 => service_account::Command::Assign { id, owner },
        _ => {
            let (scope, name) = (scope(rng, state), name(rng, "account", 4)?);
            service_account::Command::Create { scope, name, owner, expires_at }
        }
    })
}

fn role_command(rng: &mut Rng, state: &State) -> Result<role::Command, String> {
    let id = any(rng, &state.roles).unwrap_or(nobody());
    let mut some = || rng.pick(&PERMISSIONS).copied().unwrap_or("read").to_owned();
    let permissions = [some(), some()].into();
    Ok(match rng.below(4) {
        0 => role::Command::Delete { id },
        1 => role::Command::Set { id, permissions },
        _ => role::Command::Create {
            organisation: any(rng, &state.organisations).unwrap_or(nobody()),
            name: name(rng, "role", 3)?,
            permissions,
        },
    })
}

fn binding_command(rng: &mut Rng, state: &State, now: UnixMicros) -> binding::Command {
    if rng.chance(20) {
        return binding::Command::Delete { id: any(rng, &state.bindings).unwrap_or(nobody()) };
    }
    let built_in = rng.pick(&Role::ALL).copied().unwrap_or(Role::Viewer);
    let custom = any(rng, &state.roles).filter(|_| rng.chance(30));
    let role = custom.map_or(binding::Role::BuiltIn(built_in), binding::Role::Custom);
    let principal = match rng.below(3) {
        0 => Principal::Group(any(rng, &state.groups).unwrap_or(nobody())),
        1 => Principal::ServiceAccount(any(rng, &state.service_accounts).unwrap_or(nobody())),
        _ => Principal::User(a_user(rng, state)),
    };
    let expires_at = rng.chance(30).then(|| soon(rng, now));
    binding::Command::Create { role, principal, scope: scope(rng, state), expires_at }
}

fn issue_command(rng: &mut Rng, state: &State, now: UnixMicros) -> Result<key::Command, String> {
    if rng.chance(30) {
        let id = any(rng, &state.keys).unwrap_or(nobody());
        let overlap = DurationMicros::from_secs(rng.below(60));
        return Ok(key::Command::Rotate { id, secret_hash: rng.digest(), overlap });
    }
    let owner = match rng.below(3) {
        0 => None,
        1 => any(rng, &state.service_accounts).map(key::Owner::ServiceAccount),
        _ => Some(key::Owner::User(a_user(rng, state))),
    };
    let models = rng.chance(20).then(|| name(rng, "chat", 4)).transpose()?;
    let limits = key::Limits { models: models.map(|model| vec![model]), countries: None };
    Ok(key::Command::Issue(Box::new(key::Issue {
        name: name(rng, "key", 100)?,
        scope: scope(rng, state),
        role: rng.pick(&Role::ALL).copied().unwrap_or(Role::Viewer),
        secret_hash: rng.digest(),
        expires_at: rng.chance(20).then(|| soon(rng, now)),
        owner,
        limits,
    })))
}
