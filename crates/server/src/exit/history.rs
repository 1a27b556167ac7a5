//! What happened to an organisation, for its own keeping: readable, and not taken in elsewhere. No
//! secret is in it, nor the hash of one.

use kernel::{
    State,
    access::{Scope, covers},
};
use serde_json::{Value, json};
use units::{Id, kinds};

use super::lines;

/// The files of `history/`.
pub(super) fn files(
    state: &State,
    home: Id<kinds::Organisation>,
) -> serde_json::Result<Vec<(&'static str, Vec<u8>)>> {
    let is_of = |scope| covers(state, Scope::Organisation(home), scope);
    let keys = state.keys.values().filter(|key| is_of(key.scope)).map(|key| {
        json!({
            "id": key.id, "name": key.name, "scope": key.scope, "created_at": key.meta.created_at,
            "expires_at": key.expires_at, "revoked_at": key.revoked_at,
        })
    });
    let endpoints =
        state.endpoints.values().filter(|endpoint| is_of(Scope::Project(endpoint.project)));
    let workloads = state.workloads.values().filter(|w| is_of(Scope::Project(w.project)));
    let workloads = workloads.map(|w| {
        json!({
            "id": w.id, "project": w.project, "spec": w.spec, "class": w.class,
            "state": w.state_name(), "used": w.used, "cost_microeuro": w.cost,
            "created_at": w.meta.created_at, "updated_at": w.meta.updated_at,
        })
    });
    let costs = state.usage.lines.iter().filter(|(key, _)| is_of(Scope::Project(key.project)));
    let costs = costs.map(|(key, line)| {
        json!({
            "project": key.project, "month_since_1970": key.month, "per": key.per,
            "price_microeuro": key.price, "quantity_base": line.quantity_base,
            "amount_microeuro": line.amount,
        })
    });
    Ok(vec![
        ("history/keys.jsonl", lines(keys.collect::<Vec<Value>>())?),
        ("history/endpoints.jsonl", lines(endpoints)?),
        ("history/workloads.jsonl", lines(workloads.collect::<Vec<Value>>())?),
        ("history/costs.jsonl", lines(costs.collect::<Vec<Value>>())?),
        ("history/prices.json", serde_json::to_vec(&state.prices)?),
    ])
}
