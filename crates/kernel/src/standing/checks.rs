//! Checks of the register of entities, of sites and of rules. Nothing declared is nothing met.

use policy::{
    Residency,
    ownership::{Finding as Against, Of, Verdict, is_in_eu},
    score::Finding,
};
use units::Country;

use super::own;
use crate::{
    State, Subject,
    access::Scope,
    entity, inventory as objects, policy_set,
    site::Site,
    storage::{self, Purpose},
};

/// Most things that one finding lists.
const THINGS_MAX: usize = 40;

/// Seat and administration of whoever runs or owns a place.
pub(super) fn establishment(state: &State) -> Finding {
    let mut finding =
        whoever(state, "operators and owners of all sites are established in the Union");
    for id in own(state) {
        let Some(one) = state.entities.get(&id) else { continue };
        finding.subjects.push(id.to_string());
        if one.facts.is_foreign() {
            let administration = one.facts.administration.unwrap_or(one.facts.seat);
            let line = format!(
                "`{}` has its seat in {} and its administration in {administration}",
                one.name, one.facts.seat
            );
            finding.things.push(line);
        }
    }
    done(finding, "somebody who runs or owns a site is not established in the Union")
}

/// SecNumCloud 3.2 §19.6 for whoever runs a site.
pub(super) fn ownership(state: &State) -> Finding {
    let mut finding = whoever(state, "operators of all sites keep the limits on foreign holders");
    let mut operators: Vec<_> =
        state.sites.values().filter_map(|site| site.config.operator_entity).collect();
    operators.sort_unstable();
    operators.dedup();
    for id in operators {
        let Some(one) = state.entities.get(&id) else { continue };
        finding.subjects.push(id.to_string());
        let Some(assessment) = entity::assessment(state, id) else { continue };
        match assessment.verdict {
            Verdict::Met => {}
            Verdict::NotMet | Verdict::Unknown => {
                let against = assessment.findings.iter().map(|one| against(state, one));
                let against: Vec<String> = against.collect();
                finding.things.push(format!("`{}`: {}", one.name, against.join("; ")));
            }
        }
    }
    done(finding, "an operator does not keep the limits on foreign holders, or nobody can say")
}

/// Under whose law whoever runs or owns a place is in the end.
pub(super) fn control(state: &State) -> Finding {
    let met = "operators and owners of all sites are controlled from the Union in the end";
    let mut finding = whoever(state, met);
    for id in own(state) {
        let Some(one) = state.entities.get(&id) else { continue };
        finding.subjects.push(id.to_string());
        let country = entity::assessment(state, id).and_then(|one| one.jurisdiction.country());
        match country {
            Some(country) if is_in_eu(country) => {}
            Some(country) => {
                finding.things.push(format!("`{}` is controlled from {country}", one.name));
            }
            None => finding.things.push(format!(
                "`{}` is controlled by nobody knows whom: declare who holds it",
                one.name
            )),
        }
    }
    done(finding, "somebody who runs or owns a site is not known to be controlled from the Union")
}

/// Sites, and with them whatever is kept there.
pub(super) fn locations(state: &State) -> Finding {
    let mut finding = found("all sites, and what is kept in them, are in the Union");
    sites(state, &mut finding, |site| {
        let country = site.config.country;
        (!is_in_eu(country)).then(|| format!("site `{}` is in {country}", site.name))
    });
    done(finding, "a site is outside the Union")
}

/// Efficiency and carbon of each site.
pub(super) fn figures(state: &State) -> Finding {
    let mut finding = found("each site has its efficiency and carbon on record, with sources");
    sites(state, &mut finding, |site| {
        let config = &site.config;
        if config.pue_milli <= 1_000 {
            Some(format!(
                "site `{}` has an efficiency that no site has: declare its PUE",
                site.name
            ))
        } else {
            config.carbon_source.trim().is_empty().then(|| {
                format!("site `{}` does not say where its carbon figure is from", site.name)
            })
        }
    });
    done(finding, "a site lacks figures")
}

/// The platform's rules: eight, for four categories and two operations, each of the Union only.
pub(super) fn residency(state: &State) -> Finding {
    let mut finding = found("by the platform's rules all categories of data stay in the Union");
    let own = policy_set::residency_of(state, Scope::Platform);
    finding.subjects.extend(own.map(|set| set.id.to_string()));
    let rules = policy_set::effective(state, Scope::Platform).rules;
    for wanted in Residency::european().rules {
        let what = format!("{} data, to {}", wanted.category.as_str(), wanted.operation.as_str());
        let mut same = rules
            .iter()
            .filter(|rule| rule.category == wanted.category && rule.operation == wanted.operation);
        match same.next() {
            None => finding.things.push(format!("{what}: anywhere")),
            Some(rule) => {
                let outside: Vec<String> = rule
                    .countries
                    .iter()
                    .filter(|country: &&Country| !is_in_eu(**country))
                    .map(ToString::to_string)
                    .collect();
                if !outside.is_empty() {
                    finding.things.push(format!("{what}: also in {}", outside.join(", ")));
                }
            }
        }
    }
    done(finding, "the platform's rules let data leave the Union")
}

