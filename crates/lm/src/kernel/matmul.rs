//! Matrix products in safe code: register tiles of fused multiply-adds over unpacked rows.
//!
//! Every element of a product is one chain `c = a·b + c` over the depth in ascending order. It therefore
//! does not depend on the tile it falls into, on the number of rows, or on the vector width. The rows of
//! the right-hand side are contiguous: callers keep transposed copies of weights instead of packing.

use std::array::from_fn;

use pulp::{Simd, WithSimd};

use crate::kernel::lanes;

/// Sizes of a product: `rows × depth` times `depth × columns`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) depth: usize,
}

/// How the left-hand side lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// `rows × depth`, a row after the other.
    Plain,
    /// Stored as `depth × rows`, used transposed.
    Transposed,
}

/// out = left · right, or out += left · right where `accumulate`.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    pub(crate) shape: Shape,
    pub(crate) order: Left,
    pub(crate) left: &'a [f32],
    pub(crate) right: &'a [f32],
    pub(crate) out: &'a mut [f32],
    pub(crate) accumulate: bool,
}

/// out = left · right, all row by row.
pub(crate) fn multiply(shape: Shape, left: &[f32], right: &[f32], out: &mut [f32]) {
    lanes::run(Product { shape, order: Left::Plain, left, right, out, accumulate: false });
}

/// out += left · right, all row by row.
pub(crate) fn multiply_add(shape: Shape, left: &[f32], right: &[f32], out: &mut [f32]) {
    lanes::run(Product { shape, order: Left::Plain, left, right, out, accumulate: true });
}

/// out += leftᵀ · right, where `left` is stored as `depth × rows`.
pub(crate) fn multiply_transposed_add(shape: Shape, left: &[f32], right: &[f32], out: &mut [f32]) {
    lanes::run(Product { shape, order: Left::Transposed, left, right, out, accumulate: true });
}

/// Writes the transpose of a `rows × columns` matrix, in blocks that stay in the nearest cache.
pub(crate) fn transpose(rows: usize, columns: usize, from: &[f32], into: &mut [f32]) {
    const BLOCK: usize = 16;
    for row_start in (0..rows).step_by(BLOCK) {
        let row_end = rows.min(row_start + BLOCK);
        for column_start in (0..columns).step_by(BLOCK) {
            for column in column_start..columns.min(column_start + BLOCK) {
                for row in row_start..row_end {
                    into[column * rows + row] = from[row * columns + column];
                }
            }
        }
    }
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Shape { rows, columns, depth } = self.shape;
        assert!(self.left.len() >= rows * depth, "left side of a product is too short");
        assert!(self.right.len() >= depth * columns, "right side of a product is too short");
        assert!(self.out.len() >= rows * columns, "result of a product is too short");
        let lanes = S::F32_LANES;
        let mut column = 0;
        while column + 4 * lanes <= columns && lanes >= 16 {
            self.column_block::<S, 4>(simd, column);
            column += 4 * lanes;
        }
        while column + 2 * lanes <= columns {
            self.column_block::<S, 2>(simd, column);
            column += 2 * lanes;
        }
        while column + lanes <= columns {
            self.column_block::<S, 1>(simd, column);
            column += lanes;
        }
        for rest in column..columns {
            self.single_column(rest);
        }
    }
}

impl Product<'_> {
    #[inline(always)]
    fn column_block<S: Simd, const V: usize>(&mut self, simd: S, column: usize) {
        let mut row = 0;
        while row + 6 <= self.shape.rows {
            self.tile::<S, 6, V>(simd, row, column);
            row += 6;
        }
        match self.shape.rows - row {
            5 => self.tile::<S, 5, V>(simd, row, column),
            4 => self.tile::<S, 4, V>(simd, row, column),
            3 => self.tile::<S, 3, V>(simd, row, column),
            2 => self.tile::<S, 2, V>(simd, row, column),
            1 => self.tile::<S, 1, V>(simd, row, column),
            _ => {}
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let Shape { rows, columns, depth } = self.shape;
        let width = V * S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        if self.accumulate {
            for (r, sums) in sums.iter_mut().enumerate() {
                let start = (row + r) * columns + column;
                let stored = S::as_simd_f32s(&self.out[start..start + width]).0;
                *sums = from_fn(|v| stored[v]);
            }
        }
        match self.order {
            Left::Plain => {
                let left: [&[f32]; R] =
                    from_fn(|r| &self.left[(row + r) * depth..(row + r) * depth + depth]);
                for (k, right) in self.right.chunks_exact(columns).take(depth).enumerate() {
                    let right = S::as_simd_f32s(&right[column..column + width]).0;
                    let right: [S::f32s; V] = from_fn(|v| right[v]);
                    fuse::<S, R, V>(simd, &from_fn(|r| left[r][k]), &right, &mut sums);
                }
            }
            Left::Transposed => {
                let left = self.left.chunks_exact(rows);
                for (left, right) in left.zip(self.right.chunks_exact(columns)).take(depth) {
                    let right = S::as_simd_f32s(&right[column..column + width]).0;
                    let right: [S::f32s; V] = from_fn(|v| right[v]);
                    let left = &left[row..row + R];
                    fuse::<S, R, V>(simd, &from_fn(|r| left[r]), &right, &mut sums);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let start = (row + r) * columns + column;
            let stored = S::as_mut_simd_f32s(&mut self.out[start..start + width]).0;
            stored[..V].copy_from_slice(sums);
        }
    }

    /// The same chain for a column that fills no vector.
    #[inline(always)]
    fn single_column(&mut self, column: usize) {
        let Shape { rows, columns, depth } = self.shape;
        for row in 0..rows {
            let start = if self.accumulate { self.out[row * columns + column] } else { 0.0 };
            self.out[row * columns + column] = (0..depth).fold(start, |sum, k| {
                let left = match self.order {
                    Left::Plain => self.left[row * depth + k],
                    Left::Transposed => self.left[k * rows + row],
                };
                left.mul_add(self.right[k * columns + column], sum)
            });
        }
    }
}

#[inline(always)]
fn fuse<S: Simd, const R: usize, const V: usize>(
    simd: S,
    left: &[f32; R],
    right: &[S::f32s; V],
    sums: &mut [[S::f32s; V]; R],
) {
    for r in 0..R {
        let left = simd.splat_f32s(left[r]);
        for v in 0..V {
            sums[r][v] = simd.mul_add_f32s(left, right[v], sums[r][v]);
        }
    }
}
