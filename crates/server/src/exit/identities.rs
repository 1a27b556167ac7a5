//! Who may do what in an organisation, as the events that make it anew, and what stays behind with
//! its reason. No secret is in here, nor the commitment to one.

use api::nouns::exit::LeftOut;
use kernel::{
    Event, State,
    access::{Scope, covers},
    binding::{self, Principal},
    group, identity_provider, role, service_account,
    transfer::travels,
    user,
};
use units::{Id, UnixMicros, kinds};

/// Roles, groups with their members, service accounts, suspensions, bindings, providers: what
/// something refers to comes before it, and nobody is given a role who is to be suspended later.
pub(super) fn items(state: &State, home: Id<kinds::Organisation>, now: UnixMicros) -> Vec<Event> {
    let mut items = Vec::new();
    let roles = state.roles.values().filter(|r| r.organisation == home);
    items.extend(roles.map(|r| {
        let (id, name, permissions) = (r.id, r.name.clone(), r.permissions.clone());
        Event::Role(role::Event::Created { id, organisation: home, name, permissions })
    }));
    let groups = || state.groups.values().filter(|g| g.home == Some(home));
    items.extend(groups().map(|g| {
        let (id, home, name) = (g.id, g.home, g.name.clone());
        Event::Group(group::Event::Created { id, home, name })
    }));
    for group in groups() {
        let members = group.members.iter().filter(|user| travels(state, home, **user));
        items.extend(
            members
                .map(|user| Event::Group(group::Event::MemberAdded { id: group.id, user: *user })),
        );
    }
    let accounts = accounts(state, home).filter(|a| account_travels(state, home, a, now));
    items.extend(accounts.map(|a| {
        let (id, scope, name) = (a.id, a.scope, a.name.clone());
        let (owner, expires_at) = (a.owner, a.expires_at);
        let created = service_account::Event::Created { id, scope, name, owner, expires_at };
        Event::ServiceAccount(created)
    }));
    let suspended = state
        .users
        .values()
        .filter(|u| u.status == user::Status::Suspended && travels(state, home, u.id));
    items.extend(suspended.map(|u| Event::User(user::Event::Suspended { id: u.id })));
    let bindings = bindings(state, home).filter(|b| stays(state, home, b, now).is_none());
    items.extend(bindings.map(|b| {
        let (id, role, principal, scope) = (b.id, b.role, b.principal, b.scope);
        let expires_at = b.expires_at;
        Event::Binding(binding::Event::Created { id, role, principal, scope, expires_at })
    }));
    let providers = state.identity_providers.values().filter(|p| p.home == Some(home));
    items.extend(providers.map(|p| {
        let (id, home, name, config) = (p.id, p.home, p.name.clone(), p.config.clone());
        let created = identity_provider::Event::Created { id, home, name, config, secret: None };
        Event::IdentityProvider(created)
    }));
    items
}

/// What does not go along, or must be made anew.
pub(super) fn left_out(
    state: &State,
    home: Id<kinds::Organisation>,
    now: UnixMicros,
) -> Vec<LeftOut> {
    let is_of = |scope| covers(state, Scope::Organisation(home), scope);
    let left = |id: String, reason: &str| LeftOut { id, reason: reason.to_owned() };
    let mut all = Vec::new();
    let gone = state.users.values().filter(|u| u.home == Some(home));
    let gone = gone.filter(|u| !travels(state, home, u.id));
    all.extend(gone.map(|u| left(u.id.to_string(), "their personal data is erased")));
    for account in accounts(state, home).filter(|a| !account_travels(state, home, a, now)) {
        let reason = match account.expires_at <= now {
            true => "it has ended",
            false => "the user who answers for it does not go along",
        };
        all.push(left(account.id.to_string(), reason));
    }
    let bindings = bindings(state, home);
    all.extend(
        bindings.filter_map(|b| {
            stays(state, home, b, now).map(|reason| left(b.id.to_string(), reason))
        }),
    );
    let keys = state.keys.values().filter(|k| is_of(k.scope) && k.is_valid_at(now));
    let reason = "its secret is kept nowhere: make a new key";
    all.extend(keys.map(|k| left(k.id.to_string(), reason)));
    let providers = state.identity_providers.values();
    let providers = providers.filter(|p| p.home == Some(home) && p.secret.is_some());
    let reason = "it goes along without its client secret: set that again";
    all.extend(providers.map(|p| left(p.id.to_string(), reason)));
    let courses = state.courses.values();
    let courses = courses.filter(|c| c.organisation == home && c.closed_at.is_none());
    let reason = "its projects, people and roles go along, its roster and end do not: make it anew";
    all.extend(courses.map(|c| left(c.id.to_string(), reason)));
    all
}

/// Accounts of the organisation and of its projects.
fn accounts(
    state: &State,
    home: Id<kinds::Organisation>,
) -> impl Iterator<Item = &service_account::ServiceAccount> {
    let all = state.service_accounts.values();
    all.filter(move |account| covers(state, Scope::Organisation(home), account.scope))
}

fn account_travels(
    state: &State,
    home: Id<kinds::Organisation>,
    account: &service_account::ServiceAccount,
    now: UnixMicros,
) -> bool {
    account.expires_at > now && travels(state, home, account.owner)
}

/// Every binding in the organisation, and every one of somebody of it.
fn bindings(
    state: &State,
    home: Id<kinds::Organisation>,
) -> impl Iterator<Item = &binding::Binding> {
    let all = state.bindings.values();
    all.filter(move |b| {
        covers(state, Scope::Organisation(home), b.scope) || is_of(state, home, b.principal)
    })
}

fn is_of(state: &State, home: Id<kinds::Organisation>, principal: Principal) -> bool {
    match principal {
        Principal::User(id) => state.users.get(&id).is_some_and(|u| u.home == Some(home)),
        Principal::Group(id) => state.groups.get(&id).is_some_and(|g| g.home == Some(home)),
        Principal::ServiceAccount(id) => {
            let account = state.service_accounts.get(&id);
            account.is_some_and(|a| covers(state, Scope::Organisation(home), a.scope))
        }
    }
}

/// Why a binding does not go along; `None` if it does.
fn stays(
    state: &State,
    home: Id<kinds::Organisation>,
    binding: &binding::Binding,
    now: UnixMicros,
) -> Option<&'static str> {
    if !covers(state, Scope::Organisation(home), binding.scope) {
        return Some("it gives a role outside of the organisation");
    }
    if let binding::Role::BuiltIn(role) = binding.role
        && !role.is_of_tenant()
    {
        return Some("it gives a role of the platform");
    }
    if !binding.is_in_force(now) {
        return Some("it has ended");
    }
    if !is_of(state, home, binding.principal) {
        return Some("it is given to somebody of the platform");
    }
    let travels = match binding.principal {
        Principal::User(id) => travels(state, home, id),
        Principal::Group(_) => true,
        Principal::ServiceAccount(id) => {
            let account = state.service_accounts.get(&id);
            account.is_some_and(|account| account_travels(state, home, account, now))
        }
    };
    (!travels).then_some("whom it is given to does not go along")
}
