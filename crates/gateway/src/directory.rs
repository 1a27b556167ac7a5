//! What the gateway asks the application: who calls, which models there are, where they run.
//!
//! Answers must come from memory: the methods are called on the request path and must not block.

use std::{any::Any, fmt, sync::Arc};

use units::{Id, kinds};

use crate::admission::{Allowance, Door, Standing};
use crate::backend::Remote;
use crate::capture::Capture;
use crate::guard::Checks;

/// The application's view of keys, models and replicas.
pub trait Directory: Send + Sync + 'static {
    /// Who holds this bearer key.
    ///
    /// # Errors
    /// [`Refusal::InvalidKey`] for a key that is unknown, expired or revoked; any other refusal
    /// that concerns the key as a whole.
    fn authenticate(&self, bearer: &str) -> Result<Caller, Refusal>;

    /// The models this caller may see.
    fn models(&self, caller: &Caller) -> Vec<ModelCard>;

    /// Where a request of this caller for a public model name goes now.
    ///
    /// # Errors
    /// [`Refusal::ModelNotFound`] when the name is unknown or its existence is secret from the
    /// caller, and the refusals for access, budget, rate and missing replicas.
    fn route(&self, caller: &Caller, model: &str) -> Result<Route, Refusal>;

    /// What is checked of a question and of its answer, wherever on the route it may be answered;
    /// `None`, which costs nothing, for nothing.
    ///
    /// # Errors
    /// [`Refusal::Unchecked`] where it is not known what to check: nothing passes unchecked.
    fn checks(&self, route: &Route) -> Result<Option<Arc<Checks>>, Refusal>;

    /// How a service is spoken to that a rule asks; `None` where that is not known now, and then it gives no
    /// answer.
    fn checker(&self, upstream: Id<kinds::Upstream>) -> Option<Arc<Remote>> {
        let _ = upstream;
        None
    }

    /// What is kept of a call of this route, for the project whose key has asked; `None` for nothing.
    fn capture(&self, caller: &Caller, route: &Route) -> Option<Capture> {
        let _ = (caller, route);
        None
    }

    /// What the budgets over a call of this endpoint with this key leave it, and the last roll-up of this
    /// gateway that they have counted, both of one moment. Without budgets the default is right.
    fn allowance(
        &self,
        gateway: Id<kinds::Gateway>,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> Allowance {
        let recorded = self.recorded(gateway);
        tracing::trace!(%key, %endpoint, recorded, "no budgets are known here");
        Allowance { recorded, ..Allowance::default() }
    }

    /// The endpoint that a request refused for [`Refusal::NoReplica`] may wait for, because asking for it
    /// starts one.
    fn wakes(&self, caller: &Caller, model: &str) -> Option<Id<kinds::Endpoint>> {
        let _ = (caller, model);
        None
    }

    /// The highest roll-up sequence of this gateway already in the log; 0 for none.
    fn recorded(&self, gateway: Id<kinds::Gateway>) -> u64;
}

/// What a caller's credential wants to know of each finished request: a token with a budget of its own.
pub trait Charge: Any + fmt::Debug + Send + Sync {
    /// A request has ended with so many tokens; called once for each that was sent on.
    fn finished(&self, prompt_tokens: u64, completion_tokens: u64);
}

/// The holder of an accepted key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The key.
    pub key: Id<kinds::Key>,
    /// The project that pays.
    pub project: Id<kinds::Project>,
    /// The limits over it, and its place among tenants that wait.
    pub standing: Standing,
    /// What else the credential says; the directory's own, `None` for a plain key.
    pub charge: Option<Arc<dyn Charge>>,
}

/// One public model, as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelCard {
    /// The public name; may contain `/` and `:`.
    pub id: String,
    /// When it was published, in seconds since 1970.
    pub created_unix_s: i64,
    /// Who offers it.
    pub owned_by: String,
    /// Longest context in tokens.
    pub context_tokens_max: u64,
    /// Whether it came from a fine-tuning job here.
    pub fine_tuned: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The endpoint that is metered.
    pub endpoint: Id<kinds::Endpoint>,
    /// The name under which the replicas know the model.
    pub upstream_model: String,
    /// Who can answer now.
    pub replicas: Vec<Replica>,
    /// Routes that take a part of the requests, in percent, such as the next version of a model.
    pub canaries: Vec<(u32, Self)>,
    /// Routes to take when nothing of this one answers, in this order.
    pub fallbacks: Vec<Self>,
}

