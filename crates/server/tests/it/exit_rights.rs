//! Rights that leave and arrive with an organisation: the same afterwards, and none outside of it,
//! whatever a file says.

use kernel::{
    Actor, Command, Event, Submission,
    access::{self, Grants, Principal},
    binding, group, transfer, user,
};
use serde_json::{Value, json};
use units::{Id, kinds};

use crate::{
    exit::{Files, export, import, unpack},
    world::{Tenant as Made, World, tenant},
};

/// A right of each kind, and a person who is suspended, who is answered.
pub(crate) async fn rights(world: &World, acme: &Made, key: &str) -> Id<kinds::User> {
    let new = json!({ "organisation": "acme", "name": "Eve", "email": "eve@example.org" });
    let eve = world.make("/api/v1/users", new).await["id"].as_str().unwrap().to_owned();
    let members = format!("/api/v1/groups/{}/members", acme.group);
    world.make(&members, json!({ "user": acme.user })).await;
    world.make(&members, json!({ "user": eve })).await;
    for new in [
        json!({ "role": "runner", "group": acme.group, "scope": "acme" }),
        json!({ "role": "administrator", "user": acme.user, "scope": "acme" }),
        json!({ "role": "member", "service_account": acme.service_account, "scope": "acme/lab" }),
        json!({
            "role": "billing", "user": eve, "scope": "acme",
            "expires_in_seconds": 900_000,
        }),
    ] {
        world.make("/api/v1/bindings", new).await;
    }
    let config = json!({
        "issuer": "https://sso.test", "client_id": "x", "client_secret": "hunter2-hunter2",
        "groups": [{ "claim": "staff", "group": acme.group }],
    });
    let path = format!("/api/v1/identity-providers/{}", acme.identity_provider);
    world.call(key, "PUT", &path, config).await.expect(200);
    let path = format!("/api/v1/users/{eve}/suspend");
    world.call(key, "POST", &path, Value::Null).await.expect(200);
    eve.parse().unwrap()
}

/// Everybody of the organisation may do exactly the same in both.
pub(crate) fn same_rights(here: &World, there: &World, acme: &Made) {
    let home: Id<kinds::Organisation> = acme.organisation.parse().unwrap();
    let held = |world: &World| {
        let now = world.platform.now();
        world.platform.read(|state| {
            let users = state.users.values().filter(|u| u.home == Some(home));
            let users = users.map(|u| Principal::User(u.id));
            let account = acme.service_account.parse().unwrap();
            let all = users.chain([Principal::ServiceAccount(account)]);
            all.map(|who| (who, Grants::of(state, who, now))).collect::<Vec<_>>()
        })
    };
    let (before, after) = (held(here), held(there));
    assert_eq!(before, after);
    let n_holding = before.iter().filter(|(_, grants)| grants.iter().next().is_some()).count();
    assert_eq!((before.len(), n_holding), (4, 2), "Ada and the service account hold something");
}

