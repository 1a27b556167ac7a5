//! The loop behind endpoints whose services follow the load, and behind updates: it looks at what gateways
//! have in flight, wants another number, and does what is to be done next.
//!
//! Time is that of a clock that nobody sets, but for what services that go were promised, which is the log's.
//!
//! Level-triggered: what it forgets at a restart is what it saw, and so it takes nothing away before it has
//! looked for as long as was agreed. It decides nothing itself: the number is [`desired_replicas`], the
//! rest [`steps`], and each is a command that can be refused.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use kernel::{
    Actor, Command, State, Submission,
    endpoint::{
        self, Endpoint, History, Rollout, Sample, Scaling, Stage, Standing, desired_replicas, steps,
    },
};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::Platform;

/// How often loads are looked at; an endpoint that sleeps wakes after as long at most.
const TICK: Duration = Duration::from_millis(250);
/// A service that goes has at least so long for requests whose route was chosen before.
const DRAIN_MIN: DurationMicros = DurationMicros::from_secs(2);
/// How long nothing is tried again for an endpoint for which nothing could be done.
const PAUSE: Duration = Duration::from_secs(5);

/// What one gateway has in flight for an endpoint. Those of several add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenLoad {
    /// Tokens in flight now.
    pub tokens: u64,
    /// Tokens in flight times the microseconds for which they were, since the gateway's start; wraps.
    pub token_micros: u64,
    /// Requests that came since the gateway's start; wraps.
    pub requests: u64,
    /// Requests that wait for a service.
    pub waiting: u32,
    /// For how long the first of them has.
    pub waited: DurationMicros,
    /// Its services by address.
    pub replicas: BTreeMap<String, SeenReplica>,
}

/// What one gateway has in flight at a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeenReplica {
    /// Requests in flight now.
    pub in_flight: u32,
    /// Requests sent since the gateway's start.
    pub sent: u64,
    /// Those of them that it failed.
    pub failed: u64,
}

/// What a gateway has in flight for each endpoint.
pub type Loads = Vec<(Id<kinds::Endpoint>, SeenLoad)>;

/// Says what a gateway has in flight now.
pub type LoadSource = Box<dyn Fn() -> Loads + Send + Sync>;

/// Which gateway it is: its counters are compared with those that it had before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Where {
    /// One in this process, by its place among them.
    Here(usize),
    /// One that runs apart.
    Apart(Id<kinds::Gateway>),
}

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut watch = Watch::default();
    loop {
        for command in watch.round(&platform) {
            let id = id_of(&command);
            let sent = Submission::new(Command::Endpoint(command));
            let did = match platform.submit(Actor::System, sent).await {
                Ok(outcome) => outcome.next_seq > outcome.first_seq,
                Err(error) => {
                    tracing::warn!(%error, endpoint.id = %id, "an endpoint could not be changed");
                    false
                }
            };
            if !did {
                watch.paused.insert(id, Instant::now() + PAUSE);
            }
        }
        tokio::time::sleep(TICK).await;
    }
}

const fn id_of(command: &endpoint::Command) -> Id<kinds::Endpoint> {
    match command {
        endpoint::Command::Delete { id }
        | endpoint::Command::Route { id, .. }
        | endpoint::Command::Scale { id, .. }
        | endpoint::Command::Resize { id, .. }
        | endpoint::Command::Converge { id, .. }
        | endpoint::Command::Update { id, .. }
        | endpoint::Command::Promote { id }
        | endpoint::Command::RollBack { id } => *id,
        endpoint::Command::Create { .. } | endpoint::Command::Open { .. } => {
            Id::from_bytes([0; 16])
        }
    }
}

/// A clock that nobody sets: the time of day at the start, and what has passed since.
#[derive(Debug)]
struct Steady {
    started: Instant,
    at: UnixMicros,
}

impl Steady {
    fn now(&self) -> UnixMicros {
        let passed = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.at.plus(DurationMicros(passed))
    }
}

