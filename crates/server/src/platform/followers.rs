//! What gateways that run apart from this process need to serve: one snapshot of keys, models, limits and
//! budgets, all of one moment.

use std::collections::{BTreeMap, BTreeSet};

use api::nouns::gateway::{
    GatewayAsk, GatewayBackend, GatewayBudget, GatewayCanary, GatewayKey, GatewayLimit,
    GatewayReplica, GatewayRoute, GatewaySecret, GatewaySnapshot, GatewayUpstream,
};
use api::nouns::gateway_capture::GatewayCapture;
use kernel::{
    Actor, State,
    access::{self, Principal, Scope},
    budget,
    key::Key,
};
use units::{Id, PriceUnit, UnixMicros, kinds};

use super::{
    Platform,
    allowances::{self, CallAccount, CallLevel, CallStanding},
    captured, directory,
    directory::CallRoute,
    upstreams::{CallUpstream, UpstreamAccess},
};
use crate::http::guardrails;

/// What this process's own gateway has in hand of an account, in micro-euro or tokens, as of an epoch of
/// shares: later it admits nothing by what was left before.
pub type LocalHeld = Box<dyn Fn(CallAccount, bool, [i64; 2], u64) -> i64 + Send + Sync>;

impl Platform {
    /// Lets shares be given of what this process's own gateway has not in hand. Once.
    pub fn set_local_held(&self, held: LocalHeld) {
        // A second gateway in one process would be a mistake of the caller's; the first stays.
        let _ = self.local_held.set(held);
    }

    /// What a gateway apart needs to serve, with its share of every budget.
    ///
    /// Reads keys of upstreams, and so may block.
    ///
    /// # Errors
    /// If the shares cannot be written down, more gateways ask than are counted, or this one has left.
    pub(crate) fn gateway_snapshot(&self, ask: &GatewayAsk) -> std::io::Result<GatewaySnapshot> {
        let now = self.now();
        let mut book = self.leases.lock();
        if ask.leaves {
            book.left(ask.gateway, ask.run);
            self.heard.forget(ask.gateway);
            self.leases.store(&book)?;
            return Ok(GatewaySnapshot::default());
        }
        if book.has_left(ask.gateway, ask.run) {
            return Err(std::io::Error::other("this run of the gateway has left"));
        }
        let held = ask.held.iter().map(|held| (held.budget, held.amount)).collect();
        let Some((number, among)) = book.asked(ask.gateway, (ask.has, held), now) else {
            return Err(std::io::Error::other("more gateways have asked than are counted"));
        };
        // The state is looked at while no share can change: what is left and who has what of it belong
        // together.
        let (mut snapshot, accounts) = self.read(|state| snapshot(state, ask.gateway, now));
        snapshot.number = number;
        snapshot.public_url = self.public_url().map(str::to_owned);
        let prices = [snapshot.price_in_micro_euro, snapshot.price_out_micro_euro];
        let mut shares = BTreeMap::new();
        for (one, account) in snapshot.budgets.iter_mut().zip(accounts) {
            let here = self.local_held.get();
            let here = here.map_or(0, |held| held(account, one.is_money, prices, book.epoch()));
            let others = book.taken(one.id, Some(ask.gateway)).saturating_add(here);
            let free = one.left.saturating_sub(others).max(0);
            one.granted = free.div_euclid(among).max(free.min(1));
            shares.insert(one.id, one.granted);
        }
        book.give(ask.gateway, number, shares);
        self.leases.store(&book)?;
        drop(book);
        self.tell_upstreams(&mut snapshot);
        Ok(snapshot)
    }

    /// Adds how the upstreams are spoken to; one whose key cannot be read gets no request.
    fn tell_upstreams(&self, snapshot: &mut GatewaySnapshot) {
        let mut ids = BTreeSet::new();
        snapshot.models.iter().for_each(|model| upstreams_of(&model.route, &mut ids));
        for id in ids {
            match self.upstream_access(id) {
                Ok(found) => snapshot.upstreams.extend(found.map(access)),
                Err(error) => {
                    tracing::warn!(upstream.id = %id, %error, "upstream {id} is not told")
                }
            }
        }
    }
}

fn upstreams_of(route: &GatewayRoute, ids: &mut BTreeSet<Id<kinds::Upstream>>) {
    ids.extend(route.upstreams.iter().map(|one| one.id));
    let checkers = route.guardrails.iter().flatten().filter_map(|one| one.checker);
    let allowed = checkers.filter(|checker| checker.is_allowed == Some(true));
    ids.extend(allowed.map(|checker| checker.upstream));
    route.canaries.iter().for_each(|canary| upstreams_of(&canary.route, ids));
    route.fallbacks.iter().for_each(|there| upstreams_of(there, ids));
}

