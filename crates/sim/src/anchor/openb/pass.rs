//! One pass of one policy: every pod is placed or dropped, and after each the shares are noted.
//!
//! Must never retry, reorder or look ahead.

use sched::frag::{Gpus, Mix, Need, Packer, Policy};

use super::Arrivals;

/// Work by what it asks, for counting what was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No GPU.
    Cpu,
    /// A part of one.
    Share,
    /// One.
    One,
    /// Several.
    Several,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Share, Self::One, Self::Several];

    fn of(gpus: Gpus) -> Self {
        match gpus {
            Gpus::None => Self::Cpu,
            Gpus::Share { .. } => Self::Share,
            Gpus::Whole { count: 0 | 1 } => Self::One,
            Gpus::Whole { .. } => Self::Several,
        }
    }
}

/// Sums over the events at which so many percent of the GPUs were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    events: i128,
    allocated_milli: i128,
    fragment_milli_counts: i128,
}

/// What a pass gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    capacity_milli: i128,
    counts: i128,
    cells: Vec<Cell>,
    /// Pods that arrived until all GPUs were asked, and those of them that were dropped, in the
    /// order of [`Kind::ALL`].
    pub dropped: [(u32, u32); 4],
}

impl Pass {
    /// Thousandths of a percent of the GPUs that were allocated when so many percent had been
    /// asked: the mean over all events that round to it. `None` if there were none.
    #[must_use]
    pub fn allocated(&self, percent: usize) -> Option<i64> {
        let cell = self.cells.get(percent)?;
        mean(cell.allocated_milli, cell.events * self.capacity_milli)
    }

    /// The same for GPUs that were fragments.
    #[must_use]
    pub fn fragments(&self, percent: usize) -> Option<i64> {
        let cell = self.cells.get(percent)?;
        mean(cell.fragment_milli_counts, cell.events * self.capacity_milli * self.counts)
    }
}

/// Thousandths of a percent, rounded.
fn mean(sum: i128, of: i128) -> Option<i64> {
    let scaled = (sum * 200_000).checked_div(of)?;
    i64::try_from((scaled + 1) / 2).ok()
}

/// Runs the pods through one policy.
#[must_use]
pub fn pass(arrivals: &Arrivals, mix: &Mix, policy: Policy) -> Pass {
    let mut packer = Packer::new(&arrivals.nodes, mix, policy);
    let counts = packer.fragmentation().counts.max(1);
    walk(arrivals, counts, |need| {
        let placed = packer.choose(need).is_some_and(|choice| packer.take(need, choice).is_ok());
        (placed, packer.fragmentation().milli_counts)
    })
}

/// Offers each pod once; what is answered is whether it was placed, and the fragments then, in
/// thousandths times `counts`. With no counts nothing is said of fragments.
pub(super) fn walk(
    arrivals: &Arrivals,
    counts: i64,
    mut offer: impl FnMut(&Need) -> (bool, i64),
) -> Pass {
    let mut pass = Pass {
        capacity_milli: i128::from(arrivals.capacity_milli),
        counts: i128::from(counts),
        cells: Vec::new(),
        dropped: [(0, 0); 4],
    };
    let (mut arrived, mut allocated) = (0_i64, 0_i64);
    for need in &arrivals.needs {
        arrived += need.gpus.milli();
        let (placed, fragments) = offer(need);
        allocated += if placed { need.gpus.milli() } else { 0 };
        if arrived <= arrivals.capacity_milli {
            let kind = Kind::ALL.iter().position(|kind| *kind == Kind::of(need.gpus));
            if let Some(dropped) = kind.and_then(|kind| pass.dropped.get_mut(kind)) {
                dropped.0 += 1;
                dropped.1 += u32::from(!placed);
            }
        }
        let at = percent(arrived, arrivals.capacity_milli);
        if pass.cells.len() <= at {
            pass.cells.resize(at + 1, Cell::default());
        }
        if let Some(cell) = pass.cells.get_mut(at) {
            cell.events += 1;
            cell.allocated_milli += i128::from(allocated);
            cell.fragment_milli_counts += i128::from(fragments);
        }
    }
    pass
}

/// Percent, rounded, and a half to the even neighbour, as the artifact's analysis rounds.
fn percent(part: i64, whole: i64) -> usize {
    let (percent, rest) = (part * 100 / whole, part * 100 % whole);
    let up = match (2 * rest).cmp(&whole) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal => percent % 2,
        std::cmp::Ordering::Greater => 1,
    };
    usize::try_from(percent + up).unwrap_or(0)
}