/// Whether everything of the fleet has all attributes. Endpoints are tenants', and stand in sites.
pub(super) fn inventory(state: &State) -> Finding {
    let mut finding =
        found("all sites with their machines, and places of storage, have all attributes");
    for one in objects::lacking(state) {
        let Some(object) = one.object else { continue };
        // A machine has what its site has.
        if matches!(object, Subject::Site(_) | Subject::Storage(_)) {
            finding.things.push(one.to_string());
            finding.subjects.push(object.to_string());
        }
    }
    // Whether tenants have anything there is not asked: the answer would tell.
    for purpose in [Purpose::Artefacts, Purpose::Log, Purpose::Accounts, Purpose::Keys] {
        if storage::in_use(state, purpose).is_none() {
            let line = format!("no place of storage is registered for `{}`", purpose.as_str());
            finding.things.push(line);
        }
    }
    if state.sites.is_empty() {
        finding.things.push("no site is registered".to_owned());
    }
    if finding.things.is_empty() {
        finding.subjects.extend(state.sites.keys().map(ToString::to_string));
        finding.subjects.extend(state.storages.keys().map(ToString::to_string));
    }
    done(finding, "something has no country, operator, known jurisdiction or owner")
}

/// A finding about the entities behind sites: each site must name both.
fn whoever(state: &State, met: &str) -> Finding {
    let mut finding = found(met);
    sites(state, &mut finding, |site| {
        let config = &site.config;
        match (config.operator_entity, config.owner_entity) {
            (Some(_), Some(_)) => None,
            (None, _) | (_, None) => {
                Some(format!("site `{}` names no operator or no owner", site.name))
            }
        }
    });
    finding
}

fn sites(state: &State, finding: &mut Finding, against: impl Fn(&Site) -> Option<String>) {
    if state.sites.is_empty() {
        finding.things.push("no site is registered".to_owned());
    }
    for site in state.sites.values() {
        finding.subjects.push(site.id.to_string());
        finding.things.extend(against(site));
    }
}

fn found(met: &str) -> Finding {
    Finding { met: true, because: met.to_owned(), things: Vec::new(), subjects: Vec::new() }
}

/// Met while nothing speaks against it.
pub(super) fn done(mut finding: Finding, not_met: &str) -> Finding {
    finding.met = finding.things.is_empty();
    if !finding.met {
        not_met.clone_into(&mut finding.because);
    }
    let more = finding.things.len().saturating_sub(THINGS_MAX);
    if more > 0 {
        finding.things.truncate(THINGS_MAX);
        finding.things.push(format!("and {more} more"));
    }
    finding.subjects.sort_unstable();
    finding.subjects.dedup();
    finding
}

/// What speaks against an entity, in words.
fn against(state: &State, finding: &Against) -> String {
    let name =
        |id| state.entities.get(id).map_or_else(|| id.to_string(), |one| format!("`{}`", one.name));
    let percent = |bp: &u32| {
        format!("{}.{:02} %", bp.checked_div(100).unwrap_or(0), bp.checked_rem(100).unwrap_or(0))
    };
    let what = |of: &Of| match of {
        Of::Capital => "capital",
        Of::Votes => "votes",
    };
    match finding {
        Against::SeatOutside { country } => format!("it is in {country}"),
        Against::HolderAbove { holder, of, share_bp } => {
            format!("{} holds {} of its {}", name(holder), percent(share_bp), what(of))
        }
        Against::TogetherAbove { of, share_bp } => {
            format!("foreign holders have {} of its {}", percent(share_bp), what(of))
        }
        Against::Veto { holder, entity } => {
            format!("{} may veto in {}", name(holder), name(entity))
        }
        Against::BoardMajority { holder, entity } => {
            format!("{} may appoint most of a board of {}", name(holder), name(entity))
        }
        Against::Undeclared { of, share_bp } => {
            format!("nobody declared who holds {} of its {}", percent(share_bp), what(of))
        }
        Against::NotRegistered { holder } => format!("{} is not in the register", name(holder)),
    }
}
