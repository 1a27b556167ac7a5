//! One run: the loop of virtual time, the faults, the checkers after every batch, and at the end a
//! calm phase in which everything that can run must run and end.

use std::collections::BTreeMap;

use kernel::{Actor, Command, Planner, State, node, power, workload};
use units::{DurationMicros, Id, UnixMicros, kinds};

use crate::{
    actors::{Clients, Engine, Gateway, Network, importer_round, planner_round},
    checkers::{Checkers, consistent, feasible, whole_log},
    config::{Config, Failure, Outcome},
    platform::{Answer, Fault, Platform, Request},
    rng::Rng,
    setup,
    trace::Trace,
};

/// When simulated time begins: 2025-11-24T16:00:00Z, a week before a month ends.
const START: UnixMicros = UnixMicros(1_764_000_000_000_000);
/// Requests in one batch.
const BATCH_MAX: usize = 8;
/// Rounds of the calm phase, each half a minute: the bound within which everything must end.
const CALM_ROUNDS: u64 = 400;

/// Everything of one run.
struct World {
    platform: Platform,
    planner: Planner,
    config: Config,
    rng: Rng,
    faults: Rng,
    clients: Clients,
    gateway: Gateway,
    engines: BTreeMap<Id<kinds::Node>, Engine>,
    network: Network,
    checkers: Checkers,
    trace: Trace,
    traced: usize,
    step: u64,
    counts: (u64, u64, u64),
}

/// Runs one seed.
///
/// # Errors
/// [`Failure`] if an invariant is violated.
pub fn run(seed: u64, config: Config) -> Result<Outcome, Box<Failure>> {
    let failure =
        |step, message, tail| Box::new(Failure { seed, step, steps: config.steps, message, tail });
    let mut world = World::new(seed, config).map_err(|m| failure(0, m, String::new()))?;
    match world.live() {
        Ok(()) => Ok(world.outcome(seed)),
        Err(message) => Err(failure(world.step, message, world.trace.tail())),
    }
}

/// True if the hardware and the policy allow it, and no quota that nobody else uses any of refuses it.
fn can_run(state: &State, workload: &workload::Workload) -> bool {
    let waiting = kernel::explain(state, workload.id, state.last_at);
    // A task that only its array holds back waits for what its like wait for, and they are asked too.
    let over = matches!(
        waiting.map(|w| w.reason),
        Some(sched::Reason::OverQuota { .. } | sched::Reason::ArrayLimit { .. })
    );
    feasible(state, workload) && !over
}

impl World {
    fn new(seed: u64, config: Config) -> Result<Self, String> {
        let root = Rng::new(seed);
        Ok(Self {
            platform: Platform::new(root.child("ids"), START)?,
            planner: Planner::default(),
            config,
            rng: root.child("world"),
            faults: root.child("faults"),
            clients: Clients::new(root.child("clients")),
            gateway: Gateway::new(root.child("gateway")),
            engines: BTreeMap::new(),
            network: Network::new(root.child("network")),
            checkers: Checkers::default(),
            trace: Trace::default(),
            traced: 0,
            step: 0,
            counts: (0, 0, 0),
        })
    }

    fn live(&mut self) -> Result<(), String> {
        for requests in setup::rounds() {
            let requests = requests(self.platform.state(), &mut self.rng)?;
            self.commit(requests, Fault::None)?;
        }
        while self.step < self.config.steps {
            self.step = self.step.saturating_add(1);
            self.busy_step()?;
            self.checkers.compare(&self.platform)?;
            if self.step.is_multiple_of(self.config.deep_check_every) {
                self.checkers.deep(&self.platform)?;
            }
        }
        self.calm()?;
        self.checkers.deep(&self.platform)?;
        whole_log(self.platform.log())
    }

    /// One step with everybody active and everything allowed to fail.
    fn busy_step(&mut self) -> Result<(), String> {
        self.pass_time();
        self.break_things()?;
        let now = self.platform.now();
        if self.rng.chance(25) {
            let proposals = planner_round(&mut self.planner, self.platform.state(), now)?;
            // A copy that arrives late is stale and must be refused.
            if self.rng.chance(10) {
                for late in &proposals {
                    self.network.send(self.step.saturating_add(2), late.clone(), true);
                }
            }
            self.commit_in_batches(proposals)?;
        }
        let mut requests = Vec::new();
        for _ in 0..self.rng.below(3) {
            requests.extend(self.clients.next(self.platform.state(), now)?);
        }
        if self.rng.chance(25) {
            requests.extend(self.clients.retries());
        }
        if self.rng.chance(30) {
            requests.extend(self.gateway.round(self.platform.state(), now));
        }
        if self.rng.chance(20) {
            requests.extend(importer_round(&mut self.rng, self.platform.state()));
        }
        self.engines_report(now);
        requests.extend(self.network.arrived(self.step));
        self.rng.shuffle(&mut requests);
        self.commit_in_batches(requests)
    }

