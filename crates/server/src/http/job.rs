//! From a job file to what the state machine takes, and back.
//!
//! Names become ids here, and what this version cannot do is refused, never ignored.

mod terms;

use api::{
    job_file::{self, JobFile, Outputs, ResolvedJob, RetryCause, StopSignal, WorkloadKind},
    problem::FieldError,
    quantity_text::AtLeast,
    reference::{ArtefactRef, InputRef, ProjectRef},
};
use kernel::{
    State,
    access::Role,
    model::Artefact,
    node::Capacity,
    workload::{Input, Kind, RetryOn, Spec},
};
use units::{DataClass, Id, Name, UnixMicros, kinds};

use super::{caller::Caller, fail::Fail, resolve};

/// A job with its names resolved.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) project: Id<kinds::Project>,
    pub(crate) spec: Spec,
    /// The model to create first, if the job names one that does not exist.
    pub(crate) new_model: Option<Name>,
    /// The job with every default.
    pub(crate) resolved: ResolvedJob,
}

/// Resolves a job for a caller who acts in this role on its project.
///
/// # Errors
/// 422 with every field that is wrong; 404 for names that are missing or hidden.
pub(crate) fn prepare(
    state: &State,
    caller: &Caller,
    role: Role,
    file: &JobFile,
    now: UnixMicros,
) -> Result<Prepared, Fail> {
    let resolved = file.resolve().map_err(Fail::fields)?;
    let project = resolve::project(state, caller, role, &resolved.project)?;
    refuse_unsupported(&resolved)?;
    let inputs = inputs(state, project, &resolved)?;
    let (model, new_model) = output_model(state, project, &resolved.outputs)?;
    let evaluates = evaluated(resolved.kind, &inputs);
    let mut environment = resolved.environment.clone();
    if let Some(path) = &resolved.checkpoint.path {
        // A path below the working folder, which is kept from attempt to attempt.
        let below = path.trim_start_matches('/').to_owned();
        environment.entry("COCARDE_CHECKPOINT".to_owned()).or_insert(below);
    }
    let spec = Spec {
        name: resolved.name.clone(),
        kind: kind_of(resolved.kind),
        script: resolved.script(),
        image: resolved.image.clone(),
        environment,
        nodes_min: resolved.nodes_min,
        nodes_max: resolved.nodes_max,
        per_node: Capacity {
            cpu: resolved.cpu.least,
            memory: resolved.memory.least,
            gpus: resolved.gpus.first.count,
        },
        gpu_model: resolved.gpus.first.model.clone(),
        inputs,
        stop_signal: resolved.checkpoint.signal.as_str().to_owned(),
        grace: resolved.checkpoint.grace,
        time_limit: resolved.time_limit,
        budget: resolved.budget,
        retries_max: resolved.retry.max,
        retry_on: RetryOn {
            failure: resolved.retry.on.contains(&RetryCause::Failure),
            node_failure: resolved.retry.on.contains(&RetryCause::NodeFailure),
            preempted: resolved.retry.on.contains(&RetryCause::Preempted),
        },
        residency_countries: Some(resolved.residency.countries.clone())
            .filter(|countries| !countries.is_empty()),
        class: resolved.residency.class.unwrap_or(DataClass::Public),
        outputs: kernel::workload::Outputs { model, evaluates },
        priority: resolved.priority,
        terms: terms::of_job(state, project, &resolved, now)?,
    };
    spec.check_part()?;
    terms::refuse_unhonoured(&spec)?;
    Ok(Prepared { project, spec, new_model, resolved })
}

/// What the file may say but this version does not do.
fn refuse_unsupported(job: &ResolvedJob) -> Result<(), Fail> {
    let mut errors = Vec::new();
    if job.outputs.dataset.is_some() {
        let message = "a dataset is not registered by a workload: write it to a blob and add a \
                       version, or remove the field";
        errors.push(FieldError::new("/outputs/dataset", message));
    }
    if job.port.is_some() {
        let message = "the engine chooses the port and passes it as `PORT`: remove the field";
        errors.push(FieldError::new("/port", message));
    }
    if errors.is_empty() { Ok(()) } else { Err(Fail::fields(errors)) }
}

fn inputs(
    state: &State,
    project: Id<kinds::Project>,
    job: &ResolvedJob,
) -> Result<Vec<Input>, Fail> {
    let resolve_one = |(mount, reference): (&String, &InputRef)| {
        let found = resolve::input(state, project, reference).map_err(|mut fail| {
            let pointer = format!("/data/{}", mount.replace('~', "~0").replace('/', "~1"));
            fail.0.errors = vec![FieldError::new(pointer, fail.0.detail.clone())];
            fail
        })?;
        Ok(Input { mount: mount.clone(), artefact: found.artefact, manifest: found.manifest })
    };
    job.inputs.iter().map(resolve_one).collect()
}

type OutputModel = (Option<Id<kinds::Model>>, Option<Name>);

