//! What a budget allows, in one of four measures: money, GPU time, energy, tokens.
//!
//! Integers in the base unit that use is metered in, so that a budget adds up to what was used, to the
//! last microsecond. Two amounts of different measures are never added. Text forms are for people.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{MicroEuro, PriceUnit};

/// Base units of one GPU-hour and of one kilowatt-hour: microseconds and millijoules.
const PER_HOUR: i64 = 3_600_000_000;

/// What a budget counts.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Money, in micro-euro.
    #[default]
    Money,
    /// Time on GPUs, in GPU-microseconds; a part of a GPU counts as its part.
    GpuTime,
    /// Energy, in millijoules, as metered at the node.
    Energy,
    /// Tokens in and out.
    Tokens,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Money, Self::GpuTime, Self::Energy, Self::Tokens];

    /// The measure in which a priced quantity counts beside money, in the same base unit.
    #[must_use]
    pub const fn of(per: PriceUnit) -> Option<Self> {
        match per {
            PriceUnit::GpuHour => Some(Self::GpuTime),
            PriceUnit::KilowattHour => Some(Self::Energy),
            PriceUnit::MTokensIn | PriceUnit::MTokensOut => Some(Self::Tokens),
            PriceUnit::CpuHour | PriceUnit::EgressSwitchGib | PriceUnit::EgressParallelGib => None,
        }
    }

    /// True if calls of models use it up.
    #[must_use]
    pub const fn is_spent_by_calls(self) -> bool {
        match self {
            Self::Money | Self::Tokens => true,
            Self::GpuTime | Self::Energy => false,
        }
    }

    /// So much of it, in its base unit.
    #[must_use]
    pub const fn amount(self, base: i64) -> Allowance {
        match self {
            Self::Money => Allowance::Money(MicroEuro(base)),
            Self::GpuTime => Allowance::GpuTime(base),
            Self::Energy => Allowance::Energy(base),
            Self::Tokens => Allowance::Tokens(base),
        }
    }

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::GpuTime => "gpu_time",
            Self::Energy => "energy",
            Self::Tokens => "tokens",
        }
    }

    /// The stable name of its base unit.
    #[must_use]
    pub const fn base_unit(self) -> &'static str {
        match self {
            Self::Money => "microeuro",
            Self::GpuTime => "gpu_us",
            Self::Energy => "energy_mj",
            Self::Tokens => "tokens",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in one of the measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Allowance {
    /// Money.
    #[serde(rename = "microeuro")]
    Money(MicroEuro),
    /// GPU-microseconds.
    #[serde(rename = "gpu_us")]
    GpuTime(i64),
    /// Millijoules.
    #[serde(rename = "energy_mj")]
    Energy(i64),
    /// Tokens.
    #[serde(rename = "tokens")]
    Tokens(i64),
}

impl Allowance {
    /// What it counts.
    #[must_use]
    pub const fn measure(self) -> Measure {
        match self {
            Self::Money(_) => Measure::Money,
            Self::GpuTime(_) => Measure::GpuTime,
            Self::Energy(_) => Measure::Energy,
            Self::Tokens(_) => Measure::Tokens,
        }
    }

    /// The number, in the base unit of its measure.
    #[must_use]
    pub const fn base(self) -> i64 {
        match self {
            Self::Money(amount) => amount.0,
            Self::GpuTime(base) | Self::Energy(base) | Self::Tokens(base) => base,
        }
    }

    /// The same measure with so much more, or the largest amount.
    #[must_use]
    pub const fn plus(self, base: i64) -> Self {
        self.measure().amount(self.base().saturating_add(base))
    }

    /// What is left of it after so much was spent; not below nothing.
    #[must_use]
    pub fn left_after(self, spent: Self) -> Self {
        self.measure().amount(self.base().saturating_sub(spent.base()).max(0))
    }

    /// The whole percents of a limit that this is, rounded down; 0 of a limit that is not above zero.
    #[must_use]
    pub fn percent_of(self, limit: Self) -> u32 {
        let whole = i128::from(limit.base()).max(0);
        let share = i128::from(self.base()).saturating_mul(100).checked_div(whole).unwrap_or(0);
        u32::try_from(share.max(0)).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(amount) => amount.fmt(f),
            Self::GpuTime(base) => write!(f, "{} GPUh", Decimal(*base, PER_HOUR)),
            Self::Energy(base) => write!(f, "{} kWh", Decimal(*base, PER_HOUR)),
            Self::Tokens(base) if *base >= 1_000_000 => {
                write!(f, "{} M tokens", Decimal(*base, 1_000_000))
            }
            Self::Tokens(base) => write!(f, "{base} tokens"),
        }
    }
}

