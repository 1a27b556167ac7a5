//! Levels, points and the weighted score of a framework.
//!
//! Must never round up: a score is cut to whole hundredths of a percent once, at the end.

use serde::{Deserialize, Serialize};

use super::{
    criteria::{Framework, Part, Scale},
    facts::Facts,
    judge::{Judged, Standing, judge},
};

/// The whole score, in hundredths of a percent.
pub const WHOLE_SCORE_BP: u32 = 10_000;
/// Hundredths of a percent in one percent of weight.
const BP_PER_PERCENT: u128 = 100;

/// Where a part stands on a checklist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartStanding {
    /// All of its criteria are met.
    Met,
    /// Some are.
    Partly,
    /// None is.
    NotMet,
}

impl PartStanding {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Partly => "partly",
            Self::NotMet => "not_met",
        }
    }
}

/// A part with its criteria judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatedPart<'a> {
    /// The part.
    pub part: &'a Part,
    /// Its level, on a scale where each part has one.
    pub level: Option<u32>,
    /// Points that it has.
    pub points: u32,
    /// The most it could have.
    pub points_max: u32,
    /// How much of it is met.
    pub standing: PartStanding,
    /// Its criteria.
    pub criteria: Vec<Judged<'a>>,
}

/// A framework rated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated<'a> {
    /// The framework.
    pub framework: &'a Framework,
    /// Its level: of all parts together, or that of the lowest part; `None` for a checklist.
    pub level: Option<u32>,
    /// Weighted score in hundredths of a percent, rounded down; `None` where there is none.
    pub score_bp: Option<u32>,
    /// Its parts.
    pub parts: Vec<RatedPart<'a>>,
}

/// Rates by one framework.
#[must_use]
pub fn rate<'a>(framework: &'a Framework, facts: &Facts) -> Rated<'a> {
    let by_part = framework.scale == Scale::Seal;
    let parts: Vec<RatedPart<'a>> =
        framework.parts.iter().map(|part| rate_part(part, facts, by_part)).collect();
    let level = match framework.scale {
        Scale::Seal => parts.iter().filter_map(|part| part.level).min(),
        Scale::Levels => Some(level(parts.iter().flat_map(|part| &part.criteria))),
        Scale::Checklist => None,
    };
    Rated { framework, level, score_bp: by_part.then(|| score_bp(&parts)), parts }
}

fn rate_part<'a>(part: &'a Part, facts: &Facts, has_level: bool) -> RatedPart<'a> {
    let criteria: Vec<Judged<'a>> =
        part.criteria.iter().map(|criterion| judge(criterion, facts)).collect();
    let n_met = criteria.iter().filter(|one| one.is_met()).count();
    let met = criteria.iter().filter(|one| one.is_met());
    RatedPart {
        part,
        level: has_level.then(|| level(&criteria)),
        points: met.fold(0, |sum, one| sum.saturating_add(one.criterion.points)),
        points_max: part.points(),
        standing: match n_met {
            0 => PartStanding::NotMet,
            n if n == criteria.len() => PartStanding::Met,
            _ => PartStanding::Partly,
        },
        criteria,
    }
}

/// The highest level of which, and below which, every criterion is met: one below the lowest that
/// has an unmet one.
fn level<'a, 'b: 'a>(criteria: impl IntoIterator<Item = &'a Judged<'b>>) -> u32 {
    let mut highest = 0;
    let mut lowest_unmet = None;
    for one in criteria {
        let level = one.criterion.level;
        highest = highest.max(level);
        if !one.is_met() {
            lowest_unmet = Some(lowest_unmet.map_or(level, |lowest: u32| lowest.min(level)));
        }
    }
    lowest_unmet.map_or(highest, |lowest| lowest.saturating_sub(1))
}

/// Σ points/max × weight, over one denominator. Numbers stay below 128 bits: at most 10 parts of at
/// most 1,000 points each.
fn score_bp(parts: &[RatedPart<'_>]) -> u32 {
    let max = |part: &RatedPart<'_>| u128::from(part.points_max.max(1));
    let whole = parts.iter().fold(1_u128, |product, part| product.saturating_mul(max(part)));
    let sum = parts.iter().fold(0_u128, |sum, part| {
        let weight = u128::from(part.part.weight).saturating_mul(BP_PER_PERCENT);
        let rest = whole.checked_div(max(part)).unwrap_or(0);
        let share = weight.saturating_mul(u128::from(part.points)).saturating_mul(rest);
        sum.saturating_add(share)
    });
    u32::try_from(sum.checked_div(whole).unwrap_or(0)).unwrap_or(WHOLE_SCORE_BP)
}

impl<'a> Rated<'a> {
    /// What keeps it down: what the next level lacks, and what no evidence can change. What no
    /// evidence can change comes first.
    #[must_use]
    pub fn kept_down(&self) -> Vec<(&RatedPart<'a>, &Judged<'a>)> {
        let mut found: Vec<(&RatedPart<'a>, &Judged<'a>)> = Vec::new();
        for part in &self.parts {
            let next = match self.framework.scale {
                Scale::Seal => part.level,
                Scale::Levels => self.level,
                Scale::Checklist => None,
            };
            let next = next.map(|level| level.saturating_add(1));
            let in_the_way = |one: &&Judged<'a>| {
                let is_next = next.is_none_or(|level| one.criterion.level == level);
                !one.is_met() && (is_next || one.standing == Standing::Refuted)
            };
            found.extend(part.criteria.iter().filter(in_the_way).map(|one| (part, one)));
        }
        found.sort_by_key(|(_, one)| one.standing != Standing::Refuted);
        found
    }

    /// How many parts are met, partly met and not met.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let of = |standing| self.parts.iter().filter(|part| part.standing == standing).count();
        (of(PartStanding::Met), of(PartStanding::Partly), of(PartStanding::NotMet))
    }
}
