//! What a gateway apart serves from: a snapshot, put in order for the request path.
//!
//! It holds hashes of keys and never a key. What it says is as old as the snapshot; how old that may get is
//! decided in [`super::follow`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use api::nouns::{
    gateway::{
        GatewayBudget, GatewayKey, GatewayModel, GatewayRoute, GatewaySnapshot, GatewayUpstream,
    },
    guardrail::Guardrail,
};
use gateway::{
    ACCOUNTS_MAX, Account, Accounts, Allowance, Caller, Checks, Holder, LEVELS_MAX, Level, Limits,
    Measure, ModelCard, Reach, Refusal, RemoteConfig, RemoteTimeouts, Replica, Room, Route,
    Standing,
};
use sha2::{Digest as _, Sha256};
use units::{DataClass, Id, kinds};

use crate::up::Remotes;

/// What is told of the context of a model.
const CONTEXT_TOKENS_MAX: u64 = 4_096;
const NONE: [u8; 16] = [0; 16];
/// What every capability token begins with.
const CAPABILITY: &str = "ccc_";

/// A snapshot, by what is looked up.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) snapshot: GatewaySnapshot,
    secrets: HashMap<[u8; 32], (usize, Option<i64>)>,
    keys: BTreeMap<Id<kinds::Key>, usize>,
    /// Who pays for an endpoint: a project and its organisation.
    payers: BTreeMap<Id<kinds::Endpoint>, [[u8; 16]; 2]>,
    rooms: HashMap<Account, Vec<Room>>,
    classes: BTreeMap<Id<kinds::Endpoint>, Option<DataClass>>,
    checked: BTreeMap<Id<kinds::Endpoint>, Checked>,
}

/// What is checked at an endpoint, as it was told and ready.
type Checked = (Vec<Guardrail>, Option<Arc<Checks>>);

impl View {
    /// Puts a snapshot in order; what it says wrongly is left out, so that it opens nothing. What has not changed
    /// since the one before is not made ready again.
    pub(super) fn new(snapshot: GatewaySnapshot, before: Option<&Self>) -> Self {
        let (mut secrets, mut keys) = (HashMap::new(), BTreeMap::new());
        for (place, key) in snapshot.keys.iter().enumerate() {
            keys.insert(key.id, place);
            let own = key.secrets.iter();
            let known = own.filter_map(|one| Some((bytes(&one.sha256)?, one.until_unix_us)));
            secrets.extend(known.map(|(hash, until)| (hash, (place, until))));
        }
        let mut payers = BTreeMap::new();
        snapshot.models.iter().for_each(|model| note_payers(&model.route, &mut payers));
        let mut classes = BTreeMap::new();
        snapshot.models.iter().for_each(|model| note_classes(&model.route, &mut classes));
        let mut rooms: HashMap<Account, Vec<Room>> = HashMap::new();
        for room in snapshot.budgets.iter().filter_map(room) {
            rooms.entry(room.account).or_default().push(room);
        }
        let mut checked = BTreeMap::new();
        let known = before.map(|before| &before.checked);
        snapshot.models.iter().for_each(|model| note_checks(&model.route, known, &mut checked));
        Self { secrets, keys, payers, rooms, classes, checked, snapshot }
    }

