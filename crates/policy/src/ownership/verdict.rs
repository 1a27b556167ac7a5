//! The test of SecNumCloud 3.2 §19.6.a-b, with everything that speaks against an entity.
//!
//! Must never say "met" while shares are undeclared that could break the rule.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use units::Country;

use super::{
    EntityId, Register,
    graph::{BASIS_POINT, Graph, Jurisdiction, Of},
    is_in_eu,
};

/// Most that one foreign holder may have, in hundredths of a percent (SecNumCloud 3.2 §19.6.b).
pub const SHARE_EACH_MAX_BP: u32 = 2_400;
/// Most that foreign holders may have together, in hundredths of a percent (§19.6.b).
pub const SHARE_TOGETHER_MAX_BP: u32 = 3_900;

/// The outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Even if every undeclared share were foreign.
    Met,
    /// By what is declared.
    NotMet,
    /// What is not declared could break it: not compliant until it is declared.
    Unknown,
}

/// One thing that speaks against an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Seat or central administration is outside the Union.
    SeatOutside {
        /// Where.
        country: Country,
    },
    /// One foreign holder has too much.
    HolderAbove {
        /// Who.
        holder: EntityId,
        /// Of what.
        of: Of,
        /// How much, in hundredths of a percent, rounded up.
        share_bp: u32,
    },
    /// Foreign holders have too much together.
    TogetherAbove {
        /// Of what.
        of: Of,
        /// How much, in hundredths of a percent, rounded up.
        share_bp: u32,
    },
    /// A foreign holder may veto.
    Veto {
        /// Who.
        holder: EntityId,
        /// In what: the entity or one that controls it.
        entity: EntityId,
    },
    /// A foreign holder may appoint most of a board.
    BoardMajority {
        /// Who.
        holder: EntityId,
        /// Of what: the entity or one that controls it.
        entity: EntityId,
    },
    /// Shares have no declared holder, and they matter.
    Undeclared {
        /// Of what.
        of: Of,
        /// How much, in hundredths of a percent, rounded up.
        share_bp: u32,
    },
    /// A holder that is named is not in the register.
    NotRegistered {
        /// Who.
        holder: EntityId,
    },
}

/// The test of one entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The outcome.
    pub verdict: Verdict,
    /// What speaks against it; empty for [`Verdict::Met`].
    pub findings: Vec<Finding>,
    /// Largest share of one foreign holder, in hundredths of a percent, rounded up.
    pub largest_foreign_bp: u32,
    /// Share of all foreign holders together, in hundredths of a percent, rounded up.
    pub foreign_bp: u32,
    /// Under whose law it is in the end.
    pub jurisdiction: Jurisdiction,
}

/// Tests an entity; nothing if it is not registered.
#[must_use]
pub fn assess(register: &dyn Register, of: EntityId) -> Option<Assessment> {
    let graph = Graph::above(register, of)?;
    let own = register.facts(of)?;
    let mut found = Found::default();
    for country in [Some(own.seat), own.administration].into_iter().flatten() {
        if !is_in_eu(country) {
            found.breaks.push(Finding::SeatOutside { country });
        }
    }
    let foreign: BTreeSet<EntityId> = graph
        .known
        .iter()
        .filter(|(id, facts)| **id != of && facts.is_foreign())
        .map(|(id, _)| *id)
        .collect();
    let mut group = BTreeSet::new();
    let mut largest = [0_u64; 2];
    for holder in &foreign {
        let controlled = graph.with_controlled(BTreeSet::from([*holder]), false);
        for (slot, which) in largest.iter_mut().zip([Of::Capital, Of::Votes]) {
            let share = graph.share(&controlled, which, false);
            *slot = share.max(*slot);
            if share > limit(SHARE_EACH_MAX_BP) {
                let share_bp = rounded_up(share);
                found.breaks.push(Finding::HolderAbove { holder: *holder, of: which, share_bp });
            }
        }
        group.extend(controlled);
    }
    group.remove(&of);
    let together = [Of::Capital, Of::Votes].map(|which| graph.share(&group, which, false));
    for (share, which) in together.into_iter().zip([Of::Capital, Of::Votes]) {
        if share > limit(SHARE_TOGETHER_MAX_BP) {
            let share_bp = rounded_up(share);
            found.breaks.push(Finding::TogetherAbove { of: which, share_bp });
        }
    }
    found.rights(&graph, &group);
    found.unknowns(&graph, largest, together);
    let max = |pair: [u64; 2]| rounded_up(pair.into_iter().max().unwrap_or(0));
    Some(Assessment {
        verdict: found.verdict(),
        findings: found.breaks.into_iter().chain(found.doubts).collect(),
        largest_foreign_bp: max(largest),
        foreign_bp: max(together),
        jurisdiction: graph.jurisdiction(),
    })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    breaks: Vec<Finding>,
    doubts: Vec<Finding>,
}

impl Found {
    fn verdict(&self) -> Verdict {
        match (self.breaks.is_empty(), self.doubts.is_empty()) {
            (false, _) => Verdict::NotMet,
            (true, false) => Verdict::Unknown,
            (true, true) => Verdict::Met,
        }
    }

    /// Vetoes and appointments, in the entity and in whoever controls it.
    fn rights(&mut self, graph: &Graph<'_>, foreign: &BTreeSet<EntityId>) {
        let mut decisive = graph.controllers();
        decisive.insert(graph.of);
        for entity in decisive {
            let facts = graph.known.get(&entity).map(|facts| facts.holders.as_slice());
            for one in facts.unwrap_or_default() {
                let holder = one.holder;
                let place = if foreign.contains(&holder) {
                    &mut self.breaks
                } else if graph.missing.contains(&holder) {
                    &mut self.doubts
                } else {
                    continue;
                };
                if one.veto {
                    place.push(Finding::Veto { holder, entity });
                }
                if one.board_majority {
                    place.push(Finding::BoardMajority { holder, entity });
                }
            }
        }
    }

    /// What could break the rule if undeclared shares were foreign: all of one holder, in the worst
    /// case of one that is known already.
    fn unknowns(&mut self, graph: &Graph<'_>, largest: [u64; 2], together: [u64; 2]) {
        let group = graph.unknown();
        let known = largest.into_iter().zip(together).zip([Of::Capital, Of::Votes]);
        for ((each, together), which) in known {
            let unknown = graph.share(&group, which, true);
            let breaks = unknown > 0
                && (each.saturating_add(unknown) > limit(SHARE_EACH_MAX_BP)
                    || together.saturating_add(unknown) > limit(SHARE_TOGETHER_MAX_BP));
            if breaks || graph.cut {
                let share_bp = rounded_up(unknown);
                self.doubts.push(Finding::Undeclared { of: which, share_bp });
                self.doubts.extend(
                    graph.missing.iter().map(|holder| Finding::NotRegistered { holder: *holder }),
                );
            }
        }
        self.doubts.dedup();
    }
}

fn limit(bp: u32) -> u64 {
    u64::from(bp).saturating_mul(BASIS_POINT)
}

fn rounded_up(share: u64) -> u32 {
    u32::try_from(share.div_ceil(BASIS_POINT)).unwrap_or(u32::MAX)
}
