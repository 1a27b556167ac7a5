//! The terms of a job file in the words of the state machine, and back.
//!
//! Every match is exhaustive both ways, so that a new word cannot be lost on one of them.

use api::{
    job_file::{
        self, After, ArrayRange, DeferBy, DependencyEnd, PowerClass, ResolvedJob, TopologyLevel,
        When,
    },
    problem::FieldError,
    quantity_text::{GpuChoice, GpuRequest},
    reference::Ref,
};
use kernel::{
    State,
    power::Measure,
    workload::{self, Array, Condition, Deferrable, Dependency, Level, Spec, Terms, Topology},
};
use units::{Id, UnixMicros, kinds};

use crate::http::fail::Fail;

/// The terms of a job that is submitted now.
///
/// # Errors
/// 404 for work to wait for that the project does not have.
pub(super) fn of_job(
    state: &State,
    project: Id<kinds::Project>,
    job: &ResolvedJob,
    now: UnixMicros,
) -> Result<Terms, Fail> {
    let at = |when: When| match when {
        When::At(at) => at,
        When::In(duration) => now.plus(duration),
    };
    let after = job.terms.after.iter().map(|after| dependency(state, project, after));
    let others = job.gpus.others.iter();
    Ok(Terms {
        topology: Topology {
            within: level(job.topology.within),
            fallback: level(job.topology.otherwise),
            segment: job.topology.segment.unwrap_or(0),
        },
        gpu_alternatives: others
            .map(|choice| workload::GpuChoice { model: choice.model.clone(), gpus: choice.count })
            .collect(),
        gpu_milli: job.gpus.share_milli,
        gpu_profile: job.gpus.profile.clone(),
        exclusive: job.exclusive,
        guaranteed: job.terms.guaranteed,
        preemptible: Some(job.terms.preemptible),
        deferrable: job.terms.deferrable.map(|deferrable| Deferrable {
            start_by: deferrable.until.map(at),
            end_by: deferrable.deadline.map(at),
            by: match deferrable.by {
                DeferBy::Carbon => Measure::Carbon,
                DeferBy::Price => Measure::Price,
            },
        }),
        power_class: match job.terms.power_class {
            PowerClass::Flexible => workload::PowerClass::Flexible,
            PowerClass::Standard => workload::PowerClass::Standard,
            PowerClass::Critical => workload::PowerClass::Critical,
        },
        after: after.collect::<Result<_, _>>()?,
        array: job.terms.array.map(|array| Array {
            first: array.first,
            last: array.last,
            step: array.step,
            running_max: array.running_max,
        }),
    })
}

/// Work to wait for: by id, or the newest of a name. Both must be of the same project.
fn dependency(
    state: &State,
    project: Id<kinds::Project>,
    after: &After,
) -> Result<Dependency, Fail> {
    let own = |w: &&workload::Workload| w.project == project;
    let found = match &after.workload {
        Ref::Id(id) => state.workloads.get(id).filter(own),
        Ref::Name(name) => {
            let mut newest_first = state.workloads.values().rev().filter(own);
            newest_first.find(|w| w.task.is_none() && w.spec.name == *name)
        }
    };
    let found = found.ok_or_else(|| {
        let mut fail = Fail::not_found("workload", &after.workload)
            .remedy("name work of the same project that was submitted before");
        fail.0.errors = vec![FieldError::new("/after", fail.0.detail.clone())];
        fail
    })?;
    let on = match after.on {
        DependencyEnd::Success => Condition::Success,
        DependencyEnd::Any => Condition::Any,
    };
    Ok(Dependency { workload: found.id, on })
}

/// Refuses what is recorded but not acted on yet.
///
/// # Errors
/// 422 with every such field.
pub(super) fn refuse_unhonoured(spec: &Spec) -> Result<(), Fail> {
    let refused = workload::unhonoured(spec, workload::HONOURED);
    let field = |one: &workload::Unhonoured| {
        FieldError::new(format!("/{}", one.field.replace('.', "/")), one.message)
    };
    let errors: Vec<FieldError> = refused.iter().map(field).collect();
    if errors.is_empty() { Ok(()) } else { Err(Fail::fields(errors)) }
}

const fn level(level: TopologyLevel) -> Level {
    match level {
        TopologyLevel::Node => Level::Node,
        TopologyLevel::Nvlink => Level::Nvlink,
        TopologyLevel::Spine => Level::Spine,
        TopologyLevel::Site => Level::Site,
    }
}

const fn level_dto(level: Level) -> TopologyLevel {
    match level {
        Level::Node => TopologyLevel::Node,
        Level::Nvlink => TopologyLevel::Nvlink,
        Level::Spine => TopologyLevel::Spine,
        Level::Site => TopologyLevel::Site,
    }
}

/// How close the nodes must be.
pub(super) fn topology(spec: &Spec) -> job_file::Topology {
    let topology = spec.terms.topology;
    job_file::Topology {
        within: level_dto(topology.within),
        segment: Some(topology.segment).filter(|segment| *segment > 0),
        otherwise: level_dto(topology.fallback),
    }
}

/// GPUs that will do.
pub(super) fn gpus(spec: &Spec) -> GpuRequest {
    let others = spec.terms.gpu_alternatives.iter();
    GpuRequest {
        first: GpuChoice { model: spec.gpu_model.clone(), count: spec.per_node.gpus },
        others: others
            .map(|choice| GpuChoice { model: choice.model.clone(), count: choice.gpus })
            .collect(),
        share_milli: spec.terms.gpu_milli,
        profile: spec.terms.gpu_profile.clone(),
    }
}

/// The terms of a specification; names are ids and durations are times by now.
pub(super) fn of_spec(spec: &Spec) -> job_file::Terms {
    let terms = &spec.terms;
    let after = |dependency: &Dependency| After {
        workload: Ref::Id(dependency.workload),
        on: match dependency.on {
            Condition::Success => DependencyEnd::Success,
            Condition::Any => DependencyEnd::Any,
        },
    };
    job_file::Terms {
        preemptible: spec.is_preemptible(),
        guaranteed: terms.guaranteed,
        after: terms.after.iter().map(after).collect(),
        array: terms.array.map(|array| ArrayRange {
            first: array.first,
            last: array.last,
            step: array.step,
            running_max: array.running_max,
        }),
        deferrable: terms.deferrable.map(|deferrable| job_file::Deferrable {
            until: deferrable.start_by.map(When::At),
            deadline: deferrable.end_by.map(When::At),
            by: match deferrable.by {
                Measure::Carbon => DeferBy::Carbon,
                Measure::Price => DeferBy::Price,
            },
        }),
        power_class: match terms.power_class {
            workload::PowerClass::Flexible => PowerClass::Flexible,
            workload::PowerClass::Standard => PowerClass::Standard,
            workload::PowerClass::Critical => PowerClass::Critical,
        },
    }
}
