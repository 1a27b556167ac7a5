//! The best start for every slot of a series at once, by a sliding minimum over prefix sums: for
//! planners that ask often for work of the same class, so that each question costs O(1).

use std::collections::VecDeque;

use super::series::Series;

/// For one length and one bound on waiting: where work that arrives at the start of a slot begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartTable {
    starts: Vec<u32>,
}

impl StartTable {
    /// Prepares the answers for work of so many slots that may wait so many slots. O(slots).
    #[must_use]
    pub fn new(series: &Series, length_slots: usize, wait_slots: usize) -> Self {
        let n_starts = series.values().len().saturating_add(1).saturating_sub(length_slots);
        let cost = |slot: usize| {
            let end = slot.saturating_add(length_slots);
            series.sum(series.slot_start_s(slot), series.slot_start_s(end)).unwrap_or(u64::MAX)
        };
        let mut starts = Vec::new();
        // Candidates with costs that rise: whoever is later and no better can never be the answer.
        let mut window: VecDeque<(u64, usize)> = VecDeque::new();
        for start in 0..n_starts {
            let candidate = cost(start);
            while window.back().is_some_and(|(other, _)| *other > candidate) {
                window.pop_back();
            }
            window.push_back((candidate, start));
            let Some(arrival) = start.checked_sub(wait_slots) else { continue };
            while window.front().is_some_and(|(_, slot)| *slot < arrival) {
                window.pop_front();
            }
            let best = window.front().map_or(start, |(_, slot)| *slot);
            starts.push(u32::try_from(best).unwrap_or(u32::MAX));
        }
        Self { starts }
    }

    /// The slot in which work that arrives at the start of this slot begins: the least mean
    /// intensity, the earliest of several. `None` where the series ends before work that waits as
    /// long as it may could be done.
    #[must_use]
    pub fn start(&self, arrival: usize) -> Option<usize> {
        self.starts.get(arrival).and_then(|slot| usize::try_from(*slot).ok())
    }
}
