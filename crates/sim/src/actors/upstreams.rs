//! Whoever registers servers of models elsewhere and leads endpoints to them.

use kernel::{
    Command, State,
    endpoint::{self, Backend, Canary, Routing},
    upstream::{self, Config, Probe, Reach, Timeouts},
};
use units::Digest;

use super::catalogue::{any, class, name, nobody};
use crate::rng::Rng;

/// A command about upstreams, or about endpoints over them.
pub(super) fn upstream_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    let id = any(rng, &state.upstreams).unwrap_or(nobody());
    let scheme = if rng.chance(90) { "https" } else { "http" };
    let config = Config {
        url: format!("{scheme}://u{}.test/v1", rng.below(5)),
        model: "m".to_owned(),
        reach: Reach::Public,
        in_flight_max: None,
        timeouts: Timeouts {
            connect_ms: rng.between_u32(0, 2_000),
            first_byte_ms: 1_000,
            gap_ms: 1_000,
            total_ms: 1_000,
        },
        probe: Probe::Models,
    };
    let secret = rng.chance(50).then_some(Digest([7; 32]));
    Ok(match rng.below(6) {
        0 | 1 => Command::Upstream(upstream::Command::Register {
            id: units::Id::from_parts(1, rng.ten_bytes()),
            project: if rng.chance(50) { any(rng, &state.projects) } else { None },
            name: name(rng, "up", 6)?,
            site: any(rng, &state.sites).unwrap_or(nobody()),
            config,
            secret,
        }),
        2 => Command::Upstream(upstream::Command::Replace { id, config, secret }),
        3 => Command::Upstream(upstream::Command::Delete { id }),
        4 => Command::Endpoint(endpoint::Command::Open {
            project: any(rng, &state.projects).unwrap_or(nobody()),
            name: name(rng, "chat", 4)?,
            class: class(rng),
            routing: routing(rng, state),
        }),
        _ => Command::Endpoint(endpoint::Command::Route {
            id: any(rng, &state.endpoints).unwrap_or(nobody()),
            routing: routing(rng, state),
        }),
    })
}

fn routing(rng: &mut Rng, state: &State) -> Routing {
    let mut routing = Routing::default();
    for _ in 0..rng.below(3) {
        let upstream = any(rng, &state.upstreams).unwrap_or(nobody());
        let weight = rng.between_u32(0, 1_001);
        routing.backends.push(Backend { upstream, weight, model: None });
    }
    if rng.chance(20) {
        let endpoint = any(rng, &state.endpoints).unwrap_or(nobody());
        routing.canaries.push(Canary { endpoint, percent: rng.between_u32(0, 101) });
    }
    if rng.chance(20) {
        routing.fallbacks.push(any(rng, &state.endpoints).unwrap_or(nobody()));
    }
    routing
}
