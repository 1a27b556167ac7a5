//! GPU partitions (NVIDIA MIG): which profile may stand where, and on which GPU it should.
//!
//! Invariant: instances of one GPU never overlap, an instance stands only where the hardware allows
//! it, and no place that is free is missed. A choice never looks at the GPUs one by one: GPUs of
//! equal state are one entry, and there are at most 512 states.
//! Nothing here may talk to a driver.
//!
//! - [`Geometry`]: the profiles of a GPU model with their legal start positions.
//! - [`Slices`]: what is taken of one GPU, as bits.
//! - [`Partitions`]: the GPUs of one model, indexed by what is taken.
//! - [`pack`]: whether several profiles fit one GPU together, by exact search.
//!
//! The choice follows the idea of fragmentation gradient descent (Weng et al., ATC 2023): take the
//! place that destroys the fewest legal places of the profiles that are expected, by their weights.

mod geometry;
mod name;
mod order;
mod pack;
mod partitions;
mod slices;

pub use geometry::{
    A30_24GB, A100_40GB, A100_80GB, B200_180GB, GEOMETRIES, Geometry, H100_80GB, H100_94GB,
    H100_96GB, H200_141GB, Profile, ProfileIdx,
};
pub use name::ProfileName;
pub(crate) use order::Choices;
pub use pack::pack;
pub use partitions::{GPUS_MAX, Instance, MigError, Partitions, Place};
pub use slices::Slices;

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests compute with small known numbers"
)]
mod tests;
