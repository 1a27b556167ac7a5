//! Shares of budgets that gateways apart from this process have been given, so that no budget is exceeded
//! by more than one answer however many gateways spend it.
//!
//! INVARIANT: of what is left of a budget, what one gateway may use is never given to another. A share
//! stays a gateway's until it says that it serves from a newer one, or that it serves no more and has handed in
//! all; a gateway that is lost keeps its share, since what it has spent of it is in its spool. Shares survive a
//! restart in a file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use units::{DurationMicros, Id, UnixMicros, kinds};

/// A gateway that has not asked for so long gets no new share.
const LIVE: DurationMicros = DurationMicros(60 * 1_000_000);
/// Gateways that are remembered.
const GATEWAYS_MAX: usize = 1_024;

/// The shares.
#[derive(Debug)]
pub(crate) struct Leases {
    path: PathBuf,
    book: Mutex<Book>,
}

/// Who has what; locked while a snapshot is made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    gateways: BTreeMap<Id<kinds::Gateway>, Follower>,
    /// Grows with every share that is given.
    epoch: u64,
}

type Amounts = BTreeMap<Id<kinds::Budget>, i64>;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Follower {
    number: u64,
    asked_at_us: i64,
    /// What it was given under each number that it may serve from.
    grants: BTreeMap<u64, Amounts>,
    held: Amounts,
    /// The run that has given its shares back: it gets no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
}

impl Leases {
    /// Reads what an earlier process has given out.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let book = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, book: Mutex::new(book) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is given out, before anybody may use it.
    pub(crate) fn store(&self, book: &Book) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        fs::write(&fresh, serde_json::to_vec(book)?)?;
        fs::rename(fresh, &self.path)
    }
}

impl Book {
    /// Grows with every share that is given.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All gateways that have ever asked.
    pub(crate) fn gateways(&self) -> impl Iterator<Item = Id<kinds::Gateway>> {
        self.gateways.keys().copied()
    }

    /// What gateways other than one may use of a budget.
    pub(crate) fn taken(&self, budget: Id<kinds::Budget>, but: Option<Id<kinds::Gateway>>) -> i64 {
        let others = self.gateways.iter().filter(|(id, _)| Some(**id) != but);
        others.fold(0, |sum: i64, (_, one)| sum.saturating_add(one.most(budget)))
    }

    /// Learns what a gateway serves from and has in hand; answers the number of its next snapshot, and
    /// among how many the rest is shared out, this process included.
    pub(crate) fn asked(
        &mut self,
        gateway: Id<kinds::Gateway>,
        (has, held): (u64, Amounts),
        now: UnixMicros,
    ) -> Option<(u64, i64)> {
        if self.gateways.len() >= GATEWAYS_MAX && !self.gateways.contains_key(&gateway) {
            return None;
        }
        self.epoch = self.epoch.saturating_add(1);
        let one = self.gateways.entry(gateway).or_default();
        one.number = one.number.max(has).saturating_add(1);
        one.asked_at_us = now.0;
        one.grants.retain(|number, _| *number >= has);
        one.held = held;
        let number = one.number;
        // Whichever way the clock was set: it only decides how many share what is left.
        let live = |one: &&Follower| one.asked_at_us.abs_diff(now.0) <= LIVE.0;
        let live = self.gateways.values().filter(live).count();
        Some((number, i64::try_from(live).unwrap_or(i64::MAX).saturating_add(1)))
    }

    /// Takes back what a gateway has given up, all of it recorded.
    pub(crate) fn left(&mut self, gateway: Id<kinds::Gateway>, run: u64) {
        if let Some(one) = self.gateways.get_mut(&gateway) {
            one.grants.clear();
            one.held.clear();
            // It shares in nothing that is given out from now on.
            (one.asked_at_us, one.left) = (0, Some(run));
        }
    }

    /// Whether this run of a gateway has given its shares back.
    pub(crate) fn has_left(&self, gateway: Id<kinds::Gateway>, run: u64) -> bool {
        self.gateways.get(&gateway).is_some_and(|one| one.left == Some(run))
    }

