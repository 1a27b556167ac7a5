//! The graph above an entity: who holds it through whom, and who controls it in the end.
//!
//! Must always end: the graph is cut at [`UPSTREAM_MAX`] entities and sums are made in at most
//! [`ROUNDS_MAX`] rounds; what has not settled by then counts as a whole, never as nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use units::Country;

use super::{EntityId, Facts, Holding, Register, WHOLE_BP};

/// A whole, in millionths of a millionth: three hops of hundredths of a percent stay exact.
pub(super) const WHOLE: u64 = 1_000_000_000_000;
/// One hundredth of a percent.
pub(super) const BASIS_POINT: u64 = WHOLE / WHOLE_BP as u64;
/// Entities looked at above one entity.
const UPSTREAM_MAX: usize = 4_096;
/// Rounds in which shares through circles add up.
const ROUNDS_MAX: usize = 64;

/// The code that stands for a jurisdiction that nobody knows: ISO 3166-1 leaves it to users.
pub const UNKNOWN_COUNTRY: &str = "ZZ";

/// Under whose law an entity is in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jurisdiction {
    /// That of its ultimate controller, or its own if nobody controls it.
    Known {
        /// The country.
        country: Country,
        /// Who controls it in the end, if somebody does.
        controller: Option<EntityId>,
    },
    /// The register does not say who controls it.
    Unknown,
}

impl Jurisdiction {
    /// The country, if it is known.
    #[must_use]
    pub const fn country(self) -> Option<Country> {
        match self {
            Self::Known { country, .. } => Some(country),
            Self::Unknown => None,
        }
    }

    /// For policies and people: [`UNKNOWN_COUNTRY`] where it is not known.
    #[must_use]
    pub fn code(self) -> String {
        self.country().map_or_else(|| UNKNOWN_COUNTRY.to_owned(), |country| country.to_string())
    }
}

/// Which share is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// Of the capital.
    Capital,
    /// Of the votes.
    Votes,
}

impl Of {
    fn given(self, holding: &Holding) -> u64 {
        let bp = match self {
            Self::Capital => holding.capital_bp,
            Self::Votes => holding.votes_bp,
        };
        u64::from(bp).saturating_mul(BASIS_POINT)
    }

    fn undeclared(self, facts: &Facts) -> u64 {
        let (capital, votes) = facts.undeclared_bp();
        let bp = match self {
            Self::Capital => capital,
            Self::Votes => votes,
        };
        u64::from(bp).saturating_mul(BASIS_POINT)
    }
}

/// Everything above one entity, itself included.
pub(super) struct Graph<'a> {
    pub(super) of: EntityId,
    pub(super) known: BTreeMap<EntityId, &'a Facts>,
    /// Named as holders, but not in the register.
    pub(super) missing: BTreeSet<EntityId>,
    /// There was more above than is looked at.
    pub(super) cut: bool,
}

impl<'a> Graph<'a> {
    /// Collects what is above `of`; nothing if it is not registered itself.
    pub(super) fn above(register: &'a dyn Register, of: EntityId) -> Option<Self> {
        let mut graph = Self {
            of,
            known: BTreeMap::from([(of, register.facts(of)?)]),
            missing: BTreeSet::new(),
            cut: false,
        };
        let mut open = vec![of];
        while let Some(next) = open.pop() {
            let holders = graph.known.get(&next).map(|facts| facts.holders.as_slice());
            for holding in holders.unwrap_or_default() {
                let id = holding.holder;
                if graph.known.contains_key(&id) || graph.missing.contains(&id) {
                    continue;
                }
                if graph.known.len() >= UPSTREAM_MAX {
                    graph.cut = true;
                    continue;
                }
                match register.facts(id) {
                    Some(facts) => {
                        graph.known.insert(id, facts);
                        open.push(id);
                    }
                    None => {
                        graph.missing.insert(id);
                    }
                }
            }
        }
        Some(graph)
    }

