//! Simulated engines: one per node, driven by the kernel's `desired`, reporting what they pretend to
//! run. Usage figures are invented and every report says so.
//!
//! An engine may die and come back without memory, and its reports may be lost, doubled or late.

use std::collections::BTreeMap;

use kernel::{
    Actor, Command, Goal, State, desired, node,
    usage::Counters,
    workload::{self, Kind, RankStatus},
};
use units::{Id, MilliJoule, UnixMicros, kinds};

use crate::{platform::Request, rng::Rng};

/// What every simulated report says of its energy figure.
pub const ENERGY_SOURCE: &str = "simulated: 12 W per busy core";

/// One rank of one attempt.
type Slot = (Id<kinds::Workload>, u32, u32);

#[derive(Debug, Clone)]
struct Process {
    started: UnixMicros,
    ends: UnixMicros,
    seen: UnixMicros,
    used: Counters,
    status: RankStatus,
    outcome: RankStatus,
}

/// The engine of one node.
#[derive(Debug)]
pub struct Engine {
    node: Id<kinds::Node>,
    rng: Rng,
    up: bool,
    processes: BTreeMap<Slot, Process>,
}

impl Engine {
    /// An engine that is up and runs nothing.
    #[must_use]
    pub const fn new(node: Id<kinds::Node>, rng: Rng) -> Self {
        Self { node, rng, up: true, processes: BTreeMap::new() }
    }

    /// True unless it has died.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// Dies with everything it runs; after that it remembers nothing.
    pub fn die(&mut self) {
        self.up = false;
        self.processes.clear();
    }

    /// Comes back and registers its node anew.
    pub fn restart(&mut self, state: &State) -> Option<Request> {
        self.up = true;
        let known = state.nodes.get(&self.node)?;
        let register = node::Command::Register {
            site: known.site,
            name: known.name.clone(),
            facts: known.facts.clone(),
            topology: known.topology.clone(),
        };
        Some(Request::new(Actor::Engine, Command::Node(register)))
    }

    /// One round: compares what is desired with what it runs, acts, and reports.
    pub fn round(&mut self, state: &State, now: UnixMicros) -> Vec<Request> {
        if !self.up {
            return Vec::new();
        }
        let mut reports = Vec::new();
        let wanted = desired(state, self.node);
        self.processes
            .retain(|slot, _| wanted.iter().any(|w| (w.workload.id, w.attempt, w.rank) == *slot));
        for process in wanted {
            let slot = (process.workload.id, process.attempt, process.rank);
            let known = usize::try_from(process.rank).ok();
            let rank = process.workload.attempt().zip(known).and_then(|(a, r)| a.ranks.get(r));
            let Some(rank) = rank else { continue };
            if matches!(rank.status, RankStatus::Exited { .. }) {
                continue;
            }
            if !self.processes.contains_key(&slot) {
                self.begin(slot, process.workload, process.goal, &rank.status, now);
            }
            let Some(running) = self.processes.get_mut(&slot) else { continue };
            advance(running, process.workload, process.goal, now);
            let over = matches!(running.status, RankStatus::Exited { .. });
            if over || running.status != rank.status || self.rng.chance(15) {
                reports.push(report(slot, running));
            }
        }
        reports
    }

    /// Starts a process, or notes that what should run here is lost.
    fn begin(
        &mut self,
        slot: Slot,
        workload: &workload::Workload,
        goal: Goal,
        status: &RankStatus,
        now: UnixMicros,
    ) {
        let secs = self.rng.between(1, 90);
        let exited = |code, signal, reason: Option<&str>| RankStatus::Exited {
            code,
            signal,
            reason: reason.map(ToOwned::to_owned),
        };
        let outcome = match self.rng.below(10) {
            0..=6 => exited(Some(0), None, None),
            7 => exited(Some(i32::try_from(self.rng.between(1, 3)).unwrap_or(1)), None, None),
            8 => exited(None, Some(9), Some("out of memory (simulated)")),
            _ => exited(None, Some(15), Some("time limit")),
        };
        let fresh = *status == RankStatus::Assigned && goal == Goal::Run;
        let service = workload.spec.kind == Kind::Service;
        let lasts = if service { secs.saturating_mul(20) } else { secs };
        let status = if fresh {
            RankStatus::Running
        } else {
            exited(None, None, Some("its engine restarted (simulated)"))
        };
        let ends = now.plus(units::DurationMicros::from_secs(lasts));
        let used = Counters::default();
        self.processes
            .insert(slot, Process { started: now, ends, seen: now, used, status, outcome });
    }
}

/// Lets time pass for a process.
fn advance(process: &mut Process, workload: &workload::Workload, goal: Goal, now: UnixMicros) {
    if matches!(process.status, RankStatus::Exited { .. }) {
        return;
    }
    let until = now.min(process.ends);
    let micros = until.since(process.seen).0;
    process.seen = until;
    let cores_milli = workload.spec.per_node.cpu.0;
    let used = &mut process.used;
    used.cpu_micros = used.cpu_micros.saturating_add(micros.saturating_mul(cores_milli) / 1_000);
    let gpu_milli = workload.spec.gpu_milli_on(None);
    let gpu_micros = micros.saturating_mul(gpu_milli) / 1_000;
    used.gpu_micros = used.gpu_micros.saturating_add(gpu_micros);
    // 12 W for a core: 12 mJ for each millisecond of processor time.
    used.energy = MilliJoule(used.cpu_micros.saturating_mul(12) / 1_000);
    if let Goal::Stop(_) = goal {
        process.status = RankStatus::Exited { code: None, signal: Some(15), reason: None };
    } else if now >= process.ends {
        process.status = process.outcome.clone();
    } else if workload.spec.kind == Kind::Service && now > process.started {
        process.status = RankStatus::Ready { address: "simulated.invalid:8000".to_owned() };
    }
}

fn report((workload, attempt, rank): Slot, process: &Process) -> Request {
    let report = workload::Report {
        workload,
        attempt,
        rank,
        status: process.status.clone(),
        used: process.used,
        energy_measured: false,
        energy_source: ENERGY_SOURCE.to_owned(),
    };
    Request::new(Actor::Engine, Command::Workload(workload::Command::Report(report)))
}
