//! Reclaim: examples of each rule, and that no set of jobs can chase each other for ever.

use proptest::prelude::*;

use super::reference::Reference;
use super::{q, queue, specs};
use crate::share::{Claim, QueueIdx, QueueSpec, Rule, Tree};

/// Queues of 10 each below a root that has `own` besides, with what they have in use.
fn cohort(own: u64, queues: &[(u32, u64)]) -> Tree {
    let n_queues = queues.len() as u64;
    let mut specs = vec![queue(None, 1, own + 10 * n_queues)];
    specs.extend(queues.iter().map(|(weight, _)| queue(Some(0), *weight, 10)));
    let mut tree = Tree::new(1, &specs).unwrap();
    for (at, (_, used)) in (1..).zip(queues) {
        tree.charge(q(at), &[*used]).unwrap();
    }
    tree
}

fn check(
    tree: &Tree,
    (claimant, need): (u32, u64),
    (victim, held): (u32, u64),
    expected: Option<Rule>,
) {
    let claim = Claim { queue: q(claimant), need: &[need], missing: &[need] };
    let found = tree.may_reclaim(&claim, q(victim), &[held]);
    assert_eq!(found, expected, "queue {claimant} wants {need} from a job of {held} of {victim}");
}

#[test]
fn what_is_deserved_comes_back() {
    let tree = cohort(0, &[(1, 2), (1, 18)]);
    check(&tree, (1, 8), (2, 8), Some(Rule::Deserved));
    check(&tree, (1, 3), (2, 8), Some(Rule::Deserved));
    // Beyond what it deserves it would hold as much as the other, or more.
    check(&tree, (1, 9), (2, 8), Some(Rule::InitialShare));
    check(&tree, (1, 16), (2, 8), None);
    // The victim's queue would fall below what it deserves.
    check(&tree, (1, 8), (2, 9), None);
    // Nobody takes from a queue that does not borrow, nor from itself.
    check(&tree, (2, 1), (1, 1), None);
    check(&tree, (2, 1), (2, 1), None);
    check(&tree, (1, 1), (0, 1), None);
    check(&tree, (7, 1), (2, 1), None);
}

#[test]
fn borrowers_even_out() {
    // Of 30 of its own the root has lent 20 to the one and nothing to the other.
    let tree = cohort(30, &[(1, 10), (1, 30), (1, 10)]);
    check(&tree, (1, 10), (2, 10), Some(Rule::FinalShare));
    check(&tree, (1, 10), (2, 11), Some(Rule::InitialShare));
    check(&tree, (1, 19), (2, 10), Some(Rule::InitialShare));
    check(&tree, (1, 20), (2, 10), None);
    // Twice the weight, twice the part: 26 more are 13 for each unit of weight.
    let tree = cohort(30, &[(2, 10), (1, 30), (1, 10)]);
    check(&tree, (1, 20), (2, 10), Some(Rule::FinalShare));
    check(&tree, (1, 39), (2, 10), Some(Rule::InitialShare));
    check(&tree, (1, 40), (2, 10), None);
    // Who has no weight gives way to anybody who has, and among those the larger gives way.
    let tree = cohort(30, &[(0, 10), (0, 20), (1, 25)]);
    check(&tree, (3, 99), (2, 5), Some(Rule::FinalShare));
    check(&tree, (1, 5), (2, 5), Some(Rule::FinalShare));
    check(&tree, (1, 10), (2, 5), None);
    check(&tree, (1, 1), (3, 5), None);
}

#[test]
fn branches_are_compared_where_they_fork() {
    // Two organisations of 20; the first has two projects of 10, the second one of 20.
    let specs = [
        queue(None, 1, 40),
        queue(Some(0), 1, 20),
        queue(Some(0), 1, 20),
        queue(Some(1), 1, 10),
        queue(Some(1), 1, 10),
        queue(Some(2), 1, 20),
    ];
    let mut tree = Tree::new(1, &specs).unwrap();
    tree.charge(q(3), &[10]).unwrap();
    tree.charge(q(5), &[30]).unwrap();
    // The project has what it deserves, but its organisation has not.
    check(&tree, (3, 10), (5, 10), Some(Rule::Deserved));
    check(&tree, (3, 11), (5, 10), Some(Rule::InitialShare));
    // Inside the organisation the idle project gets its part from the other.
    tree.discharge(q(5), &[10]).unwrap();
    tree.charge(q(3), &[10]).unwrap();
    check(&tree, (4, 10), (3, 10), Some(Rule::Deserved));
    check(&tree, (4, 10), (5, 10), None);
}

