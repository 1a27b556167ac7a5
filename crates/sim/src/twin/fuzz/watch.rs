//! What the general checkers do not know: terms of jobs, orders of operators, windows of maintenance,
//! and that everything comes to an end.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Tally};
use crate::twin::{
    events::{Event, Observer, Preemption, Share},
    fleet::NodeIdx,
    number,
    scheduled::Order,
    time::Time,
    workload::JobIdx,
};

/// Watches one run.
pub(super) struct Watch<'a> {
    case: &'a Case,
    /// False where wishes for closeness are dropped, so that more jobs can run.
    minds_topology: bool,
    /// Nodes under maintenance by window.
    windows: Vec<BTreeSet<NodeIdx>>,
    on: BTreeMap<NodeIdx, BTreeSet<JobIdx>>,
    running: BTreeMap<JobIdx, (Time, Vec<NodeIdx>)>,
    waiting: BTreeSet<JobIdx>,
    /// How often each job was evicted for another.
    evicted: BTreeMap<JobIdx, u64>,
    found: Option<String>,
    tally: Tally,
}

impl<'a> Watch<'a> {
    pub(super) fn new(case: &'a Case, minds_topology: bool) -> Self {
        let windows = case.fleet.maintenance.iter();
        Self {
            case,
            minds_topology,
            windows: windows.map(|one| case.fleet.nodes_below(one.feeder).collect()).collect(),
            on: BTreeMap::new(),
            running: BTreeMap::new(),
            waiting: BTreeSet::new(),
            evicted: BTreeMap::new(),
            found: None,
            tally: Tally::default(),
        }
    }

    /// What was found first, or what was run.
    pub(super) fn finish(self) -> Result<Tally, String> {
        if let Some(found) = self.found {
            return Err(found);
        }
        let left = self.waiting.iter().chain(self.running.keys());
        match left.copied().find(|job| self.case.possible.contains(job)) {
            None => Ok(self.tally),
            Some(job) => Err(format!("`{}` could run and never does", self.case.jobs.name(job))),
        }
    }

    fn found(&mut self, now: Time, job: JobIdx, what: &str) {
        let name = self.case.jobs.name(job);
        self.found.get_or_insert_with(|| format!("{now}: job `{name}` {what}"));
    }

    fn started(&mut self, now: Time, job: JobIdx, shares: &[Share]) {
        self.waiting.remove(&job);
        let is_alone =
            |job: &JobIdx| self.case.extras.terms.get(job).is_some_and(|terms| terms.is_exclusive);
        let limit = self.case.jobs.request(job).and_then(|request| request.limit);
        let end = limit.map_or(Time::NEVER, |limit| now.plus(limit));
        let is_strange = self.minds_topology && !self.case.possible.contains(&job);
        let mut what = is_strange.then(|| "runs where it cannot".to_owned());
        for Share { node, .. } in shares {
            let others = self.on.entry(*node).or_default();
            if !others.is_empty() && (is_alone(&job) || others.iter().any(is_alone)) {
                what = Some(format!("shares node {} that somebody has alone", node.0));
            }
            others.insert(job);
            match order_of(self.case, *node, now) {
                Some(Order::Cordon | Order::Drain) => {
                    what = Some(format!("is put on node {}, which takes no work", node.0));
                }
                Some(Order::Suspect) if shares.len() > 1 => {
                    what = Some(format!("is a gang on the suspect node {}", node.0));
                }
                Some(Order::Suspect) | None => {}
            }
            let windows = self.case.fleet.maintenance.iter().zip(&self.windows);
            for (window, nodes) in windows.filter(|(_, nodes)| nodes.contains(node)) {
                let is_known = window.known <= now && now < window.until;
                if is_known && window.from < end && nodes.contains(node) {
                    what = Some(format!("may be on node {} during its maintenance", node.0));
                }
            }
        }
        self.running.insert(job, (now, shares.iter().map(|share| share.node).collect()));
        if let Some(what) = what {
            self.found(now, job, &what);
        }
    }

    fn left(&mut self, job: JobIdx) -> Option<Time> {
        let (since, nodes) = self.running.remove(&job)?;
        for node in nodes {
            self.on.entry(node).or_default().remove(&job);
        }
        Some(since)
    }

    fn preempted(&mut self, now: Time, job: JobIdx, why: Preemption) {
        let since = self.left(job);
        self.waiting.insert(job);
        match why {
            Preemption::Failure | Preemption::Power | Preemption::Maintenance => {
                self.tally.losses = self.tally.losses.saturating_add(1);
                return;
            }
            Preemption::Priority | Preemption::Reclaim => {}
        }
        self.tally.evictions = self.tally.evictions.saturating_add(1);
        let terms = self.case.extras.terms.get(&job).copied().unwrap_or_default();
        if !terms.is_preemptible {
            self.found(now, job, "is evicted and must not be");
        }
        if since.is_some_and(|since| now.since(since) < terms.guaranteed) {
            self.found(now, job, "is evicted before its guaranteed time");
        }
        let times = self.evicted.entry(job).or_default();
        *times = times.saturating_add(1);
        // At most once by each other job, and as often as those lose their places themselves.
        let most = number::count(self.case.jobs.requests.len()).saturating_add(self.tally.losses);
        if *times > most {
            self.found(now, job, "is evicted again and again");
        }
    }
}

/// What operators last said of a node.
fn order_of(case: &Case, node: NodeIdx, now: Time) -> Option<Order> {
    let orders = case.extras.orders.iter().rev();
    let said = orders.filter(|(at, one, _)| *one == node && *at <= now);
    said.map(|(_, _, order)| *order).next().flatten()
}

impl Observer for Watch<'_> {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        match *event {
            Event::Submitted { job } => {
                self.waiting.insert(job);
            }
            Event::Started { job, shares } => self.started(now, job, shares),
            Event::Preempted { job, why, .. } => self.preempted(now, job, why),
            Event::Ended { job, .. } => {
                self.left(job);
                self.waiting.remove(&job);
                self.tally.jobs = self.tally.jobs.saturating_add(1);
            }
            Event::NodeChanged { .. }
            | Event::PowerAllowed { .. }
            | Event::GpuCapped { .. }
            | Event::JobCapped { .. }
            | Event::Sample(_) => {}
        }
    }
}
