//! Where an endpoint's requests go besides its own services: to upstreams, in part to other endpoints
//! (a canary), and to other endpoints when it has nothing that answers (a fallback).
//!
//! INVARIANT: a route to an upstream is open only while policy's yes about the upstream's site is on
//! record; there is no other way to one.

use policy::{Action, Ask, Category};
use serde::{Deserialize, Serialize};
use units::{Country, DataClass, Id, UnixMicros, kinds};

use super::Endpoint;
use crate::{
    Reject, State, decision, limits, project,
    upstream::{self, Upstream},
};

/// Where an endpoint's requests go besides its own services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// Upstreams that answer beside its services, or instead of them.
    pub backends: Vec<Backend>,
    /// Endpoints that take a part of its requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub canaries: Vec<Canary>,
    /// Endpoints that answer when nothing of its own does, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<Id<kinds::Endpoint>>,
}

/// An upstream of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// The upstream.
    pub upstream: Id<kinds::Upstream>,
    /// Its share of the requests, relative to the others, where a service has 100; 0 gets none.
    pub weight: u32,
    /// The name of the model there, such as that of a LoRA adapter; the upstream's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// An endpoint that takes a part of another's requests, such as the next version of its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// The endpoint.
    pub endpoint: Id<kinds::Endpoint>,
    /// How many of a hundred requests it takes.
    pub percent: u32,
}

/// A route that decisions opened, as the event says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The site that it leads to.
    pub site: Id<kinds::Site>,
    /// Position of the decision that allows it.
    pub decided: u64,
}

/// A route to a site that is open, or was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The site that it leads to.
    pub site: Id<kinds::Site>,
    /// The most sensitive prompts that it may take.
    pub class: DataClass,
    /// Position of the decision that opened it.
    pub decided: u64,
    /// Since when it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMicros>,
}

impl Endpoint {
    /// The most sensitive prompts that it may take.
    #[must_use]
    pub fn class(&self, state: &State) -> DataClass {
        self.class.or_else(|| self.services(state).map(|one| one.class).max()).unwrap_or_default()
    }

    /// Upstreams that policy, on record, allows a route to, in certain countries.
    pub fn routed_upstreams<'a>(
        &'a self,
        state: &'a State,
        allowed: impl Fn(Country) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Backend, &'a Upstream)> + 'a {
        let class = self.class(state);
        self.backends.iter().filter_map(move |backend| {
            let upstream = state.upstreams.get(&backend.upstream)?;
            let site = state.sites.get(&upstream.site)?;
            let is_routed = state.decisions.allows(&ask_of(self, class, upstream.site));
            (is_routed && allowed(site.config.country)).then_some((backend, upstream))
        })
    }

    /// What is asked about each route to an upstream that is open, or was.
    pub(crate) fn opening_asks(&self) -> impl Iterator<Item = (&Opening, Ask)> + '_ {
        self.openings.iter().map(|one| (one, ask_of(self, one.class, one.site)))
    }

    /// Replaces the open routes by these.
    pub(super) fn reopen(&mut self, class: DataClass, opened: &[Opened], at: UnixMicros) {
        let stays =
            |one: &Opening| opened.iter().any(|new| new.site == one.site && one.class == class);
        for one in self.openings.iter_mut().filter(|one| one.until.is_none()) {
            if !stays(one) {
                one.until = Some(at);
            }
        }
        for new in opened {
            let is_open = |one: &Opening| one.site == new.site && one.until.is_none();
            if !self.openings.iter().any(is_open) {
                let Opened { site, decided } = *new;
                self.openings.push(Opening { site, class, decided, until: None });
            }
        }
        while self.openings.len() > limits::OPENINGS_KEPT {
            let Some(oldest) = self.openings.iter().position(|one| one.until.is_some()) else {
                break;
            };
            self.openings.remove(oldest);
        }
    }
}

/// The question about a route of an endpoint to a site: the same as about one of its services there.
fn ask_of(endpoint: &Endpoint, class: DataClass, site: Id<kinds::Site>) -> Ask {
    ask(endpoint.project, class, site)
}

