//! Histograms with fixed bounds that many threads fill at once: each thread has a cell of its own.
//!
//! Nothing here locks or allocates after the start. A reader adds the cells up while others write, so a sum
//! may lag its count by what is in flight; the next reading has it.

use std::cell::Cell as Slot;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::PROVIDER;
use crate::call::Operation;

/// Cells; threads beyond that many share them.
const CELLS: usize = 16;
/// Most bounds of a histogram.
const BOUNDS_MAX: usize = 17;

/// Upper bounds in microseconds, each with its text in seconds.
pub(crate) type Bounds = &'static [(u64, &'static str)];

/// `gen_ai.server.time_to_first_token` of the OpenTelemetry conventions advises these.
pub(crate) const FIRST_TOKEN: Bounds = &[
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (20_000, "0.02"),
    (40_000, "0.04"),
    (60_000, "0.06"),
    (80_000, "0.08"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (750_000, "0.75"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (7_500_000, "7.5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
];
/// `gen_ai.server.time_per_output_token` advises these from 10 ms on; small models are faster.
pub(crate) const TOKEN_GAP: Bounds = &[
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (75_000, "0.075"),
    (100_000, "0.1"),
    (150_000, "0.15"),
    (200_000, "0.2"),
    (300_000, "0.3"),
    (400_000, "0.4"),
    (500_000, "0.5"),
    (750_000, "0.75"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
];
/// `gen_ai.server.request.duration` advises these.
pub(crate) const DURATION: Bounds = &[
    (10_000, "0.01"),
    (20_000, "0.02"),
    (40_000, "0.04"),
    (80_000, "0.08"),
    (160_000, "0.16"),
    (320_000, "0.32"),
    (640_000, "0.64"),
    (1_280_000, "1.28"),
    (2_560_000, "2.56"),
    (5_120_000, "5.12"),
    (10_240_000, "10.24"),
    (20_480_000, "20.48"),
    (40_960_000, "40.96"),
    (81_920_000, "81.92"),
];
/// Waits of our own, which are mostly nothing.
pub(crate) const WAIT: Bounds = &[
    (100, "0.0001"),
    (1_000, "0.001"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (30_000_000, "30"),
];

thread_local! {
    static MINE: Slot<usize> = const { Slot::new(usize::MAX) };
}

/// The cell of this thread.
fn cell_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % CELLS);
        }
        mine.get()
    })
}

/// Microseconds of a duration.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// One thread's part, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Cell {
    /// How many fell between a bound and the one before; the last is for what exceeds all.
    buckets: [AtomicU64; BOUNDS_MAX + 1],
    sum_us: AtomicU64,
}

/// Durations by bucket.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: Bounds,
    cells: [Cell; CELLS],
}

/// What one stream has seen, counted without atomics until it is added to a histogram.
#[derive(Debug, Default)]
pub(crate) struct Tallied {
    buckets: [u32; BOUNDS_MAX + 1],
    sum_us: u64,
    count: u32,
}

impl Tallied {
    /// Counts one.
    pub(crate) fn note(&mut self, bounds: Bounds, us: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(bounds, us)) {
            *bucket = bucket.saturating_add(1);
        }
        self.sum_us = self.sum_us.saturating_add(us);
        self.count = self.count.saturating_add(1);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

fn bucket_of(bounds: Bounds, us: u64) -> usize {
    bounds.partition_point(|(bound_us, _)| *bound_us < us)
}

impl Histogram {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, cells: Default::default() }
    }

    fn cell(&self) -> Option<&Cell> {
        self.cells.get(cell_index())
    }

    /// Counts one duration.
    pub(crate) fn note(&self, us: u64) {
        let Some(cell) = self.cell() else { return };
        if let Some(bucket) = cell.buckets.get(bucket_of(self.bounds, us)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        cell.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Adds what a stream has counted under the same bounds, and empties it.
    pub(crate) fn add(&self, tallied: &mut Tallied) {
        let Some(cell) = self.cell() else { return };
        for (bucket, n) in cell.buckets.iter().zip(tallied.buckets) {
            if n > 0 {
                bucket.fetch_add(u64::from(n), Ordering::Relaxed);
            }
        }
        cell.sum_us.fetch_add(tallied.sum_us, Ordering::Relaxed);
        *tallied = Tallied::default();
    }

    /// Appends the Prometheus text.
    pub(crate) fn render(&self, name: &str, help: &str, out: &mut String) {
        head(name, help, out);
        self.render_series(name, "", out);
    }

    fn is_empty(&self) -> bool {
        let mut buckets = self.cells.iter().flat_map(|cell| &cell.buckets);
        buckets.all(|bucket| bucket.load(Ordering::Relaxed) == 0)
    }

    /// Appends its series; labels as `a="b",c="d"`.
    fn render_series(&self, name: &str, labels: &str, out: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let alone = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let mut count = 0_u64;
        for (index, bound) in self.bounds.iter().map(|(_, text)| *text).chain(["+Inf"]).enumerate()
        {
            let at = self.cells.iter().filter_map(|cell| cell.buckets.get(index));
            let here = at.fold(0_u64, |n, one| n.wrapping_add(one.load(Ordering::Relaxed)));
            count = count.wrapping_add(here);
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}");
        }
        let sums = self.cells.iter().map(|cell| cell.sum_us.load(Ordering::Relaxed));
        let sum_us = sums.fold(0_u64, u64::wrapping_add);
        let (seconds, rest) = (sum_us / 1_000_000, sum_us % 1_000_000);
        let _ = writeln!(out, "{name}_sum{alone} {seconds}.{rest:06}");
        let _ = writeln!(out, "{name}_count{alone} {count}");
    }
}

fn head(name: &str, help: &str, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
}

/// A histogram for each operation, with the labels that the GenAI conventions require.
#[derive(Debug)]
pub(crate) struct ByOperation([Histogram; Operation::ALL.len()]);

impl ByOperation {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Operation::ALL.map(|_| Histogram::new(bounds)))
    }

    /// Counts one duration.
    pub(crate) fn note(&self, operation: Operation, us: u64) {
        for (known, histogram) in Operation::ALL.iter().zip(&self.0) {
            if *known == operation {
                histogram.note(us);
            }
        }
    }

    /// Appends the Prometheus text: conversations, and whatever else was asked.
    pub(crate) fn render(&self, name: &str, help: &str, out: &mut String) {
        head(name, help, out);
        for (operation, histogram) in Operation::ALL.iter().zip(&self.0) {
            if *operation == Operation::Chat || !histogram.is_empty() {
                let labels = format!(
                    "gen_ai_operation_name=\"{}\",gen_ai_provider_name=\"{PROVIDER}\"",
                    operation.as_str()
                );
                histogram.render_series(name, &labels, out);
            }
        }
    }
}
