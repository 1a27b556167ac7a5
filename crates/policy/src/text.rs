//! The Cedar texts that come with the platform, and the one it writes for people.
//!
//! Must never be changed lightly: the base layer is part of every recorded policy-set hash.

use std::fmt::Write as _;

use units::{Country, DataClass};

use crate::compile::PolicySource;

/// Id of the base layer, reserved for the first source.
pub const BASE_SOURCE_ID: &str = "cocarde.base";

/// The first layer of every policy set.
///
/// It permits place, move and serve of public, internal and confidential data at any registered
/// site; it never permits restricted data, which therefore stays undecided and so refused until
/// another layer permits it; and it forbids every site outside a given residency list, so a job
/// or a project may only tighten.
pub const BASE_POLICY: &str = include_str!("base.cedar");

/// The Cedar schema that every policy is validated against, in strict mode.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// The base layer as a source.
#[must_use]
pub fn base_source() -> PolicySource {
    PolicySource { id: BASE_SOURCE_ID.to_owned(), text: BASE_POLICY.to_owned() }
}

/// Cedar text for "`class` stays in `countries`": permitted inside, forbidden elsewhere.
///
/// Countries are sorted and named once, so equal wishes give equal text and hash. An empty list
/// forbids the class everywhere, which is what it says.
#[must_use]
pub fn residency_policy(class: DataClass, countries: &[Country]) -> String {
    let mut sorted = countries.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut list = String::new();
    for (position, country) in sorted.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(list, "{comma}\"{country}\"");
    }
    let is_class = format!("context.class == Class::\"{class}\"");
    if sorted.is_empty() {
        return format!(
            "// Data of class {class} stays nowhere.\n\
             @id(\"{class}-elsewhere\")\n\
             forbid (principal, action, resource)\n\
             when {{ {is_class} }};\n"
        );
    }
    format!(
        "// Data of class {class} stays in the countries listed.\n\
         @id(\"{class}-inside\")\n\
         permit (principal, action, resource)\n\
         when {{ {is_class} && [{list}].contains(resource.country) }};\n\n\
         @id(\"{class}-elsewhere\")\n\
         forbid (principal, action, resource)\n\
         when {{ {is_class} && ![{list}].contains(resource.country) }};\n"
    )
}
