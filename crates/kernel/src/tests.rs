//! Tests of the state machine through its border: commands in, events and state out.
//!
//! [`World`] is a platform without I/O: each accepted command is applied, checked, and at the end
//! replayed from its leaves, so every test also tests `check` and the fold.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test that overflows or meets another variant fails, as it should"
)]

mod answers;
mod arrays;
mod budgets;
mod capacity;
mod capture;
mod consents;
mod countries;
mod courses;
mod endpoints;
mod fleet;
mod guardrails;
mod identity;
mod leaving;
mod life_cycle;
mod lineage;
mod lookups;
mod losing;
mod nearness;
mod no_fallback;
mod parts;
mod power;
mod preempting;
mod rate_limits;
mod rules;
mod sign_in;
mod sovereignty;
mod standing;
mod tenancy;
mod terms;
mod texts;
mod upstreams;

use policy::residency_policy;
use units::{
    Bytes, Country, DataClass, DurationMicros, GpuCount, Id, MicroEuro, MilliCpu, PriceUnit,
    UnixMicros, kinds,
};

use crate::{
    Actor, Command, Ctx, Entry, Event, Reject, State, Subject, Submission, access::Scope, budget,
    decide, node, organisation, planner::Planner, policy_set, price, project, site,
    usage::Counters, workload,
};

