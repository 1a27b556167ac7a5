//! Folds usage events into the ledger, the budgets and the workload's own counters.

use units::{Id, MicroEuro, kinds};

use super::{Counters, Energy, Event, Totals, ledger::SOURCES_MAX};
use crate::{Stamp, State, budget, workload};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    let project = event.project();
    let mut added = MicroEuro::ZERO;
    for charge in event.charges() {
        added = added.saturating_add(state.usage.add(project, stamp.at, charge));
    }
    let by = event.by(state, stamp.actor);
    budget::charge(state, (project, by), (added, event.charges()), stamp);
    match event {
        Event::Attempt(metered) => {
            if let Some(energy) = &metered.energy {
                add_energy(state.usage.totals.entry(project).or_default(), energy);
            }
            if let Some((node, used)) = workload::metered(state, metered, added) {
                remember(state, project, (node, used), stamp);
            }
        }
        Event::Egress(_) => {}
        Event::Tokens(metered) => {
            let totals = state.usage.totals.entry(project).or_default();
            totals.requests = totals.requests.saturating_add(metered.requests);
            totals.tokens_in = totals.tokens_in.saturating_add(metered.tokens_in);
            totals.tokens_out = totals.tokens_out.saturating_add(metered.tokens_out);
            state.usage.gateways.insert(metered.gateway, metered.sequence);
        }
    }
}

/// What was used counts as used lately, by its node's model of GPU.
fn remember(
    state: &mut State,
    project: Id<kinds::Project>,
    (node, used): (Id<kinds::Node>, Counters),
    stamp: &Stamp,
) {
    let gpus = state.nodes.get(&node).and_then(|node| node.facts.gpus.first());
    let gpus = gpus.map(|gpu| (gpu.model.as_str(), used.gpu_micros));
    state.usage.recent.entry(project).or_default().add(stamp.at, used.cpu_micros, gpus);
}

fn add_energy(totals: &mut Totals, energy: &Energy) {
    if energy.measured {
        totals.energy_measured = totals.energy_measured.saturating_add(energy.energy);
    } else {
        totals.energy_modelled = totals.energy_modelled.saturating_add(energy.energy);
    }
    totals.carbon = totals.carbon.saturating_add(energy.carbon);
    note(&mut totals.energy_sources, &energy.source);
    note(&mut totals.carbon_sources, &energy.carbon_source);
}

fn note(sources: &mut Vec<String>, source: &str) {
    if sources.len() < SOURCES_MAX && !sources.iter().any(|known| known == source) {
        sources.push(source.to_owned());
    }
}
