//! Validates model commands.

use units::{Id, kinds};

use super::{AddVersion, Command, Evaluation, Event, get, resolve};
use crate::{Ctx, Reject, State, erasure, limits, project, storage};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { project, name } => {
            erasure::require_open(state, project::get(state, *project)?.organisation)?;
            Reject::limit("models", state.models.len(), limits::MODELS_MAX)?;
            if state.model_by_name(*project, name).is_some() {
                return Err(Reject::NameTaken { kind: "model", name: name.to_string() });
            }
            let event = Event::Created { id: ctx.id(0), project: *project, name: name.clone() };
            Ok(vec![crate::Event::Model(event)])
        }
        Command::AddVersion(add) => add_version(state, add),
        Command::RecordEvaluation { id, version, metric, correct, total, workload, dataset } => {
            let missing = || Reject::not_found("model version", format!("{id}@v{version}"));
            let found = get(state, *id)?.version(*version).ok_or_else(missing)?;
            if workload.is_some() && found.evaluations.iter().any(|e| e.workload == *workload) {
                return Ok(Vec::new());
            }
            Reject::limit("evaluations", found.evaluations.len(), limits::EVALUATIONS_MAX)?;
            if *total == 0 || correct > total {
                let message = format!(
                    "`{correct}` of `{total}`: total must be above zero and not below correct"
                );
                return Err(Reject::invalid("correct", message));
            }
            if metric.is_empty() || metric.len() > 64 {
                return Err(Reject::invalid(
                    "metric",
                    "needs 1 to 64 bytes, such as `exact_match`",
                ));
            }
            if let Some(artefact) = dataset {
                resolve(state, *artefact)?;
            }
            require_own_workload(state, *id, *workload)?;
            let evaluation = Evaluation {
                metric: metric.clone(),
                correct: *correct,
                total: *total,
                workload: *workload,
                dataset: *dataset,
                at: ctx.now,
            };
            Ok(vec![crate::Event::Model(Event::Evaluated {
                id: *id,
                version: *version,
                evaluation,
            })])
        }
    }
}

fn add_version(state: &State, add: &AddVersion) -> Result<Vec<crate::Event>, Reject> {
    let model = get(state, add.id)?;
    let workload = add.lineage.workload;
    if workload.is_some() && model.versions.iter().any(|v| v.lineage.workload == workload) {
        return Ok(Vec::new());
    }
    Reject::limit("versions of this model", model.versions.len(), limits::VERSIONS_MAX)?;
    Reject::limit("inputs", add.lineage.inputs.len(), limits::INPUTS_MAX)?;
    if add.files == 0 {
        return Err(Reject::invalid("files", "a version needs at least one file"));
    }
    if add.lineage.program.len() > limits::TEXT_BYTES_MAX {
        return Err(Reject::invalid("lineage.program", "has more than 1024 bytes: shorten it"));
    }
    let mut version = add.clone();
    for input in &add.lineage.inputs {
        let (_, class) = resolve(state, *input)?;
        version.class = version.class.max(class);
    }
    require_own_workload(state, add.id, workload)?;
    if let Some(source) = workload.and_then(|id| state.workloads.get(&id)) {
        version.class = version.class.max(source.class);
    }
    let number = model.versions.last().map_or(0, |v| v.number).saturating_add(1);
    let mut events = Vec::new();
    let moved = (model.project, version.class);
    let decided = storage::require_artefact(state, &mut events, moved, add.id.into())
        .map_err(|no| no.refuse(model.name.to_string()))?;
    events.push(crate::Event::Model(Event::VersionAdded { number, version, decided }));
    Ok(events)
}

/// What is said to have come from a workload must have come from one of the model's own project.
fn require_own_workload(
    state: &State,
    model: Id<kinds::Model>,
    workload: Option<Id<kinds::Workload>>,
) -> Result<(), Reject> {
    let Some(id) = workload else { return Ok(()) };
    let owner = get(state, model)?.project;
    match state.workloads.get(&id) {
        Some(workload) if workload.project == owner => Ok(()),
        // Workloads of other tenants do not exist for this one.
        Some(_) | None => Err(Reject::not_found("workload", id)),
    }
}