/// A number of base units in a larger unit, with at most six decimals, rounded down.
struct Decimal(i64, i64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(base, per) = *self;
        let millionths = i128::from(base).saturating_mul(1_000_000).div_euclid(per.max(1).into());
        let (whole, rest) = (millionths.div_euclid(1_000_000), millionths.rem_euclid(1_000_000));
        let text = format!("{whole}.{rest:06}");
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl FromStr for Allowance {
    type Err = String;

    /// Reads `100 EUR`, `500 GPUh`, `2.5 MWh`, `10 M tokens`; a number alone is money.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || {
            format!(
                "`{text}` is no amount: write such as `100 EUR`, `500 GPUh`, `2 MWh` or `10 M tokens`"
            )
        };
        let text = text.trim();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at_checked(end).ok_or_else(refuse)?;
        let unit: String =
            unit.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>();
        let (measure, base_per_unit): (Measure, i64) = match unit.to_ascii_lowercase().as_str() {
            "" | "eur" | "€" => (Measure::Money, 1_000_000),
            "gpuh" | "gpuhour" | "gpuhours" => (Measure::GpuTime, PER_HOUR),
            "wh" => (Measure::Energy, 3_600_000),
            "kwh" => (Measure::Energy, PER_HOUR),
            "mwh" => (Measure::Energy, 3_600_000_000_000),
            "gwh" => (Measure::Energy, 3_600_000_000_000_000),
            "token" | "tokens" => (Measure::Tokens, 1),
            "ktoken" | "ktokens" => (Measure::Tokens, 1_000),
            "mtoken" | "mtokens" => (Measure::Tokens, 1_000_000),
            "gtoken" | "gtokens" => (Measure::Tokens, 1_000_000_000),
            _ => return Err(refuse()),
        };
        // The millionths of a number with up to six decimals are what money is read as.
        let MicroEuro(millionths) = number.parse().map_err(|_| refuse())?;
        let base = i128::from(millionths).saturating_mul(base_per_unit.into());
        if base.rem_euclid(1_000_000) != 0 {
            return Err(refuse());
        }
        i64::try_from(base.div_euclid(1_000_000))
            .map(|base| measure.amount(base))
            .map_err(|_| refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_shown_in_the_units_of_people() {
        for (text, base, shown) in [
            ("100 EUR", Allowance::Money(MicroEuro(100_000_000)), "100.000000 EUR"),
            ("12.5", Allowance::Money(MicroEuro(12_500_000)), "12.500000 EUR"),
            ("500 GPUh", Allowance::GpuTime(500 * PER_HOUR), "500 GPUh"),
            ("0.25 GPU-hours", Allowance::GpuTime(900_000_000), "0.25 GPUh"),
            ("2 MWh", Allowance::Energy(2_000 * PER_HOUR), "2000 kWh"),
            ("1Wh", Allowance::Energy(3_600_000), "0.001 kWh"),
            ("10 M tokens", Allowance::Tokens(10_000_000), "10 M tokens"),
            ("1.5 M tokens", Allowance::Tokens(1_500_000), "1.5 M tokens"),
            ("2500 tokens", Allowance::Tokens(2_500), "2500 tokens"),
        ] {
            let read: Allowance = text.parse().unwrap();
            assert_eq!((read, read.to_string().as_str()), (base, shown), "{text}");
            assert_eq!(read.to_string().parse(), Ok(read), "{text}");
        }
        for text in
            ["", "EUR", "-1 EUR", "1 GPU", "1.5 tokens", "1e9 EUR", "9000000000 GPUh", "1..2"]
        {
            let error = text.parse::<Allowance>().unwrap_err();
            assert!(error.contains("such as"), "{text}: {error}");
        }
    }

    #[test]
    fn percents_are_rounded_down_and_what_is_left_is_never_below_nothing() {
        let (limit, tokens) = (Allowance::Tokens(3), Allowance::Tokens);
        let percents = [0, 1, 2, 3, 4].map(|n| tokens(n).percent_of(limit));
        assert_eq!(percents, [0, 33, 66, 100, 133]);
        assert_eq!(tokens(5).percent_of(tokens(0)), 0);
        assert_eq!(tokens(i64::MAX).percent_of(tokens(1)), u32::MAX);
        assert_eq!(
            (limit.left_after(tokens(1)), limit.left_after(tokens(9))),
            (tokens(2), tokens(0))
        );
    }

    #[test]
    fn what_is_written_says_its_unit() {
        let written = |amount: Allowance| serde_json::to_string(&amount).unwrap();
        assert_eq!(written(Allowance::Money(MicroEuro(5))), r#"{"microeuro":5}"#);
        assert_eq!(written(Allowance::GpuTime(5)), r#"{"gpu_us":5}"#);
        for measure in Measure::ALL {
            let text = written(measure.amount(7));
            assert!(text.contains(measure.base_unit()), "{text}");
            assert_eq!(serde_json::from_str::<Allowance>(&text).unwrap(), measure.amount(7));
        }
    }
}
