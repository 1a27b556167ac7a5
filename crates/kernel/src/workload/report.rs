//! What follows from an engine's report: the rank's state, the bill, and the end of the attempt.

use std::borrow::Cow;

use units::{DurationMicros, MilliJoule, PriceUnit, UnixMicros};

use super::{
    Attempt, Event, Kind, Outcome, Phase, Rank, RankStatus, Report, StopCause, Workload, get,
    stop::stop, stop_one,
};
use crate::{
    Ctx, Reject, State, limits, site,
    usage::{self, AttemptMetered, Charge, Counters, Energy},
};

/// A service that ended this often without a pause is given up.
const SERVICE_FAILURES_MAX: u32 = 1_000;
/// The longest pause before another attempt.
const BACKOFF_SECS_MAX: u64 = 60;

pub(super) fn decide(
    state: &State,
    report: &Report,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let workload = get(state, report.workload)?;
    if report.attempt != workload.n_attempts {
        return Err(Reject::Stale {
            workload: workload.id,
            given: report.attempt.into(),
            current: workload.n_attempts.into(),
        });
    }
    let rank = workload
        .attempt()
        .and_then(|a| a.ranks.get(usize::try_from(report.rank).unwrap_or(usize::MAX)))
        .ok_or_else(|| Reject::not_found("rank", report.rank))?;
    // A rank that is over stays over, and so does a workload that is: a late report changes nothing.
    if !workload.holds_nodes() || rank.status.is_over() {
        return Ok(Vec::new());
    }
    let mut events = meter(state, workload, rank, report, ctx);
    let status = cut(&report.status);
    if rank.status != status {
        events.push(crate::Event::Workload(Event::RankChanged {
            id: workload.id,
            attempt: report.attempt,
            rank: report.rank,
            status: status.clone(),
        }));
    }
    if status.is_over() {
        let workload = as_metered(workload, &events, ctx.now);
        events.extend(after_exit(&workload, report.rank, &status, ctx.now));
    }
    Ok(events)
}

/// The workload as the bill leaves it: the same report that ends a rank may use a budget up, and
/// that stop is final whatever the exit would have led to.
fn as_metered<'a>(
    workload: &'a Workload,
    events: &[crate::Event],
    now: UnixMicros,
) -> Cow<'a, Workload> {
    let stop = events.iter().find_map(|event| {
        let crate::Event::Workload(Event::StopRequested { id, cause, .. }) = event else {
            return None;
        };
        (*id == workload.id).then_some(*cause)
    });
    let Some(cause) = stop else { return Cow::Borrowed(workload) };
    let mut stopping = workload.clone();
    stopping.phase = Phase::Stopping { since: now, cause };
    Cow::Owned(stopping)
}

fn cut(status: &RankStatus) -> RankStatus {
    match status {
        RankStatus::Exited { code, signal, reason } => RankStatus::Exited {
            code: *code,
            signal: *signal,
            reason: reason.as_deref().map(limits::cut),
        },
        RankStatus::Ready { address } => RankStatus::Ready { address: limits::cut(address) },
        RankStatus::Assigned => RankStatus::Assigned,
        RankStatus::Running => RankStatus::Running,
        RankStatus::Unready => RankStatus::Unready,
    }
}

/// Charges what was used since the last report; a counter that went back charges nothing.
fn meter(
    state: &State,
    workload: &Workload,
    rank: &Rank,
    report: &Report,
    ctx: &Ctx,
) -> Vec<crate::Event> {
    let before = rank.used;
    let total = Counters {
        cpu_micros: report.used.cpu_micros.max(before.cpu_micros),
        gpu_micros: report.used.gpu_micros.max(before.gpu_micros),
        energy: report.used.energy.max(before.energy),
    };
    if total == before {
        return Vec::new();
    }
    let energy = total.energy.saturating_sub(before.energy);
    let quantities = [
        (PriceUnit::CpuHour, total.cpu_micros.saturating_sub(before.cpu_micros)),
        (PriceUnit::GpuHour, total.gpu_micros.saturating_sub(before.gpu_micros)),
        (PriceUnit::KilowattHour, energy.0),
    ];
    let charges: Vec<Charge> = quantities
        .into_iter()
        .filter_map(|(per, quantity)| usage::charge(state, per, quantity))
        .collect();
    let attempt = workload.attempt();
    let place = attempt.and_then(|attempt| state.sites.get(&attempt.site));
    let metered = usage::Event::Attempt(AttemptMetered {
        workload: workload.id,
        project: workload.project,
        attempt: report.attempt,
        rank: report.rank,
        total,
        energy: place.map(|site| describe(site, energy, report)),
        charges: charges.clone(),
    });
    let added = state.usage.preview(workload.project, ctx.now, &charges);
    let mut events = usage::metered(state, metered, ctx);
    let over = workload.spec.budget.is_some_and(|b| workload.cost.saturating_add(added) >= b);
    // The project's budget may have stopped it already, in the same breath.
    if over && matches!(as_metered(workload, &events, ctx.now), Cow::Borrowed(_)) {
        events.extend(stop_one(state, workload.id, StopCause::Budget));
    }
    events
}

