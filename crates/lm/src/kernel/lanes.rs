//! Choice of the vector unit at run time, and the few vector idioms the kernels share.
//!
//! Sums go over 16 fixed lanes and one fixed tree, so that AVX-512, AVX2 and plain code round alike.

use std::sync::LazyLock;

use pulp::{Arch, WithSimd};

/// Lanes of every reduction, also on machines with narrower vectors: it is part of the result.
pub(crate) const LANES: usize = 16;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs `operation` compiled for the widest vector unit of this machine.
///
/// Pass a type whose `call` is `#[inline(always)]`, not a closure: a closure that could be called twice
/// reaches the vector code through a shim that is not inlined, and then runs a hundred times slower.
pub(crate) fn run<O: WithSimd>(operation: O) -> O::Output {
    ARCH.dispatch(operation)
}

/// The name of the vector unit in use, for reports.
#[must_use]
pub fn vector_unit() -> String {
    let debug = format!("{:?}", *ARCH);
    match debug.split(['(', ' ']).next() {
        Some("V4") => "AVX-512".to_owned(),
        Some("V3") => "AVX2 and FMA".to_owned(),
        Some(_) | None => "none".to_owned(),
    }
}

/// Σ a·b over two slices of equal length.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let (left_blocks, left_rest) = left.as_chunks::<LANES>();
    let (right_blocks, right_rest) = right.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (a, b) in left_blocks.iter().zip(right_blocks) {
        for lane in 0..LANES {
            sums[lane] = a[lane].mul_add(b[lane], sums[lane]);
        }
    }
    for (lane, (a, b)) in left_rest.iter().zip(right_rest).enumerate() {
        sums[lane] = a.mul_add(*b, sums[lane]);
    }
    sum_lanes(sums)
}

/// Σ a·b·c over three slices of equal length.
#[inline(always)]
pub(crate) fn weighted_dot(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let (c_blocks, c_rest) = c.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for ((a, b), c) in a_blocks.iter().zip(b_blocks).zip(c_blocks) {
        for lane in 0..LANES {
            sums[lane] = (a[lane] * b[lane]).mul_add(c[lane], sums[lane]);
        }
    }
    for (lane, ((a, b), c)) in a_rest.iter().zip(b_rest).zip(c_rest).enumerate() {
        sums[lane] = (a * b).mul_add(*c, sums[lane]);
    }
    sum_lanes(sums)
}

/// Σ over a slice.
#[inline(always)]
pub(crate) fn sum(values: &[f32]) -> f32 {
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for block in blocks {
        for lane in 0..LANES {
            sums[lane] += block[lane];
        }
    }
    for (lane, value) in rest.iter().enumerate() {
        sums[lane] += value;
    }
    sum_lanes(sums)
}

/// The largest value of a slice, −∞ for an empty one.
#[inline(always)]
pub(crate) fn maximum(values: &[f32]) -> f32 {
    values.iter().fold(f32::NEG_INFINITY, |best, value| if *value > best { *value } else { best })
}

#[inline(always)]
fn sum_lanes(sums: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    let mut sums = sums;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

/// target += factor · source.
#[inline(always)]
pub(crate) fn add_scaled(target: &mut [f32], factor: f32, source: &[f32]) {
    for (into, value) in target.iter_mut().zip(source) {
        *into = factor.mul_add(*value, *into);
    }
}

/// eˣ to about 2 units in the last place, as straight-line code that a compiler vectorises.
///
/// Cody-Waite reduction by ln 2 and a polynomial of degree 6; arguments are clamped to the range in
/// which the result is a normal number.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let whole = shifted - ROUND;
    let rest = whole.mul_add(-0.693_359_4, x);
    let rest = whole.mul_add(2.121_944_4e-4, rest);
    let poly = 1.388_889e-3_f32;
    let poly = poly.mul_add(rest, 8.333_334e-3);
    let poly = poly.mul_add(rest, 4.166_666_6e-2);
    let poly = poly.mul_add(rest, 0.166_666_67);
    let poly = poly.mul_add(rest, 0.5);
    let poly = poly.mul_add(rest, 1.0);
    let poly = poly.mul_add(rest, 1.0);
    // The low bits of `shifted` hold the rounded exponent: moved up, they scale by a power of two.
    poly * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}
