//! What becomes of the ranks on a node that is lost.
//!
//! Nobody will report for them, so they are over as far as anybody can tell; the rest of each gang is
//! stopped. Should the node come back, its engine is told to end whatever it still runs: those ranks
//! are of an attempt that is no longer the current one.

use units::{Id, UnixMicros, kinds};

use super::{Event, Phase, RankStatus, StopCause, Workload, report::conclude, stop::stop};
use crate::State;

/// Ends every rank on the node, with what follows from it.
pub(crate) fn lose_all_on(
    state: &State,
    node: Id<kinds::Node>,
    now: UnixMicros,
) -> Vec<crate::Event> {
    let ids = state.index.by_node.get(&node).into_iter().flatten();
    let workloads = ids.filter_map(|id| state.workloads.get(id));
    workloads.flat_map(|one| lose(one, node, now)).map(crate::Event::Workload).collect()
}

fn lose(workload: &Workload, node: Id<kinds::Node>, now: UnixMicros) -> Vec<Event> {
    let mut after = workload.clone();
    let (id, attempt) = (workload.id, workload.n_attempts);
    let Some(ranks) = after.attempts.last_mut().map(|attempt| &mut attempt.ranks) else {
        return Vec::new();
    };
    let mut events = Vec::new();
    for (rank, one) in (0..=u32::MAX).zip(ranks.iter_mut()) {
        if one.node == node && !one.status.is_over() {
            one.status = RankStatus::Exited {
                code: None,
                signal: None,
                reason: Some(StopCause::NodeLost.as_str().to_owned()),
            };
            let status = one.status.clone();
            events.push(Event::RankChanged { id, attempt, rank, status });
        }
    }
    if events.is_empty() {
        return events;
    }
    let is_over = ranks.iter().all(|rank| rank.status.is_over());
    if !is_over {
        events.extend(stop(workload, StopCause::NodeLost));
        return events;
    }
    // Whatever stopped it before is why it ends; otherwise it is the loss.
    if !matches!(after.phase, Phase::Stopping { .. }) {
        after.phase = Phase::Stopping { since: now, cause: StopCause::NodeLost };
    }
    let lost = after.attempt().and_then(|attempt| {
        let failed = |rank: &&super::Rank| !rank.status.has_succeeded();
        Some((attempt, &attempt.ranks.iter().find(failed)?.status))
    });
    if let Some((attempt, failure)) = lost {
        events.push(conclude(&after, attempt, Some(failure), now));
    }
    events
}