    /// All budgets.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().flatten()
    }

    /// Who holds a secret.
    pub(super) fn caller(&self, bearer: &str, now_unix_us: i64) -> Result<Caller, Refusal> {
        if bearer.starts_with(CAPABILITY) {
            return Err(self.takes_no_capability());
        }
        let hash: [u8; 32] = Sha256::digest(bearer.as_bytes()).into();
        let (place, until) = self.secrets.get(&hash).ok_or(Refusal::InvalidKey)?;
        if until.is_some_and(|until| now_unix_us >= until) {
            return Err(Refusal::InvalidKey);
        }
        let key = self.snapshot.keys.get(*place).ok_or(Refusal::InvalidKey)?;
        Ok(Caller {
            key: key.id,
            project: key.project.unwrap_or(Id::from_bytes(NONE)),
            standing: standing(key),
            charge: None,
        })
    }

    /// What a capability token has spent is counted in one place, or its budget would be one for each gateway.
    fn takes_no_capability(&self) -> Refusal {
        let own = self.snapshot.public_url.as_ref().map(|url| format!("`{url}/v1`"));
        let own = own.unwrap_or_else(|| "the platform's own address".to_owned());
        let text = format!(
            "this gateway takes no capability tokens: call {own} with it, or call here with a key"
        );
        Refusal::Elsewhere(text.into())
    }

    /// The models of a key.
    pub(super) fn models(&self, key: Id<kinds::Key>) -> Vec<ModelCard> {
        let card = |model: &GatewayModel| ModelCard {
            id: model.name.clone(),
            created_unix_s: model.created_unix_s,
            owned_by: model.owner.clone(),
            context_tokens_max: CONTEXT_TOKENS_MAX,
            fine_tuned: model.fine_tuned,
        };
        self.of(key).map(card).collect()
    }

    /// Where a call goes.
    pub(super) fn route(
        &self,
        key: Id<kinds::Key>,
        name: &str,
        remotes: &Remotes,
    ) -> Result<Route, Refusal> {
        let model = self.of(key).find(|model| model.name == name);
        let model = model.ok_or(Refusal::ModelNotFound)?;
        let route = route_of(&model.route, name, remotes);
        let is_served = |route: &Route| !route.replicas.is_empty();
        if is_served(&route) || route.fallbacks.iter().any(is_served) {
            return Ok(route);
        }
        Err(Refusal::NoReplica)
    }

    /// The endpoint that a call may wait for while nothing answers.
    pub(super) fn wakes(&self, key: Id<kinds::Key>, name: &str) -> Option<Id<kinds::Endpoint>> {
        let model = self.of(key).find(|model| model.name == name)?;
        model.wakes.then_some(model.route.endpoint)
    }

    /// What is checked wherever a call may be answered; an endpoint of which that was not told answers nothing.
    pub(super) fn checks(&self, route: &Route) -> Result<Option<Arc<Checks>>, Refusal> {
        let mut all = Vec::new();
        for endpoint in route.endpoints() {
            let (_, checks) = self.checked.get(&endpoint).ok_or(Refusal::Unchecked)?;
            all.extend(checks.clone());
        }
        Ok(Checks::together(all))
    }

    /// Where a call of a key along this route is kept, and of how many of a thousand; texts of a class that is
    /// higher than the dataset's, or not known, are not.
    pub(super) fn capture(
        &self,
        key: Id<kinds::Key>,
        route: &Route,
    ) -> Option<(Id<kinds::Dataset>, u16)> {
        let told = self.keys.get(&key).and_then(|place| self.snapshot.keys.get(*place))?.capture?;
        let class = |endpoint| self.classes.get(&endpoint).copied().flatten();
        let fits = |endpoint| class(endpoint).is_some_and(|class| class <= told.class);
        route.endpoints().into_iter().all(fits).then_some((told.dataset, told.permille))
    }

    /// What is left of the budgets over a call, of this gateway's share.
    pub(super) fn allowance(
        &self,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> Allowance {
        let mut said = Allowance { recorded: self.snapshot.recorded, ..self.prices() };
        let Some(payers) = self.payers.get(&endpoint) else { return said };
        let whose = self.keys.get(&key).and_then(|place| self.snapshot.keys.get(*place));
        let whose = whose.and_then(|key| key.whose.as_deref()).and_then(bytes::<16>);
        said.accounts = accounts(key, whose, *payers);
        let over = said.accounts.iter().flatten().filter_map(|account| self.rooms.get(account));
        said.rooms = over.flatten().copied().collect();
        said
    }

    /// The prices of its moment.
    pub(super) fn prices(&self) -> Allowance {
        // Once a newer snapshot was asked for, nothing is admitted by an older one.
        Allowance {
            epoch: self.snapshot.number,
            price_in_micro_euro: self.snapshot.price_in_micro_euro,
            price_out_micro_euro: self.snapshot.price_out_micro_euro,
            ..Allowance::default()
        }
    }

    fn of(&self, key: Id<kinds::Key>) -> impl Iterator<Item = &GatewayModel> {
        let key = self.keys.get(&key).and_then(|place| self.snapshot.keys.get(*place));
        let places = key.into_iter().flat_map(|key| &key.models);
        places.filter_map(|place| self.snapshot.models.get(usize::try_from(*place).ok()?))
    }
}

/// How the upstreams are spoken to; without its key one is not.
pub(super) fn remotes(snapshot: &GatewaySnapshot) -> impl Iterator<Item = (u64, RemoteConfig)> {
    let usable = snapshot.upstreams.iter().filter(|one| one.has_key == one.key.is_some());
    usable.map(|one| (one.version, config_of(one)))
}

fn config_of(one: &GatewayUpstream) -> RemoteConfig {
    let ms = |value: u32| Duration::from_millis(value.into());
    RemoteConfig {
        id: one.id,
        url: one.url.clone(),
        model: one.model.clone(),
        key: one.key.clone(),
        reach: if one.is_private { Reach::Private } else { Reach::Public },
        in_flight_max: one.in_flight_max,
        timeouts: RemoteTimeouts {
            connect: ms(one.connect_ms),
            first_byte: ms(one.first_byte_ms),
            gap: ms(one.gap_ms),
            total: ms(one.total_ms),
        },
        probe: one.probe.clone(),
        is_shared: one.is_shared,
    }
}