/// The same file with one more item of its configuration.
fn forged(files: &Files, item: &Event) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    // Its last part says that it is whole.
    let is_last = |path: &str| path == "log/entries.jsonl";
    let parts = files.iter().filter(|(path, _)| !is_last(path));
    for (path, bytes) in parts.chain(files.iter().filter(|(path, _)| is_last(path))) {
        let mut bytes = bytes.clone();
        if path == "configuration/items.jsonl" {
            bytes.extend(serde_json::to_vec(item).unwrap());
            bytes.push(b'\n');
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len().try_into().unwrap());
        header.set_mode(0o600);
        tar.append_data(&mut header, path, &*bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn binding(role: access::Role, to: binding::Principal, scope: access::Scope) -> Event {
    Event::Binding(binding::Event::Created {
        id: Id::from_parts(1_700_000_000_000, [7; 10]),
        role: binding::Role::BuiltIn(role),
        principal: to,
        scope,
        expires_at: None,
    })
}

/// What an evil file could carry: each gives something outside of the organisation that arrives.
fn forgeries(acme: &Made, victim: &Made) -> Vec<Event> {
    let mut all = forged_bindings(acme, victim);
    all.extend(forged_people(acme, victim));
    all.extend(forged_providers(acme, victim));
    all
}

fn forged_bindings(acme: &Made, victim: &Made) -> Vec<Event> {
    use access::{Role, Scope};
    use binding::Principal::{Group, ServiceAccount, User};
    let (mine, theirs) = (acme.user.parse().unwrap(), victim.user.parse().unwrap());
    let group = acme.group.parse().unwrap();
    let account = acme.service_account.parse().unwrap();
    let own = Scope::Organisation(acme.organisation.parse().unwrap());
    let foreign = Scope::Organisation(victim.organisation.parse().unwrap());
    let project = Scope::Project(victim.project.parse().unwrap());
    let custom = |scope| {
        let mut given = binding(Role::Viewer, User(mine), scope);
        if let Event::Binding(binding::Event::Created { role, .. }) = &mut given {
            *role = binding::Role::Custom(victim.role.parse().unwrap());
        }
        given
    };
    vec![
        binding(Role::Operator, User(mine), Scope::Platform),
        binding(Role::Auditor, Group(group), Scope::Platform),
        binding(Role::Operator, User(mine), own),
        binding(Role::Administrator, User(mine), foreign),
        binding(Role::Member, ServiceAccount(account), project),
        binding(Role::Administrator, User(theirs), own),
        binding(Role::Viewer, Group(victim.group.parse().unwrap()), own),
        custom(own),
        custom(foreign),
    ]
}

fn forged_people(acme: &Made, victim: &Made) -> Vec<Event> {
    use access::Scope;
    let home: Id<kinds::Organisation> = acme.organisation.parse().unwrap();
    let other: Id<kinds::Organisation> = victim.organisation.parse().unwrap();
    let (mine, theirs) = (acme.user.parse().unwrap(), victim.user.parse().unwrap());
    let (group, foreign) = (acme.group.parse().unwrap(), victim.group.parse().unwrap());
    let evil = || "evil".parse::<units::Name>().unwrap();
    let created = |home| {
        let id = Id::from_parts(1_700_000_000_000, [6; 10]);
        Event::Group(group::Event::Created { id, home, name: evil() })
    };
    let role = |organisation, permission: &str| {
        let id = Id::from_parts(1_700_000_000_000, [9; 10]);
        let (name, permissions) = (evil(), [permission.to_owned()].into());
        Event::Role(kernel::role::Event::Created { id, organisation, name, permissions })
    };
    let account = |scope, owner| {
        let id = Id::from_parts(1_700_000_000_000, [5; 10]);
        let (name, expires_at) = (evil(), units::UnixMicros(4_000_000_000_000_000));
        let created =
            kernel::service_account::Event::Created { id, scope, name, owner, expires_at };
        Event::ServiceAccount(created)
    };
    vec![
        created(None),
        created(Some(other)),
        Event::Group(group::Event::MemberAdded { id: group, user: theirs }),
        Event::Group(group::Event::MemberAdded { id: foreign, user: mine }),
        role(other, "administer"),
        role(home, "operate"),
        account(Scope::Project(victim.project.parse().unwrap()), theirs),
        account(Scope::Platform, mine),
        account(Scope::Organisation(home), theirs),
        Event::User(user::Event::Suspended { id: theirs }),
        Event::User(user::Event::Resumed { id: theirs }),
    ]
}

fn forged_providers(acme: &Made, victim: &Made) -> Vec<Event> {
    use kernel::identity_provider::{Config, Event as Provider, GroupRule};
    let home: Id<kinds::Organisation> = acme.organisation.parse().unwrap();
    let group = victim.group.parse().unwrap();
    let rule = GroupRule { claim: "all".to_owned(), group };
    let provider = |home, secret, groups| {
        let config = Config {
            issuer: "https://evil.test".to_owned(),
            client_id: "x".to_owned(),
            scopes: vec![],
            group_claim: "groups".to_owned(),
            creates_users: true,
            is_listed: false,
            groups,
        };
        let (id, name) = (Id::from_parts(1_700_000_000_000, [8; 10]), "evil".parse().unwrap());
        Event::IdentityProvider(Provider::Created { id, home, name, config, secret })
    };
    vec![
        provider(None, None, vec![]),
        provider(Some(victim.organisation.parse().unwrap()), None, vec![]),
        provider(Some(home), Some(crate::world::digest(b"x")), vec![]),
        provider(Some(home), None, vec![rule]),
    ]
}

fn of(made: &Made) -> binding::Principal {
    binding::Principal::User(made.user.parse().unwrap())
}

#[tokio::test]
async fn a_forged_export_gives_no_right_outside_of_what_arrives() {
    let here = World::with_machine().await;
    let acme = tenant(&here, "acme").await;
    let key = here.key("administrator", ("organisation", "acme")).await;
    rights(&here, &acme, &key).await;
    let files = unpack(&export(&here, &key, &acme.organisation).await.bytes);
    let there = World::with_machine().await;
    let victim = tenant(&there, "victim").await;
    let home: Id<kinds::Organisation> = acme.organisation.parse().unwrap();
    let outside = |world: &World| {
        world.platform.read(|state| {
            let bindings = state.bindings.values();
            let bindings = bindings
                .filter(|b| access::organisation_of(state, b.scope) != Some(home))
                .cloned()
                .collect::<Vec<_>>();
            let others = state.users.values().filter(|u| u.home != Some(home));
            let others = others.cloned().collect::<Vec<_>>();
            let groups = state.groups.values().filter(|g| g.home != Some(home));
            (bindings, others, groups.cloned().collect::<Vec<_>>(), state.roles.len())
        })
    };
    // Into an open transfer into which everything else has come.
    let stop = binding(access::Role::Operator, of(&acme), access::Scope::Platform);
    let refused = import(&there, &there.operator, forged(&files, &stop)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let before = outside(&there);
    for (n, item) in forgeries(&acme, &victim).into_iter().enumerate() {
        let admit = transfer::Command::Admit { organisation: home, item: Box::new(item.clone()) };
        let admit = Submission::new(Command::Transfer(admit));
        let refused = there.platform.submit(Actor::System, admit).await;
        assert!(refused.is_err(), "forgery {n} came in: {item:?}");
    }
    assert_eq!(before, outside(&there));
    // A right of somebody who did not come is listed, not refused and not given.
    let nobody = Id::from_parts(1_700_000_000_000, [3; 10]);
    let own = access::Scope::Organisation(home);
    let stray = binding(access::Role::Viewer, binding::Principal::User(nobody), own);
    let elsewhere = World::with_machine().await;
    let taken = import(&elsewhere, &elsewhere.operator, forged(&files, &stray)).await.expect(201);
    let left = taken["left_out"].as_array().unwrap();
    let listed = left.iter().find(|one| one["id"].as_str() == Some(&stray.subject().to_string()));
    assert_eq!(listed.unwrap()["reason"], "the user that it is about did not come");
    let given = elsewhere.platform.read(|state| {
        state.bindings.values().any(|b| b.principal == binding::Principal::User(nobody))
    });
    assert!(!given);
}
