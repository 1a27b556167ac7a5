//! The policies that can be simulated, by name. A scheduler core is joined by one line here.

use super::{backend::Backend, first_fit::FirstFit};

/// Their names, the default first.
pub const NAMES: [&str; 2] = FirstFit::NAMES;

/// A backend of a policy, ready for one run.
#[must_use]
pub fn named(name: &str) -> Option<Box<dyn Backend>> {
    FirstFit::named(name).map(|policy| Box::new(policy) as Box<dyn Backend>)
}
