//! Who may, how much, and when: limits of requests, tokens and concurrency at every level over a caller,
//! budgets that hold to one answer, and a fair line in front of an endpoint that is full.
//!
//! A request enters before its body is read, so that a refusal is cheap; it is admitted when its size is
//! known, and settled when its answer has ended. What it took and did not use comes back. Time is that of a
//! clock that never goes back, so a jump of the time of day neither opens nor closes anything.

mod books;
mod bucket;
mod denied;
mod fair;
mod gate;
mod standing;
mod table;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use units::{Id, kinds};

use crate::config::GatewayConfig;
use crate::directory::{Caller, Directory};
pub use books::{ACCOUNTS_MAX, Account, Accounts, Allowance, Measure, Room};
pub(crate) use books::{Books, Tokens};
use books::{Pair, Short};
pub(crate) use denied::Denied;
use fair::Tenant;
use gate::{Gates, Place};
pub use standing::{Holder, LEVELS_MAX, Level, Limits, Standing};
pub(crate) use table::Rates;
use table::{Levels, Table};

/// How often a directory is asked again whose answer was overtaken by a roll-up that was just counted.
const STALE_MAX: usize = 64;

/// All that is admitted by one gateway.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    gates: Arc<Gates>,
    books: Arc<Books>,
    gateway: Id<kinds::Gateway>,
    key_default: Limits,

    epoch: Instant,
}

/// The right of one request to be answered; what it holds is given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    levels: Levels,
    /// Tokens taken from the limits.
    reserved: u64,
    used: Tokens,
    claim: Claim,
    /// What the books hold for it.
    held: Option<(Pair, Tokens)>,
    _place: Option<Place>,
}

/// How a request stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It waits in line when there is no room.
    Usual,
    /// It takes only what others leave, and is refused at once when that is nothing.
    Spare,
}

/// Where a line forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door {
    /// What is behind it: an endpoint, or an upstream that several lead to.
    pub(crate) id: [u8; 16],
    /// Requests that are answered behind it at once.
    pub(crate) room: usize,
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    /// The endpoint.
    pub(crate) endpoint: Id<kinds::Endpoint>,
    /// What those in line wait for, and how many it answers at once.
    pub(crate) door: Door,
    /// Tokens it will probably use: what limits reserve.
    pub(crate) probably: u64,
    /// Tokens it can use at most: what budgets reserve.
    pub(crate) most: Tokens,
}

impl Admission {
    pub(crate) fn new(
        config: &GatewayConfig,
        gateway: Id<kinds::Gateway>,
        books: Arc<Books>,
    ) -> Self {
        let key_default = Limits {
            requests_per_minute: config.requests_per_minute_max.map(u64::from),
            tokens_per_minute: None,
            concurrent_max: Some(config.concurrent_max_per_key),
        };
        Self(Arc::new(Shared {
            table: Mutex::new(Table::new(config.keys_max)),
            gates: Arc::new(Gates::new(config.waiting_max, config.wait_max)),
            books,
            gateway,
            key_default,

            epoch: Instant::now(),
        }))
    }

    /// Takes one request of the limits over a caller.
    pub(crate) fn enter(&self, caller: &Caller, claim: Claim) -> Result<(Permit, Rates), Denied> {
        let levels = self.0.levels(caller);
        let rates = self.0.table().enter(&levels, self.0.now_us()).map_err(Denied::Over)?;
        let shared = Arc::clone(&self.0);
        let used = Tokens::default();
        Ok((Permit { shared, levels, reserved: 0, used, claim, held: None, _place: None }, rates))
    }
}

impl Permit {
    /// Takes the tokens of a request whose size is known, and waits until the endpoint has room for it.
    pub(crate) async fn admit(
        &mut self,
        directory: &dyn Directory,
        caller: &Caller,
        ask: Ask,
        rates: &mut Rates,
    ) -> Result<(), Denied> {
        let shared = Arc::clone(&self.shared);
        let reserved = shared.table().reserve(&self.levels, ask.probably, shared.now_us());
        if let Some(rate) = reserved.map_err(Denied::Over)? {
            rates.tokens = Some(rate);
        }
        self.reserved = ask.probably;
        self.hold(directory, (caller.key, ask.endpoint), ask.most)?;
        let standing = &caller.standing;
        let tenant = Tenant {
            organisation: *standing.organisation.as_bytes(),
            organisation_weight: standing.organisation_weight,
            project: *caller.project.as_bytes(),
            project_weight: standing.project_weight,
        };
        let (door, room) = (ask.door.id, ask.door.room);
        let passed = match self.claim {
            Claim::Usual => shared.gates.pass(door, room, (tenant, ask.probably)).await,
            Claim::Spare => shared.gates.pass_if_spare(door, room),
        };
        self._place = Some(passed.map_err(|busy| Denied::Overloaded { wait_us: busy.line_us })?);
        Ok(())
    }

    fn hold(&mut self, directory: &dyn Directory, pair: Pair, most: Tokens) -> Result<(), Denied> {
        for _ in 0..STALE_MAX {
            let allowance = directory.allowance(self.shared.gateway, pair.0, pair.1);
            match self.shared.books.reserve(pair, &allowance, most) {
                Ok(()) => {
                    self.held = Some((pair, most));
                    return Ok(());
                }
                Err(Short::UsedUp(budget)) => return Err(Denied::UsedUp(budget)),
                Err(Short::Reserved(budget)) => return Err(Denied::Reserved(budget)),
                Err(Short::Stale) => {}
            }
        }
        Err(Denied::Overloaded { wait_us: 0 })
    }

    /// Holds the same at another endpoint, which answers in this one's place. It is not refused there: it has
    /// been sent.
    pub(crate) fn moves(&mut self, directory: &dyn Directory, there: Pair) {
        let Some((here, most)) = self.held.filter(|(here, _)| *here != there) else { return };
        let accounts = directory.allowance(self.shared.gateway, there.0, there.1).accounts;
        self.shared.books.moves(here, (there, accounts), most);
        self.held = Some((there, most));
    }

    /// Says what the request has used, before its usage is recorded. Later calls do nothing.
    pub(crate) fn settle(&mut self, read: u64, written: u64) {
        if let Some((pair, most)) = self.held.take() {
            self.used = Tokens { read, written };
            self.shared.books.settle(pair, most, self.used);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle(0, 0);
        let (used, now_us) = (self.used.sum(), self.shared.now_us());
        self.shared.table().leave(&self.levels, self.reserved, used, now_us);
    }
}

impl Shared {
    /// The levels over a caller; a key for which nothing is said has the default of keys.
    fn levels(&self, caller: &Caller) -> Levels {
        let key = Holder::from(caller.key);
        let mut own = self.key_default;
        let [a, b, c, d] = caller.standing.levels.map(|level| {
            let level = level?;
            if level.holder != key {
                return Some(level);
            }
            own = Limits {
                requests_per_minute: level.limits.requests_per_minute.or(own.requests_per_minute),
                tokens_per_minute: level.limits.tokens_per_minute.or(own.tokens_per_minute),
                concurrent_max: level.limits.concurrent_max.or(own.concurrent_max),
            };
            None
        });
        let own = (!own.is_none()).then_some(Level { holder: key, limits: own });
        [a, b, c, d, own]
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