/// A platform in memory.
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) leaves: Vec<Vec<u8>>,
    now: i64,
    counter: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { state: State::default(), leaves: Vec::new(), now: 1_764_000_000_000_000, counter: 0 }
    }

    pub(crate) fn now(&self) -> UnixMicros {
        UnixMicros(self.now)
    }

    pub(crate) fn advance(&mut self, secs: u64) {
        self.now += i64::try_from(secs).unwrap() * 1_000_000;
    }

    pub(crate) fn submit(&mut self, submission: &Submission) -> Result<Vec<Event>, Reject> {
        self.submit_as(Actor::System, submission)
    }

    pub(crate) fn submit_as(
        &mut self,
        actor: Actor,
        submission: &Submission,
    ) -> Result<Vec<Event>, Reject> {
        self.now += 1;
        self.counter += 1;
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.counter.to_be_bytes());
        let ctx = Ctx { now: self.now(), actor, random };
        let events = decide(&self.state, submission, &ctx)?;
        for event in &events {
            let entry =
                Entry { at: ctx.now, actor: ctx.actor, idempotency: None, event: event.clone() };
            self.leaves.push(entry.to_leaf().unwrap());
            self.state.apply(&entry);
        }
        assert_eq!(self.state.check(), Vec::<String>::new(), "after {submission:?}");
        Ok(events)
    }

    pub(crate) fn run(&mut self, command: Command) -> Result<Vec<Event>, Reject> {
        self.submit(&Submission::new(command))
    }

    pub(crate) fn subject(&mut self, command: Command) -> Subject {
        self.run(command).unwrap().first().unwrap().subject()
    }

    pub(crate) fn organisation(&mut self, name: &str) -> Id<kinds::Organisation> {
        let command = organisation::Command::Create { name: name.parse().unwrap() };
        match self.subject(Command::Organisation(command)) {
            Subject::Organisation(id) => id,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn project(
        &mut self,
        organisation: Id<kinds::Organisation>,
        name: &str,
    ) -> Id<kinds::Project> {
        let command = project::Command::Create { organisation, name: name.parse().unwrap() };
        match self.subject(Command::Project(command)) {
            Subject::Project(id) => id,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn site(&mut self, name: &str, country: &str) -> Id<kinds::Site> {
        let country: Country = country.parse().unwrap();
        let config = site::Config {
            country,
            operator: "Exemple SA".to_owned(),
            operator_country: country,
            certifications: Vec::new(),
            pue_milli: 1_200,
            carbon_g_per_kwh: 20,
            carbon_source: "example 2025".to_owned(),
            power_cap_w: None,
            operator_entity: None,
            owner_entity: None,
        };
        let command = site::Command::Create { name: name.parse().unwrap(), config };
        match self.subject(Command::Site(command)) {
            Subject::Site(id) => id,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn node(
        &mut self,
        site: Id<kinds::Site>,
        name: &str,
        cores: u64,
    ) -> Id<kinds::Node> {
        let command = register(site, name, cores);
        match self.subject(Command::Node(command)) {
            Subject::Node(id) => id,
            other => panic!("{other}"),
        }
    }

    /// A node of two cores without the check of the whole state, for large fleets.
    pub(crate) fn quick_node(&mut self, site: Id<kinds::Site>, name: &str) {
        self.now += 1_000;
        let ctx = Ctx { now: self.now(), actor: Actor::System, random: [7; 10] };
        let submission = Submission::new(Command::Node(register(site, name, 2)));
        for event in decide(&self.state, &submission, &ctx).unwrap() {
            let entry = Entry { at: ctx.now, actor: ctx.actor, idempotency: None, event };
            self.leaves.push(entry.to_leaf().unwrap());
            self.state.apply(&entry);
        }
    }

    pub(crate) fn submit_job(
        &mut self,
        project: Id<kinds::Project>,
        spec: workload::Spec,
    ) -> Result<Id<kinds::Workload>, Reject> {
        let command = workload::Command::Submit { project, spec: Box::new(spec) };
        let events = self.run(Command::Workload(command))?;
        match events.first().unwrap().subject() {
            Subject::Workload(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    /// One round of the scheduler: plan, then propose; answers how many were placed.
    pub(crate) fn schedule(&mut self) -> usize {
        let mut planner = Planner::of(&self.state, self.now());
        let plan = planner.plan(self.now());
        let proposals = planner.proposals(&self.state, &plan);
        for proposal in &proposals {
            self.submit(proposal).unwrap();
        }
        proposals.len()
    }

    pub(crate) fn report(
        &mut self,
        id: Id<kinds::Workload>,
        rank: u32,
        status: workload::RankStatus,
        cpu_secs: u64,
    ) -> Result<Vec<Event>, Reject> {
        let attempt = self.state.workloads[&id].n_attempts;
        let used = Counters {
            cpu_micros: cpu_secs * 1_000_000,
            gpu_micros: 0,
            energy: units::MilliJoule(cpu_secs * 12_000),
        };
        let report = workload::Report {
            workload: id,
            attempt,
            rank,
            status,
            used,
            energy_measured: false,
            energy_source: "model: 12 W per busy core".to_owned(),
        };
        self.run(Command::Workload(workload::Command::Report(report)))
    }

    pub(crate) fn phase(&self, id: Id<kinds::Workload>) -> &'static str {
        self.state.workloads[&id].state_name()
    }

    pub(crate) fn prices(&mut self) {
        let line = |per, amount| price::Line { per, amount: MicroEuro(amount) };
        let lines = vec![
            line(PriceUnit::CpuHour, 36_000_000),
            line(PriceUnit::MTokensIn, 400_000),
            line(PriceUnit::MTokensOut, 1_200_000),
        ];
        self.run(Command::Price(price::Command::Set { lines })).unwrap();
    }

    pub(crate) fn budget(&mut self, project: Id<kinds::Project>, limit: i64) -> Id<kinds::Budget> {
        let command = budget::Command::Create {
            project,
            name: "main".parse().unwrap(),
            limit: MicroEuro(limit),
        };
        match self.subject(Command::Budget(command)) {
            Subject::Budget(id) => id,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn restricted_stays_in(&mut self, scope: Scope, country: &str) {
        let text = residency_policy(DataClass::Restricted, &[country.parse().unwrap()]);
        let name = "residency".parse().unwrap();
        self.run(Command::PolicySet(policy_set::Command::Set { scope, name, text })).unwrap();
    }

    /// Replays the leaves and compares: replay equals live, byte for byte, also over a snapshot.
    pub(crate) fn verify(&self) -> crate::audit::Audit {
        let mut auditor = crate::audit::Auditor::new();
        let mut state = State::default();
        for (position, leaf) in self.leaves.iter().enumerate() {
            auditor.feed(leaf);
            if position == self.leaves.len() / 2 {
                state = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
            }
            let entry = Entry::from_leaf(leaf).unwrap();
            assert_eq!(entry, serde_json::from_slice(leaf).unwrap(), "one reading of a leaf");
            state.apply(&entry);
        }
        assert_eq!(state.hash(), self.state.hash(), "replay == live");
        let audit = auditor.finish();
        assert_eq!(audit.state_hash, self.state.hash());
        audit
    }
}

/// A node with cores and nothing else.
fn register(site: Id<kinds::Site>, name: &str, cores: u64) -> node::Command {
    let facts = node::Facts {
        hostname: name.to_owned(),
        system: "Linux".to_owned(),
        cpu_model: "example".to_owned(),
        capacity: node::Capacity {
            cpu: MilliCpu(cores * 1_000),
            memory: Bytes(16 << 30),
            gpus: GpuCount(0),
        },
        gpus: Vec::new(),
        limits: "none".to_owned(),
        sandbox: "none".to_owned(),
        power: "model".to_owned(),
        virtual_host: None,
    };
    node::Command::Register {
        site,
        name: name.parse().unwrap(),
        facts,
        topology: node::Topology::default(),
    }
}

/// A job of one node and one core.
pub(crate) fn job(name: &str) -> workload::Spec {
    workload::Spec {
        name: name.parse().unwrap(),
        kind: workload::Kind::Batch,
        script: "true".to_owned(),
        image: None,
        environment: std::collections::BTreeMap::new(),
        nodes_min: 1,
        nodes_max: 1,
        per_node: node::Capacity {
            cpu: MilliCpu(1_000),
            memory: Bytes(1 << 30),
            gpus: GpuCount(0),
        },
        gpu_model: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        grace: DurationMicros::from_secs(10),
        time_limit: None,
        budget: None,
        retries_max: 0,
        retry_on: workload::RetryOn::default(),
        residency_countries: None,
        class: DataClass::Internal,
        outputs: workload::Outputs::default(),
        priority: 0,
        terms: workload::Terms::default(),
    }
}

pub(crate) fn exited(code: i32) -> workload::RankStatus {
    workload::RankStatus::Exited { code: Some(code), signal: None, reason: None }
}
