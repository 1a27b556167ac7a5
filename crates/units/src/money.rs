//! Money in integer micro-euro, and prices as ratios.
//!
//! A price is "2.50 EUR per GPU-hour", never a per-second number: that would not be whole. A line
//! is rated once, half to even, and keeps its remainder, so that invoices add up to the cent.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Integer millionths of a euro; negative for credits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MicroEuro(pub i64);

/// An unrounded amount: quantity times price, before the one rounding.
pub type Amount = i128;

impl MicroEuro {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The sum, or `None` if it does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(v) => Some(Self(v)),
            None => None,
        }
    }

    /// The sum, or the nearest representable amount.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or the nearest representable amount.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for MicroEuro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:06} EUR", magnitude / 1_000_000, magnitude % 1_000_000)
    }
}

impl FromStr for MicroEuro {
    type Err = String;

    /// Reads `12`, `12.5`, `12 EUR` or `0.000001 EUR`; at most six decimals, no sign.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not an amount: write for example `12.50 EUR`");
        let number = text.trim().trim_end_matches("EUR").trim();
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
            return Err(refuse());
        }
        let whole: i64 = whole.parse().map_err(|_| refuse())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| refuse())?;
        whole
            .checked_mul(1_000_000)
            .and_then(|v| v.checked_add(fraction))
            .map(Self)
            .ok_or_else(refuse)
    }
}

impl Serialize for MicroEuro {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

impl<'de> Deserialize<'de> for MicroEuro {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        i64::deserialize(d).map(Self)
    }
}

/// What a price is per, with the base unit in which the quantity is metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PriceUnit {
    /// Per core-hour; metered in core-microseconds.
    CpuHour,
    /// Per GPU-hour; metered in GPU-microseconds.
    GpuHour,
    /// Per million prompt tokens; metered in tokens.
    MTokensIn,
    /// Per million generated tokens; metered in tokens.
    MTokensOut,
    /// Per kilowatt-hour; metered in millijoules.
    KilowattHour,
    /// Per gibibyte that leaves as its owner switches to another provider; metered in bytes.
    EgressSwitchGib,
    /// Per gibibyte that leaves as its owner uses another provider as well; metered in bytes.
    EgressParallelGib,
}

impl PriceUnit {
    /// All units, in their fixed order.
    pub const ALL: [Self; 7] = [
        Self::CpuHour,
        Self::GpuHour,
        Self::MTokensIn,
        Self::MTokensOut,
        Self::KilowattHour,
        Self::EgressSwitchGib,
        Self::EgressParallelGib,
    ];

    /// Base units in one priced unit.
    #[must_use]
    pub const fn base_per_unit(self) -> i128 {
        match self {
            Self::CpuHour | Self::GpuHour => 3_600_000_000,
            Self::MTokensIn | Self::MTokensOut => 1_000_000,
            Self::KilowattHour => 3_600_000_000,
            Self::EgressSwitchGib | Self::EgressParallelGib => 1 << 30,
        }
    }

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CpuHour => "cpu_hour",
            Self::GpuHour => "gpu_hour",
            Self::MTokensIn => "mtokens_in",
            Self::MTokensOut => "mtokens_out",
            Self::KilowattHour => "kwh",
            Self::EgressSwitchGib => "egress_switch_gib",
            Self::EgressParallelGib => "egress_parallel_gib",
        }
    }
}

impl FromStr for PriceUnit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|u| u.as_str() == text).ok_or_else(|| {
            format!(
                "`{text}` is not a price unit: use cpu_hour, gpu_hour, mtokens_in, mtokens_out, kwh, egress_switch_gib or egress_parallel_gib"
            )
        })
    }
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for PriceUnit {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PriceUnit {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        crate::deserialize_text(d)
    }
}

/// A price: so many micro-euro per unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// Micro-euro for one unit; not negative.
    pub amount: MicroEuro,
    /// The unit.
    pub per: PriceUnit,
}

/// A rated line: the rounded amount and what rounding left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rated {
    /// The amount, rounded half to even.
    pub amount: MicroEuro,
    /// `quantity × price − amount × base_per_unit`, in micro-euro × base units.
    pub remainder: Amount,
}

/// Rates a quantity in base units: the one place where money is rounded.
///
/// `amount = quantity × price / base_per_unit`, half to even; `None` if it does not fit.
#[must_use]
pub fn rate(price: Price, quantity_base: u64) -> Option<Rated> {
    let base = price.per.base_per_unit();
    let exact = i128::from(price.amount.0).checked_mul(i128::from(quantity_base))?;
    let floor = exact.checked_div_euclid(base)?;
    let rest = exact.checked_rem_euclid(base)?;
    let twice = rest.checked_mul(2)?;
    let up = twice > base || (twice == base && floor.checked_rem_euclid(2)? == 1);
    let rounded = if up { floor.checked_add(1)? } else { floor };
    let remainder = exact.checked_sub(rounded.checked_mul(base)?)?;
    Some(Rated { amount: MicroEuro(i64::try_from(rounded).ok()?), remainder })
}
