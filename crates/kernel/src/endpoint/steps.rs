//! What is to be done so that an endpoint has the services that it should have.
//!
//! Level-triggered: it compares what is with what should be, and says the difference. Whoever goes
//! ends what it has begun first; what does not answer goes before what does, and the youngest before
//! older ones, whose caches know more of what is asked.

use units::{Id, UnixMicros, kinds};

use super::{Endpoint, Stage, rollout::Sides};
use crate::{
    State,
    model::Artefact,
    workload::{Phase, Workload},
};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Services are to be added.
    Grow {
        /// Of the version that is being introduced.
        arriving: bool,
        /// How many.
        n: u32,
    },
    /// Services are to get no more requests.
    Drain {
        /// Which.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// Services that were to go are to stay.
    Resume {
        /// Which.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// Services are to be stopped, or are over.
    Retire {
        /// Which.
        workloads: Vec<Id<kinds::Workload>>,
    },
    /// Introducing a version is over.
    EndUpdate {
        /// True if it is the one in force now.
        updated: bool,
    },
}

/// What is to be done for an endpoint now. `quiet` names services that get no requests any more and
/// have none that they would have to end.
#[must_use]
pub fn steps(
    state: &State,
    endpoint: &Endpoint,
    quiet: &[Id<kinds::Workload>],
    now: UnixMicros,
) -> Vec<Step> {
    if endpoint.deleted_at.is_some() {
        return Vec::new();
    }
    let mut look =
        Look { state, endpoint, retire: Vec::new(), drain: Vec::new(), grow: Vec::new() };
    look.finish_drains(quiet, now);
    let mut steps = Vec::new();
    let mut resumed = Vec::new();
    if endpoint.scaling.is_some() || endpoint.rollout.is_some() {
        look.retire_what_is_over();
        let sides = look.sides();
        let wanted = endpoint.wanted();
        let stage = endpoint.rollout.as_ref().map(|rollout| rollout.stage);
        match stage.and_then(|stage| stage.is_over(wanted, sides)) {
            Some(updated) => {
                // All of the side that goes goes, whatever the targets say.
                look.bring(!updated, 0, &mut resumed);
                steps.push(Step::EndUpdate { updated });
            }
            None => look.converge(stage, wanted, sides, &mut resumed),
        }
    }
    let Look { retire, drain, grow, .. } = look;
    let lists = [
        (resumed, Step::resume as fn(_) -> _),
        (drain, Step::drain as fn(_) -> _),
        (retire, Step::retire as fn(_) -> _),
    ];
    let some = lists.into_iter().filter(|(list, _)| !list.is_empty());
    let mut all: Vec<Step> = some.map(|(list, step)| step(list)).collect();
    all.extend(grow);
    all.extend(steps);
    all
}

impl Step {
    const fn resume(workloads: Vec<Id<kinds::Workload>>) -> Self {
        Self::Resume { workloads }
    }

    const fn drain(workloads: Vec<Id<kinds::Workload>>) -> Self {
        Self::Drain { workloads }
    }

    const fn retire(workloads: Vec<Id<kinds::Workload>>) -> Self {
        Self::Retire { workloads }
    }
}

/// What has been found so far.
struct Look<'a> {
    state: &'a State,
    endpoint: &'a Endpoint,
    retire: Vec<Id<kinds::Workload>>,
    drain: Vec<Id<kinds::Workload>>,
    grow: Vec<Step>,
}

impl<'a> Look<'a> {
    /// Services of the endpoint that are still its own, with their ids.
    fn services(&self) -> impl Iterator<Item = &'a Workload> + use<'a> {
        let state = self.state;
        self.endpoint.workloads.iter().filter_map(|id| state.workloads.get(id))
    }

    fn is_draining(&self, service: &Workload) -> bool {
        self.endpoint.draining.contains_key(&service.id)
    }

