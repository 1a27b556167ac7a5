//! What a transcript shows of the platform: states, explanations, costs. Only reads.

use kernel::{
    Entry, Event, Goal, State, desired,
    workload::{Phase, RankStatus, Workload},
};
use units::{Id, kinds};

use super::names::readable;

/// Nodes with what is taken, then workloads with where they stand, in order of their creation.
pub(super) fn state(state: &State) -> Vec<String> {
    let mut nodes: Vec<_> = state.nodes.values().collect();
    nodes.sort_by_key(|node| (node.meta.created_at, node.name.clone()));
    let node = |node: &&kernel::node::Node| {
        let (have, taken) = (node.facts.capacity, node.allocated);
        let status = format!("{:?}", node.status).to_lowercase();
        let gpus = if have.gpus.is_zero() {
            String::new()
        } else {
            format!(", {} of {}", taken.gpus.0, have.gpus)
        };
        format!("node {} {status}: {} of {}{gpus}", node.name, taken.cpu.0, have.cpu)
    };
    let mut lines: Vec<String> = nodes.iter().map(node).collect();
    let mut workloads: Vec<&Workload> = state.workloads.values().collect();
    workloads.sort_by_key(|w| (w.submitted_seq, w.id));
    lines.extend(workloads.into_iter().map(|w| workload(state, w)));
    lines
}

fn workload(state: &State, workload: &Workload) -> String {
    let detail = match &workload.phase {
        Phase::Queued { reason, .. } => format!(" ({reason})"),
        Phase::Stopping { cause, .. } => format!(" ({})", cause.as_str()),
        Phase::Placed { .. } | Phase::Running { .. } => {
            let ranks = workload.attempt().map(|a| a.ranks.as_slice()).unwrap_or_default();
            let nodes: Vec<String> = ranks.iter().map(|rank| rank.node.to_string()).collect();
            format!(" on {}", readable(state, &nodes.join(" ")))
        }
        Phase::Ended { outcome, .. } => match outcome {
            kernel::workload::Outcome::Succeeded => String::new(),
            kernel::workload::Outcome::Failed { message } => format!(" ({message})"),
            kernel::workload::Outcome::Stopped { cause } => format!(" ({})", cause.as_str()),
        },
    };
    let attempts = workload.n_attempts;
    let name = &workload.spec.name;
    if let Some(tally) = kernel::workload::tally(state, workload.id) {
        let word = workload.state_name();
        return format!(
            "{name} {word}{detail}: {} wait, {} hold nodes, {} succeeded, {} failed, {} stopped",
            tally.queued, tally.holding, tally.succeeded, tally.failed, tally.stopped
        );
    }
    let index = workload.task.map_or_else(String::new, |task| format!("[{}]", task.index));
    format!("{name}{index} {}{detail}, attempt {attempts}", workload.state_name())
}

/// One line per rank that a node should run or stop.
pub(super) fn wanted(state: &State, node: Id<kinds::Node>) -> Vec<String> {
    let line = |process: &kernel::DesiredProcess<'_>| {
        let goal = match process.goal {
            Goal::Run => "run".to_owned(),
            Goal::Stop(grace) => format!("stop within {grace}"),
        };
        let name = &process.workload.spec.name;
        format!("{goal}: {name} attempt {} rank {}", process.attempt, process.rank)
    };
    let lines: Vec<String> = desired(state, node).iter().map(line).collect();
    if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
}

/// Lines of the bill, budgets, and what is not money.
pub(super) fn cost(state: &State, project: Id<kinds::Project>) -> Vec<String> {
    let mut lines: Vec<String> = state
        .usage
        .lines_of(project)
        .map(|(key, line)| {
            format!("{}: {} at {} = {}", key.per, line.quantity_base, key.price, line.amount)
        })
        .collect();
    for budget in state.budgets_of(kernel::budget::Owner::Project(project)) {
        let end = if budget.exhausted { ", used up" } else { "" };
        let (name, spent, limit) = (&budget.name, budget.spent, budget.terms.limit);
        lines.push(format!("budget {name}: {spent} of {limit}{end}"));
    }
    if let Some(totals) = state.usage.totals.get(&project) {
        lines.push(format!(
            "energy modelled {}, {} measured, {}",
            totals.energy_modelled.kwh_text(),
            totals.energy_measured.kwh_text(),
            totals.carbon
        ));
    }
    if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
}

/// Why a workload waits, or that it does not.
pub(super) fn explain(state: &State, id: Id<kinds::Workload>) -> String {
    match (kernel::explain(state, id, state.last_at), state.workloads.get(&id)) {
        (Some(waiting), _) => waiting.reason.to_string(),
        (None, Some(w)) if matches!(w.phase, Phase::Queued { .. }) => {
            "would be placed now".to_owned()
        }
        (None, Some(w)) => format!("does not wait: it is {}", w.state_name()),
        (None, None) => "does not exist".to_owned(),
    }
}

