//! A decision in plain English: why not, and what to do about it.
//!
//! Must never claim more than the decision holds: it is text over recorded facts.

use serde::{Deserialize, Serialize};
use units::Country;

use crate::decide::Decision;
use crate::question::Question;
use crate::text::BASE_SOURCE_ID;

/// Why something was refused and what would change that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was refused, where and by which policy; lower case, no full stop.
    pub reason: String,
    /// What to do next; lower case, no full stop.
    pub remedy: String,
}

/// Explains a decision; for a yes it says which policies permitted it.
#[must_use]
pub fn explain(question: &Question, decision: &Decision) -> Refusal {
    let what = format!(
        "{} of {} data at site `{}` ({}, operated under {} jurisdiction)",
        question.action,
        question.class,
        question.site.name,
        question.site.country,
        question.site.operator_country,
    );
    let policies = quoted(&decision.determining);
    if decision.allowed {
        return Refusal {
            reason: format!("{what} is allowed by {policies}"),
            remedy: "nothing needs to be done".to_owned(),
        };
    }
    if let Some(error) = decision.errors.first() {
        return Refusal {
            reason: format!("{what} is refused because a policy could not be evaluated: {error}"),
            remedy: "ask whoever wrote that policy to correct it, then try again".to_owned(),
        };
    }
    if decision.determining.is_empty() {
        return undecided(question, &what);
    }
    let residency = format!("{BASE_SOURCE_ID}/residency");
    match &question.residency {
        Some(countries) if decision.determining.contains(&residency) => {
            outside(&what, &policies, countries, decision.determining.len() > 1)
        }
        Some(_) | None => Refusal {
            reason: format!("{what} is forbidden by {policies}"),
            remedy: "choose a site that the policy accepts, or ask an administrator of the \
                     organisation to change the policy"
                .to_owned(),
        },
    }
}

fn undecided(question: &Question, what: &str) -> Refusal {
    Refusal {
        reason: format!("{what} is refused because no policy permits it"),
        remedy: format!(
            "ask an administrator of organisation `{}` for a policy that permits {} data in {}, \
             or choose a site where one already does",
            question.organisation, question.class, question.site.country
        ),
    }
}

fn outside(what: &str, policies: &str, countries: &[Country], others: bool) -> Refusal {
    let list: Vec<&str> = countries.iter().map(Country::as_str).collect();
    let (allowed, remedy) = if list.is_empty() {
        ("no country".to_owned(), "name at least one country in the residency list".to_owned())
    } else {
        let names = list.join(", ");
        let also = if others { "; the other policies named must agree too" } else { "" };
        let remedy = format!(
            "choose a site in {names}, or add the country to the residency list of the job or \
             project{also}"
        );
        (names, remedy)
    };
    Refusal {
        reason: format!(
            "{what} is forbidden by {policies}: the residency list of the job or project allows \
             {allowed}"
        ),
        remedy,
    }
}

/// Policy ids for people: up to five of them, in backticks.
fn quoted(ids: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let shown: Vec<String> = ids.iter().take(SHOWN_MAX).map(|id| format!("`{id}`")).collect();
    let more = ids.len().saturating_sub(SHOWN_MAX);
    let word = if ids.len() == 1 { "policy" } else { "policies" };
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{word} {}{tail}", shown.join(", "))
}
