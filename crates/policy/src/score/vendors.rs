//! From where the vendors of processors and accelerators are controlled.
//!
//! Must never take a model that it does not know for one of the Union.

use serde::Deserialize;
use units::Country;

use super::criteria::CriteriaError;
use crate::ownership::is_in_eu;

/// The file of vendors.
pub const VENDORS_FILE: (&str, &str) =
    ("vendors.yaml", include_str!("../../criteria/vendors.yaml"));

/// Which part of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// A GPU or its like.
    Accelerator,
    /// A CPU.
    Processor,
}

/// A vendor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Its name.
    pub vendor: String,
    /// The country from where it is controlled in the end.
    pub control: Country,
    /// Beginnings of words in the names of its models, in lower case.
    pub names: Vec<String>,
}

/// All vendors that are known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendors {
    /// As of when.
    pub version: String,
    /// Where it is from.
    pub source: String,
    /// Of accelerators.
    pub accelerators: Vec<Vendor>,
    /// Of processors.
    pub processors: Vec<Vendor>,
}

/// The vendors of this version.
///
/// # Errors
/// [`CriteriaError`]; a test shows that it does not happen.
pub fn vendors() -> Result<Vendors, CriteriaError> {
    let (file, text) = VENDORS_FILE;
    serde_norway::from_str(text)
        .map_err(|error| CriteriaError { file: file.to_owned(), fault: error.to_string() })
}

impl Vendors {
    /// The vendor of a model; one outside the Union before one inside, where both could be meant.
    #[must_use]
    pub fn of(&self, component: Component, model: &str) -> Option<&Vendor> {
        let list = match component {
            Component::Accelerator => &self.accelerators,
            Component::Processor => &self.processors,
        };
        let model = model.to_lowercase();
        let words: Vec<&str> = model.split(|c: char| !c.is_alphanumeric()).collect();
        let is_named = |name: &String| words.iter().any(|word| word.starts_with(name.as_str()));
        let named = |one: &&Vendor| one.names.iter().any(is_named);
        let mut found = list.iter().filter(named);
        let first = found.next()?;
        std::iter::once(first).chain(found).find(|one| !is_in_eu(one.control)).or(Some(first))
    }

    /// Who makes a model, if that keeps a score down; `None` for a vendor of the Union.
    #[must_use]
    pub fn foreign(&self, component: Component, model: &str) -> Option<String> {
        match self.of(component, model) {
            Some(vendor) if is_in_eu(vendor.control) => None,
            Some(vendor) => Some(format!("{}, controlled from {}", vendor.vendor, vendor.control)),
            None => Some("a vendor that is not on the list".to_owned()),
        }
    }
}
