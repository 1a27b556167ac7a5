//! How many free GPUs of a node will be left without processor.
//!
//! FGD sees that a node ran out of processor only when the next piece of work no longer fits. This
//! looks further: `expected(k, c)` is the number of GPUs out of `k` that stay empty when work as it
//! usually comes fills the node from `c` milli of processor, each piece being offered in its turn,
//! skipped when it does not fit, and the node given up with a fixed chance per piece. It must never
//! look at one particular node: a table serves all nodes of a model.

use super::need::{Class, Gpus, Model, WHOLE_MILLI};
use super::node::GPUS_MAX;

/// Chance that a node gets nothing more, against one more piece of work: 1 to 10. The lower it is,
/// the longer a node may wait for the one rare piece that still fits.
const PATIENCE_PPM: i64 = 100_000;
const PPM: i64 = 1_000_000;
/// Steps into which the processor of the largest node is divided.
const STEPS: u32 = 1_280;
/// Stranded GPUs are counted in millionths.
const ONE: i64 = 1_000_000;

/// What one GPU's worth of some class takes: steps of processor, and its part of the demand.
type Slice = (usize, i64);

/// Expected stranded GPUs for every model, number of free GPUs and free processor.
#[derive(Debug, Clone)]
pub(super) struct Stranding {
    step_milli: u32,
    /// The last row of each table.
    gpus_max: usize,
    tables: Vec<Vec<i64>>,
    /// The table of each model; models above 63 share the last one.
    of_model: Vec<usize>,
}

impl Stranding {
    pub(super) fn new(typical: &[Class], cpu_milli_max: u32, gpus_max: usize) -> Self {
        let step_milli = cpu_milli_max.div_ceil(STEPS).max(1);
        let mut slices: Vec<Vec<Slice>> = Vec::new();
        let mut of_model = Vec::new();
        for model in 0..=64 {
            let of_this = slices_of(typical, Model(model), step_milli);
            let known = slices.iter().position(|known| *known == of_this);
            of_model.push(known.unwrap_or(slices.len()));
            if known.is_none() {
                slices.push(of_this);
            }
        }
        let gpus_max = gpus_max.min(GPUS_MAX);
        Self {
            step_milli,
            gpus_max,
            tables: slices.iter().map(|slices| table(slices, gpus_max)).collect(),
            of_model,
        }
    }

    /// Millionths of a GPU that stay empty, of `gpus` free GPUs in millionths.
    pub(super) fn expected(&self, model: Model, gpus: i64, cpu_milli: u32) -> i64 {
        let table = self.of_model.get(usize::from(model.0.min(64))).copied().unwrap_or(0);
        let Some(table) = self.tables.get(table) else { return 0 };
        let step = cpu_milli.checked_div(self.step_milli).unwrap_or(0).min(STEPS);
        let step = usize::try_from(step).unwrap_or(0);
        let at = |gpus: i64| {
            let row = usize::try_from(gpus).unwrap_or(0).min(self.gpus_max);
            let row = row.saturating_mul(width());
            table.get(row.saturating_add(step)).copied().unwrap_or(0)
        };
        let (whole, part) = (gpus.div_euclid(ONE), gpus.rem_euclid(ONE));
        let (below, above) = (at(whole), at(whole.saturating_add(1)));
        let rise = above.saturating_sub(below).saturating_mul(part);
        below.saturating_add(rise.div_euclid(ONE))
    }
}

fn width() -> usize {
    usize::try_from(STEPS).unwrap_or(0).saturating_add(1)
}

/// The demand that may run on a model, per GPU: a share as often as it fits one GPU, several GPUs
/// in equal parts. Sorted by processor; the parts sum up to a million, or there are none.
fn slices_of(typical: &[Class], model: Model, step_milli: u32) -> Vec<Slice> {
    let usable = typical.iter().filter(|class| class.need.models.has(model));
    let mut slices: Vec<Slice> = Vec::new();
    for class in usable {
        let cpu = class.need.cpu_milli;
        let cpu = match class.need.gpus {
            Gpus::None => continue,
            Gpus::Share { .. } => {
                let fit = WHOLE_MILLI.checked_div(class.need.gpus.milli_each()).unwrap_or(1);
                cpu.saturating_mul(u32::from(fit))
            }
            Gpus::Whole { count } => cpu.checked_div(u32::from(count.max(1))).unwrap_or(cpu),
        };
        let steps = usize::try_from(cpu.div_ceil(step_milli.max(1))).unwrap_or(usize::MAX);
        slices.push((steps, class.need.gpus.milli().saturating_mul(i64::from(class.count))));
    }
    slices.sort_unstable();
    let total: i64 = slices.iter().map(|(_, weight)| *weight).sum();
    let mut merged: Vec<Slice> = Vec::new();
    for (steps, weight) in slices {
        let part = weight.saturating_mul(PPM).checked_div(total).unwrap_or(0);
        match merged.last_mut() {
            Some(last) if last.0 == steps => last.1 = last.1.saturating_add(part),
            Some(_) | None => merged.push((steps, part)),
        }
    }
    merged
}

/// Rows by free GPUs, columns by steps of free processor.
fn table(slices: &[Slice], gpus_max: usize) -> Vec<i64> {
    let mut cells = vec![0_i64; width()];
    cells.reserve(width().saturating_mul(gpus_max));
    for gpus in 1..=gpus_max {
        let before = cells.len().saturating_sub(width());
        let empty = i64::try_from(gpus).unwrap_or(0).saturating_mul(ONE);
        for step in 0..width() {
            let mut sum = empty.saturating_mul(PATIENCE_PPM);
            let mut chances = PATIENCE_PPM;
            for (needed, part) in slices {
                let Some(left) = step.checked_sub(*needed) else { break };
                let after = cells.get(before.saturating_add(left)).copied().unwrap_or(0);
                sum = sum.saturating_add(after.saturating_mul(*part));
                chances = chances.saturating_add(*part);
            }
            cells.push(sum.checked_div(chances).unwrap_or(0));
        }
    }
    cells
}