/// What is remembered between two looks.
#[derive(Debug, Default)]
struct Watch {
    clock: Option<Steady>,
    known: BTreeMap<Id<kinds::Endpoint>, Known>,
    paused: BTreeMap<Id<kinds::Endpoint>, Instant>,
}

/// What is remembered of one endpoint.
#[derive(Debug, Default)]
struct Known {
    history: History,
    /// The counters of each gateway at the last look.
    counted: BTreeMap<Where, (u64, u64)>,
    looked_at: Option<UnixMicros>,
    resized: Option<Resized>,
    trial: Option<Trial>,
}

/// The last change of the number of services.
#[derive(Debug, Clone, Copy)]
struct Resized {
    /// The number, and when it was changed, as it is on record.
    recorded: (u32, Option<UnixMicros>),
    /// When it was changed by the clock that nobody sets.
    seen_at: Option<UnixMicros>,
}

/// A canary as it does so far.
#[derive(Debug)]
struct Trial {
    of: UnixMicros,
    sent: u64,
    failed: u64,
    clean_since: UnixMicros,
}

impl Watch {
    fn round(&mut self, platform: &Platform) -> Vec<endpoint::Command> {
        let now = platform.now();
        let fresh = || Steady { started: Instant::now(), at: now };
        let steady = self.clock.get_or_insert_with(fresh).now();
        let mut seen: BTreeMap<Id<kinds::Endpoint>, BTreeMap<Where, SeenLoad>> = BTreeMap::new();
        for (gateway, loads) in platform.seen_loads() {
            for (id, load) in loads {
                seen.entry(id).or_default().insert(gateway, load);
            }
        }
        let instant = Instant::now();
        self.paused.retain(|_, until| *until > instant);
        platform.read(|state| {
            let moving = |one: &&Endpoint| {
                let moves = one.scaling.is_some() || one.rollout.is_some();
                one.deleted_at.is_none() && (moves || !one.draining.is_empty())
            };
            let all: Vec<&Endpoint> = state.endpoints.values().filter(moving).collect();
            self.known.retain(|id, _| all.iter().any(|one| one.id == *id));
            let mut commands = Vec::new();
            for endpoint in all {
                let none = BTreeMap::new();
                let loads = seen.get(&endpoint.id).unwrap_or(&none);
                let known = self.known.entry(endpoint.id).or_default();
                let asked = known.look(state, endpoint, loads, (now, steady));
                if !self.paused.contains_key(&endpoint.id) {
                    commands.extend(asked);
                }
            }
            commands
        })
    }
}

impl Known {
    /// What is to be asked for one endpoint now.
    fn look(
        &mut self,
        state: &State,
        endpoint: &Endpoint,
        loads: &BTreeMap<Where, SeenLoad>,
        (now, steady): (UnixMicros, UnixMicros),
    ) -> Vec<endpoint::Command> {
        let id = endpoint.id;
        let mut commands = Vec::new();
        let sample = self.sample(loads, steady);
        if let Some(scaling) = endpoint.scaling.as_deref() {
            let standing = self.steadily(endpoint.standing(state), (now, steady));
            commands.extend(self.resize(id, (scaling, standing), sample, steady));
        }
        if let Some(rollout) = endpoint.rollout.as_deref()
            && self.passes(state, endpoint, rollout, loads, steady)
        {
            commands.push(endpoint::Command::Promote { id });
        }
        let quiet = quiet(state, endpoint, loads, now);
        // Another number is wanted first: what is to be done follows from it with the next look.
        if commands.is_empty() && !steps(state, endpoint, &quiet, now).is_empty() {
            commands.push(endpoint::Command::Converge { id, quiet });
        }
        commands
    }

    /// When the number was changed last, by the clock that nobody sets: by the log's, which may have been set
    /// since, a change could seem to be from an hour ago, or still to come.
    fn steadily(
        &mut self,
        standing: Standing,
        (now, steady): (UnixMicros, UnixMicros),
    ) -> Standing {
        let recorded = (standing.replicas, standing.resized_at);
        let seen_at = match self.resized {
            Some(known) if known.recorded == recorded => known.seen_at,
            Some(_) => Some(steady),
            // Of a change before this start only the log knows.
            None => standing.resized_at.map(|at| {
                let age = i64::try_from(now.since(at).0).unwrap_or(i64::MAX);
                UnixMicros(steady.0.saturating_sub(age))
            }),
        };
        self.resized = Some(Resized { recorded, seen_at });
        Standing { resized_at: seen_at, ..standing }
    }

