//! Cross entropy of logits against target tokens, and its gradient.

use pulp::NullaryFnOnce;

use crate::kernel::lanes::{self, exp};

/// Sum of −ln p(target) over the rows of `logits`, which become their own gradient times `scale`.
///
/// Returns the loss of every row through `losses`.
pub(crate) fn cross_entropy(logits: &mut [f32], targets: &[u32], scale: f32, losses: &mut [f32]) {
    if targets.is_empty() {
        return;
    }
    let width = logits.len() / targets.len();
    lanes::run(CrossEntropy { width, logits, targets, scale, losses });
}

struct CrossEntropy<'a> {
    width: usize,
    logits: &'a mut [f32],
    targets: &'a [u32],
    scale: f32,
    losses: &'a mut [f32],
}

impl NullaryFnOnce for CrossEntropy<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { width, logits, targets, scale, losses } = self;
        for ((row, target), loss) in logits.chunks_exact_mut(width).zip(targets).zip(losses) {
            let target = *target as usize;
            let wanted = row[target];
            let (maximum, total) = exponentials(row);
            *loss = total.ln() + maximum - wanted;
            let factor = scale / total;
            for value in row.iter_mut() {
                *value *= factor;
            }
            row[target] -= scale;
        }
    }
}

/// Turns one row of scores into probabilities, in place; for use inside a kernel.
#[inline(always)]
pub(crate) fn softmax(row: &mut [f32]) {
    let (_, total) = exponentials(row);
    let factor = 1.0 / total;
    for value in row.iter_mut() {
        *value *= factor;
    }
}

/// Replaces a row by exp(row − max); returns the maximum and the sum.
#[inline(always)]
fn exponentials(row: &mut [f32]) -> (f32, f32) {
    let maximum = lanes::maximum(row);
    for value in row.iter_mut() {
        *value = exp(*value - maximum);
    }
    (maximum, lanes::sum(row))
}
