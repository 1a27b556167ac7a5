//! Cross entropy of logits against target tokens, and its gradient.

use crate::kernel::lanes::{self, exp};

/// Sum of −ln p(target) over the rows of `logits`, which become their own gradient times `scale`.
///
/// Returns the loss of every row through `losses`.
pub(crate) fn cross_entropy(logits: &mut [f32], targets: &[u32], scale: f32, losses: &mut [f32]) {
    if targets.is_empty() {
        return;
    }
    let width = logits.len() / targets.len();
    lanes::run(
        #[inline(always)]
        || {
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
        },
    );
}

/// Turns one row of scores into probabilities, in place; for use inside a kernel.
#[inline(always)]
pub(crate) fn softmax_inline(row: &mut [f32]) {
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
