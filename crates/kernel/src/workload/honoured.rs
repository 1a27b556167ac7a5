//! What the bridge to the scheduler can honour: the one switch for terms that are already recorded.
//!
//! The state machine accepts every term and keeps it. A term that nothing acts on yet must not be
//! promised to anyone, so the API asks here and refuses it. Whoever teaches the bridge a term turns
//! its line in [`HONOURED`], and nothing else has to change.

use super::{Level, PowerClass, Spec};

/// Which terms are acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Honoured {
    /// Gangs closer than one site as a condition (`topology.else` below `site`).
    pub topology: bool,
    /// Groups of nodes within a gang.
    pub segments: bool,
    /// Several acceptable models of GPU.
    pub gpu_alternatives: bool,
    /// Shares of a GPU, and MIG instances.
    pub gpu_shares: bool,
    /// Whole nodes.
    pub exclusive: bool,
    /// A start that may be put off.
    pub deferrable: bool,
    /// Who is slowed first when power is short.
    pub power_class: bool,
}

/// What the bridge of this version acts on.
pub const HONOURED: Honoured = Honoured {
    topology: true,
    segments: true,
    gpu_alternatives: true,
    gpu_shares: true,
    exclusive: true,
    deferrable: true,
    power_class: true,
};

/// A term that nobody would keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unhonoured {
    /// The field of the job file, as a dotted path.
    pub field: &'static str,
    /// Why not, and what to write instead.
    pub message: &'static str,
}

/// The terms of a specification that are not acted on.
#[must_use]
pub fn unhonoured(spec: &Spec, honoured: Honoured) -> Vec<Unhonoured> {
    let (terms, gang) = (&spec.terms, spec.nodes_max > 1);
    let asked = [
        // One node is close to itself; a gang always lies within one site.
        (
            gang && terms.topology.fallback < Level::Site && !honoured.topology,
            "topology.else",
            "a gang is placed within one site, nothing closer can be promised: write `else: site`",
        ),
        (
            gang && terms.topology.segment > 0
                && terms.topology.fallback < Level::Site
                && !honoured.segments,
            "topology.segment",
            "groups within a gang cannot be promised yet: remove the field",
        ),
        (
            !terms.gpu_alternatives.is_empty() && !honoured.gpu_alternatives,
            "resources.gpu",
            "only one model of GPU can be asked for yet: keep the first",
        ),
        (
            terms.gpu_alternatives.iter().any(|choice| choice.gpus != spec.per_node.gpus),
            "resources.gpu",
            "alternatives must be of as many GPUs as the first: give each the same count",
        ),
        (
            (terms.gpu_milli > 0 || terms.gpu_profile.is_some()) && !honoured.gpu_shares,
            "resources.gpu",
            "shares of a GPU are not packed yet: ask for a whole one",
        ),
        (
            terms.exclusive && !honoured.exclusive,
            "resources.exclusive",
            "whole nodes cannot be kept for one job yet: ask for all that a node has, or remove it",
        ),
        (
            terms.deferrable.is_some() && !honoured.deferrable,
            "deferrable",
            "starts are not put off yet: remove the field",
        ),
        (
            terms.power_class != PowerClass::Standard && !honoured.power_class,
            "power_class",
            "power is not yet divided by class: remove the field",
        ),
    ];
    let refused = asked.into_iter().filter(|(refused, _, _)| *refused);
    refused.map(|(_, field, message)| Unhonoured { field, message }).collect()
}