#[test]
fn useless_victims_are_left_alone() {
    let two = |parent, deserved: [u64; 2]| QueueSpec {
        parent,
        weight: 1,
        deserved: deserved.to_vec(),
        ..QueueSpec::default()
    };
    let mut specs = [two(None, [20, 20]), two(Some(q(0)), [10, 10]), two(Some(q(0)), [10, 10])];
    let mut tree = Tree::new(2, &specs).unwrap();
    tree.charge(q(2), &[20, 5]).unwrap();
    let claim = |missing| Claim { queue: q(1), need: &[5, 5], missing };
    // It holds nothing of what is missing.
    assert_eq!(tree.may_reclaim(&claim(&[0, 5]), q(2), &[5, 0]), None);
    assert_eq!(tree.may_reclaim(&claim(&[5, 0]), q(2), &[5, 0]), Some(Rule::Deserved));
    // What is not missing may fall below what is deserved; what is missing may not.
    assert_eq!(tree.may_reclaim(&claim(&[5, 0]), q(2), &[5, 5]), Some(Rule::Deserved));
    assert_eq!(tree.may_reclaim(&claim(&[5, 1]), q(2), &[5, 5]), None);
    // The job would break the limit of its own queue all the same.
    specs[1].limit = vec![None, Some(10)];
    tree = Tree::new(2, &specs).unwrap();
    tree.charge(q(1), &[0, 6]).unwrap();
    tree.charge(q(2), &[20, 5]).unwrap();
    assert_eq!(tree.may_reclaim(&claim(&[5, 0]), q(2), &[5, 0]), None);
    // A queue that was charged before it had such a limit may still have its other resource.
    specs[1].limit = vec![None, Some(10)];
    let gpus = Claim { queue: q(1), need: &[5, 0], missing: &[5, 0] };
    assert_eq!(tree.may_reclaim(&gpus, q(2), &[5, 0]), Some(Rule::Deserved));
}

/// Without these two rules the jobs below would take turns for ever.
#[test]
fn what_would_start_a_chase_is_refused() {
    let of = |parent: Option<u32>, deserved: [u64; 3]| QueueSpec {
        parent: parent.map(QueueIdx),
        weight: 1,
        deserved: deserved.to_vec(),
        ..QueueSpec::default()
    };
    // Stone, scissors, paper: each deserves what the next one borrows, and borrows itself.
    let specs = [
        of(None, [1, 1, 1]),
        of(Some(0), [1, 0, 0]),
        of(Some(0), [0, 1, 0]),
        of(Some(0), [0, 0, 1]),
    ];
    let mut tree = Tree::new(3, &specs).unwrap();
    tree.charge(q(2), &[1, 1, 0]).unwrap();
    let claim = Claim { queue: q(1), need: &[1, 0, 1], missing: &[1, 0, 0] };
    assert_eq!(tree.may_reclaim(&claim, q(2), &[1, 1, 0]), None);
    let modest = Claim { need: &[1, 0, 0], ..claim };
    assert_eq!(tree.may_reclaim(&modest, q(2), &[1, 1, 0]), Some(Rule::Deserved));
    // Two queues level in another resource: the job would make no difference to either.
    let specs = [of(None, [4, 8, 0]), of(Some(0), [0; 3]), of(Some(0), [0; 3])];
    let mut tree = Tree::new(3, &specs).unwrap();
    tree.charge(q(1), &[0, 4]).unwrap();
    tree.charge(q(2), &[1, 4]).unwrap();
    let claim = Claim { queue: q(1), need: &[1], missing: &[1] };
    assert_eq!(tree.may_reclaim(&claim, q(2), &[1]), None);
    tree.discharge(q(1), &[0, 1]).unwrap();
    assert_eq!(tree.may_reclaim(&claim, q(2), &[1]), None);
    assert_eq!(tree.may_reclaim(&claim, q(2), &[1, 1]), Some(Rule::FinalShare));
}

