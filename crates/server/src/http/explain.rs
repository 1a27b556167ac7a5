//! Why a workload is in its state: one dominant reason, its evidence, and what would change it.

use api::{
    nouns::workload_insight::{Explanation, WorkloadExplain},
    text::Timestamp,
};
use kernel::{
    Advice, State,
    access::Role,
    workload::{self, Condition, Outcome, OutputStatus, Phase, RankStatus, StopCause},
};
use sched::Level;
use units::UnixMicros;

use super::{
    fail::Fail,
    mount::{Call, as_of},
    power,
    wait::{self, Why},
    workloads,
    workloads_dto::state_of,
};

/// `GET /api/v1/workloads/{id}/explain`
pub(crate) async fn explain(call: Call<WorkloadExplain>) -> Result<Explanation, Fail> {
    let now = call.platform().now();
    call.read(|state| {
        let workload = workloads::find(state, &call.caller, Role::Viewer, call.path.id)?;
        Ok(explanation(state, workload, now))
    })
}

/// The explanation of a workload's state.
pub(crate) fn explanation(
    state: &State,
    workload: &workload::Workload,
    now: UnixMicros,
) -> Explanation {
    let mut why = match &workload.phase {
        Phase::Queued { not_before, reason, .. } => {
            queued(state, workload, *not_before, reason, now)
        }
        Phase::Placed { .. } => Why {
            start_at: None,
            code: "starting",
            summary: "it has its nodes and the engine starts it".to_owned(),
            evidence: vec![],
            remedies: vec!["wait a few seconds; if it stays so, look at the node".to_owned()],
        },
        Phase::Running { .. } => running(workload),
        Phase::Stopping { cause, .. } => stopping(*cause),
        Phase::Ended { outcome, .. } => ended(workload, outcome),
    };
    why.evidence.extend(failed_dependency(state, workload));
    why.evidence.extend(placement_evidence(state, workload));
    Explanation {
        workload: workload.id,
        state: state_of(state, workload),
        reason: why.code.to_owned(),
        summary: why.summary,
        evidence: why.evidence,
        estimated_start_at: why.start_at.map(Timestamp),
        remedies: why.remedies,
        as_of: as_of(state),
    }
}

fn queued(
    state: &State,
    workload: &workload::Workload,
    not_before: Option<UnixMicros>,
    reason: &str,
    now: UnixMicros,
) -> Why {
    if let Some(time) = not_before.filter(|time| *time > now) {
        return Why {
            start_at: Some(time),
            code: "backing_off",
            summary: format!("its last attempt ended ({reason}); it is tried again"),
            evidence: vec![format!(
                "failures so far: {}; next attempt at {}",
                workload.n_failures,
                Timestamp(time)
            )],
            remedies: vec!["read the last attempt's log to see why it ended".to_owned()],
        };
    }
    if let Some(why) = waits_for_work(state, workload) {
        return why;
    }
    match kernel::explain(state, workload.id, now) {
        Some(waiting) => waits(state, waiting),
        None => Why {
            start_at: Some(now),
            code: "about_to_start",
            summary: "there is room for it: it starts with the scheduler's next round".to_owned(),
            evidence: vec![],
            remedies: vec![],
        },
    }
}

/// The scheduler's reason, with the work that nodes are kept for and the estimated start.
fn waits(state: &State, waiting: kernel::Waiting) -> Why {
    let mut why = wait::why(&waiting.reason);
    why.start_at = waiting.start_at;
    why.evidence.extend(waiting.kept_for.map(|id| format!("nodes are kept for {id}")));
    if let Some(domain) = &waiting.domain {
        why.evidence.insert(0, format!("power budget of `{}`", power::domain_text(state, domain)));
    }
    if let Some(advice) = &waiting.advice {
        why.remedies.insert(0, format!("it would start now with {}", change(advice)));
    }
    why
}