/// The model that the job's output becomes a version of: by id, or by name if it is to be created.
fn output_model(
    state: &State,
    project: Id<kinds::Project>,
    outputs: &Outputs,
) -> Result<OutputModel, Fail> {
    let Some(wanted) = &outputs.model else { return Ok((None, None)) };
    let own = state.projects.get(&project).map(|p| &p.name);
    if own != Some(&wanted.project) {
        let message = format!(
            "`registry://{wanted}` is not in the job's own project: write `registry://{}/{}`",
            own.map_or("…", Name::as_str),
            wanted.name
        );
        return Err(Fail::field("/outputs/model", message));
    }
    Ok(match state.model_by_name(project, &wanted.name) {
        Some(id) => (Some(id), None),
        None => (None, Some(wanted.name.clone())),
    })
}

/// The model version that an evaluation measures: its only model.
fn evaluated(kind: WorkloadKind, inputs: &[Input]) -> Option<Artefact> {
    if kind != WorkloadKind::Eval {
        return None;
    }
    let is_model = |artefact: &Artefact| matches!(artefact, Artefact::Model { .. });
    let mut models = inputs.iter().map(|input| input.artefact).filter(is_model);
    models.next().filter(|_| models.next().is_none())
}

/// The job file that says all of a specification.
pub(crate) fn file_of(state: &State, project: Id<kinds::Project>, spec: &Spec) -> JobFile {
    let input = |input: &Input| {
        let reference = resolve::artefact_ref(state, input.artefact)?;
        Some((
            input.mount.clone(),
            match input.artefact {
                Artefact::Dataset { .. } => InputRef::Dataset(reference),
                Artefact::Model { .. } => InputRef::Model(reference),
            },
        ))
    };
    let mut causes = Vec::new();
    if spec.retry_on.node_failure {
        causes.push(RetryCause::NodeFailure);
    }
    if spec.retry_on.preempted {
        causes.push(RetryCause::Preempted);
    }
    if spec.retry_on.failure {
        causes.push(RetryCause::Failure);
    }
    ResolvedJob {
        kind: kind_dto(spec.kind),
        name: spec.name.clone(),
        project: project_ref(state, project),
        image: spec.image.clone(),
        nodes_min: spec.nodes_min,
        nodes_max: spec.nodes_max,
        gpus: terms::gpus(spec),
        cpu: AtLeast { least: spec.per_node.cpu, open: false },
        memory: AtLeast { least: spec.per_node.memory, open: false },
        exclusive: spec.terms.exclusive,
        topology: terms::topology(spec),
        setup: String::new(),
        run: spec.script.clone(),
        environment: spec.environment.clone(),
        inputs: spec.inputs.iter().filter_map(input).collect(),
        checkpoint: job_file::Checkpoint {
            path: None,
            signal: signal_of(&spec.stop_signal),
            grace: spec.grace,
        },
        time_limit: spec.time_limit,
        budget: spec.budget,
        retry: job_file::Retry { on: causes, max: spec.retries_max },
        residency: job_file::Residency {
            countries: spec.residency_countries.clone().unwrap_or_default(),
            class: Some(spec.class),
        },
        outputs: Outputs { model: model_ref(state, spec.outputs.model), dataset: None },
        port: None,
        priority: spec.priority,
        terms: terms::of_spec(spec),
    }
    .to_file()
}

fn model_ref(state: &State, id: Option<Id<kinds::Model>>) -> Option<ArtefactRef> {
    let artefact = Artefact::Model { id: id?, version: 1 };
    let reference = resolve::artefact_ref(state, artefact)?;
    Some(ArtefactRef { artefact_version: None, ..reference })
}

fn project_ref(state: &State, id: Id<kinds::Project>) -> ProjectRef {
    resolve::project_path(state, id).parse().unwrap_or(ProjectRef::Id(id))
}

fn signal_of(text: &str) -> StopSignal {
    let found = StopSignal::ALL.iter().copied().find(|signal| signal.as_str() == text);
    found.unwrap_or(StopSignal::Term)
}

const fn kind_of(kind: WorkloadKind) -> Kind {
    match kind {
        WorkloadKind::Train => Kind::Train,
        WorkloadKind::Batch => Kind::Batch,
        WorkloadKind::Eval => Kind::Eval,
        WorkloadKind::Finetune => Kind::Finetune,
        WorkloadKind::Dev => Kind::Dev,
        WorkloadKind::Service => Kind::Service,
    }
}

/// A kind as the API writes it.
pub(crate) const fn kind_dto(kind: Kind) -> WorkloadKind {
    match kind {
        Kind::Train => WorkloadKind::Train,
        Kind::Batch => WorkloadKind::Batch,
        Kind::Eval => WorkloadKind::Eval,
        Kind::Finetune => WorkloadKind::Finetune,
        Kind::Dev => WorkloadKind::Dev,
        Kind::Service => WorkloadKind::Service,
    }
}
