//! Root-mean-square normalisation (Zhang and Sennrich 2019) and its gradient.

use pulp::NullaryFnOnce;

use crate::kernel::lanes;

/// out = x / sqrt(mean(x²) + ε) · gain for each row; the reciprocal roots are kept for the gradient.
#[derive(Debug)]
pub(crate) struct Forward<'a> {
    pub(crate) epsilon: f32,
    pub(crate) gain: &'a [f32],
    pub(crate) x: &'a [f32],
    pub(crate) out: &'a mut [f32],
    pub(crate) reciprocal: &'a mut [f32],
}

impl NullaryFnOnce for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { epsilon, gain, x, out, reciprocal } = self;
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
    }
}

/// Adds the gradient by x to `x_gradient` and the gradient by the gain to `gain_gradient`.
#[derive(Debug)]
pub(crate) struct Backward<'a> {
    pub(crate) gain: &'a [f32],
    pub(crate) x: &'a [f32],
    pub(crate) reciprocal: &'a [f32],
    pub(crate) out_gradient: &'a [f32],
    pub(crate) x_gradient: &'a mut [f32],
    pub(crate) gain_gradient: &'a mut [f32],
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { gain, x, reciprocal, out_gradient, x_gradient, gain_gradient } = self;
        let width = gain.len();
        let rows = x.chunks_exact(width).zip(out_gradient.chunks_exact(width));
        let rows = rows.zip(x_gradient.chunks_exact_mut(width)).zip(reciprocal);
        for (((x, dy), dx), scale) in rows {
            let scale = *scale;
            for ((dg, dy), x) in gain_gradient.iter_mut().zip(dy).zip(x) {
                *dg = (dy * scale).mul_add(*x, *dg);
            }
            let projection = lanes::weighted_dot(gain, dy, x);
            let shrink = projection * scale * scale * scale / width as f32;
            for (((dx, dy), x), gain) in dx.iter_mut().zip(dy).zip(x).zip(gain) {
                *dx += (gain * dy).mul_add(scale, -(x * shrink));
            }
        }
    }
}