/// A change in the words of the job file.
fn change(advice: &Advice) -> String {
    match advice {
        Advice::TimeLimit(limit) => format!("`limits.time` of at most {} s", limit.as_secs()),
        Advice::Topology(level, segment) => {
            let level = match level {
                Level::Rack => "nvlink",
                Level::Group => "spine",
                Level::Site => "site",
            };
            match segment {
                0 | 1 => format!("`topology.else: {level}` and no segment"),
                segment => format!("`topology.else: {level}` and `segment: {segment}`"),
            }
        }
        Advice::GpuModel(model) => format!("GPUs of the model `{model}`"),
        Advice::Nodes(nodes) => format!("`nodes: {nodes}`"),
        Advice::Gpus(1) => "1 GPU on each node".to_owned(),
        Advice::Gpus(gpus) => format!("{gpus} GPUs on each node"),
        Advice::Share(milli) => format!("a share of 0.{milli:03} of a GPU"),
    }
}

/// What it waits for before it competes for a place: other work, or a turn in its array.
fn waits_for_work(state: &State, workload: &workload::Workload) -> Option<Why> {
    if let Some(tally) = workload::tally(state, workload.id) {
        let evidence = vec![format!(
            "tasks: {} wait, {} run, {} succeeded, {} failed, {} stopped",
            tally.queued, tally.holding, tally.succeeded, tally.failed, tally.stopped
        )];
        let summary = "it is an array and ends with its last task".to_owned();
        let remedies = vec!["ask for one task, such as `cocarde explain NAME[3]`".to_owned()];
        return Some(Why { start_at: None, code: "array", summary, evidence, remedies });
    }
    if let Some(dependency) = workload::unmet(state, workload) {
        let other = state.workloads.get(&dependency.workload)?;
        let how = match dependency.on {
            Condition::Success => "to succeed",
            Condition::Any => "to end",
        };
        let (name, id) = (&other.spec.name, other.id);
        return Some(Why {
            start_at: None,
            code: "waits_for_workload",
            summary: format!("it waits for `{name}` ({id}) {how}"),
            evidence: vec![format!("`{name}` is {}", other.state_name())],
            remedies: vec![format!("ask why with `cocarde explain {id}`")],
        });
    }
    let holding = workload.task.and_then(|task| workload::tally(state, task.array))?.holding;
    let full = !workload::is_due(state, workload, UnixMicros(i64::MAX));
    full.then(|| Why {
        start_at: None,
        code: "array_limit",
        summary: format!("its array runs {holding} tasks, as many as it may at once"),
        evidence: vec![],
        remedies: vec!["submit it with a larger number after `%`, or with none".to_owned()],
    })
}

fn running(workload: &workload::Workload) -> Why {
    let ready = workload.ready_addresses().next();
    let (code, summary) = match (workload.spec.kind, ready) {
        (workload::Kind::Service, Some(address)) => ("ready", format!("it answers at {address}")),
        (workload::Kind::Service, None) => {
            ("not_ready", "it runs but does not answer `GET /healthz` on its port yet".to_owned())
        }
        _ => ("running", "its processes run".to_owned()),
    };
    let remedies = match code {
        "not_ready" => vec!["read its log: it must listen on the port in `PORT`".to_owned()],
        _ => vec![],
    };
    Why { start_at: None, code, summary, evidence: power_limit(workload).collect(), remedies }
}

/// The limit that is on record for its GPUs; nobody may take it for one that hardware keeps.
fn power_limit(workload: &workload::Workload) -> impl Iterator<Item = String> {
    let limit = workload.attempt().and_then(|attempt| attempt.power_limit);
    limit.into_iter().map(|limit| {
        let watts = limit.0 / 1_000;
        format!("power limit of {watts} W for each GPU: recorded, not enforced by this engine")
    })
}

fn stopping(cause: StopCause) -> Why {
    Why {
        start_at: None,
        code: "stopping",
        summary: format!("it is being stopped: {}", cause.as_str()),
        evidence: vec![],
        remedies: vec!["wait until its grace has passed".to_owned()],
    }
}

