//! What a gateway apart serves from: a snapshot, put in order for the request path.
//!
//! It holds hashes of keys and never a key. What it says is as old as the snapshot; how old that may get is
//! decided in [`super::follow`].

use std::collections::{BTreeMap, HashMap};

use api::nouns::gateway::{GatewayBudget, GatewayKey, GatewayModel, GatewaySnapshot};
use gateway::{
    ACCOUNTS_MAX, Account, Accounts, Allowance, Caller, Holder, LEVELS_MAX, Level, Limits, Measure,
    ModelCard, Refusal, Room, Route, Standing,
};
use sha2::{Digest as _, Sha256};
use units::{Id, kinds};

/// What is told of the context of a model.
const CONTEXT_TOKENS_MAX: u64 = 4_096;
const NONE: [u8; 16] = [0; 16];

/// A snapshot, by what is looked up.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) snapshot: GatewaySnapshot,
    secrets: HashMap<[u8; 32], (usize, Option<i64>)>,
    keys: BTreeMap<Id<kinds::Key>, usize>,
    endpoints: BTreeMap<Id<kinds::Endpoint>, usize>,
    rooms: HashMap<Account, Vec<Room>>,
}

impl View {
    /// Puts a snapshot in order; what it says wrongly is left out, so that it opens nothing.
    pub(super) fn new(snapshot: GatewaySnapshot) -> Self {
        let (mut secrets, mut keys) = (HashMap::new(), BTreeMap::new());
        for (place, key) in snapshot.keys.iter().enumerate() {
            keys.insert(key.id, place);
            let own = key.secrets.iter();
            let known = own.filter_map(|one| Some((bytes(&one.sha256)?, one.until_unix_us)));
            secrets.extend(known.map(|(hash, until)| (hash, (place, until))));
        }
        let models = snapshot.models.iter().enumerate();
        let endpoints = models.map(|(place, model)| (model.endpoint, place)).collect();
        let mut rooms: HashMap<Account, Vec<Room>> = HashMap::new();
        for room in snapshot.budgets.iter().filter_map(room) {
            rooms.entry(room.account).or_default().push(room);
        }
        Self { secrets, keys, endpoints, rooms, snapshot }
    }

    /// All budgets.
    pub(super) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().flatten()
    }

    /// Who holds a secret.
    pub(super) fn caller(&self, bearer: &str, now_unix_us: i64) -> Result<Caller, Refusal> {
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
    pub(super) fn route(&self, key: Id<kinds::Key>, name: &str) -> Result<Route, Refusal> {
        let model = self.of(key).find(|model| model.name == name);
        let model = model.ok_or(Refusal::ModelNotFound)?;
        if model.replicas.is_empty() {
            return Err(Refusal::NoReplica);
        }
        Ok(Route {
            endpoint: model.endpoint,
            upstream_model: name.to_owned(),
            replicas: model.replicas.iter().map(|one| one.address.clone()).collect(),
            sites: model.replicas.iter().map(|one| one.site).collect(),
        })
    }

    /// What is left of the budgets over a call, of this gateway's share.
    pub(super) fn allowance(
        &self,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> Allowance {
        let mut said = Allowance { recorded: self.snapshot.recorded, ..self.prices() };
        let Some(model) = self.endpoints.get(&endpoint) else { return said };
        let Some(model) = self.snapshot.models.get(*model) else { return said };
        let whose = self.keys.get(&key).and_then(|place| self.snapshot.keys.get(*place));
        let whose = whose.and_then(|key| key.whose.as_deref()).and_then(bytes::<16>);
        said.accounts = accounts(key, whose, model);
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

/// The owners over a call, everywhere and, for somebody, within the project.
fn accounts(key: Id<kinds::Key>, whose: Option<[u8; 16]>, model: &GatewayModel) -> Accounts {
    let (project, organisation) = (*model.project.as_bytes(), *model.organisation.as_bytes());
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