/// A chase over two levels, once found by drawing trees: inside the first branch the job of 6 is the
/// more modest for its weight, beside the second branch it is the larger one.
#[test]
fn a_branch_does_not_grow_beside_others_by_what_happens_inside() {
    let specs = [
        queue(None, 1, 7),
        queue(Some(0), 2, 0),
        queue(Some(1), 0, 0),
        queue(Some(1), 1, 0),
        queue(Some(0), 2, 0),
    ];
    let jobs = [(0, vec![3]), (1, vec![6]), (2, vec![5])];
    for seed in 0..100 {
        assert!(arena(&specs, &jobs, seed, false).settle(EVICTIONS_MAX), "seed {seed}");
    }
    let mut before = Tree::new(1, &specs).unwrap();
    before.charge(q(2), &[3]).unwrap();
    let claim = |need: &'static [u64]| Claim { queue: q(3), need, missing: need };
    assert_eq!(before.may_reclaim(&claim(&[6]), q(2), &[3]), Some(Rule::InitialShare));
    let mut without = before.clone();
    without.discharge(q(2), &[3]).unwrap();
    assert!(!without.keeps_shares(&before, &claim(&[6]), [q(2)]));
    assert!(without.keeps_shares(&before, &claim(&[3]), [q(2)]));
    // Its neighbours' jobs are no matter of the branch's own.
    assert!(without.keeps_shares(&before, &claim(&[6]), [q(4)]));
}

/// The same by way of another resource: the branch grows in the second, which nobody else wants, and
/// would turn that into the first.
#[test]
fn a_branch_does_not_turn_one_resource_into_another() {
    let of = |parent: Option<u32>, weight, deserved: [u64; 3], lends: [Option<u64>; 3]| QueueSpec {
        parent: parent.map(QueueIdx),
        weight,
        deserved: deserved.to_vec(),
        lending_limit: lends.to_vec(),
        ..QueueSpec::default()
    };
    let nothing = |parent, weight| of(Some(parent), weight, [0; 3], [None; 3]);
    let specs = [
        nothing(3, 0),
        nothing(6, 3),
        nothing(3, 1),
        nothing(6, 2),
        of(Some(6), 0, [15, 0, 0], [Some(8), None, None]),
        of(Some(6), 0, [0, 5, 0], [None, Some(2), None]),
        of(None, 0, [15, 7, 7], [None; 3]),
    ];
    let jobs = [(0, [1, 3, 0]), (0, [1, 1, 0]), (1, [8, 0, 0]), (2, [8, 0, 0])];
    let jobs = jobs.map(|(leaf, need)| (leaf, need.to_vec()));
    for seed in 0..100 {
        assert!(arena(&specs, &jobs, seed, false).settle(EVICTIONS_MAX), "seed {seed}");
    }
}

#[test]
fn a_job_across_the_bound_is_a_last_resort() {
    let tree = cohort(0, &[(1, 0), (1, 20)]);
    check(&tree, (1, 10), (2, 20), None);
    let claim = |need: &'static [u64]| Claim { queue: q(1), need, missing: need };
    assert!(tree.may_reclaim_across(&claim(&[10]), q(2), &[20]));
    assert!(!tree.may_reclaim_across(&claim(&[11]), q(2), &[20]));
    let even = cohort(0, &[(1, 0), (1, 10)]);
    assert!(!even.may_reclaim_across(&claim(&[10]), q(2), &[10]));
}

/// Jobs that wait, run and are ended, with an order that looks for trouble.
struct Arena {
    tree: Tree,
    jobs: Vec<(QueueIdx, Vec<u64>)>,
    running: Vec<usize>,
    waiting: Vec<usize>,
    seed: u64,
    evictions: usize,
    across: bool,
}