fn snapshot(
    state: &State,
    gateway: Id<kinds::Gateway>,
    now: UnixMicros,
) -> (GatewaySnapshot, Vec<CallAccount>) {
    let mut models = Vec::new();
    let mut places = BTreeMap::new();
    let keys = state.keys.values().filter(|key| {
        key.revoked_at.is_none() && access::is_active(state, Principal::Key(key.id), now)
    });
    let keys = keys.map(|key| {
        let mut own = Vec::new();
        for model in directory::openings(state, key, now) {
            // Keys of other countries may see other replicas of one endpoint.
            let text = serde_json::to_string(&model).unwrap_or_default();
            let place = *places.entry(text).or_insert_with(|| {
                models.push(model.clone());
                models.len().saturating_sub(1)
            });
            own.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        describe(state, key, own)
    });
    let keys = keys.collect();
    let stops = state.budgets.values().filter(|one| one.terms.hard_stop);
    let rooms: Vec<_> = stops.filter_map(|one| allowances::room(one, now)).collect();
    let budgets = rooms.iter().map(|room| GatewayBudget {
        id: room.budget,
        owner: hex(room.account.0),
        within: hex(room.account.1),
        is_money: room.is_money,
        granted: 0,
        left: room.left,
    });
    let price = |per| kernel::price::current(state, per).amount.0;
    let snapshot = GatewaySnapshot {
        number: 0,
        seq: state.size,
        recorded: state.usage.gateways.get(&gateway).copied().unwrap_or(0),
        keys,
        budgets: budgets.collect(),
        models,
        upstreams: Vec::new(),
        public_url: None,
        price_in_micro_euro: price(PriceUnit::MTokensIn),
        price_out_micro_euro: price(PriceUnit::MTokensOut),
    };
    (snapshot, rooms.iter().map(|room| room.account).collect())
}

fn describe(state: &State, key: &Key, models: Vec<u32>) -> GatewayKey {
    let CallStanding { levels, organisation, weights } = allowances::standing(state, key.id);
    let [_, whose] = budget::causes(state, Actor::Key(key.id));
    let until = |at: Option<UnixMicros>| at.map(|at| at.0);
    let earlier = key.earlier.map(|(hash, at)| GatewaySecret {
        sha256: hash.hex(),
        until_unix_us: until(Some(key.expires_at.map_or(at, |expires| at.min(expires)))),
    });
    let now = GatewaySecret { sha256: key.secret_hash.hex(), until_unix_us: until(key.expires_at) };
    let project = match key.scope {
        Scope::Project(id) => Some(id),
        Scope::Platform | Scope::Organisation(_) => None,
    };
    let capture = project.and_then(|project| captured::of(state, project));
    GatewayKey {
        id: key.id,
        secrets: std::iter::once(now).chain(earlier).collect(),
        project,
        capture: capture.map(|one| GatewayCapture {
            dataset: one.dataset,
            permille: one.permille,
            class: one.class,
        }),
        organisation,
        whose: whose.map(|owner| hex(allowances::bytes(owner))),
        weights,
        limits: levels.into_iter().flatten().map(limit).collect(),
        models,
    }
}

fn limit(level: CallLevel) -> GatewayLimit {
    let CallLevel { holder, requests_per_minute, tokens_per_minute, concurrent_max } = level;
    GatewayLimit { holder: hex(holder), requests_per_minute, tokens_per_minute, concurrent_max }
}

/// A route as a gateway elsewhere needs it; `None` if its project is gone.
pub(super) fn route(state: &State, found: CallRoute) -> Option<GatewayRoute> {
    let endpoint = state.endpoints.get(&found.endpoint)?;
    let (project, class) = (endpoint.project, Some(endpoint.class(state)));
    let places = found.replicas.into_iter().zip(found.sites).zip(found.weights);
    let canary = |(percent, there)| Some(GatewayCanary { percent, route: route(state, there)? });
    Some(GatewayRoute {
        endpoint: found.endpoint,
        class,
        project,
        organisation: state.projects.get(&project)?.organisation,
        guardrails: guardrails::of_endpoint(state, found.endpoint).map(|(_, rules)| rules),
        replicas: places
            .map(|((address, site), weight)| GatewayReplica { address, site, weight })
            .collect(),
        upstreams: found.upstreams.into_iter().map(backend).collect(),
        canaries: found.canaries.into_iter().filter_map(canary).collect(),
        fallbacks: found.fallbacks.into_iter().filter_map(|there| route(state, there)).collect(),
    })
}

fn backend(one: CallUpstream) -> GatewayBackend {
    let CallUpstream { id, weight, model, site } = one;
    GatewayBackend { id, site, weight, model }
}

/// How an upstream is spoken to, with its key.
fn access(one: UpstreamAccess) -> GatewayUpstream {
    GatewayUpstream {
        id: one.id,
        version: one.version,
        url: one.url,
        model: one.model,
        is_private: one.is_private,
        in_flight_max: one.in_flight_max,
        connect_ms: one.connect_ms,
        first_byte_ms: one.first_byte_ms,
        gap_ms: one.gap_ms,
        total_ms: one.total_ms,
        probe: one.probe,
        has_key: one.key.is_some(),
        key: one.key,
        is_shared: one.is_shared,
    }
}

fn hex(bytes: [u8; 16]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
