//! Which jobs to run in a small pool: the set whose work ends fastest, by exact search.
//!
//! Must never exceed the capacity, and must not depend on the order of equal sets: the first found
//! stays, with sizes from small to large and jobs of a size by service, then position.

use std::collections::BTreeMap;

/// Largest pool that [`best_set`] searches. Above it, serving in the order of keys loses little.
pub const CAPACITY_MAX: u32 = 4096;

/// A job that could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// GPUs it needs, all or none.
    pub gpus: u32,
    /// Service or effort to its end in GPU-microseconds.
    pub service: u64,
}

/// Worth of a job is ends per time in these units, which keep 30 bits for a GPU-year.
const WORTH_BITS: u32 = 80;

/// The best worth so far with at most so many GPUs, and how many jobs of each size it takes.
#[derive(Clone, Default)]
struct Best {
    worth: u128,
    taken: Vec<(u32, usize)>,
}

/// Positions of the jobs to run, ascending: the set that maximises the sum of `gpus / service`, that
/// is of ends per time, among all that need at most `capacity` GPUs (cut to [`CAPACITY_MAX`]).
///
/// Serving in the order of `service` is the greedy answer to the same question; it differs where a
/// large job leaves a remainder that smaller, dearer jobs must fill. Takes O(jobs) steps
/// plus, for each distinct size, O(capacity² / size).
#[must_use]
pub fn best_set(candidates: &[Candidate], capacity: u32) -> Vec<usize> {
    let capacity = usize::try_from(capacity.min(CAPACITY_MAX)).unwrap_or(0);
    let sizes = by_size(candidates, capacity);
    let mut best = vec![Best::default(); capacity.saturating_add(1)];
    for (gpus, jobs) in &sizes {
        best = extended(&best, *gpus, jobs);
    }
    let taken = best.pop().unwrap_or_default().taken;
    let mut chosen: Vec<usize> = taken
        .iter()
        .filter_map(|(gpus, many)| sizes.get(gpus).map(|jobs| jobs.iter().take(*many)))
        .flatten()
        .map(|(_, position)| *position)
        .collect();
    chosen.sort_unstable();
    chosen
}

/// Jobs of each size, cheapest first, no more than fit.
fn by_size(candidates: &[Candidate], capacity: usize) -> BTreeMap<u32, Vec<(u64, usize)>> {
    let mut sizes: BTreeMap<u32, Vec<(u64, usize)>> = BTreeMap::new();
    for (position, job) in candidates.iter().enumerate().filter(|(_, job)| job.gpus > 0) {
        sizes.entry(job.gpus).or_default().push((job.service, position));
    }
    for (gpus, jobs) in &mut sizes {
        let size = usize::try_from(*gpus).unwrap_or(usize::MAX);
        let fit = capacity.checked_div(size).unwrap_or(0);
        if fit < jobs.len() {
            jobs.select_nth_unstable(fit);
            jobs.truncate(fit);
        }
        jobs.sort_unstable();
    }
    sizes
}

/// The table with one more size: for each capacity the best number of jobs of that size, cheapest first.
fn extended(best: &[Best], gpus: u32, jobs: &[(u64, usize)]) -> Vec<Best> {
    let size = usize::try_from(gpus).unwrap_or(usize::MAX);
    let mut extended = best.to_vec();
    for (capacity, target) in extended.iter_mut().enumerate() {
        let mut worth = 0u128;
        let mut winner = None;
        for (index, (service, _)) in jobs.iter().enumerate() {
            worth = worth.saturating_add(worth_of(gpus, *service));
            let many = index.saturating_add(1);
            let Some(rest) = capacity.checked_sub(many.saturating_mul(size)) else { break };
            let Some(before) = best.get(rest) else { break };
            let total = worth.saturating_add(before.worth);
            if total > target.worth {
                target.worth = total;
                winner = Some((rest, many));
            }
        }
        if let Some((rest, many)) = winner {
            target.taken = best.get(rest).map(|before| before.taken.clone()).unwrap_or_default();
            target.taken.push((gpus, many));
        }
    }
    extended
}

fn worth_of(gpus: u32, service: u64) -> u128 {
    let scaled = u128::from(gpus).checked_shl(WORTH_BITS).unwrap_or(0);
    scaled.checked_div(u128::from(service.max(1))).unwrap_or(0).max(1)
}