/// An entry as one line: its kind, what it is about, and what people want to know of it.
pub(super) fn entry(state: &State, entry: &Entry) -> String {
    let detail = match &entry.event {
        Event::Workload(change) => workload_detail(change),
        Event::PolicySet(kernel::policy_set::Event::Refused(refused)) => {
            format!(" {}: {}", refused.workload, refused.refusal.reason)
        }
        Event::Decision(kernel::decision::Event::Made(made)) => {
            let (question, answer) = (&made.question, made.decision.allowed);
            let answer = if answer { "yes" } else { "no" };
            let (action, category) = (question.action, question.category);
            format!(
                ": {answer} to {action} {} {category} data at {}",
                question.class, question.site.name
            )
        }
        Event::Budget(kernel::budget::Event::Exhausted { spent, .. }) => format!(" at {spent}"),
        Event::Budget(kernel::budget::Event::Alerted { percent, spent, limit, .. }) => {
            format!(" {percent} %: {spent} of {limit}")
        }
        Event::Budget(kernel::budget::Event::UsedUp { spent, limit, .. }) => {
            format!(" at {spent} of {limit}")
        }
        Event::Node(kernel::node::Event::StatusChanged { status, .. }) => {
            format!(" {}", format!("{status:?}").to_lowercase())
        }
        Event::PolicySet(_)
        | Event::Budget(_)
        | Event::Node(_)
        | Event::Organisation(_)
        | Event::Project(_)
        | Event::Key(_)
        | Event::User(_)
        | Event::Group(_)
        | Event::ServiceAccount(_)
        | Event::Role(_)
        | Event::Binding(_)
        | Event::IdentityProvider(_)
        | Event::Capability(_)
        | Event::Consent(_)
        | Event::Site(_)
        | Event::Quota(_)
        | Event::RateLimit(_)
        | Event::Power(_)
        | Event::Reservation(_)
        | Event::Price(_)
        | Event::Dataset(_)
        | Event::Model(_)
        | Event::Endpoint(_)
        | Event::Upstream(_)
        | Event::Usage(_)
        | Event::Entity(_)
        | Event::Storage(_)
        | Event::Evidence(_)
        | Event::Erasure(_)
        | Event::Course(_)
        | Event::Transfer(_) => String::new(),
    };
    let line = format!("{} {}{detail}", entry.event.kind(), entry.event.subject());
    readable(state, &line)
}

fn workload_detail(change: &kernel::workload::Event) -> String {
    use kernel::workload::{Event as Change, Outcome};
    match change {
        Change::Submitted { class, .. } => format!(" as {class} data"),
        Change::Placed { site, nodes, attempt, .. } => {
            let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            format!(" at {site} on {}, attempt {attempt}", nodes.join(" "))
        }
        Change::PlacedMany { site, nodes, attempt, .. } => {
            format!(" at {site} on the nodes {}, attempt {attempt}", nodes.runs)
        }
        Change::RankChanged { rank, status, .. } => format!(" rank {rank} {}", status_text(status)),
        Change::StopRequested { cause, preemption, .. } => {
            let for_whom = preemption.as_ref().and_then(|p| p.for_workload);
            let for_whom = for_whom.map_or_else(String::new, |id| format!(" for {id}"));
            format!(": {}{for_whom}", cause.as_str())
        }
        Change::Requeued { reason, .. } => format!(": {reason}"),
        Change::Ended { outcome, .. } => match outcome {
            Outcome::Succeeded => " succeeded".to_owned(),
            Outcome::Failed { message } => format!(" failed: {message}"),
            Outcome::Stopped { cause } => format!(" stopped: {}", cause.as_str()),
        },
        Change::OutputsFailed { message, .. } => format!(": {message}"),
        Change::PowerLimitSet { limit, .. } => match limit {
            Some(limit) => format!(" at {limit} for each GPU"),
            None => " lifted".to_owned(),
        },
    }
}

fn status_text(status: &RankStatus) -> String {
    match status {
        RankStatus::Assigned => "assigned".to_owned(),
        RankStatus::Running => "running".to_owned(),
        RankStatus::Ready { address } => format!("ready at {address}"),
        RankStatus::Unready => "unready".to_owned(),
        RankStatus::Exited { code: Some(code), .. } => format!("exited with code {code}"),
        RankStatus::Exited { signal: Some(signal), .. } => format!("ended by signal {signal}"),
        RankStatus::Exited { .. } => "ended".to_owned(),
    }
}