    /// Gives shares under a number.
    pub(crate) fn give(&mut self, gateway: Id<kinds::Gateway>, number: u64, shares: Amounts) {
        if let Some(one) = self.gateways.get_mut(&gateway) {
            one.grants.insert(number, shares);
        }
    }
}

impl Follower {
    /// The most that it may use of a budget under what it was given and not given up.
    fn most(&self, budget: Id<kinds::Budget>) -> i64 {
        let given = self.grants.values().filter_map(|shares| shares.get(&budget));
        given.chain(self.held.get(&budget)).copied().max().unwrap_or(0).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Id<kinds::Budget> = Id::from_bytes([1; 16]);

    fn ask(book: &mut Book, gateway: u8, has: u64, held: i64) -> (u64, i64) {
        let held = BTreeMap::from([(BUDGET, held)]);
        book.asked(Id::from_bytes([gateway; 16]), (has, held), UnixMicros(1)).unwrap()
    }

    fn give(book: &mut Book, gateway: u8, number: u64, share: i64) {
        book.give(Id::from_bytes([gateway; 16]), number, BTreeMap::from([(BUDGET, share)]));
    }

    #[test]
    fn a_share_is_kept_until_a_newer_one_is_served_from() {
        let mut book = Book::default();
        let (first, among) = ask(&mut book, 1, 0, 0);
        assert_eq!((first, among), (1, 2), "it and this process");
        give(&mut book, 1, first, 100);
        // Its next question does not say that it has the answer: both may be in use.
        let (second, _) = ask(&mut book, 1, 0, 0);
        give(&mut book, 1, second, 40);
        assert_eq!(book.taken(BUDGET, None), 100);
        let (third, _) = ask(&mut book, 1, second, 70);
        give(&mut book, 1, third, 10);
        assert_eq!(book.taken(BUDGET, None), 70, "what is in hand is not given to another");
        let (fourth, _) = ask(&mut book, 1, third, 5);
        give(&mut book, 1, fourth, 8);
        assert_eq!(book.taken(BUDGET, None), 10);
        assert_eq!(book.taken(BUDGET, Some(Id::from_bytes([1; 16]))), 0);
        assert_eq!(ask(&mut book, 2, 0, 0).1, 3);
    }

    #[test]
    fn who_has_not_asked_of_late_gets_no_new_share_even_after_the_clock_was_set_back() {
        let mut book = Book::default();
        let hour = 3_600_000_000;
        let among = |book: &mut Book, gateway: u8, now: i64| {
            book.asked(Id::from_bytes([gateway; 16]), (0, Amounts::new()), UnixMicros(now))
                .unwrap()
                .1
        };
        assert_eq!(among(&mut book, 1, 10 * hour), 2);
        assert_eq!(among(&mut book, 2, 10 * hour + 1), 3);
        assert_eq!(among(&mut book, 2, 9 * hour), 2, "the other was not heard since");
        assert_eq!(among(&mut book, 2, 11 * hour), 2);
    }

    #[test]
    fn who_leaves_gives_back_and_only_another_run_is_given_again() {
        let mut book = Book::default();
        let (number, _) = ask(&mut book, 1, 0, 70);
        give(&mut book, 1, number, 100);
        let gateway = Id::from_bytes([1; 16]);
        assert!(!book.has_left(gateway, 7));
        book.left(gateway, 7);
        assert_eq!(book.taken(BUDGET, None), 0);
        assert!(book.has_left(gateway, 7) && !book.has_left(gateway, 8));
        // Numbers go on: what the other run kept on disk is older than what it is given.
        assert!(ask(&mut book, 1, 0, 0).0 > number);
    }

    #[test]
    fn shares_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let leases = Leases::open(dir.path().join("leases.json")).unwrap();
        let mut book = leases.lock();
        let (number, _) = ask(&mut book, 1, 0, 0);
        give(&mut book, 1, number, 100);
        leases.store(&book).unwrap();
        let again = Leases::open(dir.path().join("leases.json")).unwrap();
        assert_eq!(again.lock().taken(BUDGET, None), 100);
    }
}
