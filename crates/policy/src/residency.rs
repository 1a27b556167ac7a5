//! Typed residency: for each category of data the countries where it may lie and be processed.
//!
//! It compiles to Cedar forbids and nothing else. Layers of forbids can only tighten, so no narrower
//! scope can ever give back what a wider one took; must therefore never write a permit.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use units::Country;

use crate::category::{Category, Operation};
use crate::ownership::EU;

/// Countries for one category and operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Which data.
    pub category: Category,
    /// What is done with it.
    pub operation: Operation,
    /// Where that is allowed; an empty list allows it nowhere.
    pub countries: Vec<Country>,
}

/// The rules of one scope; what no rule names is left to wider scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residency {
    /// At most one rule for each category and operation, in their order.
    pub rules: Vec<Rule>,
}

/// What a narrower scope would allow and a wider one does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loosened {
    /// Which data.
    pub category: Category,
    /// What is done with it.
    pub operation: Operation,
    /// Where.
    pub country: Country,
}

impl Residency {
    /// All four categories lie and are processed in the European Union: the platform's default
    /// (SecNumCloud 3.2 §19.2; C3A SOV-3-01).
    #[must_use]
    pub fn european() -> Self {
        let countries: Vec<Country> = EU.iter().filter_map(|code| code.parse().ok()).collect();
        let rules = Category::ALL.into_iter().flat_map(|category| {
            let countries = countries.clone();
            Operation::ALL.into_iter().map(move |operation| Rule {
                category,
                operation,
                countries: countries.clone(),
            })
        });
        Self { rules: rules.collect() }
    }

    /// The same rules in order, each country once; a category and operation named twice keeps the
    /// countries that both name.
    #[must_use]
    pub fn normalised(&self) -> Self {
        let mut rules: Vec<Rule> = Vec::new();
        for category in Category::ALL {
            for operation in Operation::ALL {
                let mut named = self
                    .rules
                    .iter()
                    .filter(|rule| rule.category == category && rule.operation == operation);
                let Some(first) = named.next() else { continue };
                let mut countries = first.countries.clone();
                for other in named {
                    countries.retain(|country| other.countries.contains(country));
                }
                countries.sort_unstable();
                countries.dedup();
                rules.push(Rule { category, operation, countries });
            }
        }
        Self { rules }
    }

    /// Where it is allowed, if a rule says so.
    #[must_use]
    pub fn countries(&self, category: Category, operation: Operation) -> Option<&[Country]> {
        let mut rules = self.rules.iter();
        let rule = rules.find(|rule| rule.category == category && rule.operation == operation);
        rule.map(|rule| rule.countries.as_slice())
    }

    /// The first country that these rules allow and the wider ones do not.
    #[must_use]
    pub fn loosens(&self, wider: &Self) -> Option<Loosened> {
        self.rules.iter().find_map(|rule| {
            let allowed = wider.countries(rule.category, rule.operation)?;
            let mut beyond = rule.countries.iter().filter(|country| !allowed.contains(country));
            let (category, operation) = (rule.category, rule.operation);
            beyond.next().map(|country| Loosened { category, operation, country: *country })
        })
    }

    /// The rules as Cedar: one forbid each. Equal rules give equal text and hash.
    #[must_use]
    pub fn to_cedar(&self) -> String {
        let mut text = String::from("// Typed residency: where each category may lie and run.\n");
        for rule in &self.normalised().rules {
            let (category, operation) = (rule.category, rule.operation);
            let actions = match operation {
                Operation::Store => "action == Action::\"move\"",
                Operation::Process => "action in [Action::\"place\", Action::\"serve\"]",
            };
            let outside = if rule.countries.is_empty() {
                String::new()
            } else {
                let quoted: Vec<String> =
                    rule.countries.iter().map(|country| format!("\"{country}\"")).collect();
                format!(" && ![{}].contains(resource.country)", quoted.join(", "))
            };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n@id(\"{category}-{operation}\")\n\
                 forbid (principal, {actions}, resource)\n\
                 when {{ context.category == Category::\"{category}\"{outside} }};\n"
            );
        }
        text
    }
}
