//! May a job of one queue end a job of another, to have what that one borrowed?
//!
//! Two queues are compared below their lowest common ancestor, where their branches fork: what
//! happens inside a branch is no matter between branches. A branch's *borrowed share* is the
//! largest part, over the resources, that what it takes beyond its quota has of all that could
//! come to it, divided by its weight; with weight 0 it is larger than any other.
//!
//! Must never take from a queue that does not borrow, nor take it below what it deserves, nor let
//! two queues take the same things from each other again and again. `share/tests/reclaim.rs` tries
//! to make them.

use serde::{Deserialize, Serialize};

use super::ratio::Ratio;
use super::{QueueIdx, Tree};

/// A job that waits and would have something from others.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Its queue.
    pub queue: QueueIdx,
    /// All that it needs, by resource.
    pub need: &'a [u64],
    /// What of each resource is still missing, be it quota or room on machines; 0 where there is
    /// enough. Only these resources are taken from others.
    pub missing: &'a [u64],
}

/// Why it may, strongest first. A caller that has the choice takes victims of a stronger rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// With the job the claiming branch stays within what it deserves.
    Deserved,
    /// With the job the claiming branch's borrowed share is at most that of the victim's branch
    /// without the victim (Kueue's `LessThanOrEqualToFinalShare`).
    FinalShare,
    /// With the job the claiming branch's borrowed share is less than that of the victim's branch
    /// now (Kueue's `LessThanInitialShare`).
    InitialShare,
}

/// How much a branch borrows: whether it has no weight, then the dominant share.
type Borrowed = (bool, Ratio);

/// What is taken from a branch, or added to it.
#[derive(Clone, Copy)]
enum Change<'a> {
    None,
    More(&'a [u64]),
    Less(&'a [u64]),
}

/// A claim against one job.
#[derive(Clone, Copy)]
struct Contest<'a> {
    claim: Claim<'a>,
    /// The queue above the claimant, or itself, below the lowest common ancestor.
    claimant_branch: QueueIdx,
    victim: QueueIdx,
    /// What the victim would give back.
    held: &'a [u64],
    /// The same on the victim's side.
    victim_branch: QueueIdx,
}

impl Tree {
    /// Whether the claim justifies ending one job of another queue now. For several victims ask,
    /// discharge, and ask for the next; then admit the job or charge all of them again. In
    /// O(depth × resources).
    ///
    /// `None` also where ending the job would be no use: it holds nothing of what is missing, or
    /// the claiming job would break a limit of its own branch.
    #[must_use]
    pub fn may_reclaim(&self, claim: &Claim<'_>, victim: QueueIdx, held: &[u64]) -> Option<Rule> {
        let contest = self.contest(claim, victim, held)?;
        let stays = |pooled: u64, held, quota| pooled.checked_sub(held).is_some_and(|n| n >= quota);
        if !self.borrows(&contest, stays) {
            return None;
        }
        let added = self.arriving(&contest.claim, contest.claimant_branch);
        if self.within_quota(contest.claimant_branch, &added) {
            return Some(Rule::Deserved);
        }
        let with_job = self.borrowed(contest.claimant_branch, Change::More(&added));
        let without_victim = self.borrowed(contest.victim_branch, Change::Less(held));
        let now = self.borrowed(contest.victim_branch, Change::None);
        // A victim without which the branch borrows as much as before would gain nothing, and
        // could come back: every step must lower the largest share.
        if without_victim >= now {
            None
        } else if with_job <= without_victim {
            Some(Rule::FinalShare)
        } else if with_job < now {
            Some(Rule::InitialShare)
        } else {
            None
        }
    }

    /// Whether a claim that stays within what its branch deserves may end a job *across* whose
    /// size the bound of a borrowing queue lies, so that the queue falls below what it deserves.
    /// [`Tree::may_reclaim`] never does this, and thereby a queue that runs one job of twice its
    /// deserved amount could never be made to give it back. A last resort; the caller decides.
    #[must_use]
    pub fn may_reclaim_across(&self, claim: &Claim<'_>, victim: QueueIdx, held: &[u64]) -> bool {
        self.contest(claim, victim, held).is_some_and(|contest| {
            self.borrows(&contest, |pooled, _, quota| pooled > quota)
                && self.within_quota(
                    contest.claimant_branch,
                    &self.arriving(&contest.claim, contest.claimant_branch),
                )
        })
    }

