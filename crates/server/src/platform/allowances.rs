//! What a gateway holds callers to: the rate limits over a key, and what the budgets over a call leave it.

use kernel::{
    Actor, State,
    access::{Scope, organisation_of},
    budget::{self, Budget, Owner},
    rate_limit::{RateLimit, Terms},
};
use units::{Id, Measure, PriceUnit, UnixMicros, kinds};

use super::Platform;

/// The rate limits over a key, outermost first, and its place among tenants that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallStanding {
    /// Who has limits: organisation, project, whose key it is, the key.
    pub levels: [Option<CallLevel>; 4],
    /// The organisation; `None` for a key of the platform.
    pub organisation: Option<Id<kinds::Organisation>>,
    /// The shares of the organisation and of the project when a model is overloaded.
    pub weights: [u32; 2],
}

/// The limits of one owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLevel {
    /// Whose they are: the bytes of an id.
    pub holder: [u8; 16],
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests in flight.
    pub concurrent_max: Option<u32>,
}

/// Whose use counts together: the bytes of an owner's id, and of the project it is confined to or zeros.
pub type CallAccount = ([u8; 16], [u8; 16]);

/// What is left of a budget that ends calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRoom {
    /// The budget.
    pub budget: Id<kinds::Budget>,
    /// Whose use it counts.
    pub account: CallAccount,
    /// True if it counts money, in micro-euro; otherwise it counts tokens.
    pub is_money: bool,
    /// Its limit less what it has counted, and less what gateways elsewhere have been given of it.
    pub left: i64,
    /// Its limit less what it has counted.
    pub left_of_all: i64,
}

/// What the budgets over a call leave it, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallAllowance {
    /// The epoch of shares as of which it is true: gateways elsewhere may have been given a part since.
    pub epoch: u64,
    /// The last roll-up of the gateway that they have counted.
    pub recorded: u64,
    /// Whose use the call is: the project, its organisation, the key and whose it is, and the last two
    /// within the project.
    pub accounts: Vec<CallAccount>,
    /// The budgets with a hard stop.
    pub rooms: Vec<CallRoom>,
    /// Prices of a million tokens read and written, in micro-euro.
    pub prices_micro_euro: [i64; 2],
}

impl Platform {
    /// The rate limits over a key.
    #[must_use]
    pub fn call_standing(&self, key: Id<kinds::Key>) -> CallStanding {
        self.read(|state| standing(state, key))
    }

    /// What the budgets over a call of an endpoint with a key leave it.
    #[must_use]
    pub fn call_allowance(
        &self,
        gateway: Id<kinds::Gateway>,
        key: Id<kinds::Key>,
        endpoint: Id<kinds::Endpoint>,
    ) -> CallAllowance {
        let now = self.now();
        // Shares first, the state after: a share that is given up in between was counted twice, never not
        // at all; one that is given in between is found by the epoch.
        let book = self.leases.lock();
        let epoch = book.epoch();
        let taken = |budget| book.taken(budget, None);
        let mut said = self.read(|state| allowance(state, gateway, (key, endpoint), now));
        said.epoch = epoch;
        for room in &mut said.rooms {
            room.left = room.left.saturating_sub(taken(room.budget));
        }
        said
    }
}

pub(crate) fn standing(state: &State, key: Id<kinds::Key>) -> CallStanding {
    let found = state.keys.get(&key);
    let project = found.and_then(|key| match key.scope {
        Scope::Project(id) => Some(id),
        Scope::Platform | Scope::Organisation(_) => None,
    });
    let organisation = found.and_then(|key| organisation_of(state, key.scope));
    let [_, whose] = budget::causes(state, Actor::Key(key));
    let owners = [
        organisation.map(Owner::Organisation),
        project.map(Owner::Project),
        whose,
        Some(Owner::Key(key)),
    ];
    let limits = owners.map(|owner| owner.and_then(|owner| state.rate_limit_of(owner)));
    let weight = |limit: Option<&RateLimit>| limit.and_then(|one| one.terms.weight).unwrap_or(1);
    let [of_organisation, of_project, ..] = limits;
    let weights = [weight(of_organisation), weight(of_project)];
    CallStanding { levels: limits.map(|limit| limit.map(level)), organisation, weights }
}

fn level(limit: &RateLimit) -> CallLevel {
    let Terms { requests_per_minute, tokens_per_minute, concurrent_max, weight: _ } = limit.terms;
    CallLevel { holder: bytes(limit.owner), requests_per_minute, tokens_per_minute, concurrent_max }
}

pub(crate) fn allowance(
    state: &State,
    gateway: Id<kinds::Gateway>,
    (key, endpoint): (Id<kinds::Key>, Id<kinds::Endpoint>),
    now: UnixMicros,
) -> CallAllowance {
    let project = state.endpoints.get(&endpoint).map(|endpoint| endpoint.project);
    let owners: Vec<Owner> = project.map_or_else(Vec::new, |project| {
        budget::owners_over(state, project, Actor::Key(key)).collect()
    });
    let over = owners.iter().flat_map(|owner| state.budgets_of(*owner));
    let over = over.filter(|one| one.within.is_none_or(|within| Some(within) == project));
    let rooms = over.filter(|one| one.terms.hard_stop).filter_map(|one| room(one, now)).collect();
    let everywhere = owners.iter().map(|owner| account(*owner, None));
    // Somebody's use in a project counts apart as well: a budget may be confined to it.
    let confined = owners.iter().filter(|owner| is_somebody(**owner));
    let accounts = everywhere.chain(confined.map(|owner| account(*owner, project))).collect();
    let price = |per| kernel::price::current(state, per).amount.0;
    CallAllowance {
        epoch: 0,
        recorded: state.usage.gateways.get(&gateway).copied().unwrap_or(0),
        accounts,
        rooms,
        prices_micro_euro: [price(PriceUnit::MTokensIn), price(PriceUnit::MTokensOut)],
    }
}

/// What is left of a budget, if it counts what calls use.
pub(super) fn room(one: &Budget, now: UnixMicros) -> Option<CallRoom> {
    let is_money = match one.terms.limit.measure() {
        Measure::Money => true,
        Measure::Tokens => false,
        Measure::GpuTime | Measure::Energy => return None,
    };
    let left = one.terms.limit.base().saturating_sub(one.spent_at(now).base());
    Some(CallRoom {
        budget: one.id,
        account: account(one.owner, one.within),
        is_money,
        left,
        left_of_all: left,
    })
}

fn account(owner: Owner, within: Option<Id<kinds::Project>>) -> CallAccount {
    (bytes(owner), within.map_or([0; 16], |id| *id.as_bytes()))
}

const fn is_somebody(owner: Owner) -> bool {
    match owner {
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => true,
        Owner::Organisation(_) | Owner::Project(_) => false,
    }
}

pub(super) const fn bytes(owner: Owner) -> [u8; 16] {
    match owner {
        Owner::Organisation(id) => *id.as_bytes(),
        Owner::Project(id) => *id.as_bytes(),
        Owner::User(id) => *id.as_bytes(),
        Owner::ServiceAccount(id) => *id.as_bytes(),
        Owner::Key(id) => *id.as_bytes(),
    }
}
