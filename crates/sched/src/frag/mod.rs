//! Fractional placement: processor, memory, and whole GPUs or a share of one GPU, on unlike nodes.
//!
//! [`Packer`] keeps the state of every node and answers one question fast: on which node, and on
//! which GPUs of it, does this need go now? How it answers is a [`Policy`]; what it knows of the
//! work to come is a [`Mix`]. Everything that decides is an integer, ties go to the node that was
//! given first, and the same calls in the same order give the same choices. It must never refuse a
//! need that fits on a ready node: a policy only ranks.
//!
//! - `need`, `node`: what is asked, what is there, and who may sit where.
//! - `measure`: the fragmentation measure of FGD (Weng et al., USENIX ATC 2023) in exact integers.
//! - `baseline`: the five policies that FGD was compared with, as its artifact defines them.
//! - `prices`, `stranding`, `worth`: our policy. It asks what a node is worth to the work to come,
//!   and places where the least worth is lost.
//! - `scorer`, `ranking`, `packer`: the same answer as a scan of the fleet, without the scan.

mod baseline;
mod measure;
mod need;
mod node;
mod packer;
mod prices;
mod ranking;
mod scorer;
mod simplex;
mod stranding;
mod worth;

pub use measure::{Fragmentation, level};
pub use need::{Class, Gpus, Mix, Model, Models, Need, WHOLE_MILLI};
pub use node::{GPUS_MAX, GpuSet, NodeSpec, NodeState};
pub use packer::{Choice, Packer, Refusal};
pub use scorer::Policy;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests compute with small known numbers")]
mod tests;
