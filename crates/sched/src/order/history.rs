//! What finished and running work teaches about work to come.
//!
//! Must never learn from what has not happened: a job counts by the service it has had, and by its
//! end only once it has ended. Must stay bounded: [`GROUPS_MAX`] groups, [`MEMBERS_MAX`] members
//! remembered in each, the rest only in sums.

use std::collections::{BTreeMap, VecDeque};

use super::ladder::rung_of;
use super::outlook::Outlook;
use super::tally::{FULL_WEIGHT, Hazards, Tally};

/// Groups that are told apart; the members of further ones share one group.
pub const GROUPS_MAX: usize = 16_384;
/// Members of a group that are remembered one by one, the latest.
pub const MEMBERS_MAX: usize = 4_096;

/// Members before and after a job in its group that speak for it. Users submit in bursts: the logs
/// of durations of neighbours correlate at 0.4 to 0.7 in Philly's lists, and at a distance of 10
/// hardly more than any two of the group.
const NEIGHBOURS: usize = 12;
/// Weight of a neighbour at distance 1, 2, …: half for each two steps.
const HALVING_STEPS: usize = 2;
/// How strongly the group's chances count beside those of the neighbours: as a quarter of a job.
const GROUP_WEIGHT: u64 = FULL_WEIGHT / 4;
/// How strongly everybody's chances count beside the group's: as two jobs.
const ALL_WEIGHT: u64 = FULL_WEIGHT * 2;
/// A group's chances are worked out anew when its news exceed this part of all it has seen.
const NEWS_PART: u64 = 16;

/// Ended members whose service a [`History::typical`] service is the mean of.
const RECENT: usize = 16;

/// Jobs that resemble each other: same project and user, similar name, same number of GPUs. Who
/// counts as similar is up to the caller, as is the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupId(pub u64);

/// A job's place in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    group: GroupId,
    serial: u64,
}

/// Changes whenever a member's outlook does, so that callers can keep outlooks until then.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp(u64, u64);

/// All groups.
#[derive(Debug, Clone, Default)]
pub struct History {
    groups: BTreeMap<GroupId, Group>,
    all: Tally,
    recent: Recent,
}

#[derive(Debug, Clone, Default)]
struct Group {
    /// Serial of the first member that is still remembered.
    first: u64,
    members: VecDeque<Observation>,
    tally: Tally,
    settled: Option<Hazards>,
    settlements: u64,
    seen: u64,
    news: u64,
    recent: Recent,
}

#[derive(Debug, Clone, Copy, Default)]
struct Observation {
    rung: usize,
    ended: bool,
    changes: u64,
}

/// Logarithms of the last services, and the same of all.
#[derive(Debug, Clone, Default)]
struct Recent {
    last: VecDeque<u64>,
    many: u64,
    sum: u64,
}

impl History {
    /// Takes a new job in, as the latest of its group.
    pub fn admit(&mut self, group: GroupId) -> Member {
        let known = self.groups.contains_key(&group) || self.groups.len() < GROUPS_MAX;
        let id = if known { group } else { GroupId(u64::MAX) };
        let all = &self.all;
        let group = self.groups.entry(id).or_insert_with(|| {
            let mut group = Group::default();
            group.settle(all);
            group
        });
        group.members.push_back(Observation::default());
        if group.members.len() > MEMBERS_MAX {
            group.members.pop_front();
            group.first = group.first.saturating_add(1);
        }
        let behind = u64::try_from(group.members.len()).unwrap_or(0).saturating_sub(1);
        Member { group: id, serial: group.first.saturating_add(behind) }
    }

    /// Notes that a job has had this much service so far, in GPU-microseconds.
    pub fn attained(&mut self, member: Member, service: u64) {
        self.note(member, service, false);
    }

    /// Notes that a job has ended with this much service.
    pub fn ended(&mut self, member: Member, service: u64) {
        self.note(member, service, true);
        self.recent.push(service);
        if let Some(group) = self.groups.get_mut(&member.group) {
            group.recent.push(service);
        }
    }

    /// What may be expected of a job, from its neighbours, its group and everybody, in this order.
    #[must_use]
    pub fn outlook(&self, member: Member) -> Outlook {
        match self.groups.get(&member.group) {
            None => Outlook::new(&self.all.hazards_alone()),
            Some(group) => Outlook::new(&group.hazards(member.serial, &self.all)),
        }
    }

    /// Equal stamps mean equal outlooks.
    #[must_use]
    pub fn stamp(&self, member: Member) -> Stamp {
        let Some(group) = self.groups.get(&member.group) else { return Stamp::default() };
        let changes = group.position(member.serial).and_then(|at| group.members.get(at));
        Stamp(group.settlements, changes.map_or(0, |observation| observation.changes))
    }

