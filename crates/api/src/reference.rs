//! Names that point at things: `org/project`, `project/name@v3`, `dataset://project/name@v3`.
//!
//! A reference is checked for its shape here and for its existence by the platform. Every part is a
//! `Name`, so no reference can climb out of a folder or out of a tenant.

mod scope;

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use units::{Id, Name, kinds};

pub use scope::{PolicyScope, Ref};

/// Why a text is not a reference; the message says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct ParseReferenceError {
    /// The text given, cut to 80 characters.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

fn refuse(text: &str, expected: &'static str) -> ParseReferenceError {
    ParseReferenceError { text: text.chars().take(80).collect(), expected }
}

/// A project, by id or by path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectRef {
    /// `prj_…`.
    Id(Id<kinds::Project>),
    /// `organisation/project`.
    Path {
        /// The organisation's name.
        organisation: Name,
        /// The project's name.
        project: Name,
    },
}

impl FromStr for ProjectRef {
    type Err = ParseReferenceError;
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let wrong = || refuse(text, "a project: write `organisation/project` or an id `prj_…`");
        match text.split_once('/') {
            Some((organisation, project)) => Ok(Self::Path {
                organisation: organisation.parse().map_err(|_| wrong())?,
                project: project.parse().map_err(|_| wrong())?,
            }),
            None => text.parse().map(Self::Id).map_err(|_| wrong()),
        }
    }
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Path { organisation, project } => write!(f, "{organisation}/{project}"),
        }
    }
}

/// A dataset or a model within an organisation: `project/name@v3`, or without `@…` the newest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArtefactRef {
    /// The project's name.
    pub project: Name,
    /// The artefact's name.
    pub name: Name,
    /// The version, from 1; `None` means the newest when the command is decided.
    pub artefact_version: Option<u32>,
}

impl FromStr for ArtefactRef {
    type Err = ParseReferenceError;
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        let wrong =
            || refuse(text, "an artefact: write `project/name@v1`, or no `@v1` for the newest");
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version.strip_prefix('v').unwrap_or(version))),
            None => (text, None),
        };
        let (project, name) = path.split_once('/').ok_or_else(wrong)?;
        let number = |v: &str| v.parse().ok().filter(|n: &u32| *n > 0 && !v.starts_with('+'));
        Ok(Self {
            project: project.parse().map_err(|_| wrong())?,
            name: name.parse().map_err(|_| wrong())?,
            artefact_version: version.map(|v| number(v).ok_or_else(wrong)).transpose()?,
        })
    }
}

impl fmt::Display for ArtefactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.name)?;
        self.artefact_version.map_or(Ok(()), |version| write!(f, "@v{version}"))
    }
}

/// What a workload reads: `dataset://project/name@v1` or `model://project/name@v1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputRef {
    /// A version of a dataset.
    Dataset(ArtefactRef),
    /// A version of a model.
    Model(ArtefactRef),
}

impl FromStr for InputRef {
    type Err = ParseReferenceError;
    fn from_str(text: &str) -> Result<Self, ParseReferenceError> {
        match text.split_once("://") {
            Some(("dataset", rest)) => rest.parse().map(Self::Dataset),
            Some(("model", rest)) => rest.parse().map(Self::Model),
            _ => Err(refuse(
                text,
                "an input: write `dataset://project/name@v1` or `model://project/name@v1`",
            )),
        }
    }
}

impl fmt::Display for InputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(artefact) => write!(f, "dataset://{artefact}"),
            Self::Model(artefact) => write!(f, "model://{artefact}"),
        }
    }
}

/// Serialises as text, with an example in the schema.
macro_rules! as_text {
    ($($name:ident: $example:literal;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(de::Error::custom)
            }
        }
        impl JsonSchema for $name {
            fn inline_schema() -> bool { true }
            fn schema_name() -> Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "examples": [$example] })
            }
        }
    )*};
}

use as_text;

as_text! {
    ProjectRef: "orange/nlp";
    ArtefactRef: "nlp/corpus@v1";
    InputRef: "dataset://nlp/corpus@v1";
}
