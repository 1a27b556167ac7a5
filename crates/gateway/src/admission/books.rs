//! What budgets do not know of yet: tokens of requests in flight, and of those that have ended since the log
//! last counted.
//!
//! INVARIANT: whatever a directory says is left of a budget, together with the number of the last roll-up
//! that it has counted, what is held here covers exactly the rest: every token is held from before its
//! request is sent until a roll-up that contains it is counted. Held is by owner and not by budget, so that
//! a budget that is made while requests are in flight is exact from its first moment.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard, PoisonError};

use units::{Id, kinds};

use super::table::IdHasher;
use crate::usage::Rollup;

/// Most owners over a call: organisation, project, key and whose it is, and the last two within a project.
pub const ACCOUNTS_MAX: usize = 6;

/// What counts together: somebody, everywhere or within one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Account {
    /// Whose use it is.
    pub owner: [u8; 16],
    /// The project that it is confined to; zeros for none.
    pub within: [u8; 16],
}

/// The accounts over a call.
pub type Accounts = [Option<Account>; ACCOUNTS_MAX];

/// What a budget counts of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Micro-euro.
    Money,
    /// Tokens, read and written.
    Tokens,
}

/// What is left of a budget that ends calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The budget.
    pub budget: Id<kinds::Budget>,
    /// What it counts.
    pub account: Account,
    /// In which measure.
    pub measure: Measure,
    /// What this gateway may use of it beyond what it has counted, in that measure.
    pub left: i64,
    /// What is left of it in all; more than `left` if other gateways have a share of it.
    pub left_of_all: i64,
}

/// What the budgets over a call leave it, all of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// As of when shares of other gateways are left out: grows with every share that is given.
    pub epoch: u64,
    /// The last roll-up of this gateway that they have counted.
    pub recorded: u64,
    /// Whose use the call is.
    pub accounts: Accounts,
    /// The budgets.
    pub rooms: Vec<Room>,
    /// Price of a million tokens read, in micro-euro.
    pub price_in_micro_euro: i64,
    /// Price of a million tokens written, in micro-euro.
    pub price_out_micro_euro: i64,
}

/// Tokens of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) read: u64,
    pub(crate) written: u64,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// A budget is used up by what has ended.
    UsedUp(Id<kinds::Budget>),
    /// All that is left of a budget is reserved for requests in flight.
    Reserved(Id<kinds::Budget>),
    /// The allowance is older than what was let go here: ask again.
    Stale,
}

/// A key at an endpoint, which a roll-up is of.
pub(crate) type Pair = (Id<kinds::Key>, Id<kinds::Endpoint>);

/// The books of one gateway.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Inner>);

type Map<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

#[derive(Debug, Default)]
struct Inner {
    held: Map<Account, Held>,
    pairs: Map<([u8; 16], [u8; 16]), Open>,
    sealed: VecDeque<(u64, Pair, Tokens)>,
    /// Roll-ups up to this one are not held any more.
    recorded: u64,
    /// Others were given shares by what was held at this epoch: nothing is admitted by an older one.
    epoch: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    reserved: Tokens,
    unrecorded: Tokens,
}

/// What is open of a pair; it keeps the accounts that it began with until all of it is counted.
#[derive(Debug, Clone, Copy)]
struct Open {
    accounts: Accounts,
    in_flight: u64,
    unrecorded: Tokens,
}

impl Books {
    /// Holds the most that a request can use, if every budget over it has something left.
    pub(crate) fn reserve(
        &self,
        pair: Pair,
        allowance: &Allowance,
        most: Tokens,
    ) -> Result<(), Short> {
        let mut inner = self.lock();
        if allowance.recorded < inner.recorded || allowance.epoch < inner.epoch {
            return Err(Short::Stale);
        }
        inner.forget(allowance.recorded);
        for room in &allowance.rooms {
            let held = inner.held.get(&room.account).copied().unwrap_or_default();
            let cost = |tokens: Tokens| cost(room.measure, tokens, allowance);
            let left = i128::from(room.left).saturating_mul(scale(room.measure));
            let left = left.saturating_sub(cost(held.unrecorded));
            let of_all = i128::from(room.left_of_all).saturating_mul(scale(room.measure));
            if of_all <= cost(held.unrecorded) {
                return Err(Short::UsedUp(room.budget));
            }
            if left <= cost(held.reserved) {
                return Err(Short::Reserved(room.budget));
            }
        }
        inner.hold(pair, allowance.accounts, most);
        Ok(())
    }

    /// Holds at another pair what was reserved for one.
    pub(crate) fn moves(&self, from: Pair, (to, accounts): (Pair, Accounts), most: Tokens) {
        let mut inner = self.lock();
        inner.hold(to, accounts, most);
        inner.end(from, most, Tokens::default());
    }

    /// Ends a request: what it has used is held until it is counted.
    pub(crate) fn settle(&self, pair: Pair, most: Tokens, used: Tokens) {
        self.lock().end(pair, most, used);
    }

