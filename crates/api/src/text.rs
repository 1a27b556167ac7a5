//! Text forms of the wire: schemas of ids, digests and names, RFC 3339 times, amounts in euro.
//!
//! The types of `units` know nothing of OpenAPI; the markers here say to schemars what their
//! serialised form looks like. A marker is never instantiated.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use units::{Allowance, DataClass, IdKind, MicroEuro, PriceUnit, UnixMicros};

/// Schema of `units::Id<K>`: the prefix and 26 characters of Crockford's base 32.
#[derive(Debug)]
pub struct IdText<K>(PhantomData<K>);

impl<K: IdKind> JsonSchema for IdText<K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Id_{}", K::PREFIX).into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!("^{}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$", K::PREFIX),
        })
    }
}

macro_rules! markers {
    ($($(#[$doc:meta])* $name:ident = $schema:tt;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema { json_schema!($schema) }
        }
    )*};
}

markers! {
    /// Schema of `units::Digest`.
    DigestText = { "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" };
    /// Schema of `units::Name`.
    NameText = { "type": "string", "minLength": 1, "maxLength": 63,
        "pattern": "^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$" };
    /// Schema of `units::Country`: ISO 3166-1 alpha-2.
    CountryText = { "type": "string", "pattern": "^[A-Z]{2}$" };
    /// Schema of a month, such as `2026-03`.
    MonthText = { "type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$" };
    /// Schema of `units::DataClass`.
    ClassText = { "type": "string", "enum": (DataClass::ALL.map(DataClass::as_str)) };
    /// Schema of `units::PriceUnit`.
    PriceUnitText = { "type": "string", "enum": (PriceUnit::ALL.map(PriceUnit::as_str)) };
}

/// A point in time as RFC 3339 UTC text with microseconds, such as `2026-03-01T08:00:00.5Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub UnixMicros);

impl From<UnixMicros> for Timestamp {
    fn from(at: UnixMicros) -> Self {
        Self(at)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years beyond ±9999 cannot be written in RFC 3339: the nearest writable time is shown.
        let clamped = if self.0.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        let at = jiff::Timestamp::from_microsecond(self.0.0).unwrap_or(clamped);
        write!(f, "{at}")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        let at: jiff::Timestamp = text.parse().map_err(|_| {
            de::Error::custom(format!(
                "`{text}` is not a time: write RFC 3339, such as `2026-03-01T08:00:00Z`"
            ))
        })?;
        Ok(Self(UnixMicros(at.as_microsecond())))
    }
}

impl JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// What a budget allows, as a person wrote it: `10.00 EUR`, `500 GPUh`, `2 MWh`, `10 M tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowanceText(pub Allowance);

impl Serialize for AllowanceText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AllowanceText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for AllowanceText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "AllowanceText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^ *[0-9]+(\\.[0-9]{0,6})? *(EUR|GPUh|Wh|kWh|MWh|GWh|[kMG]? ?tokens)? *$",
            "examples": ["10.00 EUR", "500 GPUh", "2 MWh", "10 M tokens"],
        })
    }
}

/// An amount that a person wrote: `12`, `12.5` or `12.50 EUR`; at most six decimals, not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EuroText(pub MicroEuro);

impl Serialize for EuroText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EuroText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for EuroText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "EuroText".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^ *[0-9]+(\\.[0-9]{0,6})? *(EUR)? *$",
            "examples": ["10.00 EUR"],
        })
    }
}