/// A route as the gateway knows it; an upstream that cannot be spoken to is not on it.
fn route_of(told: &GatewayRoute, model: &str, remotes: &Remotes) -> Route {
    let services = told.replicas.iter().map(|one| Replica {
        weight: one.weight,
        ..Replica::new(one.address.as_str(), Some(one.site))
    });
    let upstreams = told.upstreams.iter().filter_map(|one| {
        let replica = Replica::remote(&remotes.get(one.id)?, Some(one.site), one.weight);
        let model = one.model.as_deref().map(Into::into).or(replica.model);
        Some(Replica { model, ..replica })
    });
    let there = |route: &GatewayRoute| route_of(route, model, remotes);
    Route {
        canaries: told.canaries.iter().map(|one| (one.percent, there(&one.route))).collect(),
        fallbacks: told.fallbacks.iter().map(there).collect(),
        ..Route::new(told.endpoint, model.to_owned(), services.chain(upstreams).collect())
    }
}

fn note_payers(route: &GatewayRoute, payers: &mut BTreeMap<Id<kinds::Endpoint>, [[u8; 16]; 2]>) {
    payers.insert(route.endpoint, [*route.project.as_bytes(), *route.organisation.as_bytes()]);
    route.canaries.iter().for_each(|canary| note_payers(&canary.route, payers));
    route.fallbacks.iter().for_each(|there| note_payers(there, payers));
}

fn note_classes(
    route: &GatewayRoute,
    classes: &mut BTreeMap<Id<kinds::Endpoint>, Option<DataClass>>,
) {
    classes.insert(route.endpoint, route.class);
    route.canaries.iter().for_each(|canary| note_classes(&canary.route, classes));
    route.fallbacks.iter().for_each(|there| note_classes(there, classes));
}

fn note_checks(
    route: &GatewayRoute,
    before: Option<&BTreeMap<Id<kinds::Endpoint>, Checked>>,
    checked: &mut BTreeMap<Id<kinds::Endpoint>, Checked>,
) {
    if let Some(told) = route.guardrails.as_ref().filter(|_| !checked.contains_key(&route.endpoint))
    {
        let same = before.and_then(|before| before.get(&route.endpoint));
        let same = same.filter(|(known, _)| known == told).cloned();
        let fresh = || (told.clone(), crate::up::compile_guardrails(route.project, told.clone()));
        checked.insert(route.endpoint, same.unwrap_or_else(fresh));
    }
    route.canaries.iter().for_each(|canary| note_checks(&canary.route, before, checked));
    route.fallbacks.iter().for_each(|there| note_checks(there, before, checked));
}

/// The owners over a call, everywhere and, for somebody, within the project.
fn accounts(
    key: Id<kinds::Key>,
    whose: Option<[u8; 16]>,
    [project, organisation]: [[u8; 16]; 2],
) -> Accounts {
    let everywhere = |owner| Account { owner, within: NONE };
    let here = |owner| Account { owner, within: project };
    let key = *key.as_bytes();
    let all: [Option<Account>; ACCOUNTS_MAX] = [
        Some(everywhere(project)),
        Some(everywhere(organisation)),
        Some(everywhere(key)),
        whose.map(everywhere),
        Some(here(key)),
        whose.map(here),
    ];
    all
}

fn standing(key: &GatewayKey) -> Standing {
    let mut levels = [None; LEVELS_MAX];
    for (place, limit) in levels.iter_mut().zip(&key.limits) {
        *place = bytes(&limit.holder).map(|holder| Level {
            holder: Holder(holder),
            limits: Limits {
                requests_per_minute: limit.requests_per_minute,
                tokens_per_minute: limit.tokens_per_minute,
                concurrent_max: limit.concurrent_max,
            },
        });
    }
    let [organisation_weight, project_weight] = key.weights;
    Standing {
        levels,
        organisation: key.organisation.unwrap_or(Id::from_bytes(NONE)),
        organisation_weight,
        project_weight,
    }
}

fn room(budget: &GatewayBudget) -> Option<Room> {
    Some(Room {
        budget: budget.id,
        account: Account { owner: bytes(&budget.owner)?, within: bytes(&budget.within)? },
        measure: if budget.is_money { Measure::Money } else { Measure::Tokens },
        left: budget.granted,
        left_of_all: budget.left,
    })
}

/// Bytes from hexadecimal.
fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if hex.len() != N.checked_mul(2)? || !hex.is_ascii() {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        let digits = hex.get(place.checked_mul(2)?..)?.get(..2)?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
