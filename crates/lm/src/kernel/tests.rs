//! Kernels against their definitions in double precision, and bit equality across tilings and units.

use pulp::{NullaryFnOnce, Scalar, Simd};

use super::{
    elementwise,
    lanes::{self, exp},
    loss,
    matmul::{Left, Product, Shape, multiply, multiply_add, multiply_transposed_add, transpose},
    norm,
};
use crate::rng::Rng;

fn random(len: usize, stream: &str) -> Vec<f32> {
    let mut rng = Rng::for_stream(11, stream);
    (0..len).map(|_| rng.normal() as f32).collect()
}

/// The chain every element of a product must be, written naively.
fn chain(shape: Shape, left: &[f32], right: &[f32], start: &[f32]) -> Vec<f32> {
    let Shape { rows, columns, depth } = shape;
    let mut out = start.to_vec();
    for row in 0..rows {
        for column in 0..columns {
            for k in 0..depth {
                let sum = &mut out[row * columns + column];
                *sum = left[row * depth + k].mul_add(right[k * columns + column], *sum);
            }
        }
    }
    out
}

#[test]
fn products_are_the_same_chain_in_every_tile_and_order() {
    for (rows, columns, depth) in
        [(1, 1, 1), (1, 200, 33), (5, 16, 8), (6, 64, 7), (7, 65, 40), (13, 131, 17), (64, 96, 31)]
    {
        let shape = Shape { rows, columns, depth };
        let (left, right) = (random(rows * depth, "left"), random(depth * columns, "right"));
        let start = random(rows * columns, "start");
        let mut out = start.clone();
        multiply(shape, &left, &right, &mut out);
        assert_eq!(out, chain(shape, &left, &right, &vec![0.0; start.len()]), "{shape:?}");
        let expected = chain(shape, &left, &right, &start);
        let mut out = start.clone();
        multiply_add(shape, &left, &right, &mut out);
        assert_eq!(out, expected, "{shape:?}");
        let mut turned = vec![0.0; left.len()];
        transpose(rows, depth, &left, &mut turned);
        let mut out = start.clone();
        multiply_transposed_add(shape, &turned, &right, &mut out);
        assert_eq!(out, expected, "{shape:?}");
    }
}

struct Sums<'a>(&'a [f32]);

impl NullaryFnOnce for Sums<'_> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        lanes::dot(self.0, self.0) + lanes::sum(self.0) + exp(0.3) + lanes::maximum(self.0)
    }
}

#[test]
fn plain_code_and_the_widest_unit_agree_to_the_bit() {
    let shape = Shape { rows: 9, columns: 70, depth: 21 };
    let (left, right) = (random(9 * 21, "left"), random(21 * 70, "right"));
    let product = |out| Product {
        shape,
        order: Left::Plain,
        left: &left,
        right: &right,
        out,
        accumulate: false,
    };
    let (mut wide, mut plain) = (vec![0.0; 9 * 70], vec![0.0; 9 * 70]);
    lanes::run(product(&mut wide));
    Scalar::new().vectorize(product(&mut plain));
    assert_eq!(wide, plain);
    assert_eq!(lanes::run(Sums(&left)), Scalar::new().vectorize(Sums(&left)));
}

#[test]
fn exponential_is_close_over_its_whole_range() {
    for step in -8_600..8_700 {
        let x = step as f32 / 100.0;
        let exact = f64::from(x).exp();
        let error = (f64::from(exp(x)) - exact).abs() / exact;
        assert!(error < 4e-7, "{x}: {error}");
    }
    assert!(exp(f32::NEG_INFINITY) < 1e-37 && exp(500.0).is_finite());
}

#[test]
fn normalisation_and_softmax_follow_their_definitions() {
    let (x, gain) = (random(24, "x"), random(12, "gain"));
    let (mut out, mut roots) = (vec![0.0; 24], vec![0.0; 2]);
    let (into, reciprocal) = (&mut out, &mut roots);
    lanes::run(norm::Forward { epsilon: 1e-5, gain: &gain, x: &x, out: into, reciprocal });
    for row in 0..2 {
        let row = row * 12..row * 12 + 12;
        let mean: f64 = x[row.clone()].iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / 12.0;
        for (i, index) in row.enumerate() {
            let expected = f64::from(x[index]) / (mean + 1e-5).sqrt() * f64::from(gain[i]);
            assert!((f64::from(out[index]) - expected).abs() < 1e-5);
        }
    }
    let mut row = vec![1_000.0, 1_001.0, -1e30];
    loss::softmax(&mut row);
    assert!((row[1] - 0.731_058_6).abs() < 1e-6 && row[2] == 0.0_f32.max(row[2]), "{row:?}");
}

#[test]
fn rotary_positions_turn_pairs_half_a_head_apart_and_back() {
    let rotary = elementwise::Rotary::new(4, 100.0, 8);
    let original = random(2 * 8, "rows");
    let mut rows = original.clone();
    // Two rows of two heads, of which only the first turns.
    rotary.turn(&mut rows, 8, 1, &[0, 3]);
    assert_eq!(rows[..8], original[..8], "position zero stays");
    assert_eq!(rows[12..], original[12..], "the second head stays");
    let (sine, cosine) = 3.0_f64.sin_cos();
    let expected = f64::from(original[8]) * cosine - f64::from(original[10]) * sine;
    assert!((f64::from(rows[8]) - expected).abs() < 1e-6);
    rotary.turn_back(&mut rows, 8, 1, &[0, 3]);
    assert!(rows.iter().zip(&original).all(|(a, b)| (a - b).abs() < 1e-6));
}
