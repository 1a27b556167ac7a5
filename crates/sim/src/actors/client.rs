//! Tenants and operators who type: every kind of command, mostly valid, sometimes not.
//!
//! A client that got no answer sends the same command again under the same key, as people's tools do.

use std::collections::BTreeMap;

use kernel::{
    Actor, Command, State,
    access::{Role, Scope},
    budget, dataset, endpoint, key, model, node, organisation, policy_set, price, project, site,
    workload,
};
use units::{Bytes, Digest, DurationMicros, Measure, MicroEuro, PriceUnit, UnixMicros};

use super::capacity::{quota_command, rate_limit_command, reservation_command};
use super::catalogue::{
    any, any_workload, artefact, class, country, facts, name, nobody, site_config, spec, topology,
};
use super::identity::identity_command;
use super::power::power_command;
use super::sovereign::sovereign_command;
use super::upstreams::upstream_command;
use crate::{
    platform::{Answer, Request},
    rng::Rng,
};

/// Policies in one run: each costs a compilation at every replay.
const POLICIES_MAX: u64 = 1;

/// All clients together.
#[derive(Debug)]
pub struct Clients {
    rng: Rng,
    n_keys: u64,
    n_policies: u64,
    /// Sent and not answered for sure, by idempotency key.
    open: BTreeMap<String, Request>,
    /// Keys whose request is in the present batch.
    last_key: Option<(String, Request)>,
}

impl Clients {
    /// Clients with a stream of their own.
    #[must_use]
    pub const fn new(rng: Rng) -> Self {
        Self { rng, n_keys: 0, n_policies: 0, open: BTreeMap::new(), last_key: None }
    }

    /// Commands without a certain answer.
    #[must_use]
    pub fn n_open(&self) -> usize {
        self.open.len()
    }

    /// Everything that waits for a certain answer, to be sent again.
    #[must_use]
    pub fn retries(&self) -> Vec<Request> {
        self.open.values().cloned().collect()
    }

    /// The next command; now and then an old one twice, or an old key for another command.
    ///
    /// # Errors
    /// If the generator itself makes something that has no text form.
    pub fn next(&mut self, state: &State, now: UnixMicros) -> Result<Vec<Request>, String> {
        let command = self.command(state, now)?;
        let actor = match any(&mut self.rng, &state.keys) {
            Some(id) if self.rng.chance(70) => Actor::Key(id),
            _ => Actor::System,
        };
        let mut request = Request::new(actor, command);
        if self.rng.chance(5) {
            request.submission.expected_version = Some(self.rng.between(1, 3));
        }
        if self.rng.chance(10) {
            return Ok(vec![request]);
        }
        if self.rng.chance(3)
            && let Some((key, earlier)) = &self.last_key
        {
            request.actor = earlier.actor;
            return Ok(vec![request.with_key(key)]);
        }
        self.n_keys = self.n_keys.saturating_add(1);
        let key = format!("client-{}", self.n_keys);
        let request = request.with_key(&key);
        self.last_key = Some((key.clone(), request.clone()));
        self.open.insert(key, request.clone());
        let twice = self.rng.chance(10);
        Ok(std::iter::repeat_n(request, if twice { 2 } else { 1 }).collect())
    }

    /// Learns an answer.
    pub fn answered(&mut self, request: &Request, answer: &Answer) {
        let Some(key) = &request.submission.idempotency_key else { return };
        match answer {
            Answer::Unknown => {}
            Answer::Accepted { .. } | Answer::Rejected(_) => {
                self.open.retain(|open, sent| open != key || sent != request);
            }
        }
    }

