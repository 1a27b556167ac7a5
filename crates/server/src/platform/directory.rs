//! Who may call which model, and where it runs: what a gateway asks of the state.

use std::collections::BTreeMap;

use api::nouns::gateway::GatewayModel;
use kernel::{
    State,
    access::{self, Denied, Grants, Principal, Role, Scope},
    budget,
    endpoint::Endpoint,
    key::Key,
};
use units::{Country, Id, UnixMicros, kinds};

use super::{
    CallStanding, followers, token,
    upstreams::{self, CallUpstream},
};
use crate::sign_in::capability::CarriedCapability;

/// Who calls models.
#[derive(Debug, Clone)]
pub struct Calling {
    /// The key that the calls are metered by.
    pub key: Id<kinds::Key>,
    /// The project of a project's key.
    pub project: Option<Id<kinds::Project>>,
    /// The rate limits over the key.
    pub standing: CallStanding,
    /// The capability token that was sent in the key's place.
    pub carried: Option<CarriedCapability>,
}

/// Why a call is refused; a gateway renders it in its own envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRefused {
    /// No such key, or it is expired or revoked.
    InvalidKey,
    /// The key may not call models.
    Forbidden,
    /// No such model for this key.
    ModelNotFound,
    /// A budget over the key or over the endpoint's project is used up; the text names it.
    BudgetExhausted(Box<str>),
    /// Nothing behind the model answers now.
    NoReplica,
}

/// A model as a caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallableModel {
    /// The public name.
    pub name: String,
    /// Seconds since the epoch.
    pub created_unix_s: i64,
    /// The project that offers it.
    pub owner: String,
    /// True if the model was made here from another.
    pub fine_tuned: bool,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRoute {
    /// The endpoint, for the bill.
    pub endpoint: Id<kinds::Endpoint>,
    /// Addresses that answer their probe.
    pub replicas: Vec<String>,
    /// The site of each, in the same order.
    pub sites: Vec<Id<kinds::Site>>,
    /// The share of each relative to the others, in the same order.
    pub weights: Vec<u32>,
    /// Upstreams that answer as well.
    pub upstreams: Vec<CallUpstream>,
    /// Routes that take a part of the requests, in percent.
    pub canaries: Vec<(u32, Self)>,
    /// Routes to take when nothing of this one answers, in this order.
    pub fallbacks: Vec<Self>,
}

impl CallRoute {
    /// Where an endpoint's own requests go.
    fn of(state: &State, endpoint: &Endpoint, allowed: &dyn Fn(Country) -> bool) -> Self {
        let serving = endpoint.serving_in(state, allowed);
        let weights = serving.iter().map(|one| one.weight).collect();
        let (replicas, sites) = serving.into_iter().map(|one| (one.address, one.site)).unzip();
        let upstreams = upstreams::of_endpoint(state, endpoint, allowed);
        let (canaries, fallbacks) = (Vec::new(), Vec::new());
        let endpoint = endpoint.id;
        Self { endpoint, replicas, sites, weights, upstreams, canaries, fallbacks }
    }

    /// The same with its canaries and fallbacks, of which none has any of its own.
    fn with_detours(state: &State, endpoint: &Endpoint, allowed: &dyn Fn(Country) -> bool) -> Self {
        let there = |id: &Id<kinds::Endpoint>| {
            let found = state.endpoints.get(id).filter(|one| one.deleted_at.is_none())?;
            Some(Self::of(state, found, allowed)).filter(|route| !route.is_empty())
        };
        let canaries = endpoint.canaries.iter();
        Self {
            canaries: canaries
                .filter_map(|one| Some((one.percent, there(&one.endpoint)?)))
                .collect(),
            fallbacks: endpoint.fallbacks.iter().filter_map(there).collect(),
            ..Self::of(state, endpoint, allowed)
        }
    }

    /// True if nothing of it answers.
    fn is_empty(&self) -> bool {
        self.replicas.is_empty() && self.upstreams.is_empty() && self.fallbacks.is_empty()
    }
}

/// The key behind a secret, if it is valid now.
///
/// # Errors
/// [`CallRefused::InvalidKey`].
pub(crate) fn authenticate<'a>(
    state: &'a State,
    secret: &str,
    now: UnixMicros,
) -> Result<&'a Key, CallRefused> {
    state.key_by_hash(token::hash(secret), now).ok_or(CallRefused::InvalidKey)
}