    /// Holds what an earlier process has left in the spool.
    pub(crate) fn recover(&self, pair: Pair, accounts: Accounts, used: Tokens) {
        let mut inner = self.lock();
        let open = inner.open(pair, accounts);
        open.unrecorded.add(used);
        let accounts = open.accounts;
        for account in accounts.iter().flatten() {
            inner.held.entry(*account).or_default().unrecorded.add(used);
        }
    }

    /// Learns which roll-up contains what was used.
    pub(crate) fn sealed(&self, rollup: &Rollup) {
        let used = Tokens { read: rollup.prompt_tokens, written: rollup.completion_tokens };
        let pair = (rollup.key, rollup.endpoint);
        self.lock().sealed.push_back((rollup.sequence, pair, used));
    }

    /// What is held of a room, in its measure and rounded up; from here on nothing is admitted by an
    /// allowance of an older epoch.
    pub(crate) fn held_at(&self, room: Room, prices: &Allowance) -> i64 {
        let mut inner = self.lock();
        inner.epoch = inner.epoch.max(prices.epoch);
        let held = inner.held.get(&room.account).copied().unwrap_or_default();
        let both = cost(room.measure, held.reserved, prices).saturating_add(cost(
            room.measure,
            held.unrecorded,
            prices,
        ));
        let (whole, scale) = (both.max(0), scale(room.measure));
        let up = whole.div_euclid(scale).saturating_add(i128::from(whole.rem_euclid(scale) > 0));
        i64::try_from(up).unwrap_or(i64::MAX)
    }

    /// What is held of an account, reserved and unrecorded, for tests.
    #[cfg(test)]
    pub(crate) fn held(&self, account: Account) -> (Tokens, Tokens) {
        let held = self.lock().held.get(&account).copied().unwrap_or_default();
        (held.reserved, held.unrecorded)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn open(&mut self, pair: Pair, accounts: Accounts) -> &mut Open {
        let fresh = Open { accounts, in_flight: 0, unrecorded: Tokens::default() };
        self.pairs.entry(bytes(pair)).or_insert(fresh)
    }

    fn hold(&mut self, pair: Pair, accounts: Accounts, most: Tokens) {
        let open = self.open(pair, accounts);
        open.in_flight += 1;
        let accounts = open.accounts;
        for account in accounts.iter().flatten() {
            self.held.entry(*account).or_default().reserved.add(most);
        }
    }

    fn end(&mut self, pair: Pair, most: Tokens, used: Tokens) {
        let Some(open) = self.pairs.get_mut(&bytes(pair)) else { return };
        open.in_flight = open.in_flight.saturating_sub(1);
        open.unrecorded.add(used);
        let accounts = open.accounts;
        for account in accounts.iter().flatten() {
            let held = self.held.entry(*account).or_default();
            held.reserved.sub(most);
            held.unrecorded.add(used);
        }
        self.tidy(pair);
    }

    fn forget(&mut self, recorded: u64) {
        self.recorded = self.recorded.max(recorded);
        while let Some((sequence, pair, used)) = self.sealed.front().copied() {
            if sequence > self.recorded {
                return;
            }
            self.sealed.pop_front();
            let Some(open) = self.pairs.get_mut(&bytes(pair)) else { continue };
            open.unrecorded.sub(used);
            let accounts = open.accounts;
            for account in accounts.iter().flatten() {
                self.held.entry(*account).or_default().unrecorded.sub(used);
            }
            self.tidy(pair);
        }
    }

    /// Forgets a pair, and accounts, of which nothing is held.
    fn tidy(&mut self, pair: Pair) {
        let key = bytes(pair);
        let Some(open) = self.pairs.get(&key) else { return };
        if open.in_flight > 0 || open.unrecorded != Tokens::default() {
            return;
        }
        let accounts = open.accounts;
        self.pairs.remove(&key);
        for account in accounts.iter().flatten() {
            if self.held.get(account) == Some(&Held::default()) {
                self.held.remove(account);
            }
        }
    }
}

impl Tokens {
    /// Both.
    pub(crate) const fn sum(self) -> u64 {
        self.read.saturating_add(self.written)
    }

    fn add(&mut self, more: Self) {
        self.read = self.read.saturating_add(more.read);
        self.written = self.written.saturating_add(more.written);
    }

    fn sub(&mut self, less: Self) {
        self.read = self.read.saturating_sub(less.read);
        self.written = self.written.saturating_sub(less.written);
    }
}

fn bytes((key, endpoint): Pair) -> ([u8; 16], [u8; 16]) {
    (*key.as_bytes(), *endpoint.as_bytes())
}

/// What one unit of a measure is in the unit of [`cost`]: money is counted in millionths of a micro-euro, so
/// that a price per million tokens needs no rounding.
const fn scale(measure: Measure) -> i128 {
    match measure {
        Measure::Money => 1_000_000,
        Measure::Tokens => 1,
    }
}

fn cost(measure: Measure, tokens: Tokens, allowance: &Allowance) -> i128 {
    match measure {
        Measure::Tokens => i128::from(tokens.read) + i128::from(tokens.written),
        Measure::Money => {
            let read = i128::from(tokens.read) * i128::from(allowance.price_in_micro_euro);
            read + i128::from(tokens.written) * i128::from(allowance.price_out_micro_euro)
        }
    }
}
