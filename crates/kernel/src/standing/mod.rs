//! Where the platform stands on what sovereignty asks for: the facts that scores are computed from.
//!
//! Reads the state and nothing else, so that an auditor who folds the log finds the same. Must never
//! name or count what is a tenant's: every reader of the platform may see the score.

mod checks;
mod hardware;

use std::collections::{BTreeMap, BTreeSet};

use policy::{
    ownership::EntityId,
    score::{Check, Component, Facts, Finding, Piece, Vendors},
};
use units::UnixMicros;

use crate::{State, evidence, storage::Purpose};

/// What the platform knows and the log does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What holds the key that opens other keys, in words; `None` if the platform holds it itself.
    pub key_service: Option<String>,
    /// Witnesses that must agree; 0 without witnesses.
    pub quorum: usize,
    /// Witnesses that are named.
    pub witnesses: usize,
    /// Entries on which a quorum has agreed.
    pub final_size: Option<u64>,
}

/// The facts at a time.
#[must_use]
pub fn facts(
    state: &State,
    now: UnixMicros,
    surroundings: &Surroundings,
    vendors: &Vendors,
) -> Facts {
    let checks = BTreeMap::from([
        (Check::Establishment, checks::establishment(state)),
        (Check::Ownership, checks::ownership(state)),
        (Check::Control, checks::control(state)),
        (Check::Locations, checks::locations(state)),
        (Check::Residency, checks::residency(state)),
        (Check::Inventory, checks::inventory(state)),
        (Check::ExternalKeys, external_keys(surroundings)),
        (Check::Witnesses, witnesses(surroundings)),
        (Check::LogCopies, log_copies(state)),
        (Check::Figures, checks::figures(state)),
        (Check::Sbom, sbom()),
        (Check::Accelerators, hardware::finding(state, Component::Accelerator, vendors)),
        (Check::Processors, hardware::finding(state, Component::Processor, vendors)),
    ]);
    Facts { checks, evidence: pieces(state, now), own: own(state) }
}

/// Whoever runs or owns a place of the platform.
#[must_use]
pub fn own(state: &State) -> BTreeSet<EntityId> {
    let sites = state.sites.values().map(|site| &site.config);
    let sites = sites.flat_map(|config| [config.operator_entity, config.owner_entity]);
    let storages = state.storages.values().filter(|one| one.retired_at.is_none());
    let storages = storages.flat_map(|one| [one.operator_entity, one.owner_entity]);
    sites.chain(storages).flatten().collect()
}

fn pieces(state: &State, now: UnixMicros) -> Vec<Piece> {
    let piece = |one: &evidence::Evidence| Piece {
        id: one.id,
        criterion: one.claim.criterion.clone(),
        kind: one.claim.kind,
        issuer: one.claim.issuer,
        state: one.state_at(now),
    };
    state.evidence.values().map(piece).collect()
}

fn external_keys(surroundings: &Surroundings) -> Finding {
    let because = match &surroundings.key_service {
        Some(service) => format!("the key that opens tenants' keys is held by {service}"),
        None => "the platform itself holds the key that opens tenants' keys: name a key service \
                 with `cocarde up --kek https://…`"
            .to_owned(),
    };
    of(surroundings.key_service.is_some(), because)
}

fn witnesses(surroundings: &Surroundings) -> Finding {
    let Surroundings { quorum, witnesses, final_size, .. } = surroundings;
    match (*quorum >= 2, final_size) {
        (true, Some(size)) => of(
            true,
            format!("{quorum} of {witnesses} witnesses agreed on the first {size} entries"),
        ),
        (true, None) => of(false, format!("{quorum} witnesses must agree, and have not yet")),
        (false, _) => {
            let because = format!(
                "{quorum} of {witnesses} witnesses must agree, and it takes two: name them with \
                 `cocarde up --witness URL=KEY`"
            );
            of(false, because)
        }
    }
}

fn log_copies(state: &State) -> Finding {
    match crate::storage::in_use(state, Purpose::Replica) {
        Some(replica) => Finding {
            subjects: vec![replica.id.to_string()],
            ..of(true, format!("`{}` is registered as a copy of the log", replica.name))
        },
        None => of(
            false,
            "no copy of the log is registered: `cocarde storage create NAME --purpose replica \
             --site SITE`"
                .to_owned(),
        ),
    }
}

fn sbom() -> Finding {
    of(false, "this version comes without a signed list of its components".to_owned())
}

const fn of(met: bool, because: String) -> Finding {
    Finding { met, because, things: Vec::new(), subjects: Vec::new() }
}