    fn command(&mut self, state: &State, now: UnixMicros) -> Result<Command, String> {
        let rng = &mut self.rng;
        Ok(match rng.below(100) {
            0..=1 => {
                Command::Organisation(organisation::Command::Create { name: name(rng, "org", 2)? })
            }
            2..=4 => Command::Project(project::Command::Create {
                organisation: any(rng, &state.organisations).unwrap_or(nobody()),
                name: name(rng, "project", 2)?,
            }),
            5..=7 => key_command(rng, state, now)?,
            8 => identity_command(rng, state, now)?,
            9 if self.n_policies < POLICIES_MAX => {
                self.n_policies = self.n_policies.saturating_add(1);
                policy_command(rng, state)?
            }
            9..=10 => Command::Site(site_command(rng, state)?),
            11..=17 => node_command(rng, state)?,
            18..=21 => budget_command(rng, state)?,
            22 => quota_command(rng, state)?,
            23 if rng.chance(50) => rate_limit_command(rng, state),
            23 => quota_command(rng, state)?,
            24 if rng.chance(50) => power_command(rng, state, now)?,
            24 => reservation_command(rng, state, now)?,
            25..=26 => prices(rng),
            27..=36 => super::capture::data_command(rng, state, now)?,
            37..=46 => model_command(rng, state)?,
            47..=54 => endpoint_command(rng, state)?,
            55..=56 => sovereign_command(rng, state, now)?,
            57..=60 => workload_aside(rng, state),
            _ => Command::Workload(workload::Command::Submit {
                project: any(rng, &state.projects).unwrap_or(nobody()),
                spec: Box::new(spec(rng, state)?),
            }),
        })
    }
}

/// A stop, a proposal by hand that mostly does not fit, a report out of the blue.
fn workload_aside(rng: &mut Rng, state: &State) -> Command {
    let some = any_workload(rng, state).unwrap_or(nobody());
    let active: Vec<_> = state.active_workloads().map(|w| w.id).collect();
    let id = rng.pick(&active).copied().filter(|_| rng.chance(60)).unwrap_or(some);
    let generation = state.workloads.get(&id).map_or(1, |w| w.generation);
    Command::Workload(match rng.below(6) {
        0 => {
            let nodes = any(rng, &state.nodes).into_iter().collect();
            let seat = workload::GpuSeat { gpu: rng.between_u32(0, 4), start: None };
            let seats = rng.chance(30).then_some(seat).into_iter().collect();
            workload::Command::Place(workload::Place { workload: id, generation, nodes, seats })
        }
        1 => workload::Command::FailOutputs { id, message: "simulated".to_owned() },
        2 => workload::Command::Report(workload::Report {
            workload: id,
            attempt: rng.between_u32(0, 2),
            rank: rng.between_u32(7, 9),
            status: workload::RankStatus::Running,
            used: kernel::usage::Counters::default(),
            energy_measured: false,
            energy_source: "simulated".to_owned(),
        }),
        3..=4 => workload::Command::Preempt(workload::Preempt {
            workload: id,
            generation,
            for_workload: if rng.chance(30) { None } else { rng.pick(&active).copied() },
            reason: "simulated".to_owned(),
        }),
        _ => workload::Command::Stop { id },
    })
}

fn key_command(rng: &mut Rng, state: &State, now: UnixMicros) -> Result<Command, String> {
    if rng.chance(25) {
        let id = any(rng, &state.keys).unwrap_or(nobody());
        return Ok(Command::Key(key::Command::Revoke { id }));
    }
    let project = any(rng, &state.projects).unwrap_or(nobody());
    let (scope, role) = match rng.below(4) {
        0 => (Scope::Platform, Role::Operator),
        1 => (Scope::Project(project), Role::Inference),
        2 => (Scope::Project(project), Role::Member),
        _ => (
            Scope::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
            Role::Administrator,
        ),
    };
    Ok(Command::Key(key::Command::Create {
        name: name(rng, "key", 100)?,
        scope,
        role,
        secret_hash: rng.digest(),
        expires_at: rng.chance(20).then(|| now.plus(units::DurationMicros::from_secs(3_600))),
    }))
}

