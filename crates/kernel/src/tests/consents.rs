//! Consents: what is a tenant's own is shut to the platform without one.

use super::{identity::Tenants, *};
use crate::{
    access::{Denied, Grants, Principal, Role},
    binding::Principal as To,
    consent,
};

/// The operator's key holder, somebody of support with a key, and the bank's own administrator's key.
struct Visit {
    t: Tenants,
    support: Id<kinds::User>,
    own: Id<kinds::Key>,
}

impl Visit {
    fn new() -> Self {
        let mut t = Tenants::new();
        let support = t.user(None, 1);
        t.bind(Role::Operator, To::User(support), Scope::Platform).unwrap();
        let bank = Scope::Organisation(t.bank);
        let own = t.issue_as(Actor::System, (Role::Administrator, bank), None, 9).unwrap();
        Self { t, support, own }
    }

    fn grant_as(
        &mut self,
        actor: Actor,
        level: consent::Level,
        secs: u64,
    ) -> Result<Id<kinds::Consent>, Reject> {
        let command = consent::Command::Grant {
            scope: Scope::Project(self.t.risk),
            users: [self.support].into(),
            level,
            until: self.t.world.now().plus(DurationMicros::from_secs(secs)),
        };
        let submission = Submission::new(Command::Consent(command));
        match self.t.world.submit_as(actor, &submission)?.first().unwrap().subject() {
            Subject::Consent(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    /// May support do something with what is the tenant's own?
    fn may(&self, role: Role, operation: &str) -> Result<bool, Denied> {
        let operation = crate::access::Operation::named(operation);
        let wish = crate::access::Wish { role, operation, content: true };
        let state = &self.t.world.state;
        let grants = Grants::of(state, Principal::User(self.support), self.t.world.now());
        let basis = crate::access::basis(state, &grants, wish, Scope::Project(self.t.risk));
        basis.map(|consent| consent.is_some())
    }

    fn use_as(&mut self, actor: Actor, id: Id<kinds::Consent>) -> Result<Vec<Event>, Reject> {
        let (operation, request) = ("blob_get".to_owned(), "GET /api/v1/blobs/x".to_owned());
        let command = consent::Command::Use { id, operation, request };
        self.t.world.submit_as(actor, &Submission::new(Command::Consent(command)))
    }
}

#[test]
fn the_platform_has_no_right_to_what_is_a_tenants_own_without_its_consent() {
    let mut visit = Visit::new();
    let shut = Err(Denied::NeedsConsent);
    assert_eq!(visit.may(Role::Viewer, "workload_logs"), shut);
    assert_eq!(visit.may(Role::Member, "workload_create"), shut);
    assert_eq!(visit.may(Role::Administrator, "key_create"), shut);
    // Quotas, bills and the fleet are still the platform's.
    let who = Principal::User(visit.support);
    let risk = Scope::Project(visit.t.risk);
    assert_eq!(visit.t.may(who, Role::Billing, risk), Ok(()));
    assert_eq!(visit.t.may(who, Role::Operator, Scope::Platform), Ok(()));
    // Nobody of the platform makes themselves an administrator of the tenant.
    let bank = Scope::Organisation(visit.t.bank);
    let actor = Actor::User(visit.support);
    let key = visit.t.issue_as(actor, (Role::Viewer, bank), None, 8);
    assert!(matches!(key, Err(Reject::BeyondOwn { .. })), "{key:?}");

    let own = Actor::Key(visit.own);
    visit.grant_as(own, consent::Level::Read, 3_600).unwrap();
    assert_eq!(visit.may(Role::Viewer, "workload_logs"), Ok(true), "by consent");
    assert!(visit.may(Role::Member, "workload_create").is_err(), "reading is not working");
    assert!(visit.may(Role::Administrator, "key_create").is_err());
    visit.grant_as(own, consent::Level::Administer, 3_600).unwrap();
    assert_eq!(visit.may(Role::Member, "workload_create"), Ok(true));
    assert_eq!(visit.t.world.verify().findings, vec![]);
}

#[test]
fn a_consent_is_of_the_tenant_for_support_and_ends() {
    let mut visit = Visit::new();
    let (own, support) = (Actor::Key(visit.own), Actor::User(visit.support));
    for actor in [Actor::System, support] {
        assert!(visit.grant_as(actor, consent::Level::Read, 60).is_err(), "{actor}");
    }
    assert!(visit.grant_as(own, consent::Level::Read, 7 * 86_400 + 1).is_err(), "a week at most");
    let id = visit.grant_as(own, consent::Level::Read, 60).unwrap();
    visit.use_as(support, id).unwrap();
    assert!(visit.use_as(own, id).is_err(), "only who is named uses it");
    let until = visit.t.world.state.consents[&id].until;
    while visit.t.world.now() < until {
        visit.t.world.advance(1);
    }
    // A second after its end, and also at its end, there is nothing left of it.
    assert_eq!(visit.may(Role::Viewer, "workload_logs"), Err(Denied::NeedsConsent));
    assert!(visit.use_as(support, id).is_err());
    let id = visit.grant_as(own, consent::Level::Read, 60).unwrap();
    assert_eq!(visit.may(Role::Viewer, "workload_logs"), Ok(true));
    visit.t.world.run(Command::Consent(consent::Command::Revoke { id })).unwrap();
    assert_eq!(visit.may(Role::Viewer, "workload_logs"), Err(Denied::NeedsConsent));
    assert_eq!(visit.t.world.state.consents.values().map(|c| c.n_used).sum::<u64>(), 1);
    assert_eq!(visit.t.world.verify().findings, vec![]);
}