    fn pass_time(&mut self) {
        let clock = self.platform.clock();
        let forward = clock.plus(DurationMicros(self.rng.between(1_000, 20_000_000)));
        let clock = if self.faults.chance(self.config.clock_jumps_percent) {
            let jump = i64::try_from(self.faults.between(1, 3_600_000_000)).unwrap_or(0);
            let back = self.faults.chance(60);
            let jumped =
                if back { clock.0.saturating_sub(jump) } else { clock.0.saturating_add(jump) };
            self.trace.line(&format!("clock jumps to {jumped}"));
            UnixMicros(jumped)
        } else {
            forward
        };
        self.platform.set_clock(clock);
    }

    fn break_things(&mut self) -> Result<(), String> {
        if self.rng.chance(4) {
            self.platform.save_snapshot()?;
            if self.config.commit_faults_percent > 0 && self.faults.chance(20) {
                self.platform.tear_snapshot(self.faults.below(100));
                self.trace.line("the snapshot is torn");
            }
        }
        if self.faults.chance(self.config.engine_deaths_percent) {
            let nodes: Vec<Id<kinds::Node>> = self.engines.keys().copied().collect();
            if let Some(node) = self.faults.pick(&nodes).copied() {
                self.trace.line(&format!("the engine of {node} dies"));
                self.engines.entry(node).and_modify(Engine::die);
            }
            if self.faults.chance(20) {
                self.gateway.restart();
            }
        }
        let back: Vec<Request> = self
            .engines
            .values_mut()
            .filter(|engine| !engine.is_up())
            .filter_map(|engine| {
                let comes_back = self.faults.chance(20);
                comes_back.then(|| engine.restart(self.platform.state())).flatten()
            })
            .collect();
        for request in back {
            self.network.send(self.step, request, self.config.bad_network);
        }
        Ok(())
    }

    fn engines_report(&mut self, now: UnixMicros) {
        let state = self.platform.state();
        for node in state.nodes.keys() {
            let label = || self.rng.child(&format!("engine {node}"));
            self.engines.entry(*node).or_insert_with(|| Engine::new(*node, label()));
        }
        for engine in self.engines.values_mut() {
            for report in engine.round(state, now) {
                self.network.send(self.step, report, self.config.bad_network);
            }
        }
    }

    fn commit_in_batches(&mut self, requests: Vec<Request>) -> Result<(), String> {
        let mut rest = requests.into_iter().peekable();
        while rest.peek().is_some() {
            let batch: Vec<Request> = rest.by_ref().take(BATCH_MAX).collect();
            let fault = self.next_fault();
            self.commit(batch, fault)?;
        }
        Ok(())
    }

    fn next_fault(&mut self) -> Fault {
        if !self.faults.chance(self.config.commit_faults_percent) {
            return Fault::None;
        }
        let all = [Fault::CrashBeforeAppend, Fault::CrashAfterAppend, Fault::Deposed];
        self.faults.pick(&all).copied().unwrap_or_default()
    }

    fn commit(&mut self, batch: Vec<Request>, fault: Fault) -> Result<(), String> {
        self.trace.line(&format!("step {} batch {} {}", self.step, batch.len(), fault.as_str()));
        for answered in self.platform.commit(batch, fault)? {
            let (request, answer) = (&answered.request, &answered.answer);
            self.trace.line(&format!("{request:?} -> {answer:?}"));
            let (accepted, rejected, unknown) = &mut self.counts;
            let count = match answer {
                Answer::Accepted { .. } => accepted,
                Answer::Rejected(_) => rejected,
                Answer::Unknown => unknown,
            };
            *count = count.saturating_add(1);
            self.clients.answered(request, answer);
            self.gateway.answered(request, answer);
            self.checkers.acknowledged().answered(request, answer)?;
        }
        for leaf in self.platform.log().leaves().iter().skip(self.traced) {
            self.trace.bytes(leaf);
        }
        self.traced = self.platform.log().leaves().len();
        self.checkers.follow(&self.platform)?;
        self.check_checkpoints()
    }

