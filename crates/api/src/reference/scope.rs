//! References by id or name, and the scopes that policies have.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use units::{Id, IdKind, Name, kinds};

use super::{ParseReferenceError, ProjectRef, as_text, refuse};

/// A thing by id or by its name in its scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ref<K: IdKind> {
    /// Its id.
    Id(Id<K>),
    /// Its name; a text that is an id is never read as a name.
    Name(Name),
}

impl<K: IdKind> FromStr for Ref<K> {
    type Err = ParseReferenceError;
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let wrong = || refuse(text, "a name or an id: write for example `orange`");
        text.parse().map(Self::Id).or_else(|_| text.parse().map(Self::Name)).map_err(|_| wrong())
    }
}

impl<K: IdKind> fmt::Display for Ref<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl<K: IdKind> Serialize for Ref<K> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de, K: IdKind> Deserialize<'de> for Ref<K> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl<K: IdKind> JsonSchema for Ref<K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Ref_{}", K::PREFIX).into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": format!("A name, or an id `{}_…`.", K::PREFIX),
        })
    }
}

/// Where a policy applies: `platform`, an organisation or a project; answers hold ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyScope {
    /// Everywhere.
    Platform,
    /// One organisation.
    Organisation(Ref<kinds::Organisation>),
    /// One project.
    Project(ProjectRef),
}

impl FromStr for PolicyScope {
    type Err = ParseReferenceError;
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let wrong = || refuse(text, "a scope: write `platform`, an organisation or a project");
        if text == "platform" {
            return Ok(Self::Platform);
        }
        text.parse()
            .map(Self::Project)
            .or_else(|_| text.parse().map(Self::Organisation))
            .map_err(|_| wrong())
    }
}

impl fmt::Display for PolicyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Organisation(organisation) => organisation.fmt(f),
            Self::Project(project) => project.fmt(f),
        }
    }
}

as_text! {
    PolicyScope: "platform";
}
