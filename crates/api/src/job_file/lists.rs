//! Fields that take one value or several: GPUs that will do, and what must have ended first.
//!
//! Read by hand, not as untagged enums, so that a mistake still names its field and what to write.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{DependencyEnd, Scalar};

/// One scalar, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMany {
    /// One.
    One(Scalar),
    /// Several.
    Many(Vec<Scalar>),
}

impl OneOrMany {
    /// The values as texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(scalar) => vec![scalar.to_string()],
            Self::Many(scalars) => scalars.iter().map(ToString::to_string).collect(),
        }
    }
}

impl<T: Into<Scalar>> From<T> for OneOrMany {
    fn from(value: T) -> Self {
        Self::One(value.into())
    }
}

impl Serialize for OneOrMany {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(scalar) => scalar.serialize(s),
            Self::Many(scalars) => scalars.serialize(s),
        }
    }
}

struct OneOrManyVisitor;

impl<'de> de::Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or a text, a list of them, or a map such as `{ share: 0.25 }`")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(Scalar::Integer(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OneOrMany, E> {
        Scalar::deserialize(de::value::U64Deserializer::new(number)).map(OneOrMany::One)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<OneOrMany, E> {
        Scalar::deserialize(de::value::F64Deserializer::new(number)).map(OneOrMany::One)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(text.into())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<OneOrMany, A::Error> {
        let mut scalars = Vec::new();
        while let Some(scalar) = access.next_element()? {
            scalars.push(scalar);
        }
        Ok(OneOrMany::Many(scalars))
    }

    /// `{ model: H100, share: 0.25 }`, which is `H100:0.25`.
    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<OneOrMany, A::Error> {
        let mut fields: BTreeMap<String, Scalar> = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, Scalar>()? {
            if !GPU_FIELDS.contains(&name.as_str()) {
                return Err(de::Error::unknown_field(&name, &GPU_FIELDS));
            }
            if fields.insert(name.clone(), value).is_some() {
                return Err(de::Error::custom(format!("`{name}` is given twice: keep one")));
            }
        }
        gpu_text(&fields).map(|text| text.as_str().into()).map_err(de::Error::custom)
    }
}

/// What a map of GPUs may say.
const GPU_FIELDS: [&str; 4] = ["model", "count", "share", "profile"];

/// A map of GPUs as one text.
fn gpu_text(fields: &BTreeMap<String, Scalar>) -> Result<String, String> {
    let get = |name: &str| fields.get(name).map(ToString::to_string);
    let amounts = ["count", "share", "profile"];
    let mut given = amounts.into_iter().filter_map(|name| Some((name, get(name)?)));
    let (name, amount) = given.next().unwrap_or(("count", "1".to_owned()));
    if let Some((other, value)) = given.next() {
        return Err(format!("`{name}: {amount}` and `{other}: {value}`: keep one of them"));
    }
    if name == "share" && !amount.trim().starts_with("0.") {
        return Err(format!(
            "`share: {amount}` is no share of one GPU: write 0.001 to 0.999, or `count` for whole ones"
        ));
    }
    Ok(get("model").map_or_else(|| amount.clone(), |model| format!("{model}:{amount}")))
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(OneOrManyVisitor)
    }
}

impl JsonSchema for OneOrMany {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string", "array", "object"],
            "items": { "type": ["integer", "string"] },
            "properties": {
                "model": { "type": "string" },
                "count": { "type": "integer" },
                "share": { "type": ["number", "string"] },
                "profile": { "type": "string" },
            },
            "additionalProperties": false,
        })
    }
}

/// Workloads that must have ended first: `[prepare, job_01j…]`, or `{ prepare: any }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AfterText {
    /// All of them well.
    Listed(Vec<String>),
    /// Each in its way.
    Mapped(BTreeMap<String, DependencyEnd>),
}

impl AfterText {
    /// Each with how it must end.
    #[must_use]
    pub fn entries(&self) -> Vec<(&str, DependencyEnd)> {
        match self {
            Self::Listed(names) => {
                names.iter().map(|name| (name.as_str(), DependencyEnd::Success)).collect()
            }
            Self::Mapped(map) => map.iter().map(|(name, on)| (name.as_str(), *on)).collect(),
        }
    }
}

impl Serialize for AfterText {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Listed(names) => names.serialize(s),
            Self::Mapped(map) => map.serialize(s),
        }
    }
}

struct AfterVisitor;

impl<'de> de::Visitor<'de> for AfterVisitor {
    type Value = AfterText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("workloads such as `[prepare]`, or `{ prepare: any }`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AfterText, E> {
        Ok(AfterText::Listed(vec![text.to_owned()]))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut access: A) -> Result<AfterText, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = access.next_element()? {
            names.push(name);
        }
        Ok(AfterText::Listed(names))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<AfterText, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, on)) = access.next_entry::<String, DependencyEnd>()? {
            if map.contains_key(&name) {
                return Err(de::Error::custom(format!("`{name}` is given twice: keep one")));
            }
            map.insert(name, on);
        }
        Ok(AfterText::Mapped(map))
    }
}

impl<'de> Deserialize<'de> for AfterText {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(AfterVisitor)
    }
}

impl JsonSchema for AfterText {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "AfterText".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let end = generator.subschema_for::<DependencyEnd>();
        json_schema!({
            "type": ["string", "array", "object"],
            "items": { "type": "string" },
            "additionalProperties": end,
        })
    }
}
