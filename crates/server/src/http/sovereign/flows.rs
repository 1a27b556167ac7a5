//! The inventory of data flows, made from the configuration in force and from nothing else: what is not configured is
//! not in it, and what is spoken to without being in it is a finding of `cocarde audit flows`.

use api::nouns::flow::{Flow, FlowData, FlowInventory, FlowList, FlowPurpose};
use kernel::{
    State,
    access::{Role, Scope},
    inventory,
    storage::Purpose,
};
use units::{Country, Id, kinds};

use crate::{
    http::{
        access,
        fail::Fail,
        mount::{Call, as_of},
    },
    platform::DeclaredFlow,
};

/// Most destinations in an answer.
const FLOWS_MAX: usize = 10_000;

/// `GET /api/v1/flows`
pub(crate) async fn list(call: Call<FlowList>) -> Result<FlowInventory, Fail> {
    call.read(|state| {
        let hidden = || access::needs(Role::Auditor);
        access::require(state, &call.caller, Role::Auditor, Scope::Platform, hidden)?;
        let mut items = replicas(state);
        items.extend(upstreams(state));
        items.extend(providers(state));
        items.extend(call.platform().declared_flows().iter().map(|one| started_with(state, one)));
        items.sort_by(|a, b| (a.purpose, &a.destination).cmp(&(b.purpose, &b.destination)));
        items.dedup();
        let is_complete = items.len() <= FLOWS_MAX;
        items.truncate(FLOWS_MAX);
        Ok(FlowInventory { items, is_complete, seq: as_of(state) })
    })
}

/// Replicas of models that requests may be routed to now.
fn replicas(state: &State) -> Vec<Flow> {
    let endpoints = state.endpoints.values().filter(|one| one.deleted_at.is_none());
    let routed = endpoints.flat_map(|one| {
        one.serving_in(state, |_| true).into_iter().map(|replica| (one.id, replica))
    });
    routed
        .map(|(id, replica)| {
            let site = state.sites.get(&replica.site).map(|site| &site.config);
            Flow {
                destination: replica.address,
                protocol: "http".to_owned(),
                purpose: FlowPurpose::Inference,
                data: FlowData::Customer,
                declared_by: id.to_string(),
                country: site.map(|site| site.country),
                operator_entity: site.and_then(|site| site.operator_entity),
            }
        })
        .collect()
}

/// Upstreams that requests may be routed to now.
fn upstreams(state: &State) -> Vec<Flow> {
    let endpoints = state.endpoints.values().filter(|one| one.deleted_at.is_none());
    let routed = endpoints.flat_map(|one| one.routed_upstreams(state, |_| true));
    routed
        .map(|(_, upstream)| {
            let (destination, protocol) = place_of(&upstream.config.url);
            let site = state.sites.get(&upstream.site).map(|site| &site.config);
            Flow {
                destination,
                protocol,
                purpose: FlowPurpose::Inference,
                data: FlowData::Customer,
                declared_by: upstream.id.to_string(),
                country: site.map(|site| site.country),
                operator_entity: site.and_then(|site| site.operator_entity),
            }
        })
        .collect()
}

fn providers(state: &State) -> Vec<Flow> {
    let providers = state.identity_providers.values();
    providers
        .map(|one| {
            let (destination, protocol) = place_of(&one.config.issuer);
            Flow {
                destination,
                protocol,
                purpose: FlowPurpose::SignIn,
                data: FlowData::Account,
                declared_by: one.id.to_string(),
                country: None,
                operator_entity: None,
            }
        })
        .collect()
}

fn started_with(state: &State, one: &DeclaredFlow) -> Flow {
    let (destination, protocol) = place_of(&one.url);
    let (data, kept) = match one.purpose {
        FlowPurpose::Keys => (FlowData::Keys, Some(Purpose::Keys)),
        FlowPurpose::Witness => (FlowData::Provider, Some(Purpose::Witness)),
        FlowPurpose::SignIn => (FlowData::Account, None),
        FlowPurpose::Inference => (FlowData::Customer, None),
        FlowPurpose::Proxy => (FlowData::Any, None),
    };
    let (country, operator_entity) = kept.map_or((None, None), |purpose| whose(state, purpose));
    let (purpose, declared_by) = (one.purpose, one.declared_by.clone());
    Flow { destination, protocol, purpose, data, declared_by, country, operator_entity }
}

/// Where the one place of a purpose is that is registered, and who runs it; with several nobody can say.
fn whose(state: &State, purpose: Purpose) -> (Option<Country>, Option<Id<kinds::Entity>>) {
    let mut places =
        state.storages.values().filter(|one| one.purpose == purpose && one.retired_at.is_none());
    match (places.next(), places.next()) {
        (Some(one), None) => {
            let attributes = inventory::of_storage(state, one.id);
            attributes.map_or((None, None), |known| (known.country, known.operator))
        }
        _ => (None, None),
    }
}

/// Host and port of an address, and its protocol. What is no address is shown as it is.
fn place_of(url: &str) -> (String, String) {
    let Ok(uri) = url.parse::<http::Uri>() else { return (url.to_owned(), String::new()) };
    let protocol = uri.scheme_str().unwrap_or("http").to_owned();
    let usual = if protocol == "https" { 443 } else { 80 };
    let (host, port) = (uri.host().unwrap_or(url), uri.port_u16().unwrap_or(usual));
    (format!("{host}:{port}"), protocol)
}