/// The question about a route of a project to a site.
pub(crate) fn ask(project: Id<kinds::Project>, class: DataClass, site: Id<kinds::Site>) -> Ask {
    let (action, category) = (Action::Serve, Category::Customer);
    Ask { project: Some(project), action, class, category, residency: None, site }
}

/// Whose routing is checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) id: Id<kinds::Endpoint>,
    pub(super) project: Id<kinds::Project>,
    pub(super) class: DataClass,
}

/// What is wrong with a routing, or the routes that it opens; decisions that are not on record yet join
/// the events.
pub(super) fn open(
    state: &State,
    owner: Owner,
    routing: &Routing,
    events: &mut Vec<crate::Event>,
) -> Result<Vec<Opened>, Reject> {
    let Routing { backends, canaries, fallbacks } = routing;
    Reject::limit(
        "upstreams of one endpoint",
        backends.len(),
        limits::BACKENDS_MAX.saturating_add(1),
    )?;
    let detours = canaries.len().max(fallbacks.len());
    Reject::limit("canaries or fallbacks", detours, limits::DETOURS_MAX.saturating_add(1))?;
    let mut opened: Vec<Opened> = Vec::new();
    for (place, backend) in backends.iter().enumerate() {
        let upstream = upstream::get(state, backend.upstream)?;
        if !upstream.serves(owner.project) {
            return Err(Reject::not_found("upstream", backend.upstream));
        }
        check_backend(backend)?;
        if backends.iter().take(place).any(|one| one.upstream == backend.upstream) {
            let message = format!("`{}` is named twice: give it one weight", upstream.name);
            return Err(Reject::invalid("backends", message));
        }
        let site = upstream.site;
        if opened.iter().any(|one| one.site == site) {
            continue;
        }
        let ask = ask(owner.project, owner.class, site);
        let made = decision::require(state, events, &ask, owner.id.into());
        let (decided, _) = made.map_err(|no| no.refuse(upstream.name.to_string()))?;
        opened.push(Opened { site, decided });
    }
    project::require_for_endpoint(state, (owner.id, owner.project), owner.class, events)?;
    let total = canaries.iter().fold(0_u32, |sum, one| sum.saturating_add(one.percent));
    if total > 100 || canaries.iter().any(|one| one.percent == 0) {
        let message = format!("`{total}` percent together: give 1 to 100, in sum at most 100");
        return Err(Reject::invalid("canaries", message));
    }
    for id in canaries.iter().map(|one| one.endpoint).chain(fallbacks.iter().copied()) {
        check_detour(state, owner, id)?;
    }
    Ok(opened)
}

fn check_backend(backend: &Backend) -> Result<(), Reject> {
    if backend.weight > limits::BACKEND_WEIGHT_MAX {
        let (weight, max) = (backend.weight, limits::BACKEND_WEIGHT_MAX);
        let message = format!("`{weight}` is out of range: 0 to {max}");
        return Err(Reject::invalid("backends.weight", message));
    }
    let Some(model) = &backend.model else { return Ok(()) };
    let is_plain = !model.trim().is_empty() && model.chars().all(|c| !c.is_control());
    if !is_plain || model.len() > limits::UPSTREAM_TEXT_BYTES_MAX {
        let max = limits::UPSTREAM_TEXT_BYTES_MAX;
        return Err(Reject::invalid("backends.model", format!("give 1 to {max} printable bytes")));
    }
    Ok(())
}

/// A detour leads to an endpoint of the same project that takes prompts as sensitive as these.
fn check_detour(state: &State, owner: Owner, id: Id<kinds::Endpoint>) -> Result<(), Reject> {
    let missing = || Reject::not_found("endpoint", id);
    let target = state.endpoints.get(&id).ok_or_else(missing)?;
    if target.project != owner.project || target.deleted_at.is_some() {
        return Err(missing());
    }
    if id == owner.id {
        let message = format!("`{}` cannot stand in for itself", target.name);
        return Err(Reject::invalid("endpoint", message));
    }
    let class = target.class(state);
    if class < owner.class {
        let message = format!(
            "`{}` takes prompts up to `{class}`, these are up to `{}`: name one of that class",
            target.name, owner.class
        );
        return Err(Reject::invalid("endpoint", message));
    }
    Ok(())
}