    /// Whether a claim that ended jobs of `victims` by comparing shares leaves every branch that it shares
    /// with them borrowing no more of any resource than before: `self` is without the victims, `before` is with them.
    ///
    /// What happens inside a branch is no matter between branches only while this holds. Else a job that is
    /// modest beside its victim inside a branch makes the branch larger beside its neighbours, which take
    /// it back, and it all begins again. A claim by [`Rule::Deserved`] need not be asked: nobody takes that back.
    #[must_use]
    pub fn keeps_shares(
        &self,
        before: &Self,
        claim: &Claim<'_>,
        victims: impl IntoIterator<Item = QueueIdx>,
    ) -> bool {
        let forks = victims.into_iter().filter_map(|victim| self.shape.fork(claim.queue, victim));
        let common = forks.filter_map(|(branch, _)| self.shape.parent(branch));
        // Above the lowest fork all branches are common; a root has no neighbours.
        let lowest = common.max_by_key(|branch| self.shape.path(*branch).count());
        let above = lowest.into_iter().flat_map(|branch| self.shape.path(branch));
        above.filter(|branch| self.shape.parent(*branch).is_some()).all(|branch| {
            let added = self.arriving(claim, branch);
            added.iter().enumerate().filter(|(_, added)| **added > 0).all(|(resource, added)| {
                let with_job = self.cell(branch, resource).pooled.saturating_add(*added);
                let was = before.cell(branch, resource);
                with_job <= was.pooled.max(was.quota)
            })
        })
    }

    /// The two sides, if ending the victim is of any use.
    fn contest<'a>(
        &self,
        claim: &Claim<'a>,
        victim: QueueIdx,
        held: &'a [u64],
    ) -> Option<Contest<'a>> {
        if !self.is_leaf(claim.queue) || !self.is_leaf(victim) {
            return None;
        }
        if !held.iter().zip(claim.missing).any(|(held, missing)| *held > 0 && *missing > 0) {
            return None;
        }
        let (claimant_branch, victim_branch) = self.shape.fork(claim.queue, victim)?;
        let allowed = claim.need.iter().enumerate().all(|(resource, need)| {
            let up_to = Some(claimant_branch);
            *need == 0 || self.obstacle(claim.queue, resource, *need, up_to).is_none()
        });
        let claim = *claim;
        allowed.then_some(Contest { claim, claimant_branch, victim, held, victim_branch })
    }

    /// Whether the victim's queue, and all above it in its branch, borrow each missing resource
    /// that the victim holds, in the sense given: from pool, held amount and quota.
    fn borrows(&self, contest: &Contest<'_>, borrows: impl Fn(u64, u64, u64) -> bool) -> bool {
        let Contest { claim, victim, held, victim_branch, .. } = *contest;
        let above = self.shape.parent(victim_branch);
        held.iter().zip(claim.missing).enumerate().all(|(resource, (held, missing))| {
            let in_branch = self.shape.path(victim).take_while(|queue| Some(*queue) != above);
            *held == 0
                || *missing == 0
                || in_branch.into_iter().all(|queue| {
                    let cell = self.cell(queue, resource);
                    borrows(cell.pooled, *held, cell.quota)
                })
        })
    }

    /// What of the claim's need comes to a branch above it, after what the queues below it still keep.
    fn arriving(&self, claim: &Claim<'_>, branch: QueueIdx) -> Vec<u64> {
        let below = || self.shape.path(claim.queue).take_while(|queue| *queue != branch);
        let passed = |(resource, need): (usize, &u64)| {
            below().fold(*need, |passed, queue| self.cell(queue, resource).passed_on(passed))
        };
        claim.need.iter().enumerate().map(passed).collect()
    }

    fn within_quota(&self, branch: QueueIdx, added: &[u64]) -> bool {
        added.iter().enumerate().filter(|(_, added)| **added > 0).all(|(resource, added)| {
            let cell = self.cell(branch, resource);
            cell.pooled.checked_add(*added).is_some_and(|sum| sum <= cell.quota)
        })
    }

    fn borrowed(&self, branch: QueueIdx, change: Change<'_>) -> Borrowed {
        let weight = u128::from(self.shape.weight(branch));
        let mut largest = Ratio::ZERO;
        for resource in 0..self.n_resources() {
            let cell = self.cell(branch, resource);
            let at = |amounts: &[u64]| amounts.get(resource).copied().unwrap_or(0);
            let pooled = match change {
                Change::None => cell.pooled,
                Change::More(added) => cell.pooled.saturating_add(at(added)),
                Change::Less(taken) => cell.pooled.saturating_sub(at(taken)),
            };
            let over = pooled.saturating_sub(cell.quota);
            let parent = self.shape.parent(branch);
            let lendable = parent.map_or(0, |parent| self.cell(parent, resource).potential);
            // Without a weight the shares of those who have none are compared unweighted.
            let under = u128::from(lendable).wrapping_mul(weight.max(1));
            largest = largest.max(if over > 0 { Ratio::new(over, under) } else { Ratio::ZERO });
        }
        (weight == 0 && largest > Ratio::ZERO, largest)
    }
}
