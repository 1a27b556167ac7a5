//! Gateways that run apart, as they were heard of late: what each has in flight, for the number of services
//! to follow.
//!
//! A gateway's counters begin anew with its process and come a few times a second; here they become counters
//! that never go back and grow evenly between two reports, so that whoever looks in between sees the mean and
//! no peaks. Nothing is on disk: after a restart whoever lives is heard within a second. Time is that of a
//! clock that never goes back.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use api::nouns::gateway_report::{GatewayLoad, GatewayReplicaLoad, GatewayReport};
use units::{DurationMicros, Id, kinds};

use super::{
    questions::Questions,
    scaling::{Loads, SeenLoad, SeenReplica, Where},
};

/// A gateway that was not heard for so long counts for nothing.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// One that was not heard for so long is forgotten; until then what it had in flight keeps services that go
/// from being stopped before their time.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Gateways that are remembered.
const GATEWAYS_MAX: usize = 1_024;
/// Endpoints of one, and services of one of these, that are remembered.
const REMEMBERED_MAX: usize = 4_096;

/// All of them.
#[derive(Debug)]
pub(crate) struct Heard {
    started: Instant,
    gateways: Mutex<BTreeMap<Id<kinds::Gateway>, Gateway>>,
    /// What they are asked for.
    pub(super) questions: Questions,
}

#[derive(Debug, Default)]
struct Gateway {
    heard_at: Duration,
    uptime_us: u64,
    loads: BTreeMap<Id<kinds::Endpoint>, Known>,
}

/// An endpoint at one gateway.
#[derive(Debug, Default)]
struct Known {
    /// What is told on. Its counters are of here.
    seen: SeenLoad,
    /// The gateway's own counters, as it told them last.
    told: (u64, u64),
    /// The same of each service: requests sent and failed.
    told_replicas: BTreeMap<String, (u64, u64)>,
    /// Up to when `seen` has counted.
    counted_at: Duration,
}

impl Default for Heard {
    fn default() -> Self {
        let (gateways, questions) = (Mutex::default(), Questions::default());
        Self { started: Instant::now(), gateways, questions }
    }
}

impl Heard {
    /// Learns what a gateway that runs apart has in flight.
    pub(super) fn hear(&self, report: &GatewayReport) {
        self.hear_at(report, self.started.elapsed());
    }

    /// What those that are remembered have in flight.
    pub(super) fn loads(&self) -> Vec<(Where, Loads)> {
        self.loads_at(self.started.elapsed())
    }

    /// Whether a gateway was heard of late.
    pub(super) fn is_heard(&self, gateway: Id<kinds::Gateway>) -> bool {
        let all = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.started.elapsed();
        all.get(&gateway).is_some_and(|one| now.saturating_sub(one.heard_at) < SILENT_AFTER)
    }

    /// A gateway has ended, with nothing in flight.
    pub(super) fn forget(&self, gateway: Id<kinds::Gateway>) {
        self.gateways.lock().unwrap_or_else(PoisonError::into_inner).remove(&gateway);
    }

    fn hear_at(&self, report: &GatewayReport, now: Duration) {
        let mut all = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, one| now.saturating_sub(one.heard_at) < FORGET_AFTER);
        if all.len() >= GATEWAYS_MAX && !all.contains_key(&report.gateway) {
            return;
        }
        all.entry(report.gateway).or_default().hear(report, now);
    }

    fn loads_at(&self, now: Duration) -> Vec<(Where, Loads)> {
        let mut all = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().map(|(id, one)| (Where::Apart(*id), one.loads(now))).collect()
    }
}

impl Gateway {
    fn hear(&mut self, report: &GatewayReport, now: Duration) {
        let is_same = self.uptime_us > 0 && report.uptime_us >= self.uptime_us;
        let passed_us = if is_same { report.uptime_us.saturating_sub(self.uptime_us) } else { 0 };
        let until = self.counts_until(now);
        for known in self.loads.values_mut() {
            // What it does not tell of any more has ended.
            known.count(until);
            known.rest();
            if !is_same {
                known.told = (0, 0);
                known.told_replicas.clear();
            }
        }
        (self.heard_at, self.uptime_us) = (now, report.uptime_us);
        for load in &report.loads {
            if self.loads.len() >= REMEMBERED_MAX && !self.loads.contains_key(&load.endpoint) {
                continue;
            }
            // Of what was not heard before nobody knows over what time it has counted.
            let passed_us = if self.loads.contains_key(&load.endpoint) { passed_us } else { 0 };
            self.loads.entry(load.endpoint).or_default().learn(load, passed_us, now);
        }
    }

    fn loads(&mut self, now: Duration) -> Loads {
        let until = self.counts_until(now);
        let is_silent = until < now;
        let mut loads = Loads::new();
        for (id, known) in &mut self.loads {
            known.count(until);
            let mut seen = known.seen.clone();
            if is_silent {
                (seen.tokens, seen.waiting, seen.waited) = (0, 0, DurationMicros(0));
            }
            loads.push((*id, seen));
        }
        loads
    }

    /// Up to when what it told last is taken to be so.
    fn counts_until(&self, now: Duration) -> Duration {
        now.min(self.heard_at.saturating_add(SILENT_AFTER))
    }
}

impl Known {
    /// Counts what has been in flight since it was counted last.
    fn count(&mut self, until: Duration) {
        let passed = until.saturating_sub(self.counted_at).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let added = self.seen.tokens.wrapping_mul(passed);
        self.seen.token_micros = self.seen.token_micros.wrapping_add(added);
        self.counted_at = self.counted_at.max(until);
    }

    /// Nothing is in flight.
    fn rest(&mut self) {
        (self.seen.tokens, self.seen.waiting, self.seen.waited) = (0, 0, DurationMicros(0));
        self.seen.replicas.values_mut().for_each(|one| one.in_flight = 0);
    }

    fn learn(&mut self, load: &GatewayLoad, passed_us: u64, now: Duration) {
        self.counted_at = now;
        let (micros, came) =
            (load.token_micros.wrapping_sub(self.told.0), load.requests.wrapping_sub(self.told.1));
        self.seen.tokens = micros.checked_div(passed_us).unwrap_or(load.tokens);
        self.seen.requests = self.seen.requests.wrapping_add(came);
        self.seen.waiting = load.waiting;
        self.seen.waited = DurationMicros(load.waited_us);
        self.told = (load.token_micros, load.requests);
        for replica in &load.replicas {
            self.learn_replica(replica);
        }
    }

    fn learn_replica(&mut self, load: &GatewayReplicaLoad) {
        let replicas = &mut self.seen.replicas;
        if replicas.len() >= REMEMBERED_MAX && !replicas.contains_key(&load.address) {
            replicas.retain(|_, one| one.in_flight > 0);
            self.told_replicas.retain(|address, _| replicas.contains_key(address));
        }
        let counted = (load.sent, load.failed);
        let told = self.told_replicas.insert(load.address.clone(), counted).unwrap_or_default();
        let seen: &mut SeenReplica = replicas.entry(load.address.clone()).or_default();
        seen.in_flight = load.in_flight;
        seen.sent = seen.sent.wrapping_add(load.sent.wrapping_sub(told.0));
        seen.failed = seen.failed.wrapping_add(load.failed.wrapping_sub(told.1));
    }
}

#[cfg(test)]
mod tests;