fn ended(workload: &workload::Workload, outcome: &Outcome) -> Why {
    let (code, summary, remedy) = match outcome {
        Outcome::Succeeded => match &workload.outputs {
            OutputStatus::Failed { message } => (
                "output_not_registered",
                format!("it succeeded, but what it made was not registered: {message}"),
                Some("correct what it writes to its output folder and run it again"),
            ),
            OutputStatus::Pending => {
                ("registering", "it succeeded; what it made is being registered".to_owned(), None)
            }
            OutputStatus::None | OutputStatus::Registered => {
                ("succeeded", "every process returned 0".to_owned(), None)
            }
        },
        Outcome::Failed { message } => (
            "failed",
            format!("it failed: {message}"),
            Some("read the last attempt's log, correct the cause, and submit it again"),
        ),
        Outcome::Stopped { cause } => {
            ("stopped", format!("it was stopped: {}", cause.as_str()), stop_remedy(*cause))
        }
    };
    let evidence =
        vec![format!("attempts: {}; failures: {}", workload.n_attempts, workload.n_failures)];
    Why {
        start_at: None,
        code,
        summary,
        evidence,
        remedies: remedy.map(str::to_owned).into_iter().collect(),
    }
}

const fn stop_remedy(cause: StopCause) -> Option<&'static str> {
    match cause {
        StopCause::Budget => Some("ask an administrator to raise the budget, then submit it again"),
        StopCause::TimeLimit => Some("raise `limits.time`, or let it resume from its checkpoint"),
        StopCause::DataWithdrawn => {
            Some("choose other data; see `cocarde erase status` and the organisation's consent")
        }
        StopCause::User
        | StopCause::CourseClosed
        | StopCause::EndpointDeleted
        | StopCause::ScaledDown
        | StopCause::NodeDrained
        | StopCause::NodeLost
        | StopCause::GangMemberFailed => None,
        StopCause::PolicyChanged => {
            Some("`cocarde policy explain` says which policies decide and what would change it")
        }
        StopCause::Preempted => {
            Some("let it be tried again: write `preempted` into `retry.on`, and a checkpoint")
        }
        StopCause::DependencyFailed => {
            Some("look at what it waited for, run that again, then submit this")
        }
    }
}

/// Where the last attempt is or was, by which policies, and what its ranks say.
fn placement_evidence(state: &State, workload: &workload::Workload) -> Vec<String> {
    let Some(attempt) = workload.attempt() else { return Vec::new() };
    let site = state.sites.get(&attempt.site);
    let site = site.map_or_else(|| attempt.site.to_string(), |site| site.name.to_string());
    let policies = attempt.decision.determining.join("`, `");
    let mut lines = vec![format!(
        "attempt {} was placed at site `{site}`, allowed by `{policies}`",
        attempt.number
    )];
    let exits = (0_u32..).zip(&attempt.ranks).filter_map(|(number, rank)| match &rank.status {
        RankStatus::Exited { code, signal, reason } => {
            let how = match (code, signal) {
                (Some(code), _) => format!("exit code {code}"),
                (None, Some(signal)) => format!("signal {signal}"),
                (None, None) => "no exit code".to_owned(),
            };
            let more = reason.as_deref().map_or_else(String::new, |r| format!(" ({r})"));
            Some(format!("rank {number} ended with {how}{more}"))
        }
        RankStatus::Assigned
        | RankStatus::Running
        | RankStatus::Ready { .. }
        | RankStatus::Unready => None,
    });
    // A gang of thousands is not listed rank by rank.
    lines.extend(exits.take(8));
    lines.extend(workload.attempts.iter().rev().filter_map(preempted));
    lines
}

/// For whom and why an attempt made room.
fn preempted(attempt: &workload::Attempt) -> Option<String> {
    let preemption = attempt.preemption.as_ref()?;
    // The name of another tenant's work is that tenant's business; its id says nothing.
    let whom = preemption.for_workload.map_or_else(String::new, |id| format!(" for {id}"));
    Some(format!("attempt {} made room{whom}: {}", attempt.number, preemption.reason))
}

/// What it waited for in vain.
fn failed_dependency(state: &State, workload: &workload::Workload) -> Option<String> {
    let ended = Outcome::Stopped { cause: StopCause::DependencyFailed };
    if !matches!(&workload.phase, Phase::Ended { outcome, .. } if *outcome == ended) {
        return None;
    }
    let dependency = workload::unmet(state, workload)?;
    let other = state.workloads.get(&dependency.workload)?;
    Some(format!("`{}` ({}) has {}", other.spec.name, other.id, other.state_name()))
}