/// The models that a key may call, by name.
#[must_use]
pub(crate) fn models(state: &State, key: Id<kinds::Key>, now: UnixMicros) -> Vec<CallableModel> {
    let Some(key) = state.keys.get(&key) else { return Vec::new() };
    let grants = Grants::of(state, Principal::Key(key.id), now);
    let mut models: Vec<CallableModel> = state
        .endpoints
        .values()
        .filter(|endpoint| may_call(state, (key, &grants), endpoint).is_ok())
        .map(|endpoint| describe(state, endpoint))
        .collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

/// Where a call to a model goes; with several of that name, the oldest that the key may call.
///
/// # Errors
/// [`CallRefused`] says why it goes nowhere.
pub(crate) fn route(
    state: &State,
    key: Id<kinds::Key>,
    model: &str,
    now: UnixMicros,
    allowed: impl Fn(Country) -> bool,
) -> Result<CallRoute, CallRefused> {
    let key = state.keys.get(&key).ok_or(CallRefused::InvalidKey)?;
    let grants = Grants::of(state, Principal::Key(key.id), now);
    let mut refused = CallRefused::ModelNotFound;
    for endpoint in state.endpoints.values().filter(|e| e.name.as_str() == model) {
        match may_call(state, (key, &grants), endpoint) {
            Ok(()) => {}
            Err(Denied::NeedsRole(_) | Denied::NeedsConsent) => {
                refused = CallRefused::Forbidden;
                continue;
            }
            Err(Denied::Hidden) => continue,
        }
        budget::require_open_for_calls(state, endpoint.project, key.id, now)
            .map_err(|refused| CallRefused::BudgetExhausted(refused.to_string().into()))?;
        let here = |country| key.limits.allow_country(country) && allowed(country);
        let route = CallRoute::with_detours(state, endpoint, &here);
        if route.is_empty() {
            // What is narrowed away is refused; what is not there may come.
            let wider = |country| key.limits.allow_country(country);
            let narrowed = !CallRoute::with_detours(state, endpoint, &wider).is_empty();
            return Err(if narrowed { CallRefused::Forbidden } else { CallRefused::NoReplica });
        }
        return Ok(route);
    }
    Err(refused)
}

/// The endpoint whose services follow the load that a call of this key would lead to.
#[must_use]
pub(crate) fn wakes(
    state: &State,
    key: Id<kinds::Key>,
    model: &str,
    now: UnixMicros,
) -> Option<Id<kinds::Endpoint>> {
    let key = state.keys.get(&key)?;
    let grants = Grants::of(state, Principal::Key(key.id), now);
    let mut named = state.endpoints.values().filter(|one| one.name.as_str() == model);
    let found = named.find(|one| may_call(state, (key, &grants), one).is_ok())?;
    found.scaling.as_ref().map(|_| found.id)
}

/// A key that is limited to some models knows of no other.
fn may_call(
    state: &State,
    (key, grants): (&Key, &Grants),
    endpoint: &Endpoint,
) -> Result<(), Denied> {
    if endpoint.deleted_at.is_some() || !key.limits.allow_model(&endpoint.name) {
        return Err(Denied::Hidden);
    }
    // What is asked of a model is not written down, so no consent lets anybody ask.
    let scope = Scope::Project(endpoint.project);
    match access::basis(state, grants, Role::Inference.into(), scope)? {
        None => Ok(()),
        Some(_) => Err(Denied::NeedsConsent),
    }
}

fn describe(state: &State, endpoint: &Endpoint) -> CallableModel {
    let project = state.projects.get(&endpoint.project);
    let model = endpoint.model.and_then(|id| state.models.get(&id));
    let version = model.and_then(|m| m.version(endpoint.model_version));
    let from_model = |artefact: &kernel::model::Artefact| match artefact {
        kernel::model::Artefact::Model { .. } => true,
        kernel::model::Artefact::Dataset { .. } => false,
    };
    CallableModel {
        name: endpoint.name.to_string(),
        created_unix_s: endpoint.meta.created_at.secs(),
        owner: project.map_or_else(String::new, |project| project.name.to_string()),
        fine_tuned: version.is_some_and(|v| v.lineage.inputs.iter().any(from_model)),
    }
}

/// What a key may call, by name, as a gateway elsewhere needs it; with several of a name the oldest.
pub(super) fn openings(state: &State, key: &Key, now: UnixMicros) -> Vec<GatewayModel> {
    let grants = Grants::of(state, Principal::Key(key.id), now);
    let here = |country| key.limits.allow_country(country);
    let mut open = BTreeMap::new();
    for endpoint in state.endpoints.values() {
        if open.contains_key(&endpoint.name) || may_call(state, (key, &grants), endpoint).is_err() {
            continue;
        }
        let route = CallRoute::with_detours(state, endpoint, &here);
        let Some(route) = followers::route(state, route) else { continue };
        let about = describe(state, endpoint);
        let model = GatewayModel {
            name: about.name,
            created_unix_s: about.created_unix_s,
            owner: about.owner,
            fine_tuned: about.fine_tuned,
            wakes: endpoint.scaling.is_some(),
            route,
        };
        open.insert(endpoint.name.clone(), model);
    }
    open.into_values().collect()
}
