//! Taking an organisation out, and in: one tar file with everything that it has, in documented
//! formats. Nothing of another tenant may get into it, and nothing in it may get into another tenant.

mod course;
mod export;
mod history;
mod identities;
mod import;
mod items;
mod own_log;

pub(crate) use course::CourseWork;
pub(crate) use export::{Egress, Export};
pub(crate) use import::{Import, ImportError};

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

/// The format that this version writes. It reads earlier ones too: the first had no groups, roles,
/// service accounts, bindings and providers.
pub(crate) const FORMAT: u32 = 2;

/// What did not go along, with its reason.
pub(crate) const LEFT_OUT: &str = "history/left-out.jsonl";

/// Paths within the file.
pub(crate) const HEAD: &str = "export.json";
pub(crate) const ITEMS: &str = "configuration/items.jsonl";
pub(crate) const PEOPLE: &str = "people/people.jsonl";
/// The last part of every export: a file without it broke off.
pub(crate) const LAST: &str = "log/entries.jsonl";
pub(crate) const BLOBS: &str = "blobs/";

/// The register of formats.
const README: &str = include_str!("README.md");

/// The content of `export.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) format: u32,
    /// The name of the log that it comes from.
    pub(crate) origin: String,
    pub(crate) organisation: Id<kinds::Organisation>,
    pub(crate) name: Name,
    /// Entries of that log when it was made.
    pub(crate) seq: u64,
    /// True if it was shut to those who run the platform it comes from.
    #[serde(default)]
    pub(crate) is_shut: bool,
}

/// A line of `people/people.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) user: Id<kinds::User>,
    /// Base64.
    pub(crate) data: String,
    pub(crate) lookups: Vec<(String, String)>,
}

/// Lines of JSON.
fn lines<T: Serialize>(values: impl IntoIterator<Item = T>) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, &value)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
