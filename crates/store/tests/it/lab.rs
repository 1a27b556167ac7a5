//! A small platform to run commands on: one tenant, site, node, model and endpoint. Shared with the
//! benchmark.

use std::collections::BTreeMap;

use kernel::model::{AddVersion, Artefact, Lineage};
use kernel::node::{Capacity, Facts};
use kernel::workload::{Input, Kind, Outputs, RetryOn, Spec};
use kernel::{Actor, Command, Subject, Submission, access, endpoint, key, model, node};
use kernel::{organisation, price, project, site, usage, workload};
use sha2::{Digest as _, Sha256};
use store::{Handle, Outcome};
use units::{
    Bytes, DataClass, Digest, DurationMicros, GpuCount, Id, MicroEuro, MilliCpu, Name, PriceUnit,
    Tokens, UnixMicros, kinds,
};

/// What the platform consists of.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    pub(crate) project: Id<kinds::Project>,
    pub(crate) node: Id<kinds::Node>,
    pub(crate) model: Id<kinds::Model>,
    pub(crate) key: Id<kinds::Key>,
    pub(crate) endpoint: Id<kinds::Endpoint>,
}

/// The manifest that all versions list: that of an empty folder.
pub(crate) fn manifest() -> Digest {
    Digest(Sha256::digest(br#"{"files":[]}"#).into())
}

/// Submits as the platform and expects success.
pub(crate) fn run(handle: &Handle, command: Command) -> Outcome {
    handle.submit(Actor::System, Submission::new(command)).unwrap()
}

macro_rules! made {
    ($handle:expr, $kind:ident, $command:expr) => {
        match run($handle, $command).subject {
            Some(Subject::$kind(id)) => id,
            other => panic!("made {other:?}"),
        }
    };
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn new_organisation(text: &str) -> Command {
    Command::Organisation(organisation::Command::Create { name: name(text) })
}

fn campus() -> site::Config {
    site::Config {
        country: "FR".parse().unwrap(),
        operator: "campus".to_owned(),
        operator_country: "FR".parse().unwrap(),
        certifications: vec!["SecNumCloud".to_owned()],
        pue_milli: 1_200,
        carbon_g_per_kwh: 40,
        carbon_source: "a test".to_owned(),
        power_cap_w: None,
        operator_entity: None,
        owner_entity: None,
    }
}

/// Makes a platform on an empty log.
pub(crate) fn build(handle: &Handle) -> Lab {
    let organisation = made!(handle, Organisation, new_organisation("orange"));
    let command = project::Command::Create { organisation, name: name("nlp") };
    let project = made!(handle, Project, Command::Project(command));
    let command = site::Command::Create { name: name("saclay"), config: campus() };
    let site = made!(handle, Site, Command::Site(command));
    let capacity =
        Capacity { cpu: MilliCpu(1_000_000_000), memory: Bytes(1 << 50), gpus: GpuCount(0) };
    let facts = Facts {
        hostname: "n1".to_owned(),
        system: "linux".to_owned(),
        cpu_model: "cpu".to_owned(),
        capacity,
        gpus: Vec::new(),
        limits: "none".to_owned(),
        sandbox: "none".to_owned(),
        power: "none".to_owned(),
        virtual_host: None,
    };
    let topology = node::Topology::default();
    let command = node::Command::Register { site, name: name("n1"), facts, topology };
    let node = made!(handle, Node, Command::Node(command));
    let lines = [PriceUnit::CpuHour, PriceUnit::MTokensIn, PriceUnit::MTokensOut]
        .map(|per| price::Line { per, amount: MicroEuro(500_000) })
        .to_vec();
    run(handle, Command::Price(price::Command::Set { lines }));
    let command = model::Command::Create { project, name: name("tiny") };
    let model = made!(handle, Model, Command::Model(command));
    run(handle, Command::Model(model::Command::AddVersion(version(model, None, manifest()))));
    let command = key::Command::Create {
        name: name("caller"),
        scope: access::Scope::Project(project),
        role: access::Role::Member,
        secret_hash: Digest([9; 32]),
        expires_at: None,
    };
    let key = made!(handle, Key, Command::Key(command));
    let mut service = spec("serve-tiny");
    service.kind = Kind::Service;
    let artefact = Artefact::Model { id: model, version: 1 };
    service.inputs = vec![Input { mount: "/model".to_owned(), artefact, manifest: manifest() }];
    let command = endpoint::Command::Create {
        project,
        name: name("tiny"),
        model,
        model_version: 1,
        replicas: 1,
        service: Box::new(service),
    };
    let endpoint = made!(handle, Endpoint, Command::Endpoint(command));
    let service = handle.read(|state| state.endpoints[&endpoint].workloads[0]);
    let place =
        workload::Place { workload: service, generation: 1, nodes: vec![node], seats: Vec::new() };
    run(handle, Command::Workload(workload::Command::Place(place)));
    Lab { project, node, model, key, endpoint }
}

/// A new version of a model, made by a workload or not.
pub(crate) fn version(
    id: Id<kinds::Model>,
    workload: Option<Id<kinds::Workload>>,
    manifest: Digest,
) -> AddVersion {
    AddVersion {
        id,
        manifest,
        files: 1,
        size: Bytes(10),
        class: DataClass::Internal,
        lineage: Lineage { workload, ..Lineage::default() },
        signature: None,
    }
}

/// What a small job asks for.
pub(crate) fn spec(text: &str) -> Spec {
    Spec {
        name: name(text),
        kind: Kind::Train,
        script: "true".to_owned(),
        image: None,
        environment: BTreeMap::new(),
        nodes_min: 1,
        nodes_max: 1,
        per_node: Capacity { cpu: MilliCpu(1_000), memory: Bytes(1 << 20), gpus: GpuCount(0) },
        gpu_model: None,
        inputs: Vec::new(),
        stop_signal: "TERM".to_owned(),
        grace: DurationMicros::from_secs(10),
        time_limit: None,
        budget: None,
        retries_max: 0,
        retry_on: RetryOn::default(),
        residency_countries: None,
        class: DataClass::Internal,
        outputs: Outputs::default(),
        priority: 0,
        terms: Default::default(),
    }
}

impl Lab {
    /// A job to submit.
    pub(crate) fn job(&self, spec: Spec) -> Command {
        Command::Workload(workload::Command::Submit { project: self.project, spec: Box::new(spec) })
    }

    /// A gateway's roll-up of one minute.
    pub(crate) fn tokens(&self, gateway: Id<kinds::Gateway>, sequence: u64) -> Command {
        Command::Usage(usage::Command::RecordTokens {
            gateway,
            sequence,
            key: self.key,
            endpoint: self.endpoint,
            minute: UnixMicros(60_000_000),
            requests: 10,
            errors: 0,
            tokens_in: Tokens(1_200),
            tokens_out: Tokens(800),
            estimated: false,
            answers: None,
        })
    }

    /// A gateway by number.
    pub(crate) fn gateway(number: u8) -> Id<kinds::Gateway> {
        Id::from_bytes([number; 16])
    }

    /// Places a queued job on the node, then reports how it ran, up to its successful end.
    pub(crate) fn run_to_end(&self, handle: &Handle, id: Id<kinds::Workload>) {
        let generation = handle.read(|state| state.workloads[&id].generation);
        let place =
            workload::Place { workload: id, generation, nodes: vec![self.node], seats: Vec::new() };
        run(handle, Command::Workload(workload::Command::Place(place)));
        let exited = workload::RankStatus::Exited { code: Some(0), signal: None, reason: None };
        for (status, seconds) in [(workload::RankStatus::Running, 1), (exited, 100)] {
            let used = usage::Counters { cpu_micros: seconds * 1_000_000, ..Default::default() };
            let report = workload::Report {
                workload: id,
                attempt: 1,
                rank: 0,
                status,
                used,
                energy_measured: false,
                energy_source: "a test".to_owned(),
            };
            run(handle, Command::Workload(workload::Command::Report(report)));
        }
    }

    /// Submits a job that makes a model version, runs it, and registers the version.
    pub(crate) fn train(&self, handle: &Handle, text: &str) -> Id<kinds::Workload> {
        let mut spec = spec(text);
        spec.outputs.model = Some(self.model);
        let id = made!(handle, Workload, self.job(spec));
        self.run_to_end(handle, id);
        let add = version(self.model, Some(id), manifest());
        run(handle, Command::Model(model::Command::AddVersion(add)));
        id
    }
}
