//! Starts: the twin's as proposals to the platform, and the platform's own beside them.

use std::collections::VecDeque;

use kernel::{
    Actor, Command, Submission,
    workload::{self, GpuSeat, Place},
};
use units::{Id, kinds};

use super::{Shadow, at};
use crate::twin::{events::Share, fleet::NodeIdx, number, time::Time, workload::JobIdx};

/// A job with its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    job: JobIdx,
    nodes: Vec<NodeIdx>,
}

impl Shadow<'_> {
    /// A start of the twin is a proposal; and what the platform itself would have done next.
    pub(super) fn started(&mut self, now: Time, job: JobIdx, shares: &[Share]) {
        self.n_starts = self.n_starts.saturating_add(1);
        self.plan(now);
        let start = Start { job, nodes: shares.iter().map(|share| share.node).collect() };
        if let Some((_, planned)) = &mut self.planned {
            let expected = planned.pop_front();
            if expected.as_ref() != Some(&start) {
                let message = format!("starts as {start:?}, the platform would {expected:?}");
                self.find(now, Some(job), message);
            }
        }
        let found = self.workloads.get(&job).and_then(|id| self.state.workloads.get(id));
        let Some(workload) = found else {
            return self.find(now, Some(job), "starts, but was never submitted".to_owned());
        };
        let node = |node: &NodeIdx| self.nodes.get(number::index(node.0)).copied();
        let seat = |share: &Share| share.part.map(|part| GpuSeat { gpu: part.gpu, start: None });
        let place = Place {
            workload: workload.id,
            generation: workload.generation,
            nodes: start.nodes.iter().filter_map(node).collect(),
            seats: shares.iter().filter_map(seat).collect(),
        };
        let place = Command::Workload(workload::Command::Place(place));
        self.tell(now, Some(job), (Actor::Planner, place));
    }

    /// What the platform would start at this instant, once for all of its starts.
    fn plan(&mut self, now: Time) {
        if self.planned.as_ref().is_some_and(|(planned, _)| *planned == now) {
            return;
        }
        self.settle();
        let Some(planner) = &mut self.planner else { return };
        planner.follow(&self.state, at(now));
        let plan = planner.plan(at(now));
        let proposals = planner.proposals(&self.state, &plan);
        let starts: VecDeque<Start> = proposals.iter().filter_map(|one| self.start(one)).collect();
        self.planned = Some((now, starts));
    }

    fn start(&self, proposal: &Submission) -> Option<Start> {
        let Command::Workload(workload::Command::Place(place)) = &proposal.command else {
            return None;
        };
        let number = |node: &Id<kinds::Node>| self.node_numbers.get(node).copied();
        let job = *self.jobs.get(&place.workload)?;
        Some(Start { job, nodes: place.nodes.iter().filter_map(number).collect() })
    }

    /// The instant is over: whatever the platform would also have started is a difference.
    pub(super) fn settle(&mut self) {
        let Some((now, planned)) = self.planned.take() else { return };
        for start in planned {
            self.find(now, Some(start.job), format!("the platform would start it too: {start:?}"));
        }
    }
}
