//! The sums of metered use: one line per (project, month, unit, price), rated from its total.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{
    Id, MicroEuro, MicroGram, MilliJoule, Price, PriceUnit, Tokens, UnixMicros, kinds, rate,
};

use super::{Charge, Recent};

/// What tells one invoice line from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LineKey {
    /// Who pays.
    pub project: Id<kinds::Project>,
    /// Months since January 1970 (UTC).
    pub month: i32,
    /// Per what.
    pub per: PriceUnit,
    /// Price of one unit.
    pub price: MicroEuro,
}

/// The sum of one line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Quantity in base units.
    pub quantity_base: u64,
    /// The whole quantity, rated once.
    pub amount: MicroEuro,
}

/// Quantities of a project that are not money.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Measured energy.
    pub energy_measured: MilliJoule,
    /// Modelled energy.
    pub energy_modelled: MilliJoule,
    /// Emissions.
    #[serde(rename = "carbon_ug")]
    pub carbon: MicroGram,
    /// Sources of the energy figures, each once.
    pub energy_sources: Vec<String>,
    /// Sources of the carbon intensities, each once.
    pub carbon_sources: Vec<String>,
    /// Requests through the gateway.
    pub requests: u64,
    /// Prompt tokens.
    pub tokens_in: Tokens,
    /// Generated tokens.
    pub tokens_out: Tokens,
}

/// Sources kept per project; further ones are not listed.
pub(super) const SOURCES_MAX: usize = 16;

/// All sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Lines by key.
    #[serde(serialize_with = "pairs", deserialize_with = "from_pairs")]
    pub lines: BTreeMap<LineKey, Line>,
    /// Other quantities by project.
    pub totals: BTreeMap<Id<kinds::Project>, Totals>,
    /// The last roll-up number of each gateway.
    pub gateways: BTreeMap<Id<kinds::Gateway>, u64>,
    /// What each project used lately.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recent: BTreeMap<Id<kinds::Project>, Recent>,
}

impl Ledger {
    /// Adds a charge; answers what it added to the line's amount.
    pub(crate) fn add(
        &mut self,
        project: Id<kinds::Project>,
        at: UnixMicros,
        charge: &Charge,
    ) -> MicroEuro {
        let key = LineKey { project, month: month_of(at), per: charge.per, price: charge.price };
        let line = self.lines.entry(key).or_default();
        line.quantity_base = line.quantity_base.saturating_add(charge.quantity_base);
        let price = Price { amount: charge.price, per: charge.per };
        // A quantity too large to rate keeps the last amount; limits make that unreachable.
        let rated = rate(price, line.quantity_base).map_or(line.amount, |rated| rated.amount);
        let added = rated.saturating_sub(line.amount);
        line.amount = rated;
        added
    }

    /// What a charge would add, without adding it.
    #[must_use]
    pub fn preview(
        &self,
        project: Id<kinds::Project>,
        at: UnixMicros,
        charges: &[Charge],
    ) -> MicroEuro {
        charges.iter().fold(MicroEuro::ZERO, |sum, charge| {
            let key =
                LineKey { project, month: month_of(at), per: charge.per, price: charge.price };
            let line = self.lines.get(&key).copied().unwrap_or_default();
            let quantity = line.quantity_base.saturating_add(charge.quantity_base);
            let rated = rate(charge.price(), quantity).map_or(line.amount, |rated| rated.amount);
            sum.saturating_add(rated.saturating_sub(line.amount))
        })
    }

    /// Lines of a project, in order of month, unit and price.
    pub fn lines_of(&self, project: Id<kinds::Project>) -> impl Iterator<Item = (&LineKey, &Line)> {
        let first = LineKey {
            project,
            month: i32::MIN,
            per: PriceUnit::CpuHour,
            price: MicroEuro(i64::MIN),
        };
        self.lines.range(first..).take_while(move |(key, _)| key.project == project)
    }
}

/// Months since January 1970 in UTC (civil-from-days, Howard Hinnant's algorithm).
pub(crate) fn month_of(at: UnixMicros) -> i32 {
    let days = at.secs().div_euclid(86_400);
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let leaps = (day_of_era / 1_460)
        .saturating_add(day_of_era / 146_096)
        .saturating_sub(day_of_era / 36_524);
    let year_of_era = day_of_era.saturating_sub(leaps) / 365;
    let year_days = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era / 4)
        .saturating_sub(year_of_era / 100);
    let day_of_year = day_of_era.saturating_sub(year_days);
    let march_month = day_of_year.saturating_mul(5).saturating_add(2) / 153;
    // March is month 0 of this calendar, so January and February belong to the next civil year.
    let year = era.saturating_mul(400).saturating_add(year_of_era);
    let months = year.saturating_mul(12).saturating_add(march_month).saturating_add(2);
    i32::try_from(months.saturating_sub(1_970 * 12)).unwrap_or(i32::MAX)
}

/// When a month begins in UTC (days-from-civil, Howard Hinnant's algorithm); the other way round.
pub(crate) fn month_start(months: i32) -> UnixMicros {
    let months = i64::from(months).saturating_add(1_970 * 12);
    // Years of this calendar begin in March.
    let shifted = months.saturating_sub(2);
    let (year, month) = (shifted.div_euclid(12), shifted.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = month.saturating_mul(153).saturating_add(2).div_euclid(5);
    let day_of_era = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100))
        .saturating_add(day_of_year);
    let days = era.saturating_mul(146_097).saturating_add(day_of_era).saturating_sub(719_468);
    UnixMicros(days.saturating_mul(86_400_000_000))
}

fn pairs<S: Serializer>(map: &BTreeMap<LineKey, Line>, s: S) -> Result<S::Ok, S::Error> {
    s.collect_seq(map.iter())
}

fn from_pairs<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<LineKey, Line>, D::Error> {
    Ok(Vec::<(LineKey, Line)>::deserialize(d)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_civil() {
        let month = |secs: i64| month_of(UnixMicros(secs * 1_000_000));
        assert_eq!(month(0), 0);
        assert_eq!(month(31 * 86_400 - 1), 0);
        assert_eq!(month(31 * 86_400), 1);
        assert_eq!(month(951_782_400), 30 * 12 + 1, "2000-02-29");
        assert_eq!(month(951_868_800), 30 * 12 + 2, "2000-03-01");
        assert_eq!(month(1_795_305_600), 56 * 12 + 10, "2026-11-22");
        for months in -30..4_000 {
            let start = month_start(months);
            assert_eq!(month_of(start), months);
            assert_eq!(month_of(UnixMicros(start.0 - 1)), months - 1);
        }
    }
}