    /// The group with everything that it controls. `counts_undeclared`: shares without a declared
    /// holder are the group's.
    pub(super) fn with_controlled(
        &self,
        mut group: BTreeSet<EntityId>,
        counts_undeclared: bool,
    ) -> BTreeSet<EntityId> {
        loop {
            let before = group.len();
            for (id, facts) in &self.known {
                if group.contains(id) {
                    continue;
                }
                let theirs = facts.holders.iter().filter(|one| group.contains(&one.holder));
                let base = if counts_undeclared { Of::Votes.undeclared(facts) } else { 0 };
                let votes =
                    theirs.clone().fold(base, |sum, one| sum.saturating_add(Of::Votes.given(one)));
                if votes > WHOLE / 2 || theirs.clone().any(|one| one.board_majority) {
                    group.insert(*id);
                }
            }
            if group.len() == before {
                return group;
            }
        }
    }

    /// The group's share of the entity through all chains, in [`WHOLE`]ths, rounded up.
    pub(super) fn share(
        &self,
        group: &BTreeSet<EntityId>,
        which: Of,
        counts_undeclared: bool,
    ) -> u64 {
        let mut shares: BTreeMap<EntityId, u64> = BTreeMap::new();
        for _ in 0..ROUNDS_MAX {
            let mut settled = true;
            for (id, facts) in &self.known {
                let base = if counts_undeclared { which.undeclared(facts) } else { 0 };
                let sum = facts.holders.iter().fold(base, |sum, one| {
                    let weight = if group.contains(&one.holder) {
                        WHOLE
                    } else {
                        shares.get(&one.holder).copied().unwrap_or(0)
                    };
                    sum.saturating_add(times(which.given(one), weight))
                });
                let sum = sum.min(WHOLE);
                settled &= shares.insert(*id, sum).unwrap_or(0) == sum;
            }
            if settled {
                return shares.get(&self.of).copied().unwrap_or(0);
            }
        }
        WHOLE
    }

    /// Entities that control the one asked about.
    pub(super) fn controllers(&self) -> BTreeSet<EntityId> {
        let others = self.known.keys().chain(&self.missing).filter(|id| **id != self.of);
        let controls =
            |id: &EntityId| self.with_controlled(BTreeSet::from([*id]), false).contains(&self.of);
        others.copied().filter(controls).collect()
    }

    /// Whoever nobody knows: unregistered holders and undeclared shares, with all that they control.
    pub(super) fn unknown(&self) -> BTreeSet<EntityId> {
        self.with_controlled(self.missing.clone(), true)
    }

    pub(super) fn jurisdiction(&self) -> Jurisdiction {
        if self.cut || self.unknown().contains(&self.of) {
            return Jurisdiction::Unknown;
        }
        let controllers = self.controllers();
        let is_free = |id: &EntityId| {
            let rest = self.known.keys().filter(|other| *other != id);
            !rest
                .into_iter()
                .any(|other| self.with_controlled(BTreeSet::from([*other]), false).contains(id))
        };
        let tops: Vec<EntityId> = controllers.iter().copied().filter(is_free).collect();
        match tops.as_slice() {
            [] if controllers.is_empty() => match self.known.get(&self.of) {
                Some(own) => Jurisdiction::Known { country: own.home(), controller: None },
                None => Jurisdiction::Unknown,
            },
            [top] => match self.known.get(top) {
                Some(facts) => {
                    Jurisdiction::Known { country: facts.home(), controller: Some(*top) }
                }
                None => Jurisdiction::Unknown,
            },
            // A circle without an end, or two who both control: nobody can say.
            _ => Jurisdiction::Unknown,
        }
    }
}

/// The jurisdiction that controls an entity in the end.
#[must_use]
pub fn jurisdiction(register: &dyn Register, of: EntityId) -> Jurisdiction {
    Graph::above(register, of).map_or(Jurisdiction::Unknown, |graph| graph.jurisdiction())
}

/// A part of a part, rounded up: what cannot be written exactly counts against the entity.
fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a).saturating_mul(u128::from(b)).div_ceil(u128::from(WHOLE));
    u64::try_from(product).unwrap_or(WHOLE)
}