    /// The geometric mean of the last services in a group, in GPU-microseconds, where everybody's
    /// counts as one more job; `None` before anything has ended. O(1).
    #[must_use]
    pub fn typical(&self, group: GroupId) -> Option<u64> {
        let all = self.recent.mean_of_all()?;
        let last = self.groups.get(&group).map(|group| &group.recent.last);
        let many = last.map_or(0, VecDeque::len).saturating_add(1);
        let sum = last.into_iter().flatten().fold(all, |sum, log| sum.saturating_add(*log));
        sum.checked_div(u64::try_from(many).unwrap_or(1)).map(power)
    }

    fn note(&mut self, member: Member, service: u64, ended: bool) {
        let Some(group) = self.groups.get_mut(&member.group) else { return };
        let Some(at) = group.position(member.serial) else { return };
        let Some(known) = group.members.get_mut(at) else { return };
        let (from, to) = (known.rung, rung_of(service).max(known.rung));
        if known.ended || (to == from && !ended) {
            return;
        }
        (known.rung, known.ended) = (to, ended);
        group.tally.climb(from, to, ended, FULL_WEIGHT);
        self.all.climb(from, to, ended, FULL_WEIGHT);
        for near in group.members.range_mut(window(at, group.members.len())) {
            near.changes = near.changes.saturating_add(1);
        }
        group.news = group.news.saturating_add(1);
        if group.news.saturating_mul(NEWS_PART) >= group.seen {
            group.settle(&self.all);
        }
    }
}

impl Group {
    fn position(&self, serial: u64) -> Option<usize> {
        serial.checked_sub(self.first).and_then(|behind| usize::try_from(behind).ok())
    }

    /// Works out the group's chances anew.
    fn settle(&mut self, all: &Tally) {
        self.seen = self.seen.saturating_add(self.news);
        self.news = 0;
        self.settlements = self.settlements.saturating_add(1);
        self.settled = Some(self.tally.hazards_towards(&all.hazards_alone(), ALL_WEIGHT));
    }

    fn hazards(&self, serial: u64, all: &Tally) -> Hazards {
        let wider = self.settled.unwrap_or_else(|| all.hazards_alone());
        let Some(at) = self.position(serial).filter(|at| *at < self.members.len()) else {
            return wider;
        };
        let near = window(at, self.members.len());
        let mut tally = Tally::default();
        for (position, other) in near.clone().zip(self.members.range(near)) {
            let distance = position.abs_diff(at);
            if distance > 0 && (other.rung > 0 || other.ended) {
                tally.climb(0, other.rung, other.ended, weight(distance));
            }
        }
        tally.hazards_towards(&wider, GROUP_WEIGHT)
    }
}

fn window(at: usize, len: usize) -> std::ops::Range<usize> {
    let end = at.saturating_add(NEIGHBOURS).saturating_add(1).min(len);
    at.saturating_sub(NEIGHBOURS).min(end)..end
}

fn weight(distance: usize) -> u64 {
    let halvings = distance.checked_div(HALVING_STEPS).unwrap_or(0);
    u32::try_from(halvings).ok().and_then(|bits| FULL_WEIGHT.checked_shr(bits)).unwrap_or(0)
}

impl Recent {
    fn push(&mut self, service: u64) {
        let log = logarithm(service);
        self.last.push_back(log);
        if self.last.len() > RECENT {
            self.last.pop_front();
        }
        self.many = self.many.saturating_add(1);
        self.sum = self.sum.saturating_add(log);
    }

    fn mean_of_all(&self) -> Option<u64> {
        self.sum.checked_div(self.many)
    }
}

/// log₂ in 256ths, linear between powers of two; within 0.09 of the true value.
fn logarithm(value: u64) -> u64 {
    let value = value.max(1);
    let whole = value.ilog2();
    let part = u128::from(value).checked_shl(8).and_then(|wide| wide.checked_shr(whole));
    let part = part.and_then(|part| u64::try_from(part).ok()).unwrap_or(256).saturating_sub(256);
    u64::from(whole).saturating_mul(256).saturating_add(part)
}

/// The inverse of [`logarithm`].
fn power(log: u64) -> u64 {
    let whole = log.checked_div(256).and_then(|whole| u32::try_from(whole).ok()).unwrap_or(0);
    let part = log.checked_rem(256).unwrap_or(0).saturating_add(256);
    let value = u128::from(part).checked_shl(whole).and_then(|wide| wide.checked_shr(8));
    value.and_then(|value| u64::try_from(value).ok()).unwrap_or(u64::MAX)
}
