//! Quantities as newtypes over integers in base units; the unit is in the type's name.
//!
//! Only checked and saturating operations exist, so nothing wraps. Text forms carry the unit and
//! are for people; serialised forms are plain integers in the base unit.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! newtype {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $unit:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0);

            /// The sum, or `None` if it does not fit.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) { Some(v) => Some(Self(v)), None => None }
            }

            /// The sum, or the largest value.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, or zero if it would be negative.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The difference, or `None` if it would be negative.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) { Some(v) => Some(Self(v)), None => None }
            }

            /// True for nothing.
            #[must_use]
            pub const fn is_zero(self) -> bool { self.0 == 0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{} ", $unit), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { self.0.serialize(s) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <$inner>::deserialize(d).map(Self)
            }
        }
    )*};
}

newtype! {
    /// A size in bytes.
    Bytes(u64) = "B";
    /// Processor capacity in thousandths of a core.
    MilliCpu(u64) = "mCPU";
    /// Whole GPUs.
    GpuCount(u32) = "GPU";
    /// Power in milliwatts.
    MilliWatt(u64) = "mW";
    /// Energy in millijoules, the unit of NVML and (after division) of RAPL counters.
    MilliJoule(u64) = "mJ";
    /// Mass of emitted carbon dioxide equivalent in milligrams.
    MilliGram(u64) = "mgCO2e";
    /// The same in micrograms: what a sample of a few joules emits is not zero.
    MicroGram(u64) = "ugCO2e";
    /// Language-model tokens.
    Tokens(u64) = "tokens";
}

impl MilliJoule {
    /// Millijoules in one kilowatt-hour.
    pub const PER_KWH: u64 = 3_600_000_000;

    /// Kilowatt-hours with six decimals, for people.
    #[must_use]
    pub fn kwh_text(self) -> String {
        let micro =
            u128::from(self.0).saturating_mul(1_000_000).div_euclid(u128::from(Self::PER_KWH));
        format!("{}.{:06} kWh", micro.div_euclid(1_000_000), micro.rem_euclid(1_000_000))
    }

    /// Emissions at an intensity in grams per kilowatt-hour, rounded down to a microgram.
    #[must_use]
    pub fn carbon(self, grams_per_kwh: u32) -> MicroGram {
        // 1 g/kWh is 10⁶ µg per 3.6·10⁹ mJ, that is 1 µg per 3,600 mJ.
        let product = u128::from(self.0).saturating_mul(u128::from(grams_per_kwh));
        MicroGram(
            u64::try_from(product.saturating_mul(1_000_000).div_euclid(u128::from(Self::PER_KWH)))
                .unwrap_or(u64::MAX),
        )
    }
}

impl MicroGram {
    /// In milligrams, to the nearest one.
    #[must_use]
    pub const fn milligrams(self) -> MilliGram {
        MilliGram(self.0.saturating_add(500).div_euclid(1_000))
    }
}

impl MilliWatt {
    /// Energy of this power held for a time in microseconds, rounded down.
    #[must_use]
    pub fn for_micros(self, micros: u64) -> MilliJoule {
        let mj = u128::from(self.0).saturating_mul(u128::from(micros)) / 1_000_000;
        MilliJoule(u64::try_from(mj).unwrap_or(u64::MAX))
    }
}
