//! Could this workload run on the fleet as it stands, if nothing else did? Asked of the policy and
//! the nodes directly, without the scheduler.

use kernel::{
    State, budget,
    node::{Node, Status},
    policy_set,
    workload::{Workload, question, unmet},
};

/// True if some site is allowed and has enough ready nodes that are large enough when empty.
#[must_use]
pub fn feasible(state: &State, workload: &Workload) -> bool {
    if budget::require_open(state, workload.project).is_err() {
        return false;
    }
    // Work that waits for other work, and an array, cannot run for now, whatever the fleet.
    if workload.is_array() || unmet(state, workload).is_some() {
        return false;
    }
    let Some(policies) = policy_set::in_force(state, workload.project) else { return false };
    let spec = &workload.spec;
    let suits = |node: &&Node| {
        let has_model = |model: &String| node.facts.gpus.iter().all(|g| g.model.contains(model));
        node.status == Status::Ready
            && node.facts.capacity.checked_sub(spec.per_node).is_some()
            && (spec.per_node.gpus.is_zero() || spec.gpu_model.as_ref().is_none_or(has_model))
    };
    state.sites.values().any(|site| {
        let own = state.nodes.values().filter(|node| node.site == site.id);
        let n_nodes = own.filter(suits).count();
        let question = question(state, workload.project, spec, workload.class, site.facts());
        u32::try_from(n_nodes).unwrap_or(u32::MAX) >= spec.nodes_min
            && policies.decide(&question).allowed
    })
}
