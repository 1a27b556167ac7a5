//! Users, groups, service accounts, roles and bindings, and what a key may that is somebody's.

use units::Digest;

use super::*;
use crate::{
    access::{Denied, Grants, Principal, Role, authorize},
    binding::{self, Principal as To, Role as Given},
    group, key, role, service_account, user,
};

/// A tenant with a project, and another.
pub(super) struct Tenants {
    pub(super) world: World,
    pub(super) bank: Id<kinds::Organisation>,
    pub(super) risk: Id<kinds::Project>,
    rail: Id<kinds::Organisation>,
}

const DAY: DurationMicros = DurationMicros(86_400_000_000);

impl Tenants {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
        let risk = world.project(bank, "risk");
        world.project(rail, "trains");
        Self { world, bank, risk, rail }
    }

    pub(super) fn user(&mut self, home: Option<Id<kinds::Organisation>>, n: u8) -> Id<kinds::User> {
        let id = Id::from_parts(1, [n; 10]);
        let command = user::Command::Create { id, home, commitment: Digest([n; 32]) };
        self.world.run(Command::User(command)).unwrap();
        id
    }

    fn group(&mut self, home: Option<Id<kinds::Organisation>>, name: &str) -> Id<kinds::Group> {
        let command = group::Command::Create { home, name: name.parse().unwrap() };
        match self.world.subject(Command::Group(command)) {
            Subject::Group(id) => id,
            other => panic!("{other}"),
        }
    }

    fn role(&mut self, name: &str, permissions: &[&str]) -> Result<Id<kinds::Role>, Reject> {
        let permissions = permissions.iter().map(|p| (*p).to_owned()).collect();
        let (organisation, name) = (self.bank, name.parse().unwrap());
        let command = role::Command::Create { organisation, name, permissions };
        match self.world.run(Command::Role(command))?.first().unwrap().subject() {
            Subject::Role(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    fn bind_as(
        &mut self,
        actor: Actor,
        role: Given,
        principal: To,
        scope: Scope,
    ) -> Result<Id<kinds::Binding>, Reject> {
        let command = binding::Command::Create { role, principal, scope, expires_at: None };
        let submission = Submission::new(Command::Binding(command));
        match self.world.submit_as(actor, &submission)?.first().unwrap().subject() {
            Subject::Binding(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    pub(super) fn bind(
        &mut self,
        role: Role,
        principal: To,
        scope: Scope,
    ) -> Result<Id<kinds::Binding>, Reject> {
        self.bind_as(Actor::System, Given::BuiltIn(role), principal, scope)
    }

    fn account(&mut self, owner: Id<kinds::User>) -> Result<Id<kinds::ServiceAccount>, Reject> {
        let expires_at = self.world.now().plus(DAY);
        let (scope, name) = (Scope::Project(self.risk), "ci".parse().unwrap());
        let command = service_account::Command::Create { scope, name, owner, expires_at };
        match self.world.run(Command::ServiceAccount(command))?.first().unwrap().subject() {
            Subject::ServiceAccount(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    pub(super) fn issue_as(
        &mut self,
        actor: Actor,
        (role, scope): (Role, Scope),
        owner: Option<key::Owner>,
        secret: u8,
    ) -> Result<Id<kinds::Key>, Reject> {
        let issue = key::Issue {
            name: "k".parse().unwrap(),
            scope,
            role,
            secret_hash: Digest([secret; 32]),
            expires_at: None,
            owner,
            limits: key::Limits::default(),
        };
        let submission = Submission::new(Command::Key(key::Command::Issue(Box::new(issue))));
        match self.world.submit_as(actor, &submission)?.first().unwrap().subject() {
            Subject::Key(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    pub(super) fn may(&self, who: Principal, role: Role, scope: Scope) -> Result<(), Denied> {
        let state = &self.world.state;
        authorize(state, &Grants::of(state, who, self.world.now()), role, scope)
    }
}

#[test]
fn roles_reach_users_directly_through_groups_and_until_their_end() {
    let mut t = Tenants::new();
    let (bank, risk) = (Scope::Organisation(t.bank), Scope::Project(t.risk));
    let (ada, bob) = (t.user(Some(t.bank), 1), t.user(Some(t.bank), 2));
    assert_eq!(t.may(Principal::User(ada), Role::Viewer, risk), Err(Denied::Hidden));
    t.bind(Role::Member, To::User(ada), risk).unwrap();
    assert_eq!(t.may(Principal::User(ada), Role::Member, risk), Ok(()));
    let needs = Err(Denied::NeedsRole(Role::Administrator));
    assert_eq!(t.may(Principal::User(ada), Role::Administrator, risk), needs);
    assert_eq!(t.may(Principal::User(ada), Role::Viewer, bank), Err(Denied::Hidden));

    let staff = t.group(Some(t.bank), "staff");
    t.bind(Role::Viewer, To::Group(staff), bank).unwrap();
    assert_eq!(t.may(Principal::User(bob), Role::Viewer, bank), Err(Denied::Hidden));
    let add = group::Command::AddMember { id: staff, user: bob };
    t.world.run(Command::Group(add.clone())).unwrap();
    assert_eq!(t.world.run(Command::Group(add)).unwrap(), vec![], "said twice is said once");
    assert_eq!(t.may(Principal::User(bob), Role::Viewer, risk), Ok(()));

    let command = binding::Command::Create {
        role: Given::BuiltIn(Role::Administrator),
        principal: To::User(bob),
        scope: bank,
        expires_at: Some(t.world.now().plus(DAY)),
    };
    t.world.run(Command::Binding(command)).unwrap();
    assert_eq!(t.may(Principal::User(bob), Role::Administrator, risk), Ok(()));
    t.world.advance(86_401);
    assert_eq!(t.may(Principal::User(bob), Role::Administrator, risk), needs);

    t.world.run(Command::Group(group::Command::Delete { id: staff })).unwrap();
    // What is left of what was given is over, and hides nothing less for that.
    assert_eq!(t.may(Principal::User(bob), Role::Viewer, bank), Err(Denied::Hidden));
    assert_eq!(t.world.verify().findings, vec![]);
}

#[test]
fn whoever_is_suspended_may_nothing_and_neither_may_their_keys() {
    let mut t = Tenants::new();
    let risk = Scope::Project(t.risk);
    let ada = t.user(Some(t.bank), 1);
    t.bind(Role::Member, To::User(ada), risk).unwrap();
    let own = Some(key::Owner::User(ada));
    let wide = (Role::Administrator, Scope::Organisation(t.bank));
    let id = t.issue_as(Actor::System, wide, own, 7).unwrap();
    let (who, now) = (Principal::Key(id), |t: &Tenants| t.world.now());
    // The key says administrator of all of it; its owner is a member of one project.
    assert_eq!(t.may(who, Role::Member, risk), Ok(()));
    assert_eq!(t.may(who, Role::Administrator, risk), Err(Denied::NeedsRole(Role::Administrator)));
    assert_eq!(t.may(who, Role::Viewer, Scope::Organisation(t.bank)), Err(Denied::Hidden));
    assert!(t.world.state.key_by_hash(Digest([7; 32]), now(&t)).is_some());

    t.world.run(Command::User(user::Command::Suspend { id: ada })).unwrap();
    assert_eq!(t.may(who, Role::Viewer, risk), Err(Denied::Hidden));
    assert_eq!(t.may(Principal::User(ada), Role::Viewer, risk), Err(Denied::Hidden));
    assert!(t.world.state.key_by_hash(Digest([7; 32]), now(&t)).is_none());
    assert!(t.issue_as(Actor::System, (Role::Viewer, risk), own, 8).is_err());

    t.world.run(Command::User(user::Command::Resume { id: ada })).unwrap();
    assert_eq!(t.may(who, Role::Member, risk), Ok(()));
    let narrow = t.issue_as(Actor::System, (Role::Inference, risk), own, 9).unwrap();
    assert_eq!(t.may(Principal::Key(narrow), Role::Inference, risk), Ok(()));
    let needs = Err(Denied::NeedsRole(Role::Viewer));
    assert_eq!(t.may(Principal::Key(narrow), Role::Viewer, risk), needs, "a key's role narrows");
}

#[test]
fn a_service_account_ends_and_its_owner_answers_for_it() {
    let mut t = Tenants::new();
    let risk = Scope::Project(t.risk);
    let (ada, eve) = (t.user(Some(t.bank), 1), t.user(Some(t.rail), 2));
    assert!(matches!(t.account(eve), Err(Reject::NotFound { kind: "user", .. })), "of another");
    let ci = t.account(ada).unwrap();
    let twice = t.account(ada);
    assert!(matches!(twice, Err(Reject::NameTaken { kind: "service account", .. })), "{twice:?}");
    t.bind(Role::Member, To::ServiceAccount(ci), risk).unwrap();
    let wider = t.bind(Role::Viewer, To::ServiceAccount(ci), Scope::Organisation(t.bank));
    assert!(wider.is_err(), "an account of a project has no role beyond it");
    let own = Some(key::Owner::ServiceAccount(ci));
    let id = t.issue_as(Actor::System, (Role::Member, risk), own, 3).unwrap();
    assert_eq!(t.may(Principal::Key(id), Role::Member, risk), Ok(()));

    t.world.run(Command::User(user::Command::Suspend { id: ada })).unwrap();
    assert_eq!(t.may(Principal::Key(id), Role::Member, risk), Err(Denied::Hidden));
    t.world.run(Command::User(user::Command::Resume { id: ada })).unwrap();
    t.world.advance(86_401);
    assert_eq!(t.may(Principal::Key(id), Role::Member, risk), Err(Denied::Hidden), "expired");
    let renew =
        |end| Command::ServiceAccount(service_account::Command::Renew { id: ci, expires_at: end });
    let (past, far) = (UnixMicros(1), t.world.now().plus(DurationMicros(DAY.0 * 400)));
    assert!(t.world.run(renew(past)).is_err() && t.world.run(renew(far)).is_err());
    let soon = t.world.now().plus(DAY);
    t.world.run(renew(soon)).unwrap();
    assert_eq!(t.may(Principal::Key(id), Role::Member, risk), Ok(()));
    t.world.run(Command::ServiceAccount(service_account::Command::Delete { id: ci })).unwrap();
    assert_eq!(t.may(Principal::Key(id), Role::Member, risk), Err(Denied::Hidden), "gone");
    assert!(t.world.state.bindings.is_empty());
    assert_eq!(t.world.verify().findings, vec![]);
}

#[test]
fn a_custom_role_is_narrower_than_an_administrator_and_names_what_it_permits() {
    let mut t = Tenants::new();
    for wrong in [&["operate"][..], &["site_create"], &["content"], &["no_such"], &[]] {
        let refused = t.role("annotator", wrong);
        let is = matches!(refused, Err(Reject::Invalid { field: "permissions", .. }));
        assert!(is, "{wrong:?}: {refused:?}");
    }
    assert!(matches!(t.role("viewer", &["read"]), Err(Reject::NameTaken { .. })));
    let runner = t.role("runner", &["workload_create", "bill"]).unwrap();
    assert!(matches!(t.role("runner", &["read"]), Err(Reject::NameTaken { .. })));
    let (ada, risk) = (t.user(Some(t.bank), 1), Scope::Project(t.risk));
    let given = t.bind_as(Actor::System, Given::Custom(runner), To::User(ada), risk).unwrap();
    let (who, state) = (Principal::User(ada), |t: &Tenants| t.world.state.clone());
    let create = crate::access::Wish {
        role: Role::Member,
        operation: crate::access::Operation::named("workload_create"),
        content: true,
    };
    let may = |t: &Tenants| {
        let state = state(t);
        authorize(&state, &Grants::of(&state, who, t.world.now()), create, risk)
    };
    assert_eq!(may(&t), Ok(()));
    assert_eq!(t.may(who, Role::Billing, risk), Ok(()));
    assert_eq!(t.may(who, Role::Member, risk), Err(Denied::NeedsRole(Role::Member)));
    let delete = Command::Role(role::Command::Delete { id: runner });
    assert!(matches!(t.world.run(delete.clone()), Err(Reject::WrongState { .. })), "given");
    let set = role::Command::Set { id: runner, permissions: ["bill".to_owned()].into() };
    t.world.run(Command::Role(set)).unwrap();
    assert_eq!(may(&t), Err(Denied::NeedsRole(Role::Member)), "changed for all who have it");
    t.world.run(Command::Binding(binding::Command::Delete { id: given })).unwrap();
    t.world.run(delete).unwrap();
    assert_eq!(t.world.verify().findings, vec![]);
}

#[test]
fn nobody_gives_more_than_they_have() {
    let mut t = Tenants::new();
    let (bank, risk) = (Scope::Organisation(t.bank), Scope::Project(t.risk));
    let (clerk, friend) = (t.user(Some(t.bank), 1), t.user(Some(t.bank), 2));
    let giver =
        t.role("giver", &["binding_create", "group_member_add", "role_set", "read"]).unwrap();
    t.bind_as(Actor::System, Given::Custom(giver), To::User(clerk), bank).unwrap();
    let chiefs = t.group(Some(t.bank), "chiefs");
    t.bind(Role::Administrator, To::Group(chiefs), bank).unwrap();
    let actor = Actor::User(clerk);
    let beyond = |result: Result<_, Reject>| matches!(result, Err(Reject::BeyondOwn { .. }));
    let admin = Given::BuiltIn(Role::Administrator);
    assert!(beyond(t.bind_as(actor, admin, To::User(clerk), bank).map(|_| ())));
    assert!(beyond(t.bind_as(actor, admin, To::User(friend), risk).map(|_| ())));
    let own = Some(key::Owner::User(clerk));
    assert!(beyond(t.issue_as(actor, (Role::Member, risk), own, 1).map(|_| ())));
    let nobodys = t.issue_as(actor, (Role::Viewer, risk), None, 1);
    assert!(matches!(nobodys, Err(Reject::Invalid { field: "owner", .. })), "{nobodys:?}");
    let join = Command::Group(group::Command::AddMember { id: chiefs, user: clerk });
    assert!(beyond(t.world.submit_as(actor, &Submission::new(join)).map(|_| ())));
    let permissions = ["administer".to_owned()].into();
    let more = Command::Role(role::Command::Set { id: giver, permissions });
    assert!(beyond(t.world.submit_as(actor, &Submission::new(more)).map(|_| ())));
    t.bind_as(actor, Given::BuiltIn(Role::Viewer), To::User(friend), risk).unwrap();
}

#[test]
fn everybody_acts_at_home() {
    let mut t = Tenants::new();
    let (bank, rail, risk) =
        (Scope::Organisation(t.bank), Scope::Organisation(t.rail), Scope::Project(t.risk));
    let (ada, root) = (t.user(Some(t.bank), 1), t.user(None, 2));
    for (who, role, scope) in [
        (ada, Role::Viewer, rail),
        (ada, Role::Viewer, Scope::Platform),
        (root, Role::Viewer, bank),
        (root, Role::Administrator, risk),
    ] {
        let refused = t.bind(role, To::User(who), scope);
        assert!(matches!(refused, Err(Reject::NotFound { kind: "user", .. })), "{refused:?}");
    }
    for role in [Role::Member, Role::Administrator, Role::Student, Role::Inference] {
        assert!(t.bind(role, To::User(root), Scope::Platform).is_err(), "{role}");
    }
    assert!(t.bind(Role::Operator, To::User(ada), bank).is_err());
    t.bind(Role::Operator, To::User(root), Scope::Platform).unwrap();
    assert_eq!(t.may(Principal::User(root), Role::Operator, Scope::Platform), Ok(()));
    let staff = t.group(Some(t.rail), "staff");
    let add = group::Command::AddMember { id: staff, user: ada };
    let refused = t.world.run(Command::Group(add));
    assert!(matches!(refused, Err(Reject::NotFound { kind: "user", .. })), "{refused:?}");
}

#[test]
fn a_rotated_key_opens_with_both_secrets_for_a_while() {
    let mut t = Tenants::new();
    let risk = Scope::Project(t.risk);
    let id = t.issue_as(Actor::System, (Role::Viewer, risk), None, 1).unwrap();
    let rotate = |secret, days: u64| {
        let (secret_hash, overlap) = (Digest([secret; 32]), DurationMicros(DAY.0 * days));
        Command::Key(key::Command::Rotate { id, secret_hash, overlap })
    };
    assert!(t.world.run(rotate(2, 8)).is_err(), "at most seven days");
    assert!(t.world.run(rotate(1, 1)).is_err(), "the secret must be new");
    t.world.run(rotate(2, 1)).unwrap();
    let opens =
        |t: &Tenants, n| t.world.state.key_by_hash(Digest([n; 32]), t.world.now()).is_some();
    assert!(opens(&t, 1) && opens(&t, 2));
    t.world.advance(86_401);
    assert!(!opens(&t, 1) && opens(&t, 2));
    t.world.run(rotate(3, 0)).unwrap();
    assert!(!opens(&t, 1) && !opens(&t, 2) && opens(&t, 3));
    t.world.run(Command::Key(key::Command::Revoke { id })).unwrap();
    assert!(!opens(&t, 3) && t.world.run(rotate(4, 1)).is_err());
    assert_eq!(t.world.verify().findings, vec![]);
}
