//! What happens to nodes: outages and repairs, maintenance, and what operators do.
//!
//! Must never leave work on a node that is down, and never bring a node back while anything is still
//! wrong with it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use sched::{JobIdx as Number, NodeIdx as Place, NodeState, Reservation, ReservationIdx};

use super::{Due, Run, micros};
use crate::twin::{
    events::{Event, Observer, Preemption},
    failures::Broken,
    fleet::{Maintenance, NodeIdx},
    scheduled::extras::{Extras, Order},
};

/// What is wrong with one node.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Health {
    /// Outages, and windows of maintenance, that it is down in.
    down: u32,
    /// Outages of its links.
    unlinked: u32,
    /// What an operator said.
    order: Option<Order>,
}

impl Health {
    const fn state(self) -> NodeState {
        match (self.down, self.order, self.unlinked) {
            (1.., _, _) => NodeState::Down,
            (0, Some(Order::Drain), _) => NodeState::Draining,
            (0, Some(Order::Cordon), _) => NodeState::Cordoned,
            (0, Some(Order::Suspect), _) | (0, None, 1..) => NodeState::Suspect,
            (0, None, 0) => NodeState::Ready,
        }
    }
}

/// Something planned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A window becomes known.
    Known(ReservationIdx, Maintenance),
    /// It begins.
    Begins(Maintenance),
    /// It is over.
    Over(ReservationIdx, Maintenance),
    /// An operator says something about a node, or takes it back.
    Said(NodeIdx, Option<Order>),
}

impl Run<'_> {
    /// Makes everything due that is planned for nodes.
    pub(super) fn plan_upkeep(&mut self, extras: &Extras) {
        let mut steps = Vec::new();
        for (id, window) in (0..).map(ReservationIdx).zip(&self.input.fleet.maintenance) {
            steps.push((window.known, Step::Known(id, *window)));
            steps.push((window.from, Step::Begins(*window)));
            steps.push((window.until, Step::Over(id, *window)));
        }
        let said = extras.orders.iter().map(|(at, node, order)| (*at, Step::Said(*node, *order)));
        for (at, step) in steps.into_iter().chain(said) {
            self.due.push(Reverse((at, Due::Upkeep(self.steps.len()))));
            self.steps.push(step);
        }
    }

    /// One planned step comes true.
    pub(super) fn upkeep(&mut self, step: usize, observer: &mut dyn Observer) {
        let Some(step) = self.steps.get(step).copied() else { return };
        let fleet = self.input.fleet;
        match step {
            Step::Known(id, window) => {
                // For nobody: nothing starts that would still be there.
                self.scheduler.reserve(Reservation {
                    id,
                    holder: None,
                    nodes: fleet.nodes_below(window.feeder).map(|node| Place(node.0)).collect(),
                    from_us: micros(window.from),
                    until_us: micros(window.until),
                });
            }
            Step::Begins(window) => {
                let nodes: Vec<NodeIdx> = fleet.nodes_below(window.feeder).collect();
                let more = |health: &mut Health| health.down = health.down.saturating_add(1);
                let hit = self.refile(&nodes, &more, observer);
                self.clear(&hit, false, Preemption::Maintenance, observer);
            }
            Step::Over(id, window) => {
                self.scheduler.cancel_reservation(id);
                let nodes: Vec<NodeIdx> = fleet.nodes_below(window.feeder).collect();
                let less = |health: &mut Health| health.down = health.down.saturating_sub(1);
                self.refile(&nodes, &less, observer);
            }
            Step::Said(node, order) => {
                let hit = self.refile(&[node], &|health| health.order = order, observer);
                if order == Some(Order::Drain) {
                    self.clear(&hit, false, Preemption::Maintenance, observer);
                }
            }
        }
        self.is_stale = true;
    }

    /// Something breaks (1) or is repaired (-1).
    pub(super) fn change(&mut self, what: Broken, by: i32, observer: &mut dyn Observer) {
        let fleet = self.input.fleet;
        let (nodes, is_link): (Vec<NodeIdx>, bool) = match what {
            Broken::Node(node) => (vec![node], false),
            Broken::Rack(rack) => (fleet.nodes_of(rack).collect(), false),
            Broken::Nvlink(domain) => {
                let all = (0..).map(NodeIdx).zip(&fleet.nodes);
                (all.filter(|(_, n)| n.domain == domain).map(|(node, _)| node).collect(), true)
            }
        };
        let count = |health: &mut Health| {
            let count = if is_link { &mut health.unlinked } else { &mut health.down };
            *count = count.saturating_add_signed(by);
        };
        let hit = self.refile(&nodes, &count, observer);
        if by > 0 {
            self.clear(&hit, is_link, Preemption::Failure, observer);
        }
        self.is_stale = true;
    }

    /// Changes what is wrong with nodes, and tells whoever must know.
    fn refile(
        &mut self,
        nodes: &[NodeIdx],
        change: &dyn Fn(&mut Health),
        observer: &mut dyn Observer,
    ) -> BTreeSet<Place> {
        for node in nodes {
            let place = Place(node.0);
            let health = self.health.entry(place).or_default();
            change(health);
            let state = health.state();
            let was = self.scheduler.fleet().node(place).map(|node| node.state);
            if was != Some(state) {
                self.scheduler.set_node_state(place, state);
            }
            let is_up = state != NodeState::Down;
            if was.is_some_and(|was| (was != NodeState::Down) != is_up) {
                observer.observe(self.now, &Event::NodeChanged { node: *node, is_up });
            }
        }
        nodes.iter().map(|node| Place(node.0)).collect()
    }

    /// Whoever runs on these nodes loses its place; broken links only part gangs.
    fn clear(
        &mut self,
        hit: &BTreeSet<Place>,
        is_link: bool,
        why: Preemption,
        observer: &mut dyn Observer,
    ) {
        let victims: Vec<(Number, u32)> = self
            .scheduler
            .all_running()
            .filter(|(_, running)| !is_link || running.nodes.len() > 1)
            .filter(|(_, running)| running.nodes.iter().any(|node| hit.contains(node)))
            .filter_map(|(job, _)| Some((job, self.lives.get(&job)?.n_runs)))
            .collect();
        for (job, run) in victims {
            self.leave(job, run, why, observer);
        }
    }
}

#[cfg(test)]
mod tests;
