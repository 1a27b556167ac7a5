//! Root-mean-square normalisation (Zhang and Sennrich 2019) and its gradient.

use crate::kernel::lanes;

/// out = x / sqrt(mean(x²) + ε) · gain for each row; the reciprocal roots are kept for the gradient.
pub(crate) fn forward(
    epsilon: f32,
    gain: &[f32],
    x: &[f32],
    out: &mut [f32],
    reciprocal: &mut [f32],
) {
    lanes::run(
        #[inline(always)]
        || {
            let width = gain.len();
            let rows = x.chunks_exact(width).zip(out.chunks_exact_mut(width));
            for ((x, out), reciprocal) in rows.zip(reciprocal) {
                let mean = lanes::dot(x, x) / width as f32;
                let scale = 1.0 / (mean + epsilon).sqrt();
                *reciprocal = scale;
                for ((out, x), gain) in out.iter_mut().zip(x).zip(gain) {
                    *out = x * scale * gain;
                }
            }
        },
    );
}

/// What the gradient of a normalisation needs from the forward pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saved<'a> {
    pub(crate) gain: &'a [f32],
    pub(crate) x: &'a [f32],
    pub(crate) reciprocal: &'a [f32],
}

/// Adds the gradient by x to `x_gradient` and the gradient by the gain to `gain_gradient`.
pub(crate) fn backward(
    saved: Saved<'_>,
    out_gradient: &[f32],
    x_gradient: &mut [f32],
    gain_gradient: &mut [f32],
) {
    lanes::run(
        #[inline(always)]
        || {
            let Saved { gain, x, reciprocal } = saved;
            let width = gain.len();
            let rows = x.chunks_exact(width).zip(out_gradient.chunks_exact(width));
            for (((x, dy), dx), scale) in
                rows.zip(x_gradient.chunks_exact_mut(width)).zip(reciprocal)
            {
                let scale = *scale;
                for ((dg, dy), x) in gain_gradient.iter_mut().zip(dy).zip(x) {
                    *dg = (dy * scale).mul_add(*x, *dg);
                }
                let projection = weighted_dot(gain, dy, x);
                let shrink = projection * scale * scale * scale / width as f32;
                for (((dx, dy), x), gain) in dx.iter_mut().zip(dy).zip(x).zip(gain) {
                    *dx += (gain * dy).mul_add(scale, -(x * shrink));
                }
            }
        },
    );
}

/// Σ a·b·c over 16 fixed lanes.
#[inline(always)]
fn weighted_dot(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut sums = [0.0_f32; lanes::LANES];
    for (index, ((a, b), c)) in a.iter().zip(b).zip(c).enumerate() {
        let lane = index % lanes::LANES;
        sums[lane] = (a * b).mul_add(*c, sums[lane]);
    }
    lanes::sum(&sums)
}
