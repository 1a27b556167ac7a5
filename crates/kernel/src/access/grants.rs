//! What somebody holds at a moment: masks with the scopes in which they hold.
//!
//! Computed once for a request and asked often. A principal that may not act holds nothing; a key
//! never holds more than its owner.

use units::{Id, UnixMicros, kinds};

use super::{Mask, Scope, Wish, covers, is_shut};
use crate::{
    State, binding,
    key::{Key, Owner},
    user,
};

/// Somebody who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Whoever has the key's secret.
    Key(Id<kinds::Key>),
    /// Somebody who has signed in.
    User(Id<kinds::User>),
    /// A program.
    ServiceAccount(Id<kinds::ServiceAccount>),
}

/// A mask and where it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Here and below.
    pub scope: Scope,
    /// What is permitted.
    pub mask: Mask,
    /// The consent that it comes from, if it comes from one.
    pub consent: Option<Id<kinds::Consent>>,
}

/// Everything that a principal holds at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants(Vec<Grant>);

/// True if the principal may act at all: known, not suspended, not expired.
#[must_use]
pub fn is_active(state: &State, principal: Principal, at: UnixMicros) -> bool {
    match principal {
        Principal::Key(id) => state.keys.get(&id).is_some_and(|key| {
            let owner = key.owner.is_none_or(|owner| is_active(state, owner.into(), at));
            key.is_valid_at(at) && owner
        }),
        Principal::User(id) => {
            state.users.get(&id).is_some_and(|user| user.status == user::Status::Active)
        }
        Principal::ServiceAccount(id) => {
            state.service_accounts.get(&id).is_some_and(|account| account.is_active(state, at))
        }
    }
}

impl From<Owner> for Principal {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::User(id) => Self::User(id),
            Owner::ServiceAccount(id) => Self::ServiceAccount(id),
        }
    }
}

impl Grants {
    /// What the principal holds at this time.
    #[must_use]
    pub fn of(state: &State, principal: Principal, at: UnixMicros) -> Self {
        if !is_active(state, principal, at) {
            return Self::default();
        }
        match principal {
            Principal::Key(id) => state.keys.get(&id).map_or_else(Self::default, |key| {
                let own = Grant { scope: key.scope, mask: key.role.mask(), consent: None };
                key.owner.map_or_else(
                    || Self(vec![own]),
                    |owner| Self::of(state, owner.into(), at).narrowed(state, own),
                )
            }),
            Principal::User(id) => {
                let mut grants = Self::default();
                grants.add(state, binding::Principal::User(id), at);
                let consents = state.consents_for(id).filter(|consent| consent.is_in_force(at));
                grants.0.extend(consents.map(|consent| Grant {
                    scope: consent.scope,
                    mask: consent.level.mask(),
                    consent: Some(consent.id),
                }));
                for group in state.groups_of(id) {
                    grants.add(state, binding::Principal::Group(group.id), at);
                }
                grants
            }
            Principal::ServiceAccount(id) => {
                let mut grants = Self::default();
                grants.add(state, binding::Principal::ServiceAccount(id), at);
                grants
            }
        }
    }

    /// What a key alone says, whoever owns it: for what is shown of it.
    #[must_use]
    pub fn of_role(key: &Key) -> Self {
        Self(vec![Grant { scope: key.scope, mask: key.role.mask(), consent: None }])
    }

    /// The grants one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// Everything that is permitted on a scope.
    #[must_use]
    pub fn on(&self, state: &State, target: Scope) -> Mask {
        let here = self.0.iter().filter(|grant| covers(state, grant.scope, target));
        let own = policy::access::own();
        here.fold(Mask::NOTHING, |mask, grant| {
            let shut = is_shut(state, grant.scope, target);
            mask.or(if shut { grant.mask.without(own) } else { grant.mask })
        })
    }

    /// The scopes in which a wish is granted, as they were given.
    pub fn scopes(&self, wish: impl Into<Wish>) -> impl Iterator<Item = Scope> {
        let wish = wish.into();
        self.0.iter().filter(move |grant| wish.is_in(&grant.mask)).map(|grant| grant.scope)
    }

    fn add(&mut self, state: &State, holder: binding::Principal, at: UnixMicros) {
        for binding in state.bindings_of(holder).filter(|binding| binding.is_in_force(at)) {
            let (scope, mask) = (binding.scope, binding::mask_of(state, binding.role));
            match self.0.iter_mut().find(|grant| grant.scope == scope && grant.consent.is_none()) {
                Some(grant) => grant.mask = grant.mask.or(mask),
                None => self.0.push(Grant { scope, mask, consent: None }),
            }
        }
    }

    /// Only what another grant allows as well, and only where both hold.
    fn narrowed(self, state: &State, to: Grant) -> Self {
        let narrow = |grant: Grant| {
            let scope = if covers(state, grant.scope, to.scope) {
                to.scope
            } else if covers(state, to.scope, grant.scope) {
                grant.scope
            } else {
                return None;
            };
            Some(Grant { scope, mask: grant.mask.and(to.mask), consent: grant.consent })
        };
        Self(self.0.into_iter().filter_map(narrow).collect())
    }
}
