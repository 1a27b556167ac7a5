//! A queue that is fair between tenants: organisations by weight, and within one its projects by weight.
//!
//! Start-time fair queueing (Goyal, Vin, Cheng 1996) at two levels: everybody has a virtual time that grows
//! by the cost of what was served, divided by the weight; the smallest is served next. Who has used less than
//! its share is behind, by some tens of requests at most: so many go first when they come together, since even
//! somebody who asks for little asks in bursts, and nobody saves up more. Who asks for more waits longer. Length is bounded; when it is full, whoever has most in it
//! loses its newest. Pure: no clock, no randomness.

use std::collections::VecDeque;

/// Virtual time of one unit of cost at weight 1.
const SCALE: u64 = 1_000_000;
/// Requests by which somebody may be behind the others.
const BEHIND_MAX: u64 = 32;
/// Tenants that are remembered although they wait for nothing, for what they were served of late.
const IDLE_MAX: usize = 1_024;

/// Who waits: an organisation and one of its projects, with their shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tenant {
    pub(crate) organisation: [u8; 16],
    pub(crate) organisation_weight: u32,
    pub(crate) project: [u8; 16],
    pub(crate) project_weight: u32,
}

/// What waits, and what it is called.
#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    cost: u64,
    item: T,
}

#[derive(Debug)]
struct Share<C> {
    id: [u8; 16],
    weight: u32,
    virtual_time: u64,
    waiting: usize,
    inner: C,
}

type Project<T> = Share<VecDeque<Waiting<T>>>;
type Organisation<T> = Share<Shares<VecDeque<Waiting<T>>>>;

#[derive(Debug)]
struct Shares<C> {
    all: Vec<Share<C>>,
    /// The start of what was served last.
    virtual_time: u64,
}

/// The queue.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    organisations: Shares<Shares<VecDeque<Waiting<T>>>>,
    waiting: usize,
    waiting_max: usize,
    next_ticket: u64,
}

/// What became of an item that was to wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Queued<T> {
    /// It waits under this ticket.
    Waits(u64),
    /// It waits, and the newest of whoever had most in the queue was taken out for it.
    Instead(u64, T),
    /// There is no room for it.
    Full(T),
}

impl<T> FairQueue<T> {
    pub(crate) const fn new(waiting_max: usize) -> Self {
        let organisations = Shares { all: Vec::new(), virtual_time: 0 };
        Self { organisations, waiting: 0, waiting_max, next_ticket: 0 }
    }

    /// How many wait.
    pub(crate) const fn len(&self) -> usize {
        self.waiting
    }

    /// Puts somebody in line.
    pub(crate) fn push(&mut self, tenant: Tenant, cost: u64, item: T) -> Queued<T> {
        let mut out = None;
        if self.waiting >= self.waiting_max {
            let own = self.organisations.all.iter().find(|one| one.id == tenant.organisation);
            let own = own.map_or(0, |one| one.waiting);
            let most = self.organisations.all.iter().map(|one| one.waiting).max().unwrap_or(0);
            // Making room for who has as much would only swap one for another.
            if most <= own.saturating_add(1) {
                return Queued::Full(item);
            }
            out = self.drop_newest(most);
        }
        self.next_ticket = self.next_ticket.wrapping_add(1);
        let ticket = self.next_ticket;
        let who = (tenant.organisation, tenant.organisation_weight);
        let new = || Shares { all: Vec::new(), virtual_time: 0 };
        let organisation = self.organisations.join(who, cost, new);
        organisation.waiting += 1;
        let who = (tenant.project, tenant.project_weight);
        let project = organisation.inner.join(who, cost, VecDeque::new);
        project.waiting += 1;
        project.inner.push_back(Waiting { ticket, cost, item });
        self.waiting += 1;
        out.map_or(Queued::Waits(ticket), |out| Queued::Instead(ticket, out))
    }

    /// Who is next.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let organisation = self.organisations.next()?;
        let project = organisation.inner.next()?;
        let next = project.inner.pop_front()?;
        project.serve(next.cost);
        organisation.serve(next.cost);
        self.waiting -= 1;
        Some(next.item)
    }

    /// Takes somebody out who waits no longer.
    pub(crate) fn remove(&mut self, ticket: u64) -> Option<T> {
        for organisation in &mut self.organisations.all {
            for project in &mut organisation.inner.all {
                let place = project.inner.iter().position(|one| one.ticket == ticket);
                let Some(out) = place.and_then(|place| project.inner.remove(place)) else {
                    continue;
                };
                project.waiting -= 1;
                organisation.waiting -= 1;
                self.waiting -= 1;
                return Some(out.item);
            }
        }
        None
    }

    /// The newest of the project that waits for most, in an organisation that waits for so much.
    fn drop_newest(&mut self, most: usize) -> Option<T> {
        let organisation = self
            .organisations
            .all
            .iter_mut()
            .find(|one: &&mut Organisation<T>| one.waiting == most)?;
        let projects = organisation.inner.all.iter_mut();
        let project: &mut Project<T> = projects.max_by_key(|one| one.waiting)?;
        let out = project.inner.pop_back()?;
        project.waiting -= 1;
        organisation.waiting -= 1;
        self.waiting -= 1;
        Some(out.item)
    }
}

impl<C> Shares<C> {
    /// Somebody by id with a request of this cost, made if it is not there; it starts no earlier than some
    /// such requests before who was served last.
    fn join(
        &mut self,
        (id, weight): ([u8; 16], u32),
        cost: u64,
        new: impl FnOnce() -> C,
    ) -> &mut Share<C> {
        let now = self.virtual_time;
        let start = now.saturating_sub(grown(cost, weight).saturating_mul(BEHIND_MAX));
        if self.all.len() >= IDLE_MAX {
            // Who has caught up with everybody starts anew without loss.
            self.all.retain(|one| one.waiting > 0 || one.virtual_time > now);
        }
        let place = match self.all.iter().position(|one| one.id == id) {
            Some(place) => place,
            None => {
                self.all.push(Share { id, weight, virtual_time: start, waiting: 0, inner: new() });
                self.all.len() - 1
            }
        };
        let share = &mut self.all[place];
        share.weight = weight.max(1);
        if share.waiting == 0 {
            share.virtual_time = share.virtual_time.max(start);
        }
        share
    }

    /// Who has waited at the smallest virtual time; of several the one that was there first.
    fn next(&mut self) -> Option<&mut Share<C>> {
        let waiting = self.all.iter_mut().filter(|one| one.waiting > 0);
        let next = waiting.min_by_key(|one| one.virtual_time)?;
        self.virtual_time = self.virtual_time.max(next.virtual_time);
        Some(next)
    }
}

impl<C> Share<C> {
    fn serve(&mut self, cost: u64) {
        self.waiting -= 1;
        self.virtual_time = self.virtual_time.saturating_add(grown(cost, self.weight));
    }
}

/// By how much the virtual time of somebody of this weight grows with a request of this cost.
fn grown(cost: u64, weight: u32) -> u64 {
    (cost.max(1).saturating_mul(SCALE) / u64::from(weight.max(1))).max(1)
}
