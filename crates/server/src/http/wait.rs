//! The scheduler's reasons in the API's words: a stable code, a sentence, figures, remedies.

use api::text::Timestamp;
use sched::{Contradiction, Reason, Resource, carbon::Measure};
use units::UnixMicros;

/// A reason for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// When it starts at the latest, if that is known.
    pub(crate) start_at: Option<UnixMicros>,
    pub(crate) code: &'static str,
    pub(crate) summary: String,
    pub(crate) evidence: Vec<String>,
    pub(crate) remedies: Vec<String>,
}

/// The sentence alone.
pub(crate) fn summary(reason: &Reason) -> String {
    // The scheduler writes whole sentences; the API's texts are lower case without a full stop.
    let text = reason.to_string();
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Code, evidence, remedies.
type Parts = (&'static str, Vec<String>, Vec<&'static str>);

/// The whole explanation of a reason.
pub(crate) fn why(reason: &Reason) -> Why {
    let (code, evidence, remedies) = of_the_job(reason);
    let remedies = remedies.into_iter().map(str::to_owned).collect();
    Why { start_at: None, code, summary: summary(reason), evidence, remedies }
}

/// Reasons that lie in what the job says and what it waits for.
fn of_the_job(reason: &Reason) -> Parts {
    match reason {
        Reason::Contradictory { what } => {
            let field = match what {
                Contradiction::NoNodesAsked => "nodes = 0",
                Contradiction::MaxBelowMin => "largest number of nodes below the smallest",
                Contradiction::SegmentDoesNotDivide => "no accepted number of nodes is a multiple",
                Contradiction::NoSuchPart => "more than one part of one GPU on each node",
            };
            ("contradictory", vec![field.to_owned()], vec!["submit it again with `nodes: 1`"])
        }
        Reason::BudgetExhausted => {
            ("budget_exhausted", vec![], vec!["ask an administrator to raise the budget"])
        }
        Reason::WaitingForJobs { unfinished } => (
            "waiting_for_jobs",
            vec![format!("{unfinished} of the jobs in `after` have not ended")],
            vec!["wait for them, or stop this job and submit it without `after`"],
        ),
        Reason::ArrayLimit { limit } => (
            "array_limit",
            vec![format!("{limit} tasks run")],
            vec!["wait until one of its tasks ends"],
        ),
        Reason::NotBefore { at_us } => (
            "not_before",
            vec![format!("it may start at {}", Timestamp(UnixMicros(*at_us)))],
            vec!["wait until then"],
        ),
        Reason::Deferred { .. } => of_energy(reason),
        Reason::NoSiteAllowed => (
            "no_site_allowed",
            vec![],
            vec![
                "widen `residency.countries` of the job",
                "ask an administrator of the organisation to change the policy",
            ],
        ),
        Reason::NoSuchGpuClass { .. }
        | Reason::NoNodeLargeEnough { .. }
        | Reason::GangTooLarge { .. }
        | Reason::DomainTooSmall { .. }
        | Reason::OverQuota { .. }
        | Reason::NodesUnavailable { .. } => of_the_fleet(reason),
        Reason::Preempting { .. }
        | Reason::Promised { .. }
        | Reason::Fragmented { .. }
        | Reason::GpusFragmented { .. }
        | Reason::PowerCapped { .. }
        | Reason::WaitingForCapacity { .. } => of_the_moment(reason),
    }
}

/// Reasons that lie in what exists, and in what the job's queue may have of it.
fn of_the_fleet(reason: &Reason) -> Parts {
    match reason {
        Reason::NoSuchGpuClass { class } => (
            "no_such_gpu",
            vec![format!("GPU class {class} is on no allowed node")],
            vec![
                "ask for a GPU model that `cocarde node list` shows",
                "ask for a MIG profile only of a model that has it",
            ],
        ),
        Reason::NoNodeLargeEnough { short_of, need, largest } => (
            "no_node_large_enough",
            vec![format!("needs {need} {}, the largest node has {largest}", unit(*short_of))],
            vec!["ask for less on each node"],
        ),
        Reason::GangTooLarge { need, exist } => (
            "gang_too_large",
            vec![format!("needs {need} nodes in one site, {exist} are large enough")],
            vec!["ask for fewer nodes, or for less on each"],
        ),
        Reason::DomainTooSmall { segment, need, exist, .. } => (
            "domain_too_small",
            vec![format!("needs {need} nodes in segments of {segment}; the best has {exist}")],
            vec!["ask for a wider `topology.within`, a smaller `segment`, or fewer nodes"],
        ),
        Reason::OverQuota { used, bound, need, .. } => (
            "over_quota",
            vec![format!("{used} of {bound} used, {need} more needed, in milli-units")],
            vec![
                "wait until other work of the project ends",
                "ask an administrator for a larger quota or borrowing limit",
            ],
        ),
        Reason::NodesUnavailable { ready, total } => (
            "nodes_unavailable",
            vec![format!("{ready} of {total} large enough nodes can take work")],
            vec!["wait until the operator brings nodes back, or ask for a smaller node"],
        ),
        Reason::Contradictory { .. }
        | Reason::BudgetExhausted
        | Reason::WaitingForJobs { .. }
        | Reason::ArrayLimit { .. }
        | Reason::NotBefore { .. }
        | Reason::Deferred { .. }
        | Reason::NoSiteAllowed
        | Reason::Preempting { .. }
        | Reason::Promised { .. }
        | Reason::Fragmented { .. }
        | Reason::GpusFragmented { .. }
        | Reason::PowerCapped { .. }
        | Reason::WaitingForCapacity { .. } => ("", vec![], vec![]),
    }
}

/// Reasons that time or a repair changes.
fn of_the_moment(reason: &Reason) -> Parts {
    match reason {
        Reason::Preempting { victims } => (
            "preempting",
            vec![format!("{victims} jobs are being evicted")],
            vec!["wait until their grace has passed"],
        ),
        Reason::Promised { need_nodes, free_nodes, promised_nodes, .. } => (
            "promised_to_others",
            vec![format!(
                "needs {need_nodes} node(s); of {free_nodes} with enough free, {promised_nodes} \
                 are promised before it would end"
            )],
            vec![
                "set or shorten `limits.time`, so that it ends before the promise begins",
                "wait for the estimated start",
            ],
        ),
        Reason::Fragmented { segment, need_nodes, free_nodes, .. } => (
            "fragmented",
            vec![format!(
                "{free_nodes} nodes are free, but not {need_nodes} in segments of {segment} in one \
                 domain"
            )],
            vec!["ask for a wider `topology.within` or a smaller `segment`, or wait"],
        ),
        Reason::GpusFragmented { need_milli, free_milli, largest_milli } => {
            in_parts(*need_milli, *free_milli, *largest_milli)
        }
        Reason::PowerCapped { .. } => of_energy(reason),
        Reason::WaitingForCapacity { short_of, need_nodes, fit_nodes } => (
            "waiting_for_capacity",
            vec![format!(
                "needs {need_nodes} node(s) with enough free {}, {fit_nodes} have it now",
                noun(*short_of)
            )],
            vec![
                "wait until other work ends",
                "stop work that is no longer needed",
                "raise `priority`, or ask for less",
            ],
        ),
        Reason::Contradictory { .. }
        | Reason::BudgetExhausted
        | Reason::WaitingForJobs { .. }
        | Reason::ArrayLimit { .. }
        | Reason::NotBefore { .. }
        | Reason::Deferred { .. }
        | Reason::NoSiteAllowed
        | Reason::NoSuchGpuClass { .. }
        | Reason::NoNodeLargeEnough { .. }
        | Reason::GangTooLarge { .. }
        | Reason::DomainTooSmall { .. }
        | Reason::OverQuota { .. }
        | Reason::NodesUnavailable { .. } => ("", vec![], vec![]),
    }
}

/// Reasons that lie in power and in what energy costs.
fn of_energy(reason: &Reason) -> Parts {
    if let Reason::PowerCapped { allowed_mw, drawn_mw, kept_mw, need_mw, .. } = reason {
        let watts = [*allowed_mw / 1_000, drawn_mw.div_ceil(1_000), kept_mw.div_ceil(1_000)];
        let [allowed, drawn, kept] = watts;
        let need = need_mw.div_ceil(1_000);
        let figures = format!(
            "{allowed} W are allowed, {drawn} W drawn, {kept} W kept for others, {need} W more needed"
        );
        let raise = "ask an administrator to raise the power budget (`cocarde power list`)";
        let wait = "wait until other work ends, or ask for fewer GPUs";
        return ("power_capped", vec![figures], vec![wait, raise]);
    }
    let Reason::Deferred { until_us, by, now_per_kwh, then_per_kwh, saved_permille: saved } =
        reason
    else {
        return ("", vec![], vec![]);
    };
    let from = format!("it starts from {} on", Timestamp(UnixMicros(*until_us)));
    let (unit, saved) = (per_kwh(*by), format!("{}.{} % less", saved / 10, saved % 10));
    let figures = format!("{then_per_kwh} {unit} then against {now_per_kwh} now: {saved}");
    ("deferred", vec![from, figures], vec!["wait until then, or submit it without `deferrable`"])
}

const fn per_kwh(by: Measure) -> &'static str {
    match by {
        Measure::Carbon => "mg of CO2e per kWh",
        Measure::Price => "micro-euro per kWh",
    }
}

/// Enough of GPUs is free, but of several.
fn in_parts(need_milli: u64, free_milli: u64, largest_milli: u32) -> Parts {
    (
        "gpus_fragmented",
        vec![format!(
            "{free_milli} thousandths of GPUs are free together, at most {largest_milli} of one, and \
             {need_milli} are needed on a node"
        )],
        vec!["ask for a smaller share of a GPU", "wait until work on one of the shared GPUs ends"],
    )
}

const fn unit(resource: Resource) -> &'static str {
    match resource {
        Resource::Gpu => "GPUs",
        Resource::Memory => "bytes of memory",
        Resource::Cpu => "milli-cores",
    }
}

const fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Gpu => "GPUs",
        Resource::Memory => "memory",
        Resource::Cpu => "processor time",
    }
}