impl Route {
    /// A route without canaries and fallbacks.
    #[must_use]
    pub fn new(
        endpoint: Id<kinds::Endpoint>,
        upstream_model: String,
        replicas: Vec<Replica>,
    ) -> Self {
        Self { endpoint, upstream_model, replicas, canaries: Vec::new(), fallbacks: Vec::new() }
    }

    /// The endpoints that may answer, each once: its own, its canaries' and its fallbacks'.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Id<kinds::Endpoint>> {
        let others = self.canaries.iter().map(|(_, route)| route).chain(&self.fallbacks);
        let mut found = vec![self.endpoint];
        for endpoint in others.flat_map(Self::endpoints) {
            if !found.contains(&endpoint) {
                found.push(endpoint);
            }
        }
        found
    }

    /// Where requests wait for a place: before the one upstream there is, whoever's endpoint leads to it, or
    /// before the endpoint. A replica takes `each` at once, and an upstream
    /// as many as it was registered for.
    pub(crate) fn door(&self, each: usize) -> Door {
        let takes = |replica: &Replica| {
            let most = replica.remote.as_ref().and_then(|remote| remote.in_flight_max());
            most.and_then(|most| usize::try_from(most).ok()).unwrap_or(each)
        };
        let of = |route: &Self| route.replicas.iter().map(takes).fold(0, usize::saturating_add);
        let own =
            self.canaries.iter().map(|(_, route)| of(route)).fold(of(self), usize::saturating_add);
        let instead = || self.fallbacks.iter().map(of).find(|room| *room > 0);
        let room = if own > 0 { own } else { instead().unwrap_or(0) };
        let shared = match self.replicas.as_slice() {
            [only] if self.canaries.is_empty() => only.remote.as_ref(),
            _ => None,
        };
        let id = shared.map_or(*self.endpoint.as_bytes(), |remote| *remote.id().as_bytes());
        Door { id, room }
    }
}

/// One place that can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its address as `host:port`; unique among the replicas that a gateway knows, and the name of its
    /// load and health.
    pub address: Arc<str>,
    /// Its site; `None` where nobody knows. An answer's receipt names it.
    pub site: Option<Id<kinds::Site>>,
    /// Its share of the requests, relative to the route's other replicas; 0 gets none.
    pub weight: u32,
    /// The name of the model there, where it is not the route's.
    pub model: Option<Arc<str>>,
    /// How it is spoken to if it was registered by URL.
    pub remote: Option<Arc<Remote>>,
}

impl Replica {
    /// A replica with the usual weight, spoken to in plain HTTP/1.1.
    pub fn new(address: impl Into<Arc<str>>, site: Option<Id<kinds::Site>>) -> Self {
        Self { address: address.into(), site, weight: 100, model: None, remote: None }
    }

    /// An upstream; known by its id, so that two with one address are two.
    #[must_use]
    pub fn remote(remote: &Arc<Remote>, site: Option<Id<kinds::Site>>, weight: u32) -> Self {
        let (address, model) = (Arc::clone(remote.name()), Some(Arc::clone(remote.model())));
        Self { address, site, weight, model, remote: Some(Arc::clone(remote)) }
    }
}

/// Why the application refuses a request; rendered in OpenAI's error envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 401: the key is unknown, expired or revoked.
    InvalidKey,
    /// 404: no such model for this caller.
    ModelNotFound,
    /// 403: the caller is known but may not do this.
    Forbidden,
    /// 403: what was sent is taken elsewhere, which the text names; here it opens nothing.
    Elsewhere(Box<str>),
    /// 402 of type `insufficient_quota`: a budget is used up, which the text names; retrying does not
    /// help.
    BudgetExhausted(Box<str>),
    /// 503 with `Retry-After`: the model exists but nothing serves it now.
    NoReplica,
    /// 429 with `Retry-After`: too many requests.
    RateLimited,
    /// 503 with `Retry-After`: what is to be checked of the model's questions and answers is not known.
    Unchecked,
}
