//! Identity providers and capability tokens that were revoked.

use units::Digest;

use super::*;
use crate::{
    access::Role,
    binding::{self, Principal as To, Role as Given},
    capability::{self, Holder},
    group,
    identity_provider::{self, Config, GroupRule},
    key, limits,
};

fn config(groups: Vec<GroupRule>) -> Config {
    Config {
        issuer: "https://sso.example.fr".to_owned(),
        client_id: "cocarde".to_owned(),
        scopes: vec!["email".to_owned()],
        group_claim: "groups".to_owned(),
        creates_users: true,
        is_listed: false,
        groups,
    }
}

fn create(n: u8, home: Option<Id<kinds::Organisation>>, name: &str, config: Config) -> Command {
    let (id, name) = (Id::from_parts(1, [n; 10]), name.parse().unwrap());
    let secret = Some(Digest([n; 32]));
    Command::IdentityProvider(identity_provider::Command::Create { id, home, name, config, secret })
}

fn group(world: &mut World, home: Option<Id<kinds::Organisation>>) -> Id<kinds::Group> {
    let command = group::Command::Create { home, name: "staff".parse().unwrap() };
    match world.subject(Command::Group(command)) {
        Subject::Group(id) => id,
        other => panic!("{other}"),
    }
}

#[test]
fn a_provider_speaks_of_groups_of_its_own_home() {
    let mut world = World::new();
    let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
    let (ours, theirs) = (group(&mut world, Some(bank)), group(&mut world, Some(rail)));
    let rule = |group| vec![GroupRule { claim: "everybody".to_owned(), group }];
    let foreign = world.run(create(1, Some(bank), "sso", config(rule(theirs))));
    assert!(matches!(foreign, Err(Reject::NotFound { kind: "group", .. })), "{foreign:?}");
    world.run(create(1, Some(bank), "sso", config(rule(ours)))).unwrap();
    let again = world.run(create(2, Some(bank), "sso", config(vec![])));
    assert!(matches!(again, Err(Reject::NameTaken { .. })), "{again:?}");
    world.run(create(3, Some(rail), "sso", config(vec![]))).unwrap();
    for (field, broken) in [
        ("issuer", Config { issuer: "sso".to_owned(), ..config(vec![]) }),
        ("client_id", Config { client_id: " ".to_owned(), ..config(vec![]) }),
        ("group_claim", Config { group_claim: "a\nb".to_owned(), ..config(vec![]) }),
        ("scopes", Config { scopes: vec![String::new()], ..config(vec![]) }),
    ] {
        let refused = world.run(create(9, Some(bank), "other", broken)).unwrap_err();
        assert!(matches!(refused, Reject::Invalid { field: f, .. } if f == field), "{refused}");
    }
    let id = Id::from_parts(1, [1; 10]);
    let replace = |secret| {
        let config = Config { creates_users: false, ..config(rule(ours)) };
        Command::IdentityProvider(identity_provider::Command::Replace { id, config, secret })
    };
    assert_eq!(world.run(replace(None)).unwrap().len(), 1);
    assert_eq!(world.run(replace(None)).unwrap().len(), 0, "what is already true is no event");
    let delete = Command::IdentityProvider(identity_provider::Command::Delete { id });
    world.run(delete).unwrap();
    assert_eq!(world.state.identity_providers.len(), 1);
}

#[test]
fn nobody_gives_by_a_provider_what_they_have_not() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let project = world.project(bank, "risk");
    let staff = group(&mut world, Some(bank));
    let (scope, principal) = (Scope::Organisation(bank), To::Group(staff));
    let role = Given::BuiltIn(Role::Administrator);
    let bind = binding::Command::Create { role, principal, scope, expires_at: None };
    world.run(Command::Binding(bind)).unwrap();
    let narrow = key::Command::Create {
        name: "k".parse().unwrap(),
        scope: Scope::Project(project),
        role: Role::Administrator,
        secret_hash: Digest([7; 32]),
        expires_at: None,
    };
    let Subject::Key(narrow) = world.subject(Command::Key(narrow)) else { panic!("a key") };
    let rules = vec![GroupRule { claim: "everybody".to_owned(), group: staff }];
    let submission = Submission::new(create(1, Some(bank), "sso", config(rules)));
    let refused = world.submit_as(Actor::Key(narrow), &submission);
    assert!(matches!(refused, Err(Reject::BeyondOwn { .. })), "{refused:?}");
}

#[test]
fn a_revoked_block_stays_revoked_while_its_holder_may_act() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let new = key::Command::Create {
        name: "k".parse().unwrap(),
        scope: Scope::Organisation(bank),
        role: Role::Viewer,
        secret_hash: Digest([7; 32]),
        expires_at: None,
    };
    let Subject::Key(id) = world.subject(Command::Key(new)) else { panic!("a key") };
    let revoke = |holder, n: u8| {
        let block = Digest([n; 32]);
        Command::Capability(capability::Command::Revoke { holder, block })
    };
    assert_eq!(world.run(revoke(Holder::Key(id), 1)).unwrap().len(), 1);
    assert_eq!(world.run(revoke(Holder::Key(id), 1)).unwrap().len(), 0);
    let nobody = Holder::User(Id::from_parts(1, [5; 10]));
    assert!(matches!(world.run(revoke(nobody, 2)), Err(Reject::NotFound { kind: "user", .. })));
    assert!(world.state.revoked_capabilities.contains_key(&Digest([1; 32])));
    assert!(limits::REVOKED_CAPABILITIES_MAX > 1_000, "a holder does not fill it at once");
}