    fn finish_drains(&mut self, quiet: &[Id<kinds::Workload>], now: UnixMicros) {
        let over = self.services().filter(|one| {
            let until = self.endpoint.draining.get(&one.id);
            until.is_some_and(|until| *until <= now || quiet.contains(&one.id) || !answers(one))
        });
        self.retire = over.map(|one| one.id).collect();
    }

    fn retire_what_is_over(&mut self) {
        let over = self.services().filter(|one| one.has_ended() && !self.is_draining(one));
        let over: Vec<_> = over.map(|one| one.id).collect();
        self.retire.extend(over);
    }

    fn sides(&self) -> Sides {
        let endpoint = self.endpoint;
        Sides {
            others_ready: endpoint.n_ready(self.state, false),
            arriving_ready: endpoint.n_ready(self.state, true),
            arriving: u32::try_from(self.staying(true).len()).unwrap_or(u32::MAX),
        }
    }

    /// Services of one side that are neither over nor to go; the first to go first.
    fn staying(&self, arriving: bool) -> Vec<&'a Workload> {
        let endpoint = self.endpoint;
        let side = self.services().filter(|one| {
            endpoint.is_arriving(one.id) == arriving && !one.has_ended() && !self.is_draining(one)
        });
        let mut side: Vec<_> = side.collect();
        // Added last stands last.
        side.reverse();
        side.sort_by_key(|one| usefulness(one));
        side
    }

    fn converge(
        &mut self,
        stage: Option<Stage>,
        wanted: u32,
        sides: Sides,
        resumed: &mut Vec<Id<kinds::Workload>>,
    ) {
        match stage {
            None => self.bring(false, wanted, resumed),
            Some(stage) => {
                let targets = stage.targets(wanted, sides);
                self.bring(false, targets.others, resumed);
                self.bring(true, targets.arriving, resumed);
            }
        }
    }

    /// Brings one side to so many services.
    fn bring(&mut self, arriving: bool, target: u32, resumed: &mut Vec<Id<kinds::Workload>>) {
        let staying = self.staying(arriving);
        let (there, target) = (staying.len(), usize::try_from(target).unwrap_or(usize::MAX));
        if there >= target {
            for one in staying.into_iter().take(there.saturating_sub(target)) {
                let list = if answers(one) { &mut self.drain } else { &mut self.retire };
                list.push(one.id);
            }
            return;
        }
        let missing = target.saturating_sub(there);
        let back: Vec<_> = self.could_stay(arriving).take(missing).collect();
        let n = u32::try_from(missing.saturating_sub(back.len())).unwrap_or(u32::MAX);
        resumed.extend(back);
        if n > 0 {
            self.grow.push(Step::Grow { arriving, n });
        }
    }

    /// Services of one side that were to go and still can be asked.
    fn could_stay(&self, arriving: bool) -> impl Iterator<Item = Id<kinds::Workload>> {
        let endpoint = self.endpoint;
        let rollout = endpoint.rollout.as_ref().filter(|_| arriving);
        let (model, version) = rollout
            .map_or((endpoint.model, endpoint.model_version), |rollout| {
                (Some(rollout.model), rollout.model_version)
            });
        let serves = model.map(|id| Artefact::Model { id, version });
        let going = self.services().filter(move |one| {
            let draining = endpoint.draining.contains_key(&one.id);
            let same = one.spec.inputs.iter().any(|input| Some(input.artefact) == serves);
            draining && same && answers(one) && endpoint.is_arriving(one.id) == arriving
        });
        let ended: Vec<_> =
            going.map(|one| one.id).filter(|id| !self.retire.contains(id)).collect();
        ended.into_iter()
    }
}

/// What waits goes first, then what starts; what answers last.
fn usefulness(service: &Workload) -> u8 {
    match service.phase {
        Phase::Ended { .. } | Phase::Stopping { .. } => 0,
        Phase::Queued { .. } => 1,
        Phase::Placed { .. } => 2,
        Phase::Running { .. } if !answers(service) => 3,
        Phase::Running { .. } => 4,
    }
}

fn answers(service: &Workload) -> bool {
    service.ready_addresses().next().is_some()
}