fn policy_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    let scope = match rng.below(3) {
        0 => Scope::Platform,
        1 => Scope::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
        _ => Scope::Project(any(rng, &state.projects).unwrap_or(nobody())),
    };
    let first = country(rng)?;
    let text = if rng.chance(10) {
        "permit (principal, action, resource) whenn { true };".to_owned()
    } else {
        policy::residency_policy(units::DataClass::Restricted, &[first, country(rng)?])
    };
    let name = name(rng, "residency", 2)?;
    Ok(Command::PolicySet(policy_set::Command::Set { scope, name, text }))
}

fn site_command(rng: &mut Rng, state: &State) -> Result<site::Command, String> {
    let config = site_config(rng)?;
    Ok(if rng.chance(50) {
        site::Command::Create { name: name(rng, "site", 1)?, config }
    } else {
        site::Command::Update { id: any(rng, &state.sites).unwrap_or(nobody()), config }
    })
}

fn node_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    if rng.chance(40) {
        let site = any(rng, &state.sites).unwrap_or(nobody());
        let name = name(rng, "node", 6)?;
        let facts = facts(rng, name.as_str());
        let topology = topology(rng)?;
        return Ok(Command::Node(node::Command::Register { site, name, facts, topology }));
    }
    let id = any(rng, &state.nodes).unwrap_or(nobody());
    let reason = "simulated maintenance".to_owned();
    if rng.chance(25) {
        let grace = DurationMicros::from_secs(rng.below(20));
        return Ok(Command::Node(node::Command::Drain { id, grace, reason }));
    }
    if rng.chance(25) {
        return Ok(Command::Node(node::Command::EndGrace { id }));
    }
    let status = match rng.below(7) {
        0 => node::Status::Cordoned,
        1 => node::Status::Draining,
        2 => node::Status::Down,
        3 => node::Status::Suspect,
        _ => node::Status::Ready,
    };
    Ok(Command::Node(node::Command::SetStatus { id, status, reason }))
}

fn budget_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    // From nothing to ten euros, in steps small enough to be used up within a run.
    let limit = MicroEuro(i64::try_from(rng.below(500)).unwrap_or(0).saturating_mul(20_000));
    Ok(Command::Budget(if rng.chance(50) {
        any_budget_command(rng, state)?
    } else if rng.chance(50) {
        budget::Command::Create {
            project: any(rng, &state.projects).unwrap_or(nobody()),
            name: name(rng, "budget", 3)?,
            limit,
        }
    } else {
        budget::Command::SetLimit { id: any(rng, &state.budgets).unwrap_or(nobody()), limit }
    }))
}

/// A budget of any owner in any measure, or other terms for one; now and then for nobody.
fn any_budget_command(rng: &mut Rng, state: &State) -> Result<budget::Command, String> {
    use budget::{Change, Open, Owner, Period, Terms};
    let measure = rng.pick(&Measure::ALL).copied().unwrap_or_default();
    let step = match measure {
        Measure::Money => 20_000,
        // Six minutes of a GPU, and 10 Wh.
        Measure::GpuTime => 360_000_000,
        Measure::Energy => 36_000_000,
        Measure::Tokens => 500,
    };
    let base = i64::try_from(rng.below(200)).unwrap_or(0).saturating_mul(step);
    let (limit, hard_stop) = (measure.amount(base), rng.chance(70));
    if rng.chance(30) {
        let id = any(rng, &state.budgets).unwrap_or(nobody());
        let change = Change {
            limit: rng.chance(70).then_some(limit),
            alerts: rng.chance(20).then(|| vec![25, 75]),
            hard_stop: rng.chance(50).then_some(hard_stop),
        };
        return Ok(budget::Command::SetTerms { id, change });
    }
    let owner = match rng.below(5) {
        0 => Owner::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
        1 => Owner::Project(any(rng, &state.projects).unwrap_or(nobody())),
        2 => Owner::User(any(rng, &state.users).unwrap_or(nobody())),
        3 => Owner::ServiceAccount(any(rng, &state.service_accounts).unwrap_or(nobody())),
        _ => Owner::Key(any(rng, &state.keys).unwrap_or(nobody())),
    };
    let within = if rng.chance(20) { any(rng, &state.projects) } else { None };
    let period = if rng.chance(50) { Period::Total } else { Period::Month };
    let terms = Terms { limit, alerts: budget::ALERTS_DEFAULT.to_vec(), hard_stop };
    let name = name(rng, "budget", 3)?;
    Ok(budget::Command::Open(Box::new(Open { owner, within, name, period, terms })))
}

