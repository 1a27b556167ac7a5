//! Calls of models: who makes them, where they go, and what they add to what a capability token has spent.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use api::nouns::guardrail::Guardrail;
use kernel::State;
use units::{Country, Id, MicroEuro, PriceUnit, kinds};

use super::{CallRefused, CallRoute, CallableModel, Calling, Platform, allowances, directory};
use crate::http::guardrails;
use crate::sign_in::{
    capability::{self, CarriedCapability},
    session::Principal,
};

/// What is checked, with its version and the project that wants it.
type Wanted = ((u64, u64), Id<kinds::Project>, Vec<Guardrail>);

impl Platform {
    /// Who holds a secret, or whose rights a capability token carries.
    ///
    /// # Errors
    /// [`CallRefused::InvalidKey`]; [`CallRefused::Forbidden`] for the token of a person, since calls are
    /// metered by key.
    pub fn caller(&self, secret: &str) -> Result<Calling, CallRefused> {
        let now = self.now();
        let carried = match secret.starts_with(capability::PREFIX) {
            true => Some(self.carried(secret)?),
            false => None,
        };
        self.read(|state| {
            let key = match &carried {
                None => directory::authenticate(state, secret, now)?,
                Some((id, _)) => {
                    let principal = kernel::access::Principal::Key(*id);
                    let key = state.keys.get(id);
                    let active = kernel::access::is_active(state, principal, now);
                    key.filter(|_| active).ok_or(CallRefused::InvalidKey)?
                }
            };
            let carried = carried.map(|(_, token)| token);
            Ok(calling(state, key, carried))
        })
    }

    /// Who a key is now, without its secret: for what it has asked for before.
    ///
    /// # Errors
    /// [`CallRefused::InvalidKey`] once it is expired or revoked.
    pub fn key_caller(&self, key: Id<kinds::Key>) -> Result<Calling, CallRefused> {
        let now = self.now();
        self.read(|state| {
            let active = kernel::access::is_active(state, kernel::access::Principal::Key(key), now);
            let key = state.keys.get(&key).filter(|_| active).ok_or(CallRefused::InvalidKey)?;
            Ok(calling(state, key, None))
        })
    }

    /// A capability token of a key, verified and not revoked.
    fn carried(&self, secret: &str) -> Result<(Id<kinds::Key>, CarriedCapability), CallRefused> {
        let token = self.sign_in.root.verify(secret).map_err(|_| CallRefused::InvalidKey)?;
        if self.read(|state| token.is_revoked(state)) {
            return Err(CallRefused::InvalidKey);
        }
        let holder = match token.holder {
            Principal::Key(id) => id,
            Principal::User(_) => return Err(CallRefused::Forbidden),
        };
        let token = CarriedCapability::new(token);
        // A budget that cannot be counted would be none.
        token.require_room(&self.sign_in.meter).map_err(|_| {
            let text = "the budget of this capability token cannot be counted now: use its key";
            CallRefused::BudgetExhausted(text.into())
        })?;
        Ok((holder, token))
    }

    /// Adds what a call has cost, at the prices of now, to what a capability token has spent.
    pub fn spend(&self, token: &CarriedCapability, prompt_tokens: u64, completion_tokens: u64) {
        let used =
            [(PriceUnit::MTokensIn, prompt_tokens), (PriceUnit::MTokensOut, completion_tokens)];
        let cost = self.read(|state| {
            let costs = used.iter().map(|(per, quantity)| {
                units::rate(kernel::price::current(state, *per), *quantity)
                    .map_or(0, |r| r.amount.0)
            });
            MicroEuro(costs.fold(0, i64::saturating_add))
        });
        if let Err(error) = token.spend(cost, &self.sign_in.meter) {
            tracing::error!(%error, "what a capability token has spent was not written");
        }
    }

    /// The version of what is checked at an endpoint; `None` where nothing is.
    #[must_use]
    pub fn guardrails_version(&self, endpoint: Id<kinds::Endpoint>) -> Option<(u64, u64)> {
        self.read(|state| guardrails::version_of(state, endpoint))
    }

    /// What is checked at an endpoint, in order, with its version, and the project that wants it.
    #[must_use]
    pub fn guardrails(&self, endpoint: Id<kinds::Endpoint>) -> Option<Wanted> {
        self.read(|state| {
            let project = state.endpoints.get(&endpoint)?.project;
            let (version, rules) = guardrails::of_endpoint(state, endpoint)?;
            Some((version, project, rules))
        })
    }

    /// The models that a key may call.
    #[must_use]
    pub fn callable_models(&self, key: Id<kinds::Key>) -> Vec<CallableModel> {
        let now = self.now();
        self.read(|state| directory::models(state, key, now))
    }

    /// Where a call to a model goes.
    ///
    /// # Errors
    /// [`CallRefused`].
    pub fn call_route(
        &self,
        key: Id<kinds::Key>,
        carried: Option<&CarriedCapability>,
        model: &str,
    ) -> Result<CallRoute, CallRefused> {
        let (now, meter) = (self.now(), &self.sign_in.meter);
        // A token is evaluated once for a country, however many replicas there are: the state waits.
        let known = RefCell::new(BTreeMap::<Country, bool>::new());
        let allowed = |country: Country| {
            let ask = |token: &CarriedCapability| token.allows(now, model, country, meter).is_ok();
            carried.is_none_or(|token| {
                *known.borrow_mut().entry(country).or_insert_with(|| ask(token))
            })
        };
        self.read(|state| directory::route(state, key, model, now, allowed))
    }

    /// The endpoint that a call refused for want of a replica may wait for.
    #[must_use]
    pub fn call_wakes(
        &self,
        key: Id<kinds::Key>,
        carried: Option<&CarriedCapability>,
        model: &str,
    ) -> Option<Id<kinds::Endpoint>> {
        let (now, meter) = (self.now(), &self.sign_in.meter);
        let (found, countries) = self.read(|state| {
            let countries: BTreeSet<Country> =
                state.sites.values().map(|site| site.config.country).collect();
            (directory::wakes(state, key, model, now), countries)
        });
        // A token starts nothing that it could not ask anywhere.
        let opens = |token: &CarriedCapability| {
            countries.iter().any(|one| token.allows(now, model, *one, meter).is_ok())
        };
        found.filter(|_| carried.is_none_or(opens))
    }
}

fn calling(state: &State, key: &kernel::key::Key, carried: Option<CarriedCapability>) -> Calling {
    let project = match key.scope {
        kernel::access::Scope::Project(id) => Some(id),
        kernel::access::Scope::Platform | kernel::access::Scope::Organisation(_) => None,
    };
    Calling { key: key.id, project, standing: allowances::standing(state, key.id), carried }
}
