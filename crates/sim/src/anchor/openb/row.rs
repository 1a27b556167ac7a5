//! The figures of one policy on one list.
//!
//! Must keep ours and the published ones apart.

/// Percent of the GPUs asked, at which allocation is reported.
pub(super) const PERCENTS: [usize; 3] = [95, 100, 130];
/// The same for fragments.
pub(super) const FRAGMENTS_AT: [usize; 4] = [80, 90, 95, 100];

/// How far runs are from the published ones, cell by cell; a cell is one percent asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Cells that both have.
    pub cells: u32,
    /// Cells within 0.01 points: as near as figures can be that were rounded twice.
    pub near: u32,
    /// The largest distance in thousandths of a point.
    pub farthest: u64,
}

/// One policy on one list; percentages in thousandths of a point, means over the seeds.
#[derive(Debug, Clone)]
pub struct Row {
    /// The list.
    pub list: String,
    /// The policy by its published name, or `Worth`.
    pub policy: &'static str,
    /// Whether the list was made here.
    pub derived: bool,
    /// Pods that arrive, at most over the seeds.
    pub pods: usize,
    /// Allocated at 95, 100 and 130 % asked.
    pub allocated: [Option<i64>; 3],
    /// Fragments at 80, 90, 95 and 100 % asked.
    pub fragments: [Option<i64>; 4],
    /// The published runs with the same seeds, each by percent asked.
    pub published: Vec<Vec<Option<i64>>>,
    /// Each deterministic run against its published one.
    pub compared: Vec<Comparison>,
    /// Pods that arrived until all GPUs were asked and those dropped, over all runs: without GPU,
    /// share, one, several.
    pub dropped: [(u64, u64); 4],
    /// Nanoseconds of each pass.
    pub pass_ns: Vec<u64>,
}

impl Row {
    pub(super) fn new(list: &str, policy: &'static str, derived: bool) -> Self {
        Self {
            list: list.to_owned(),
            policy,
            derived,
            pods: 0,
            allocated: [None; 3],
            fragments: [None; 4],
            published: Vec::new(),
            compared: Vec::new(),
            dropped: [(0, 0); 4],
            pass_ns: Vec::new(),
        }
    }

    /// The mean of the published runs at this percent asked.
    #[must_use]
    pub fn published_at(&self, percent: usize) -> Option<i64> {
        let cells = self.published.iter().filter_map(|run| run.get(percent).copied().flatten());
        let cells: Vec<i64> = cells.collect();
        let many = i64::try_from(cells.len()).ok().filter(|many| *many > 0)?;
        Some((cells.iter().sum::<i64>() * 2 + many).div_euclid(2 * many))
    }

    /// Allocated when all GPUs were asked.
    #[must_use]
    pub fn at_full(&self) -> Option<i64> {
        let [_, full, _] = self.allocated;
        full
    }

    /// All comparisons together.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        self.compared.iter().fold(Comparison::default(), |sum, one| Comparison {
            cells: sum.cells + one.cells,
            near: sum.near + one.near,
            farthest: sum.farthest.max(one.farthest),
        })
    }
}