/// A price list; one in a few prices something twice.
pub(crate) fn prices(rng: &mut Rng) -> Command {
    let mut lines = Vec::new();
    for per in PriceUnit::ALL {
        let amount = MicroEuro(i64::try_from(rng.below(4_000_000)).unwrap_or(0));
        if rng.chance(90) {
            lines.push(price::Line { per, amount });
        }
    }
    if rng.chance(10) {
        lines.extend(lines.first().copied());
    }
    Command::Price(price::Command::Set { lines })
}

pub(super) fn data_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    Ok(Command::Dataset(if rng.chance(40) {
        dataset::Command::Create {
            project: any(rng, &state.projects).unwrap_or(nobody()),
            name: name(rng, "data", 5)?,
            class: class(rng),
        }
    } else {
        dataset::Command::AddVersion {
            id: any(rng, &state.datasets).unwrap_or(nobody()),
            manifest: Digest([u8::try_from(rng.below(4)).unwrap_or(0); 32]),
            files: rng.between_u32(0, 9),
            size: Bytes(rng.below(1_000_000)),
            source: "simulated generator".to_owned(),
        }
    }))
}

fn model_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    let id = any(rng, &state.models).unwrap_or(nobody());
    Ok(Command::Model(match rng.below(3) {
        0 => model::Command::Create {
            project: any(rng, &state.projects).unwrap_or(nobody()),
            name: name(rng, "model", 5)?,
        },
        1 => model::Command::AddVersion(model::AddVersion {
            id,
            manifest: rng.digest(),
            files: rng.between_u32(0, 9),
            size: Bytes(rng.below(1_000_000)),
            class: class(rng),
            lineage: model::Lineage {
                inputs: artefact(rng, state).into_iter().map(|(a, _)| a).collect(),
                program: "simulated".to_owned(),
                ..model::Lineage::default()
            },
            signature: None,
        }),
        _ => model::Command::RecordEvaluation {
            id,
            version: rng.between_u32(0, 2),
            metric: "exact_match".to_owned(),
            correct: rng.below(12),
            total: 10,
            workload: None,
            dataset: None,
        },
    }))
}

fn endpoint_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    if rng.chance(40) {
        return Ok(super::endpoints::command(rng, state));
    }
    if rng.chance(25) {
        return upstream_command(rng, state);
    }
    if rng.chance(35) {
        let id = any(rng, &state.endpoints).unwrap_or(nobody());
        return Ok(Command::Endpoint(endpoint::Command::Delete { id }));
    }
    let mut service = spec(rng, state)?;
    service.kind = workload::Kind::Service;
    service.outputs = workload::Outputs::default();
    let model = any(rng, &state.models).unwrap_or(nobody());
    let found = state.models.get(&model);
    let version = found.and_then(|m| m.versions.last()).map_or(1, |v| v.number);
    if let Some(version) = found.and_then(|m| m.versions.last()) {
        let artefact = model::Artefact::Model { id: model, version: version.number };
        let mount = "/model".to_owned();
        service.inputs.push(workload::Input { mount, artefact, manifest: version.manifest });
    }
    let project = found.map_or(nobody(), |m| m.project);
    Ok(Command::Endpoint(endpoint::Command::Create {
        project,
        name: name(rng, "chat", 4)?,
        model,
        model_version: version,
        replicas: rng.between_u32(0, 3),
        service: Box::new(service),
    }))
}