fn describe(site: &site::Site, energy: MilliJoule, report: &Report) -> Energy {
    let facility = u128::from(energy.0).saturating_mul(u128::from(site.config.pue_milli)) / 1_000;
    let facility = MilliJoule(u64::try_from(facility).unwrap_or(u64::MAX));
    Energy {
        energy,
        carbon: facility.carbon(site.config.carbon_g_per_kwh),
        measured: report.energy_measured,
        source: limits::cut(&report.energy_source),
        carbon_source: site.config.carbon_source.clone(),
    }
}

/// The consequences of a rank's end: stop the others, or conclude the attempt with the last one.
fn after_exit(
    workload: &Workload,
    rank_index: u32,
    status: &RankStatus,
    now: UnixMicros,
) -> Vec<crate::Event> {
    let Some(attempt) = workload.attempt() else { return Vec::new() };
    let position = usize::try_from(rank_index).unwrap_or(usize::MAX);
    let others =
        || attempt.ranks.iter().enumerate().filter(move |(i, _)| *i != position).map(|(_, r)| r);
    let all_over = others().all(|rank| rank.status.is_over());
    if !all_over {
        let failed = !status.has_succeeded();
        let stop = failed.then(|| stop(workload, StopCause::GangMemberFailed)).flatten();
        return stop.into_iter().map(crate::Event::Workload).collect();
    }
    let first_failure =
        others().map(|rank| &rank.status).chain([status]).find(|s| !s.has_succeeded());
    vec![crate::Event::Workload(conclude(workload, attempt, first_failure, now))]
}

/// What becomes of the workload now that every rank is over.
pub(super) fn conclude(
    workload: &Workload,
    attempt: &Attempt,
    failure: Option<&RankStatus>,
    now: UnixMicros,
) -> Event {
    let id = workload.id;
    let service = workload.spec.kind == Kind::Service;
    if let Phase::Stopping { cause, since } = &workload.phase {
        // Stopped by the very report that says it succeeded: what is done is done.
        let done = *since == now && failure.is_none() && !service;
        if cause.is_final() && !done {
            return Event::Ended { id, outcome: Outcome::Stopped { cause: *cause } };
        }
        if *cause == StopCause::Preempted && !workload.spec.retry_on.preempted {
            return Event::Ended { id, outcome: Outcome::Stopped { cause: *cause } };
        }
        if *cause == StopCause::NodeLost && !workload.spec.retry_on.node_failure && !service {
            let message = cause.as_str().to_owned();
            return Event::Ended { id, outcome: Outcome::Failed { message } };
        }
        // A checkpoint and exit code 0 on the stop signal is good manners, not the end of the work.
        if matches!(
            cause,
            StopCause::NodeDrained
                | StopCause::NodeLost
                | StopCause::Preempted
                | StopCause::PolicyChanged
        ) {
            let reason = cause.as_str().to_owned();
            return Event::Requeued { id, reason, failure: false, not_before: None };
        }
    }
    let message = failure.map_or_else(|| "ended".to_owned(), describe_exit);
    let timed_out = matches!(failure,
        Some(RankStatus::Exited { reason: Some(reason), .. }) if reason == "time limit");
    if timed_out {
        return Event::Ended { id, outcome: Outcome::Stopped { cause: StopCause::TimeLimit } };
    }
    let ran = now.since(attempt.placed_at);
    let retry = if service {
        workload.n_failures < SERVICE_FAILURES_MAX
    } else {
        failure.is_some()
            && workload.spec.retry_on.failure
            && workload.n_failures < workload.spec.retries_max
    };
    if retry {
        let pause = backoff(workload.n_failures, ran);
        let not_before = Some(now.plus(pause));
        return Event::Requeued { id, reason: message, failure: true, not_before };
    }
    match failure {
        None if !service => Event::Ended { id, outcome: Outcome::Succeeded },
        _ => Event::Ended { id, outcome: Outcome::Failed { message } },
    }
}

/// 0.25 s, doubled with each failure up to a minute; an attempt that lasted starts over.
fn backoff(n_failures: u32, ran: DurationMicros) -> DurationMicros {
    if ran >= DurationMicros::from_secs(BACKOFF_SECS_MAX) {
        return DurationMicros(250_000);
    }
    let doubled = 250_000_u64.saturating_mul(1_u64 << n_failures.min(16));
    DurationMicros(doubled.min(BACKOFF_SECS_MAX.saturating_mul(1_000_000)))
}

fn describe_exit(status: &RankStatus) -> String {
    match status {
        RankStatus::Exited { reason: Some(reason), .. } => reason.clone(),
        RankStatus::Exited { code: Some(code), .. } => format!("exit code {code}"),
        RankStatus::Exited { signal: Some(signal), .. } => format!("ended by signal {signal}"),
        RankStatus::Exited { .. }
        | RankStatus::Assigned
        | RankStatus::Running
        | RankStatus::Ready { .. }
        | RankStatus::Unready => "ended".to_owned(),
    }
}
