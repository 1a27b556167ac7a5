//! A number or a text, kept as written; and maps that refuse a key given twice.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole number or a text. A decimal number is read as its shortest text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Scalar {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(number) => s.serialize_i64(*number),
            Self::Text(text) => s.serialize_str(text),
        }
    }
}

struct ScalarVisitor {
    decimals: bool,
}

impl de::Visitor<'_> for ScalarVisitor {
    type Value = Scalar;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a text; put other values in quotes")
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        // A number beyond i64 keeps its meaning as text.
        Ok(i64::try_from(number).map_or_else(|_| number.to_string().into(), Scalar::Integer))
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
        if self.decimals && number.is_finite() {
            return Ok(number.to_string().into());
        }
        Err(E::invalid_type(de::Unexpected::Float(number), &self))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(text.into())
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ScalarVisitor { decimals: true })
    }
}

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}

/// A scalar that refuses decimals: `1.10` as a version would silently become `1.1`.
struct Exact(Scalar);

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ScalarVisitor { decimals: false }).map(Self)
    }
}

struct UniqueMap<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> de::Visitor<'de> for UniqueMap<V> {
    type Value = BTreeMap<String, V>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to texts")
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = access.next_entry::<String, V>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!("`{key}` is given twice: keep one")));
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Reads a map and refuses a key that is given twice, where serde would keep the last.
pub(super) fn unique_map<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    d: D,
) -> Result<BTreeMap<String, V>, D::Error> {
    d.deserialize_map(UniqueMap(PhantomData))
}

/// Reads environment variables.
pub(super) fn environment<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<BTreeMap<String, Scalar>, D::Error> {
    let map: BTreeMap<String, Exact> = unique_map(d)?;
    Ok(map.into_iter().map(|(name, value)| (name, value.0)).collect())
}
