//! The bridge between the state machine and an execution engine: desired state out, reports in.

use api::engine::{
    AttemptReport, DesiredNode, DesiredProcess, Goal, GpuPart, Input, Launch, Phase,
};
use kernel::{
    Command, State, Submission,
    usage::Counters,
    workload::{self, Kind, RankStatus, Report},
};
use units::{Id, MilliJoule, kinds};

/// The variable that tells work on a virtual node how many GPUs it would have.
const VIRTUAL_GPUS: &str = "COCARDE_VIRTUAL_GPUS";
/// The variable that tells it which GPU it would have a part of.
const VIRTUAL_GPU: &str = "COCARDE_VIRTUAL_GPU";

/// Everything that must be true on the nodes of one engine now.
#[must_use]
pub(crate) fn desired_nodes(state: &State, nodes: &[Id<kinds::Node>]) -> DesiredNode {
    let node = nodes.first().copied().unwrap_or(Id::from_bytes([0; 16]));
    let processes = nodes.iter().flat_map(|id| {
        let is_virtual = state.nodes.get(id).is_some_and(|n| n.facts.virtual_host.is_some());
        let wanted = kernel::desired(state, *id);
        let all: Vec<DesiredProcess> = wanted.iter().map(|one| to_process(state, one)).collect();
        all.into_iter().map(move |process| if is_virtual { without_gpus(process) } else { process })
    });
    DesiredNode { node, processes: processes.collect() }
}

/// No device stands behind a virtual GPU: nothing is given, so nothing can be measured of it.
fn without_gpus(mut process: DesiredProcess) -> DesiredProcess {
    let count = std::mem::take(&mut process.launch.gpus);
    let part = process.launch.part.take();
    let environment = &mut process.launch.environment;
    if !count.is_zero() {
        environment.insert(VIRTUAL_GPUS.to_owned(), count.0.to_string());
    }
    if let Some(part) = part {
        let what = part.profile.unwrap_or_else(|| format!("0.{:03}", part.milli));
        environment.insert(VIRTUAL_GPUS.to_owned(), what);
        environment.insert(VIRTUAL_GPU.to_owned(), part.gpu.to_string());
    }
    process
}

fn to_process(state: &State, desired: &kernel::DesiredProcess<'_>) -> DesiredProcess {
    let workload = desired.workload;
    let goal = match desired.goal {
        kernel::Goal::Run => Goal::Run,
        kernel::Goal::Stop(grace) => Goal::Stop { grace },
    };
    DesiredProcess {
        workload: workload.id,
        attempt: desired.attempt,
        rank: desired.rank,
        generation: workload.generation,
        goal,
        launch: to_launch(state, workload, desired.rank),
    }
}

fn to_launch(state: &State, workload: &workload::Workload, rank: u32) -> Launch {
    let spec = &workload.spec;
    let n_ranks = workload.attempt().map_or(1, |attempt| attempt.ranks.len());
    let position = usize::try_from(rank).unwrap_or(usize::MAX);
    let rank = workload.attempt().and_then(|attempt| attempt.ranks.get(position));
    let taken = rank.map_or(spec.per_node, |rank| workload.taken_by(rank));
    let mut environment = spec.environment.clone();
    if let Some(task) = workload.task {
        environment.insert("ARRAY_INDEX".to_owned(), task.index.to_string());
        environment.insert("ARRAY_JOB".to_owned(), task.array.to_string());
    }
    Launch {
        name: spec.name.to_string(),
        script: spec.script.clone(),
        image: spec.image.clone(),
        environment,
        n_ranks: u32::try_from(n_ranks).unwrap_or(u32::MAX),
        cpu: taken.cpu,
        memory: taken.memory,
        gpus: taken.gpus,
        part: rank.and_then(|rank| part(state, workload, rank)),
        inputs: spec
            .inputs
            .iter()
            .map(|input| Input { mount: input.mount.clone(), manifest: input.manifest })
            .collect(),
        stop_signal: spec.stop_signal.clone(),
        time_limit: spec.time_limit,
        service: spec.kind == Kind::Service,
    }
}

/// The part of a GPU that a rank has.
fn part(state: &State, workload: &workload::Workload, rank: &workload::Rank) -> Option<GpuPart> {
    let (seat, node) = (rank.seat?, state.nodes.get(&rank.node)?);
    Some(GpuPart {
        gpu: seat.gpu,
        milli: u32::try_from(workload.spec.gpu_milli_on(Some(&node.facts))).unwrap_or(u32::MAX),
        profile: workload.spec.terms.gpu_profile.clone(),
        start: seat.start,
    })
}

/// The command that records a report.
#[must_use]
pub(crate) fn to_submission(report: &AttemptReport) -> Submission {
    let energy = report.usage.energy.as_ref();
    let report = Report {
        workload: report.workload,
        attempt: report.attempt,
        rank: report.rank,
        status: to_status(&report.phase),
        used: Counters {
            cpu_micros: report.usage.cpu_micros,
            gpu_micros: report.usage.gpu_micros,
            energy: energy.map_or(MilliJoule::ZERO, |energy| energy.energy),
        },
        energy_measured: energy.is_some_and(|energy| energy.measured),
        energy_source: energy.map_or_else(String::new, |energy| energy.source.clone()),
    };
    Submission::new(Command::Workload(workload::Command::Report(report)))
}

fn to_status(phase: &Phase) -> RankStatus {
    match phase {
        Phase::Running => RankStatus::Running,
        Phase::Ready { address } => RankStatus::Ready { address: address.clone() },
        Phase::Unready => RankStatus::Unready,
        Phase::Exited { code, signal, reason } => {
            RankStatus::Exited { code: *code, signal: *signal, reason: reason.clone() }
        }
        Phase::LaunchFailed { message } => RankStatus::Exited {
            code: None,
            signal: None,
            reason: Some(format!("could not start: {message}")),
        },
    }
}
