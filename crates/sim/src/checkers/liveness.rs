//! Could this workload run on the fleet as it stands, if nothing else did? Asked of the policy and
//! the nodes directly, without the scheduler.

use std::collections::BTreeMap;

use kernel::{
    State, budget,
    decision::ask_now,
    node::{Node, Status},
    workload::{Workload, asks, unmet},
};

/// True if some site is allowed and has enough ready nodes that are large enough when empty.
#[must_use]
pub fn feasible(state: &State, workload: &Workload) -> bool {
    let whose = (workload.project, workload.by);
    if budget::require_open_for_work(state, whose, &workload.spec, state.last_at).is_err() {
        return false;
    }
    // Work that waits for other work, and an array, cannot run for now, whatever the fleet.
    if workload.is_array() || unmet(state, workload).is_some() {
        return false;
    }
    let spec = &workload.spec;
    let suits = |node: &&Node| {
        let has_model = |model: &String| node.facts.gpus.iter().all(|g| g.model.contains(model));
        let is_cut = |profile: &String| {
            node.facts.geometry().is_some_and(|geometry| geometry.find(profile).is_some())
        };
        node.status == Status::Ready
            && spec.terms.gpu_profile.as_ref().is_none_or(is_cut)
            && node.facts.capacity.checked_sub(spec.per_node).is_some()
            && (spec.per_node.gpus.is_zero() || spec.gpu_model.as_ref().is_none_or(has_model))
    };
    state.sites.values().any(|site| {
        let own = state.nodes.values().filter(|node| node.site == site.id);
        // A gang with GPUs gets one model.
        let mut of_model: BTreeMap<Option<&str>, u32> = BTreeMap::new();
        for node in own.filter(suits) {
            let model = node.facts.gpus.first().map(|gpu| gpu.model.as_str());
            let model = model.filter(|_| !spec.per_node.gpus.is_zero());
            let count = of_model.entry(model).or_default();
            *count = count.saturating_add(1);
        }
        let wish = |site| asks(workload.project, spec, workload.class, site);
        let allowed = |ask| ask_now(state, &ask).is_some_and(|(_, decision)| decision.allowed);
        of_model.into_values().any(|n_nodes| n_nodes >= spec.nodes_min)
            && wish(site.id).all(allowed)
    })
}
