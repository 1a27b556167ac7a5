//! The twin's fleet, tenants and jobs in the platform's words.

use std::collections::BTreeMap;

use kernel::{
    Actor, Command, Subject,
    node::{self, Capacity, Facts, Gpu},
    organisation, project,
    quota::{self, Class, Milli, Owner},
    site,
    workload::{self, Condition, Dependency, GpuChoice, Kind, Level, RetryOn, Spec, Terms},
};
use units::{Bytes, DataClass, DurationMicros, GpuCount, Id, MilliCpu, kinds};

use super::Shadow;
use crate::{
    setup::parse,
    twin::{
        fleet::{self, ClassIdx, Node},
        number,
        time::Time,
        workload::{JobIdx, Request},
    },
};

impl Shadow<'_> {
    pub(super) fn build(&mut self) -> Result<(), String> {
        let mut sites = Vec::new();
        for (at, site) in self.input.fleet.sites.iter().enumerate() {
            let config = site::Config {
                country: site.country,
                operator: "simulated".to_owned(),
                operator_country: site.country,
                certifications: Vec::new(),
                pue_milli: site.pue_milli,
                carbon_g_per_kwh: 0,
                carbon_source: "simulated".to_owned(),
                power_cap_w: None,
                operator_entity: None,
                owner_entity: None,
            };
            let create = site::Command::Create { name: parse(&format!("s{at}"))?, config };
            let Subject::Site(id) = self.made(Command::Site(create))? else {
                return Err("a site was not made".to_owned());
            };
            sites.push(id);
        }
        for (at, node) in self.input.fleet.nodes.iter().enumerate() {
            let register = self.machine(at, node, &sites)?;
            let Subject::Node(id) = self.made(Command::Node(register))? else {
                return Err("a node was not made".to_owned());
            };
            self.nodes.push(id);
        }
        let numbered = self.nodes.iter().copied().zip((0..=u32::MAX).map(fleet::NodeIdx));
        self.node_numbers = numbered.collect();
        self.tenants()
    }

    fn made(&mut self, command: Command) -> Result<Subject, String> {
        let events = self.run(Time::ZERO, Actor::System, command)?;
        let first = events.first().ok_or("a command changed nothing")?;
        Ok(first.subject())
    }

    fn machine(
        &self,
        at: usize,
        node: &Node,
        sites: &[Id<kinds::Site>],
    ) -> Result<node::Command, String> {
        let fleet = self.input.fleet;
        let (Some(rack), Some(kind)) = (fleet.rack(node.rack), fleet.kind(node.kind)) else {
            return Err(format!("node {at} has no rack or no kind"));
        };
        let site = sites.get(number::index(rack.site.0)).ok_or("a rack has no site")?;
        let row = fleet.feeder(rack.feeder).and_then(|feeder| feeder.parent);
        let gpu = |number: u32| Gpu {
            model: kind.class.map_or_else(String::new, model),
            uuid: format!("GPU-simulated-{at}-{number}"),
            memory: Bytes(0),
        };
        let facts = Facts {
            hostname: format!("n{at}"),
            system: "simulated".to_owned(),
            cpu_model: "simulated".to_owned(),
            capacity: Capacity { cpu: kind.cpu, memory: kind.memory, gpus: GpuCount(kind.gpus) },
            gpus: (0..kind.gpus).map(gpu).collect(),
            limits: "simulated".to_owned(),
            sandbox: "simulated".to_owned(),
            power: "simulated".to_owned(),
            virtual_host: None,
        };
        let topology = node::Topology {
            group: row.map(|row| parse(&format!("g{}", row.0))).transpose()?,
            rack: Some(parse(&format!("r{}", node.domain))?),
        };
        Ok(node::Command::Register {
            site: *site,
            name: parse(&format!("n{at}"))?,
            facts,
            topology,
        })
    }

    /// The first part of a tenant's path is an organisation, the whole path a project.
    fn tenants(&mut self) -> Result<(), String> {
        let mut organisations: BTreeMap<String, Id<kinds::Organisation>> = BTreeMap::new();
        for (at, path) in self.input.jobs.tenants.paths().iter().enumerate() {
            if self.planner.is_some() && path.split('/').count() > 2 {
                let message = "shares are not comparable: the platform knows organisations and \
                               projects, and no tenants below them";
                return Err(format!("`{path}`: {message}"));
            }
            let first = path.split('/').next().unwrap_or_default();
            let organisation = match organisations.get(first) {
                Some(known) => *known,
                None => {
                    let name = parse(&format!("t{}", organisations.len()))?;
                    let create = organisation::Command::Create { name };
                    let Subject::Organisation(id) = self.made(Command::Organisation(create))?
                    else {
                        return Err("an organisation was not made".to_owned());
                    };
                    organisations.insert(first.to_owned(), id);
                    id
                }
            };
            let name = parse(&format!("p{at}"))?;
            let create = project::Command::Create { organisation, name };
            let Subject::Project(id) = self.made(Command::Project(create))? else {
                return Err("a project was not made".to_owned());
            };
            self.projects.push(id);
        }
        for quota in &self.input.fleet.quotas {
            let Some(organisation) = organisations.get(&quota.tenant) else {
                return Err(format!(
                    "the platform has quotas of organisations; `{}`",
                    quota.tenant
                ));
            };
            let class = quota.class.ok_or("a quota of all classes together")?;
            let set = quota::Command::Set {
                owner: Owner::Organisation(*organisation),
                class: Class::Gpu(model(class)),
                terms: quota::Terms {
                    nominal: Milli(0),
                    borrowing: Some(Milli(quota.gpus.saturating_mul(1_000))),
                    lending: None,
                    weight: 1,
                },
            };
            self.made(Command::Quota(set))?;
        }
        Ok(())
    }

    /// A job as its owner would submit it.
    pub(super) fn submission(&self, job: JobIdx) -> Result<workload::Command, String> {
        let request = self.input.jobs.request(job).ok_or("a job that is not in the list")?;
        let project = self.projects.get(number::index(request.tenant.0)).copied();
        let project = project.ok_or("a tenant that is not in the list")?;
        let after = request.after.iter().filter_map(|job| self.workloads.get(job));
        let mut classes = self.classes(request)?.into_iter();
        let first = classes.next();
        let gpus = GpuCount(request.gpus);
        let choice = |model| GpuChoice { model: Some(model), gpus };
        let terms = Terms {
            topology: topology(request)?,
            gpu_alternatives: classes.map(choice).collect(),
            gpu_milli: if request.is_share() { request.gpu_milli } else { 0 },
            preemptible: Some(true),
            after: after.map(|id| Dependency { workload: *id, on: Condition::Any }).collect(),
            ..Terms::default()
        };
        let spec = Spec {
            name: parse(&format!("j{}", job.0))?,
            kind: Kind::Batch,
            script: "simulated".to_owned(),
            image: None,
            environment: BTreeMap::new(),
            nodes_min: request.nodes_min,
            nodes_max: request.nodes_max,
            per_node: Capacity {
                cpu: MilliCpu(request.cpu.0.max(1)),
                memory: Bytes(request.memory.0.max(1)),
                gpus,
            },
            gpu_model: first,
            inputs: Vec::new(),
            stop_signal: "TERM".to_owned(),
            grace: DurationMicros::from_secs(30),
            time_limit: request.limit,
            budget: None,
            retries_max: 0,
            retry_on: RetryOn { failure: false, node_failure: true, preempted: true },
            residency_countries: None,
            class: DataClass::Public,
            outputs: workload::Outputs::default(),
            priority: request.priority,
            terms,
        };
        Ok(workload::Command::Submit { project, spec: Box::new(spec) })
    }

    /// The models that a job names; none if every one of the fleet will do.
    fn classes(&self, request: &Request) -> Result<Vec<String>, String> {
        let all = (0..number::small(number::count(self.input.fleet.classes.len()))).map(ClassIdx);
        let (fit, others): (Vec<ClassIdx>, Vec<ClassIdx>) =
            all.partition(|class| request.classes.allows(Some(*class)));
        if others.is_empty() || request.gpus == 0 {
            return Ok(Vec::new());
        }
        if fit.is_empty() {
            return Err("a job whose class of GPU the fleet does not have".to_owned());
        }
        Ok(fit.into_iter().map(model).collect())
    }
}

/// A name of which none contains another, because wishes for models are parts of their names.
fn model(class: ClassIdx) -> String {
    format!("class-{:02}", class.0)
}

fn topology(request: &Request) -> Result<workload::Topology, String> {
    let hard = request.within.filter(|within| within.is_hard).map(|within| within.level);
    let fallback = match hard {
        Some(fleet::Level::Nvlink | fleet::Level::Rack) => Level::Nvlink,
        Some(fleet::Level::Row) => Level::Spine,
        Some(fleet::Level::Hall | fleet::Level::Site) | None => Level::Site,
    };
    if request.segment <= 1 {
        return Ok(workload::Topology { within: fallback, fallback, segment: 0 });
    }
    if fallback != Level::Site {
        return Err("the platform has no word for blocks within a rack or row".to_owned());
    }
    let (within, segment) = (Level::Nvlink, request.segment);
    Ok(workload::Topology { within, fallback: Level::Nvlink, segment })
}
