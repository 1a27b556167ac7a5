//! Pieces of the sentences that reasons are told in.
//!
//! Must never decide anything: numbers come as the reason has them.

use std::fmt;

use super::{Contradiction, Resource};

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNodesAsked => "The job asks for no nodes; ask for at least one.",
            Self::MaxBelowMin => "The job's largest number of nodes is below its smallest.",
            Self::SegmentDoesNotDivide => {
                "The job's segment divides none of the numbers of nodes that it accepts."
            }
            Self::NoSuchPart => {
                "The job asks for more than one part of one GPU on each node; ask for one."
            }
        })
    }
}

pub(super) fn plural(number: u32, noun: &'static str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// What is waited for.
pub(super) const fn noun(resource: Resource) -> &'static str {
    match resource {
        Resource::Gpu => "GPUs",
        Resource::Memory => "memory",
        Resource::Cpu => "processors",
    }
}

/// " in blocks of 16", or nothing.
pub(super) struct Blocks(pub(super) u32);

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 1 { write!(f, " in blocks of {}", self.0) } else { Ok(()) }
    }
}

/// Thousandths as a decimal.
struct Milli(u64);

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A part of a GPU, or whole ones on one node.
struct Wanted(u64);

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            milli @ 0..1_000 => write!(f, "{} of one GPU", Milli(milli)),
            1_000..2_000 => f.write_str("a whole one"),
            milli => write!(f, "{} whole ones on one node", milli / 1_000),
        }
    }
}

/// An amount of a resource for people.
pub(super) struct Quantity(pub(super) Resource, pub(super) u64);

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GIB: u64 = 1024 * 1024 * 1024;
        match *self {
            Self(Resource::Gpu, 1) => f.write_str("1 GPU"),
            Self(Resource::Gpu, gpus) => write!(f, "{gpus} GPUs"),
            Self(Resource::Memory, bytes) if bytes < GIB => write!(f, "{bytes} bytes of memory"),
            Self(Resource::Memory, bytes) => {
                let tenths = (bytes % GIB).saturating_mul(10) / GIB;
                write!(f, "{}.{tenths} GiB of memory", bytes / GIB)
            }
            Self(Resource::Cpu, milli) => {
                write!(f, "{}.{:03} processor cores", milli / 1_000, milli % 1_000)
            }
        }
    }
}

/// What is needed on a node, free together and free of one GPU, in thousandths.
pub(super) struct InParts(pub(super) u64, pub(super) u64, pub(super) u32);

impl fmt::Display for InParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} GPUs are free together, but at most {} of one; the job needs {}.",
            Milli(self.1),
            Milli(u64::from(self.2)),
            Wanted(self.0)
        )
    }
}

/// What may be drawn, what is, what is kept for others and what would be added, in milliwatts.
pub(super) struct OfPower(pub(super) [u64; 4]);

impl fmt::Display for OfPower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [allowed_mw, drawn_mw, kept_mw, need_mw] = self.0;
        write!(
            f,
            "{} W may be drawn where it would run; {} W are drawn, {} W are kept for others, and it \
             would add {} W.",
            allowed_mw / 1_000,
            drawn_mw.div_ceil(1_000),
            kept_mw.div_ceil(1_000),
            need_mw.div_ceil(1_000)
        )
    }
}
