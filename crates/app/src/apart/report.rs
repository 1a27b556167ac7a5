//! Saying what is in flight here, so that endpoints scale by it and a request that waits has its service started;
//! and where an answer is that the control plane was asked a receipt of.
//!
//! Nothing is kept for later: what could not be said is said with the next report, since counters only grow, and
//! who still wants an answer asks again.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use api::{
    client::Options,
    endpoint::Nothing,
    nouns::gateway_report::{
        GatewayAnswer, GatewayKept, GatewayLoad, GatewayReplicaLoad, GatewayReport,
        GatewayReportSend, GatewayRolled,
    },
};
use gateway::{AnswerPlace, EndpointLoad, Meter, ReplicaLoad, RolledAnswer};
use units::{Digest, Id, kinds};

use super::follow::Control;

/// How often it is looked at what is in flight, and said if something is.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often it is said that nothing is.
const REST_EVERY: Duration = Duration::from_secs(1);
/// Longest time that a report may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Most services in one report: about 800 kB.
const REPLICAS_MAX: usize = 8_000;

type Told = BTreeMap<Id<kinds::Endpoint>, EndpointLoad>;

/// Reports until asked to stop. Blocks.
pub(super) fn run(control: &Control, meter: &Meter) {
    let (mut told, mut told_at) = (Told::new(), None::<Instant>);
    let mut answers = Vec::new();
    while !control.stop.load(Ordering::Relaxed) {
        let loads: Told = meter.metrics().loads().into_iter().collect();
        let changed = changed(&loads, &told);
        let is_due = told_at.is_none_or(|at| at.elapsed() >= REST_EVERY);
        if is_due || !changed.is_empty() || !answers.is_empty() {
            let uptime = control.started.elapsed().as_micros();
            let report = GatewayReport {
                gateway: meter.gateway(),
                uptime_us: u64::try_from(uptime).unwrap_or(u64::MAX),
                loads: changed,
                answers: std::mem::take(&mut answers),
            };
            let (none, timeout) = (Nothing {}, Some(TIMEOUT));
            let options = Options { timeout, ..Options::default() };
            let heard = control.client.call::<GatewayReportSend>(&none, &none, &report, &options);
            // Whether the control plane is heard is told by whoever follows it.
            if let Ok(heard) = heard {
                (told, told_at) = (loads, Some(Instant::now()));
                answers =
                    heard.answers_wanted.into_iter().filter_map(|id| find(meter, id)).collect();
            }
        }
        if answers.is_empty() {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

/// What is kept of an answer; nothing is said of one that cannot be read now.
fn find(meter: &Meter, id: String) -> Option<GatewayAnswer> {
    let place = meter.answer(&id).inspect_err(|error| {
        tracing::warn!(%error, "an answer is not looked for: no receipt can be made of it now");
    });
    let kept = place.ok()?.map(|place| match place {
        AnswerPlace::Open { key, endpoint } => GatewayKept { key, endpoint, rolled: None },
        AnswerPlace::Rolled(found) => {
            let RolledAnswer { sequence, key, endpoint, leaf, index, path, .. } = *found;
            let hex = path.iter().map(|hash| Digest(hash.0).hex()).collect();
            // A leaf is JSON: always text.
            let leaf = String::from_utf8(leaf).unwrap_or_default();
            GatewayKept {
                key,
                endpoint,
                rolled: Some(GatewayRolled { sequence, leaf, index, path: hex }),
            }
        }
    });
    Some(GatewayAnswer { id, kept })
}

/// What is in flight or waits, and what is not as it was told.
fn changed(loads: &Told, told: &Told) -> Vec<GatewayLoad> {
    let (mut changed, mut room) = (Vec::new(), REPLICAS_MAX);
    for (id, load) in loads {
        let before = told.get(id);
        let is_busy = load.tokens > 0 || load.waiting > 0;
        if !is_busy && before == Some(load) {
            continue;
        }
        let is_told = |(address, one): &(&Arc<str>, &ReplicaLoad)| {
            one.in_flight == 0 && before.and_then(|load| load.replicas.get(*address)) == Some(*one)
        };
        let replicas = load.replicas.iter().filter(|one| !is_told(one)).take(room);
        let replicas: Vec<GatewayReplicaLoad> = replicas.map(replica).collect();
        room = room.saturating_sub(replicas.len());
        changed.push(GatewayLoad {
            endpoint: *id,
            tokens: load.tokens,
            token_micros: load.token_micros,
            requests: load.requests,
            waiting: load.waiting,
            waited_us: u64::try_from(load.waited.as_micros()).unwrap_or(u64::MAX),
            replicas,
        });
    }
    changed
}

fn replica((address, one): (&Arc<str>, &ReplicaLoad)) -> GatewayReplicaLoad {
    let ReplicaLoad { in_flight, sent, failed } = *one;
    GatewayReplicaLoad { address: address.as_ref().to_owned(), in_flight, sent, failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(requests: u64, in_flight: u32) -> Told {
        let one = ReplicaLoad { in_flight, sent: requests, failed: 0 };
        let replicas =
            BTreeMap::from([(Arc::from("a:1"), one), ("b:1".into(), Default::default())]);
        let tokens = u64::from(in_flight) * 10;
        let load = EndpointLoad { tokens, requests, replicas, ..EndpointLoad::default() };
        Told::from([(Id::from_bytes([1; 16]), load)])
    }

    #[test]
    fn what_rests_is_told_once_and_what_is_in_flight_each_time() {
        let (first, after) = (load(1, 1), load(1, 0));
        assert_eq!(changed(&first, &Told::new())[0].replicas.len(), 2);
        let again = changed(&first, &first);
        assert_eq!((again.len(), again[0].replicas.len()), (1, 1), "b has told all");
        let ended = changed(&after, &first);
        assert_eq!((ended[0].tokens, ended[0].replicas[0].in_flight), (0, 0));
        assert_eq!(changed(&after, &after), []);
    }
}
