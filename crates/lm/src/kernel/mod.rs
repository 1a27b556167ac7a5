//! The arithmetic the model is made of, on plain slices of `f32`.
//!
//! It must never allocate, and every output must be one fixed chain of operations, whatever the width of
//! the vector unit and however many rows are computed together: that is why training is reproducible to
//! the byte and why a batched answer equals a lone one.

pub(crate) mod attention;
pub(crate) mod elementwise;
pub(crate) mod lanes;
pub(crate) mod loss;
pub(crate) mod matmul;
pub(crate) mod norm;

#[cfg(test)]
mod tests;
