//! What everything that holds or carries data is subject to: country, operator, the jurisdiction that
//! controls the operator, and owner (SecNumCloud 3.2 §8.1.a, §19.2.a).
//!
//! Nothing is guessed: what nobody declared is missing here and is reported as such.

use std::fmt;

use units::{Country, Id, kinds};

use crate::{
    State, Subject, entity,
    storage::{self, Purpose},
};

/// What an object is subject to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Where it is.
    pub country: Option<Country>,
    /// Who operates it.
    pub operator: Option<Id<kinds::Entity>>,
    /// Which jurisdiction controls the operator in the end.
    pub jurisdiction: Option<Country>,
    /// Who owns it.
    pub owner: Option<Id<kinds::Entity>>,
}

impl Attributes {
    /// What is missing, by name.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("country", self.country.is_none()),
            ("operating entity", self.operator.is_none()),
            ("controlling jurisdiction", self.jurisdiction.is_none()),
            ("owner", self.owner.is_none()),
        ];
        all.into_iter().filter(|(_, missing)| *missing).map(|(name, _)| name)
    }
}

/// An object that lacks something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// The object; `None` for the log or accounts as a whole, where no place is registered for them.
    pub object: Option<Subject>,
    /// Its name, for people.
    pub name: String,
    /// What it lacks.
    pub missing: Vec<&'static str>,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.object.map_or_else(String::new, |object| format!(" ({object})"));
        write!(f, "`{}`{id} lacks {}", self.name, self.missing.join(", "))
    }
}

/// What a site is subject to.
#[must_use]
pub fn of_site(state: &State, id: Id<kinds::Site>) -> Option<Attributes> {
    let config = &state.sites.get(&id)?.config;
    Some(with(state, config.country, config.operator_entity, config.owner_entity))
}

/// What a node is subject to: it stands in its site.
#[must_use]
pub fn of_node(state: &State, id: Id<kinds::Node>) -> Option<Attributes> {
    of_site(state, state.nodes.get(&id)?.site)
}

/// What a place of storage is subject to: that of its site, or its own.
#[must_use]
pub fn of_storage(state: &State, id: Id<kinds::Storage>) -> Option<Attributes> {
    let place = state.storages.get(&id)?;
    let config = &state.sites.get(&place.site)?.config;
    let operator = place.operator_entity.or(config.operator_entity);
    let owner = place.owner_entity.or(config.owner_entity);
    Some(with(state, config.country, operator, owner))
}

/// What an endpoint is subject to: one for each site of its services and upstreams.
#[must_use]
pub fn of_endpoint(state: &State, id: Id<kinds::Endpoint>) -> Vec<(Id<kinds::Site>, Attributes)> {
    let Some(endpoint) = state.endpoints.get(&id) else { return Vec::new() };
    let services = endpoint.workloads.iter().filter_map(|id| state.workloads.get(id));
    let mut sites: Vec<Id<kinds::Site>> = services
        .filter(|service| service.holds_nodes())
        .filter_map(|service| service.attempt().map(|attempt| attempt.site))
        .collect();
    let upstreams = endpoint.backends.iter().filter_map(|b| state.upstreams.get(&b.upstream));
    sites.extend(upstreams.map(|upstream| upstream.site));
    sites.sort_unstable();
    sites.dedup();
    sites.into_iter().filter_map(|site| Some((site, of_site(state, site)?))).collect()
}

fn with(
    state: &State,
    country: Country,
    operator: Option<Id<kinds::Entity>>,
    owner: Option<Id<kinds::Entity>>,
) -> Attributes {
    let assessment = operator.and_then(|id| entity::assessment(state, id));
    let jurisdiction = assessment.and_then(|one| one.jurisdiction.country());
    Attributes { country: Some(country), operator, jurisdiction, owner }
}

/// Everything that lacks something, in the order of its kind and id.
#[must_use]
pub fn lacking(state: &State) -> Vec<Lacking> {
    let mut found = Vec::new();
    let mut look = |object: Subject, name: String, attributes: Option<Attributes>| {
        let Some(attributes) = attributes else { return };
        let missing: Vec<&str> = attributes.missing().collect();
        if !missing.is_empty() {
            found.push(Lacking { object: Some(object), name, missing });
        }
    };
    for (id, site) in &state.sites {
        look((*id).into(), site.name.to_string(), of_site(state, *id));
    }
    for (id, node) in &state.nodes {
        look((*id).into(), node.name.to_string(), of_node(state, *id));
    }
    for (id, storage) in state.storages.iter().filter(|(_, one)| one.retired_at.is_none()) {
        look((*id).into(), storage.name.to_string(), of_storage(state, *id));
    }
    for (id, endpoint) in state.endpoints.iter().filter(|(_, one)| one.deleted_at.is_none()) {
        for (_, attributes) in of_endpoint(state, *id) {
            look((*id).into(), endpoint.name.to_string(), Some(attributes));
        }
    }
    found.extend(unplaced(state));
    found
}

/// Data for which no place is registered has no country at all.
fn unplaced(state: &State) -> impl Iterator<Item = Lacking> {
    let artefacts = !state.datasets.is_empty() || !state.models.is_empty();
    let kept = [
        ("artefacts", Purpose::Artefacts, artefacts),
        ("the log", Purpose::Log, state.size > 0),
        ("keys", Purpose::Keys, !state.keys.is_empty()),
    ];
    let unplaced = kept
        .into_iter()
        .filter(|(_, purpose, exists)| *exists && storage::in_use(state, *purpose).is_none())
        .map(|(name, ..)| name);
    let unplaced: Vec<&str> = unplaced.collect();
    unplaced.into_iter().map(|name| Lacking {
        object: None,
        name: name.to_owned(),
        missing: vec!["country", "operating entity", "controlling jurisdiction", "owner"],
    })
}
