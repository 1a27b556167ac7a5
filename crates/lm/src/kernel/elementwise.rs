//! Rotary positions, the SwiGLU gate and the AdamW update: one output per input, no sums.

use pulp::NullaryFnOnce;

use crate::kernel::lanes::{self, exp};

/// Cosines and sines of rotary positions (Su et al. 2021), in the half-rotation layout of Hugging Face:
/// component `i` of a head turns with component `i + head_dim / 2`.
#[derive(Debug, Clone)]
pub(crate) struct Rotary {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotary {
    /// Tables for `positions` positions, computed in double precision.
    pub(crate) fn new(head_dim: usize, theta: f64, positions: usize) -> Self {
        let half = head_dim / 2;
        let mut cosines = Vec::with_capacity(positions * half);
        let mut sines = Vec::with_capacity(positions * half);
        for position in 0..positions {
            for i in 0..half {
                let frequency = theta.powf(-2.0 * i as f64 / head_dim as f64);
                let angle = position as f64 * frequency;
                cosines.push(angle.cos() as f32);
                sines.push(angle.sin() as f32);
            }
        }
        Self { half, cosines, sines }
    }

    /// Turns the first `heads` heads of every row by its position; `row` elements apart.
    pub(crate) fn turn(&self, rows: &mut [f32], row: usize, heads: usize, positions: &[u32]) {
        self.apply(rows, (row, heads), positions, 1.0);
    }

    /// The inverse of [`Rotary::turn`], which is also its gradient.
    pub(crate) fn turn_back(&self, rows: &mut [f32], row: usize, heads: usize, positions: &[u32]) {
        self.apply(rows, (row, heads), positions, -1.0);
    }

    fn apply(&self, rows: &mut [f32], shape: (usize, usize), positions: &[u32], direction: f32) {
        let (row, heads) = shape;
        lanes::run(Turn { tables: self, rows, row, heads, positions, direction });
    }
}

struct Turn<'a> {
    tables: &'a Rotary,
    rows: &'a mut [f32],
    row: usize,
    heads: usize,
    positions: &'a [u32],
    direction: f32,
}

impl NullaryFnOnce for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { tables, rows, row, heads, positions, direction } = self;
        let half = tables.half;
        for (values, position) in rows.chunks_exact_mut(row).zip(positions) {
            let start = *position as usize * half;
            let cosines = &tables.cosines[start..start + half];
            let sines = &tables.sines[start..start + half];
            for head in values.chunks_exact_mut(2 * half).take(heads) {
                let (first, second) = head.split_at_mut(half);
                let pairs = first.iter_mut().zip(second.iter_mut());
                for (((a, b), cosine), sine) in pairs.zip(cosines).zip(sines) {
                    let sine = direction * sine;
                    let turned = *a * cosine - *b * sine;
                    *b = *b * cosine + *a * sine;
                    *a = turned;
                }
            }
        }
    }
}

/// out = silu(gate) · up, where a row of `gate_up` holds all gates and then all ups (Shazeer 2020).
pub(crate) fn swiglu(width: usize, gate_up: &[f32], out: &mut [f32]) {
    lanes::run(Swiglu { width, gate_up, out });
}

struct Swiglu<'a> {
    width: usize,
    gate_up: &'a [f32],
    out: &'a mut [f32],
}

impl NullaryFnOnce for Swiglu<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { width, gate_up, out } = self;
        for (both, out) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
            let (gate, up) = both.split_at(width);
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = gate / (1.0 + exp(-gate)) * up;
            }
        }
    }
}

/// The gradient of [`swiglu`] by gates and ups, written over `gate_up` itself.
pub(crate) fn swiglu_backward(width: usize, out_gradient: &[f32], gate_up: &mut [f32]) {
    lanes::run(SwigluBackward { width, out_gradient, gate_up });
}

struct SwigluBackward<'a> {
    width: usize,
    out_gradient: &'a [f32],
    gate_up: &'a mut [f32],
}

impl NullaryFnOnce for SwigluBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { width, out_gradient, gate_up } = self;
        let rows = gate_up.chunks_exact_mut(2 * width);
        for (both, dy) in rows.zip(out_gradient.chunks_exact(width)) {
            let (gate, up) = both.split_at_mut(width);
            for ((gate, up), dy) in gate.iter_mut().zip(up.iter_mut()).zip(dy) {
                let sigmoid = 1.0 / (1.0 + exp(-*gate));
                let silu = *gate * sigmoid;
                let slope = sigmoid * (1.0 + *gate * (1.0 - sigmoid));
                *gate = dy * *up * slope;
                *up = dy * silu;
            }
        }
    }
}

/// target += source.
pub(crate) fn add(target: &mut [f32], source: &[f32]) {
    lanes::run(Add { target, source });
}

struct Add<'a> {
    target: &'a mut [f32],
    source: &'a [f32],
}

impl NullaryFnOnce for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (target, source) in self.target.iter_mut().zip(self.source) {
            *target += source;
        }
    }
}

/// Σ x².
pub(crate) fn sum_of_squares(values: &[f32]) -> f32 {
    lanes::run(SumOfSquares { values })
}

struct SumOfSquares<'a> {
    values: &'a [f32],
}

impl NullaryFnOnce for SumOfSquares<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        lanes::dot(self.values, self.values)
    }
}

/// The constants of one AdamW step (Loshchilov and Hutter 2019), bias corrections already worked in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    pub(crate) rate: f32,
    pub(crate) beta_first: f32,
    pub(crate) beta_second: f32,
    /// 1 / (1 − β₁ᵗ).
    pub(crate) correct_first: f32,
    /// 1 / (1 − β₂ᵗ).
    pub(crate) correct_second: f32,
    pub(crate) epsilon: f32,
    pub(crate) decay: f32,
    /// Factor that clips the gradient; 1 where it is short enough.
    pub(crate) gradient_scale: f32,
}

/// One AdamW step over slices of one length.
#[derive(Debug)]
pub(crate) struct Adam<'a> {
    pub(crate) step: AdamStep,
    pub(crate) weights: &'a mut [f32],
    pub(crate) first: &'a mut [f32],
    pub(crate) second: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
}

impl NullaryFnOnce for Adam<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { step, weights, first, second, gradient } = self;
        let moments = first.iter_mut().zip(second);
        for ((weight, (first, second)), gradient) in weights.iter_mut().zip(moments).zip(gradient) {
            let gradient = gradient * step.gradient_scale;
            *first = step.beta_first * *first + (1.0 - step.beta_first) * gradient;
            *second = step.beta_second * *second + (1.0 - step.beta_second) * gradient * gradient;
            let root = (*second * step.correct_second).sqrt() + step.epsilon;
            let change = *first * step.correct_first / root + step.decay * *weight;
            *weight -= step.rate * change;
        }
    }
}
