//! Who may do what, from elsewhere: groups, custom roles, service accounts, bindings, providers.
//!
//! An arriving right is the one that it was, and never reaches beyond the organisation that arrives.
//! What it was given to, where and by which role is therefore checked here before the noun's own
//! rules are asked, and whoever takes the file in lends it nothing of their own.

use units::{Id, kinds};

use super::admit::{foreign, new, require_own};
use crate::{
    Actor, Ctx, Event, Reject, State,
    access::Scope,
    binding::{self, Principal, Role},
    group, identity_provider, role, service_account, user,
};

/// An item about people and rights, decided; an item of another kind is refused.
pub(super) fn admit(
    state: &State,
    home: Id<kinds::Organisation>,
    item: &Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    // Nobody here had these rights to give: they were given elsewhere, inside this organisation.
    let ctx = Ctx { actor: Actor::System, ..*ctx };
    if let Event::User(event) = item {
        return of_user(state, home, event, &ctx);
    }
    if let Event::Group(event) = item {
        return of_group(state, home, event, &ctx);
    }
    if let Event::IdentityProvider(event) = item {
        return of_provider(state, home, event, &ctx);
    }
    if let Event::Role(event) = item {
        return of_role(state, home, event, &ctx);
    }
    if let Event::ServiceAccount(event) = item {
        return of_account(state, home, event, &ctx);
    }
    let Event::Binding(event) = item else { return Err(foreign(item)) };
    of_binding(state, home, event, &ctx)
}

fn of_role(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &role::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let role::Event::Created { id, organisation, name, permissions } = event else {
        return Err(foreign(&Event::Role(event.clone())));
    };
    require_own(state, home, Scope::Organisation(*organisation))?;
    let known = state.roles.get(id).map(|known| {
        known.organisation == home && known.name == *name && known.permissions == *permissions
    });
    let (organisation, name) = (*organisation, name.clone());
    let permissions = permissions.clone();
    let command = role::Command::Create { organisation, name, permissions };
    new(known, "role", id, || role::decide(state, &command, ctx))
}

fn of_account(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &service_account::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let service_account::Event::Created { id, scope, name, owner, expires_at } = event else {
        return Err(foreign(&Event::ServiceAccount(event.clone())));
    };
    require_own(state, home, *scope)?;
    let known = state.service_accounts.get(id).map(|a| a.scope == *scope && a.name == *name);
    let (scope, name, owner, expires_at) = (*scope, name.clone(), *owner, *expires_at);
    let command = service_account::Command::Create { scope, name, owner, expires_at };
    new(known, "service account", id, || service_account::decide(state, &command, ctx))
}

fn of_binding(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &binding::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let binding::Event::Created { id, role, principal, scope, expires_at } = event else {
        return Err(foreign(&Event::Binding(event.clone())));
    };
    require_own(state, home, *scope)?;
    require_principal(state, home, *principal)?;
    require_role(state, home, *role)?;
    let (role, principal, scope, expires_at) = (*role, *principal, *scope, *expires_at);
    let known = state.bindings.get(id);
    let known = known.map(|b| {
        (b.role, b.principal, b.scope, b.expires_at) == (role, principal, scope, expires_at)
    });
    let command = binding::Command::Create { role, principal, scope, expires_at };
    new(known, "binding", id, || binding::decide(state, &command, ctx))
}

/// People of the organisation itself.
fn of_user(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &user::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    match event {
        user::Event::Created { id, home: theirs, commitment } => {
            require_home(home, *theirs)?;
            let (id, home, commitment) = (*id, *theirs, *commitment);
            let known = state.users.get(&id).map(|u| u.home == home);
            let command = user::Command::Create { id, home, commitment };
            new(known, "user", id, || user::decide(state, &command, ctx))
        }
        user::Event::Suspended { id } => {
            require_home(home, user::get(state, *id)?.home)?;
            user::decide(state, &user::Command::Suspend { id: *id }, ctx)
        }
        user::Event::Resumed { .. } | user::Event::DataReplaced { .. } => {
            Err(foreign(&Event::User(event.clone())))
        }
    }
}

fn of_group(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &group::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    match event {
        group::Event::Created { id, home: theirs, name } => {
            require_home(home, *theirs)?;
            let known = state.groups.get(id).map(|g| g.home == *theirs && g.name == *name);
            let command = group::Command::Create { home: *theirs, name: name.clone() };
            new(known, "group", id, || group::decide(state, &command, ctx))
        }
        group::Event::MemberAdded { id, user } => {
            require_home(home, group::get(state, *id)?.home)?;
            require_home(home, user::get(state, *user)?.home)?;
            group::decide(state, &group::Command::AddMember { id: *id, user: *user }, ctx)
        }
        group::Event::MemberRemoved { .. } | group::Event::Deleted { .. } => {
            Err(foreign(&Event::Group(event.clone())))
        }
    }
}

/// A provider without its secret, which stayed where it was sealed.
fn of_provider(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &identity_provider::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let identity_provider::Event::Created { id, home: theirs, name, config, secret } = event else {
        return Err(foreign(&Event::IdentityProvider(event.clone())));
    };
    require_home(home, *theirs)?;
    if secret.is_some() {
        let message = "has the commitment of a secret, which does not come in from elsewhere";
        return Err(Reject::invalid("item", message));
    }
    let known = state.identity_providers.get(id).map(|p| p.home == *theirs && p.name == *name);
    let command = identity_provider::Command::Create {
        id: *id,
        home: *theirs,
        name: name.clone(),
        config: config.clone(),
        secret: None,
    };
    new(known, "identity provider", id, || identity_provider::decide(state, &command, ctx))
}

fn require_home(
    home: Id<kinds::Organisation>,
    theirs: Option<Id<kinds::Organisation>>,
) -> Result<(), Reject> {
    if theirs == Some(home) { Ok(()) } else { Err(not_of(home)) }
}

fn require_principal(
    state: &State,
    home: Id<kinds::Organisation>,
    principal: Principal,
) -> Result<(), Reject> {
    match principal {
        Principal::User(id) => require_home(home, user::get(state, id)?.home),
        Principal::Group(id) => require_home(home, group::get(state, id)?.home),
        Principal::ServiceAccount(id) => {
            require_own(state, home, service_account::get(state, id)?.scope)
        }
    }
}

/// A role of a tenant, or one that this organisation made.
fn require_role(state: &State, home: Id<kinds::Organisation>, role: Role) -> Result<(), Reject> {
    match role {
        Role::BuiltIn(built_in) if built_in.is_of_tenant() => Ok(()),
        Role::BuiltIn(built_in) => Err(Reject::invalid(
            "item",
            format!(
                "`{built_in}` is a role on the whole platform, which no organisation brings along"
            ),
        )),
        Role::Custom(id) => require_home(home, Some(role::get(state, id)?.organisation)),
    }
}

fn not_of(home: Id<kinds::Organisation>) -> Reject {
    Reject::invalid("item", format!("it is not of organisation `{home}`"))
}