    /// The newest checkpoint against the one before and against a random older one.
    fn check_checkpoints(&mut self) -> Result<(), String> {
        let log = self.platform.log();
        let n_checkpoints = log.checkpoints().len();
        let newest = n_checkpoints.saturating_sub(1);
        let bound = u64::try_from(n_checkpoints).unwrap_or(u64::MAX);
        let older = usize::try_from(self.rng.below(bound)).unwrap_or(0);
        consistent(log, newest.saturating_sub(1), newest)?;
        if self.rng.chance(20) { consistent(log, older, newest) } else { Ok(()) }
    }

    /// The faults stop: clocks are right, machines are back, services are stopped, nothing new
    /// comes. Then everything that can run must run and end within the bound.
    fn calm(&mut self) -> Result<(), String> {
        self.trace.line("calm");
        self.config = Config { deep_check_every: self.config.deep_check_every, ..Config::calm(0) };
        self.platform.set_clock(self.platform.now());
        let requests = calm_requests(self.platform.state());
        self.commit_in_batches(requests)?;
        for _ in 0..CALM_ROUNDS {
            self.step = self.step.saturating_add(1);
            let clock = self.platform.clock().plus(DurationMicros::from_secs(30));
            self.platform.set_clock(clock);
            self.calm_round()?;
            self.checkers.compare(&self.platform)?;
            let state = self.platform.state();
            let idle = self.clients.n_open() == 0
                && state.outputs_pending().next().is_none()
                && !state.active_workloads().any(kernel::workload::Workload::holds_nodes);
            if idle && !state.active_workloads().any(|w| can_run(state, w)) {
                return Ok(());
            }
        }
        let state = self.platform.state();
        let stuck = state.active_workloads().find(|w| w.holds_nodes() || can_run(state, w));
        let what = stuck.map_or_else(
            || format!("{} commands unanswered", self.clients.n_open()),
            |w| {
                format!(
                    "{} is {} after {} attempts: {:?}",
                    w.id,
                    w.state_name(),
                    w.n_attempts,
                    kernel::explain(state, w.id, state.last_at)
                )
            },
        );
        Err(format!("not everything ended within {CALM_ROUNDS} calm rounds: {what}"))
    }

    fn calm_round(&mut self) -> Result<(), String> {
        let now = self.platform.now();
        let proposals = planner_round(&mut self.planner, self.platform.state(), now)?;
        self.commit_in_batches(proposals)?;
        let mut requests = self.clients.retries();
        requests.extend(importer_round(&mut self.rng, self.platform.state()));
        if self.gateway.is_waiting() {
            requests.extend(self.gateway.round(self.platform.state(), now));
        }
        let back: Vec<Request> = self
            .engines
            .values_mut()
            .filter(|engine| !engine.is_up())
            .filter_map(|engine| engine.restart(self.platform.state()))
            .collect();
        requests.extend(back);
        let stops = self.platform.state().active_workloads().filter(|w| is_endless(w));
        let stops = stops.map(|w| workload::Command::Stop { id: w.id });
        requests.extend(stops.map(|c| Request::new(Actor::System, Command::Workload(c))));
        self.engines_report(now);
        // What was on its way arrives at last.
        requests.extend(self.network.arrived(u64::MAX));
        self.commit_in_batches(requests)
    }

    fn outcome(&self, seed: u64) -> Outcome {
        let (accepted, rejected, unknown) = self.counts;
        let counts = self.platform.counts();
        let workloads = self.platform.state().workloads.values();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Outcome {
            seed,
            trace_digest: self.trace.digest(),
            events: self.platform.state().size,
            accepted,
            rejected,
            unknown,
            crashes: counts.crashes,
            snapshot_boots: counts.snapshot_boots,
            placements: workloads.clone().map(|w| u64::from(w.n_attempts)).sum(),
            ended: count(workloads.filter(|w| w.has_ended()).count()),
            checkpoints: count(self.platform.log().checkpoints().len()),
        }
    }
}

/// True for work that runs until somebody stops it.
fn is_endless(workload: &workload::Workload) -> bool {
    workload.spec.kind == workload::Kind::Service
}

fn calm_requests(state: &State) -> Vec<Request> {
    let ready = |node: &node::Node| {
        let status = node::Command::SetStatus {
            id: node.id,
            status: node::Status::Ready,
            reason: "the faults are over".to_owned(),
        };
        Request::new(Actor::System, Command::Node(status))
    };
    // Budgets of power are lifted, or work would wait for them for ever.
    let lift = |id: &Id<kinds::Power>| {
        Request::new(Actor::System, Command::Power(power::Command::Remove { id: *id }))
    };
    let lifted = state.power.budgets.keys().map(lift);
    state.nodes.values().map(ready).chain(lifted).collect()
}
