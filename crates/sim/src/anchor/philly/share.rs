//! Our policy for a pool that tenants share: who is below its guarantee first, others borrow.
//!
//! Must never look at the duration of a job before it has ended, and never stop a job. What it adds to
//! the placement rules of the experiment:
//! 1. Jobs of a tenant and size are alike and served in turn; kinds are ordered by the typical service
//!    of their last jobs that have ended ([`History::typical`]).
//! 2. A tenant that holds less than its guarantee goes first and may round its last job up. The first
//!    of its jobs that does not fit gets a fence before the nodes that will be empty soonest.
//! 3. Then the others borrow, but leave a twentieth of the nodes idle for those who come back.
//! 4. Whoever has waited for a week is treated as if below its guarantee.

use std::collections::{BTreeMap, VecDeque};

use sched::order::{Discipline, GroupId, History, Key, Member, Standing};

use super::job::{Job, Waits};
use super::list::nodes_of;
use super::pool::{Part, Pool};

/// Part of the nodes that borrowers leave idle.
const IDLE_PART: u32 = 20;
/// Wait after which a job is served as if its tenant were below its guarantee.
const PATIENCE_S: u64 = 7 * 86_400;

/// Tenant and GPUs.
type Kind = (u32, u32);

/// The GPUs that each tenant is guaranteed, by tenant; none for those it does not have.
pub(super) type Guarantees = BTreeMap<u32, u32>;

struct Shared<'a> {
    guarantees: &'a Guarantees,
    pool: Pool,
    /// Idle nodes that borrowers leave.
    idle_kept: u32,
    queue: BTreeMap<Kind, VecDeque<&'a Job>>,
    /// GPUs in use, by tenant.
    held: BTreeMap<u32, u32>,
    running: BTreeMap<(u64, u32), Running<'a>>,
    history: History,
    waits: Waits,
    now_s: u64,
}

struct Running<'a> {
    job: &'a Job,
    started_s: u64,
    parts: Vec<Part>,
    member: Member,
}

/// Runs a numbered list on so many nodes. Jobs larger than the cluster must have been left out.
pub(super) fn simulate(jobs: &[Job], nodes: u32, guarantees: &Guarantees) -> Waits {
    let mut shared = Shared {
        guarantees,
        pool: Pool::new(nodes),
        idle_kept: nodes / IDLE_PART,
        queue: BTreeMap::new(),
        held: BTreeMap::new(),
        running: BTreeMap::new(),
        history: History::default(),
        waits: Waits::none(jobs),
        now_s: 0,
    };
    let mut coming = jobs;
    loop {
        let arrival = coming.first().map(|job| job.submitted_s);
        let end = shared.running.first_key_value().map(|((end, _), _)| *end);
        let Some(now) = arrival.into_iter().chain(end).min() else { break };
        shared.now_s = now;
        shared.release();
        let many = coming.iter().take_while(|job| job.submitted_s == now).count();
        let (arrived, later) = coming.split_at(many);
        for job in arrived {
            shared.queue.entry((job.tenant, job.gpus)).or_default().push_back(job);
        }
        coming = later;
        if !shared.queue.is_empty() {
            shared.serve();
        }
    }
    shared.waits
}

impl<'a> Shared<'a> {
    fn release(&mut self) {
        while let Some(entry) = self.running.first_entry().filter(|one| one.key().0 <= self.now_s) {
            let Running { job, started_s, parts, member } = entry.remove();
            self.pool.release(&parts, job.position, started_s);
            self.history.ended(member, service(job));
            if let Some(held) = self.held.get_mut(&job.tenant) {
                *held -= job.gpus;
            }
        }
    }

    fn serve(&mut self) {
        let mut kinds: Vec<(Key, Kind)> =
            self.queue.iter().map(|(kind, jobs)| (self.key(*kind, jobs), *kind)).collect();
        kinds.sort_unstable();
        self.serve_guaranteed(&kinds);
        self.serve_borrowers(&kinds);
        self.pool.open();
        self.queue.retain(|_, jobs| !jobs.is_empty());
    }

    fn key(&self, kind: Kind, jobs: &VecDeque<&Job>) -> Key {
        let submitted = jobs.front().map_or(u64::MAX, |job| u64::from(job.position));
        let predicted = self.history.typical(group(kind));
        let standing =
            Standing { submitted, attained: 0, remaining: None, predicted, running: false };
        Discipline::Predicted.key(&standing)
    }

    fn serve_guaranteed(&mut self, kinds: &[(Key, Kind)]) {
        let mut fenced: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, kind) in kinds {
            while let Some(job) = self.front(*kind) {
                let promised = fenced.get(&job.tenant).copied().unwrap_or(0);
                if !self.is_entitled(job, promised) {
                    break;
                }
                if self.start(*kind) {
                    continue;
                }
                if promised == 0 {
                    self.pool.fence(nodes_of(job.gpus));
                    fenced.insert(job.tenant, job.gpus);
                }
                break;
            }
        }
    }

    /// Whether the tenant is below its guarantee, or the job has waited too long.
    fn is_entitled(&self, job: &Job, promised: u32) -> bool {
        let guaranteed = self.guarantees.get(&job.tenant).copied().unwrap_or(0);
        let held = self.held.get(&job.tenant).copied().unwrap_or(0);
        held + promised < guaranteed || self.now_s - job.submitted_s > PATIENCE_S
    }

    fn serve_borrowers(&mut self, kinds: &[(Key, Kind)]) {
        // What fits for no job of a size fits for none that is larger.
        let mut too_large = u32::MAX;
        for (_, kind) in kinds {
            let (_, gpus) = *kind;
            while gpus < too_large && self.front(*kind).is_some() {
                let idle_used = self.pool.idle_used(gpus);
                let leaves_enough = idle_used
                    .is_some_and(|used| used == 0 || self.pool.idle() >= used + self.idle_kept);
                if !leaves_enough || !self.start(*kind) {
                    too_large = gpus;
                }
            }
        }
    }

    fn front(&self, kind: Kind) -> Option<&'a Job> {
        self.queue.get(&kind)?.front().copied()
    }

    /// Starts the first job of a kind if it fits.
    fn start(&mut self, kind: Kind) -> bool {
        let Some(jobs) = self.queue.get_mut(&kind) else { return false };
        let Some(job) = jobs.front().copied() else { return false };
        let Some(parts) = self.pool.place(job.gpus, job.position, self.now_s) else { return false };
        jobs.pop_front();
        self.waits.start(job, self.now_s);
        *self.held.entry(job.tenant).or_default() += job.gpus;
        let member = self.history.admit(group(kind));
        let started_s = self.now_s;
        let running = Running { job, started_s, parts, member };
        self.running.insert((self.now_s + job.duration_s, job.position), running);
        true
    }
}

/// GPU-microseconds of a job.
fn service(job: &Job) -> u64 {
    job.duration_s.saturating_mul(u64::from(job.gpus)).saturating_mul(1_000_000)
}

fn group((tenant, gpus): Kind) -> GroupId {
    GroupId(u64::from(tenant) << 32 | u64::from(gpus))
}