    /// What all gateways saw since the last look, together.
    fn sample(&mut self, loads: &BTreeMap<Where, SeenLoad>, now: UnixMicros) -> Sample {
        let passed = self.looked_at.map_or(0, |last| now.since(last).0);
        self.looked_at = Some(now);
        let mut sample = Sample::default();
        for (gateway, load) in loads {
            let counted = (load.token_micros, load.requests);
            let (micros, came) = match self.counted.insert(*gateway, counted) {
                Some((micros, came)) => {
                    (load.token_micros.wrapping_sub(micros), load.requests.wrapping_sub(came))
                }
                None => (0, 0),
            };
            let tokens = micros.checked_div(passed).unwrap_or(load.tokens);
            sample.tokens = sample.tokens.saturating_add(tokens);
            sample.came = sample.came.saturating_add(came);
            sample.waiting = sample.waiting.saturating_add(load.waiting);
            sample.wait = sample.wait.max(load.waited);
        }
        sample
    }

    fn resize(
        &mut self,
        id: Id<kinds::Endpoint>,
        (scaling, standing): (&Scaling, Standing),
        sample: Sample,
        now: UnixMicros,
    ) -> Option<endpoint::Command> {
        self.history.push(now, sample, scaling);
        let replicas = desired_replicas(scaling, standing, &self.history, now);
        let observed = self.history.observed(scaling, standing, now);
        (replicas != standing.replicas).then_some(endpoint::Command::Resize {
            id,
            replicas,
            observed,
        })
    }

    /// True once a canary has answered for as long as was agreed, and nothing of it failed.
    fn passes(
        &mut self,
        state: &State,
        endpoint: &Endpoint,
        rollout: &Rollout,
        loads: &BTreeMap<Where, SeenLoad>,
        now: UnixMicros,
    ) -> bool {
        let (Stage::Canary { .. }, Some(after)) = (rollout.stage, rollout.promote_after) else {
            return false;
        };
        let arriving = endpoint.serving_in(state, |_| true).into_iter();
        let arriving: Vec<String> = arriving
            .filter(|one| endpoint.is_arriving(one.workload))
            .map(|one| one.address)
            .collect();
        let figures = loads.values().flat_map(|load| &load.replicas);
        let own = figures.filter(|(address, _)| arriving.contains(address));
        let (sent, failed) = own.fold((0_u64, 0_u64), |(sent, failed), (_, one)| {
            (sent.wrapping_add(one.sent), failed.wrapping_add(one.failed))
        });
        let fresh = || Trial { of: rollout.since, sent, failed, clean_since: now };
        let trial = self.trial.get_or_insert_with(fresh);
        if trial.of != rollout.since || trial.failed != failed || arriving.is_empty() {
            *trial = fresh();
        }
        // Who was never asked has proven nothing.
        now.since(trial.clean_since) >= after && sent > trial.sent
    }
}

/// Services that get no more requests and have none to end, as far as every gateway says.
fn quiet(
    state: &State,
    endpoint: &Endpoint,
    loads: &BTreeMap<Where, SeenLoad>,
    now: UnixMicros,
) -> Vec<Id<kinds::Workload>> {
    let busy = |address: &str| {
        loads.values().any(|load| load.replicas.get(address).is_some_and(|one| one.in_flight > 0))
    };
    let draining = endpoint.draining.iter().filter(|(id, until)| {
        let left = until.since(now);
        let begun = endpoint.drain().0.saturating_sub(left.0);
        let service = state.workloads.get(id);
        let idle = service.is_some_and(|one| !one.ready_addresses().any(|at| busy(&at)));
        begun >= DRAIN_MIN.0 && idle
    });
    draining.map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests;