impl Arena {
    fn draw(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.seed >> 33) as usize % below
    }

    fn missing(&self, queue: QueueIdx, need: &[u64]) -> Vec<u64> {
        let room = |resource| self.tree.headroom(queue, resource);
        need.iter().enumerate().map(|(resource, n)| n.saturating_sub(room(resource))).collect()
    }

    /// Starts one waiting job if it fits, or if it may end others so that it does.
    fn start(&mut self, job: usize) -> bool {
        let (queue, need) = self.jobs[job].clone();
        let mut candidates = self.running.clone();
        let mut victims = Vec::new();
        // Those that only a comparison of shares gave up.
        let mut shared = Vec::new();
        let before = self.tree.clone();
        while self.tree.admit(queue, &need).is_err() {
            if candidates.is_empty() {
                break;
            }
            let at = self.draw(candidates.len());
            let victim = candidates.swap_remove(at);
            let missing = self.missing(queue, &need);
            let claim = Claim { queue, need: &need, missing: &missing };
            if let Some(rule) = self.may_end(&claim, victim) {
                let (queue, held) = self.jobs[victim].clone();
                if rule != Rule::Deserved {
                    shared.push(queue);
                }
                self.tree.discharge(queue, &held).unwrap();
                victims.push(victim);
            }
        }
        let claim = Claim { queue, need: &need, missing: &need };
        let is_calm = self.tree.keeps_shares(&before, &claim, shared);
        if !is_calm || self.tree.admit(queue, &need).is_err() {
            for victim in victims {
                let (queue, held) = &self.jobs[victim];
                self.tree.charge(*queue, held).unwrap();
            }
            return false;
        }
        self.tree.charge(queue, &need).unwrap();
        self.running.retain(|job| !victims.contains(job));
        self.running.push(job);
        self.waiting.retain(|waiting| *waiting != job);
        self.evictions += victims.len();
        self.waiting.extend(victims);
        true
    }

    fn may_end(&self, claim: &Claim<'_>, victim: usize) -> Option<Rule> {
        let (queue, held) = &self.jobs[victim];
        let rule = self.tree.may_reclaim(claim, *queue, held);
        if rule.is_some() {
            for (resource, held) in held.iter().enumerate() {
                let rest = self.tree.allocated(*queue)[resource] - held;
                let taken = *held > 0 && claim.missing[resource] > 0;
                assert!(!taken || rest >= self.tree.deserved(*queue, resource));
            }
        }
        let across = || self.across && self.tree.may_reclaim_across(claim, *queue, held);
        rule.or_else(|| across().then_some(Rule::Deserved))
    }

    /// Starts what can start until nothing can, or `evictions_max` jobs were ended.
    fn settle(&mut self, evictions_max: usize) -> bool {
        while self.evictions <= evictions_max {
            let mut order = self.waiting.clone();
            let mut started = false;
            while !order.is_empty() {
                let at = self.draw(order.len());
                let job = order.swap_remove(at);
                started |= self.waiting.contains(&job) && self.start(job);
            }
            if !started {
                return true;
            }
        }
        false
    }
}

fn arena(specs: &[QueueSpec], jobs: &[(u32, Vec<u64>)], seed: u64, across: bool) -> Arena {
    let n_resources = specs[0].deserved.len();
    let leaves = Reference::new(specs, n_resources).leaves();
    let leaf = |number: u32| QueueIdx::from_position(leaves[number as usize % leaves.len()]);
    let jobs: Vec<_> = jobs.iter().map(|(at, need)| (leaf(*at), need.clone())).collect();
    let waiting = (0..jobs.len()).collect();
    let tree = Tree::new(n_resources, specs).unwrap();
    Arena { tree, jobs, running: Vec::new(), waiting, seed, evictions: 0, across }
}

fn jobs(n_resources: usize) -> impl Strategy<Value = Vec<(u32, Vec<u64>)>> {
    prop::collection::vec((any::<u32>(), prop::collection::vec(0u64..9, n_resources)), 1..14)
}

/// Far more than any of these arenas takes: a chase would go on for ever.
const EVICTIONS_MAX: usize = 5_000;

proptest! {
    #[test]
    fn two_queues_cannot_chase_each_other(
        own in 0u64..12,
        deserved in [0u64..12, 0u64..12],
        weights in [0u32..4, 0u32..4],
        jobs in jobs(1),
        seed in any::<u64>(),
        across in any::<bool>(),
    ) {
        let specs = [
            queue(None, 1, own + deserved[0] + deserved[1]),
            queue(Some(0), weights[0], deserved[0]),
            queue(Some(0), weights[1], deserved[1]),
        ];
        let specs = specs.map(|spec| QueueSpec { lending_limit: vec![None], ..spec });
        prop_assert!(arena(&specs, &jobs, seed, across).settle(EVICTIONS_MAX));
    }

    #[test]
    fn reclaim_ends_in_any_tree(
        specs in specs(8, 1),
        jobs in jobs(1),
        seed in any::<u64>(),
        across in any::<bool>(),
    ) {
        prop_assert!(arena(&specs, &jobs, seed, across).settle(EVICTIONS_MAX));
    }

    #[test]
    fn reclaim_of_several_resources_ends_in_any_tree(
        specs in specs(8, 3),
        jobs in jobs(3),
        seed in any::<u64>(),
        across in any::<bool>(),
    ) {
        prop_assert!(arena(&specs, &jobs, seed, across).settle(EVICTIONS_MAX));
    }
}
