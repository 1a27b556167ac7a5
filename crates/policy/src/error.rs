//! Why a policy text is not taken into force, with the place and the remedy.
//!
//! Must never hold a policy's whole text: messages are recorded and shown.

use std::fmt;

use crate::compile::{POLICIES_MAX, SOURCE_BYTES_MAX, SOURCE_ID_CHARS_MAX, SOURCES_MAX};
use crate::scan::{NESTING_MAX, OPERATORS_MAX};
use crate::text::BASE_SOURCE_ID;

/// A refused set of sources: where, what and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy source `{source_id}`{}: {fault}; {}", Place(*line), fault.remedy())]
pub struct CompileError {
    /// Id of the source, cut to 80 characters.
    pub source_id: String,
    /// Line in that source, counted from 1, where one can be named.
    pub line: Option<u32>,
    /// What is wrong.
    pub fault: Fault,
}

struct Place(Option<u32>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ", line {line}"))
    }
}

/// Every name of the schema; a test compares it with the schema.
const KNOWN: &str = "use the types `Organisation`, `Project`, `Site`, `Class` and `Category`, the \
                     actions `place`, `move` and `serve`, the site attributes `name`, `country`, \
                     `operator`, `operator_country`, `certifications`, `operator_entity`, \
                     `operator_jurisdiction`, `owner_entity`, `owner_jurisdiction` and \
                     `ownership_met`, and the context attributes `class`, `category` and \
                     `residency`";

/// What is wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// More sources than [`SOURCES_MAX`].
    #[error("it is one of {given} sources, the limit is {SOURCES_MAX}")]
    TooManySources {
        /// Number of sources given.
        given: usize,
    },
    /// The id is empty, too long or has characters that would make policy ids ambiguous.
    #[error("the source id is not usable")]
    SourceId,
    /// Two sources have this id.
    #[error("the source id is given twice")]
    DuplicateSource,
    /// The reserved id of the base layer stands somewhere else than first.
    #[error("the base layer is not the first source")]
    BaseNotFirst,
    /// Longer than [`SOURCE_BYTES_MAX`].
    #[error("the text has {bytes} bytes, the limit is {SOURCE_BYTES_MAX}")]
    TooLong {
        /// Length of the text in bytes.
        bytes: usize,
    },
    /// A string literal without its closing quote.
    #[error("a string is not closed")]
    OpenString,
    /// Brackets nested deeper than [`NESTING_MAX`].
    #[error("brackets are nested deeper than {NESTING_MAX}")]
    TooNested,
    /// One policy with more than [`OPERATORS_MAX`] operators.
    #[error("one policy has more than {OPERATORS_MAX} operators")]
    TooManyOperators,
    /// The text is not Cedar.
    #[error("{message}")]
    Syntax {
        /// Cedar's own message.
        message: String,
        /// Cedar's own hint, where it has one.
        hint: Option<String>,
    },
    /// A template, which nobody would ever link.
    #[error("it has a policy template (`?principal` or `?resource`)")]
    Template,
    /// An `@id` that cannot be part of a policy id.
    #[error("`{id}` is not usable as a policy id")]
    PolicyId {
        /// The annotation's value, cut to 80 characters.
        id: String,
    },
    /// Two policies of the source have the same id.
    #[error("the policy id `{policy}` is used twice")]
    DuplicatePolicy {
        /// The complete policy id.
        policy: String,
    },
    /// More policies in all sources together than [`POLICIES_MAX`].
    #[error("all sources together have more than {POLICIES_MAX} policies")]
    TooManyPolicies,
    /// The text is Cedar, but does not fit the schema.
    #[error("{message}")]
    Meaning {
        /// Cedar's own message, which names the policy.
        message: String,
        /// Cedar's own hint, where it has one.
        hint: Option<String>,
    },
    /// The text fits the schema, but can never have an effect or hides letters of other scripts.
    #[error("{message}")]
    Suspicious {
        /// Cedar's own message, which names the policy.
        message: String,
    },
}

impl Fault {
    /// What to do next, in lower case and without a full stop.
    #[must_use]
    pub fn remedy(&self) -> String {
        let fixed = match self {
            Self::TooManySources { .. } => "merge sources or take unused ones out of force",
            Self::SourceId => {
                return format!("use 1 to {SOURCE_ID_CHARS_MAX} letters, digits, `.`, `_` or `-`");
            }
            Self::DuplicateSource => "give every source its own id",
            Self::BaseNotFirst => {
                return format!("put `{BASE_SOURCE_ID}` first or leave it out");
            }
            Self::TooLong { .. } => "split it into several sources",
            Self::OpenString => "add the missing `\"`",
            Self::TooNested | Self::TooManyOperators => {
                "split the policy into several; use `[…].contains(…)` for lists"
            }
            Self::Template => "name the project, organisation or site instead of a slot",
            Self::PolicyId { .. } => {
                "write `@id(\"…\")` with 1 to 64 letters, digits, `.`, `_` or `-`"
            }
            Self::DuplicatePolicy { .. } => "give every policy its own `@id(\"…\")`",
            Self::TooManyPolicies => "merge policies with the same effect",
            Self::Syntax { hint, .. } => {
                return hint
                    .clone()
                    .unwrap_or_else(|| "compare it with the Cedar policy grammar".to_owned());
            }
            Self::Suspicious { .. } => {
                "rewrite or remove it: a rule that only looks like one is not taken into force"
            }
            Self::Meaning { hint, .. } => {
                return hint.clone().unwrap_or_else(|| KNOWN.to_owned());
            }
        };
        fixed.to_owned()
    }
}
