//! Commands about who owns what, where data is kept and may be, what is shown for it, and who is let in.

use kernel::{
    Command, State,
    access::Scope,
    capability, consent, entity,
    evidence::{self, Claim, Kind},
    policy_set,
    storage::{self, Purpose, Sent},
};
use policy::{
    Category, Operation, Residency, Rule,
    ownership::{Facts, Form, Holding},
};
use units::{Id, UnixMicros, kinds};

use super::catalogue::{any, country, name, nobody, soon};
use crate::rng::Rng;

/// Countries of the rules that are tried: most hold everything that sites are in.
const ALLOWED_MAX: u64 = 4;

/// One command, mostly valid.
pub(crate) fn sovereign_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<Command, String> {
    Ok(match rng.below(20) {
        0..=4 => Command::Entity(entity_command(rng, state)?),
        5..=9 => Command::Storage(storage_command(rng, state)?),
        10..=13 => Command::Evidence(evidence_command(rng, state, now)),
        14..=16 => Command::Consent(consent_command(rng, state, now)),
        17..=18 => {
            let key = any(rng, &state.keys).unwrap_or(nobody());
            let user = any(rng, &state.users).unwrap_or(nobody());
            let of_key = rng.chance(50);
            let holder =
                if of_key { capability::Holder::Key(key) } else { capability::Holder::User(user) };
            Command::Capability(capability::Command::Revoke { holder, block: rng.digest() })
        }
        _ => {
            let scope = match rng.below(3) {
                0 => Scope::Platform,
                1 => Scope::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
                _ => Scope::Project(any(rng, &state.projects).unwrap_or(nobody())),
            };
            let residency = residency(rng)?;
            Command::PolicySet(policy_set::Command::SetResidency { scope, residency })
        }
    })
}

fn an_entity(rng: &mut Rng, state: &State) -> Id<kinds::Entity> {
    any(rng, &state.entities).unwrap_or(nobody())
}

fn entity_command(rng: &mut Rng, state: &State) -> Result<entity::Command, String> {
    let holders = (0..rng.below(3)).map(|_| Holding {
        holder: an_entity(rng, state),
        // Two holders may have more than everything together: that is refused.
        capital_bp: rng.between_u32(0, 6_000),
        votes_bp: rng.between_u32(0, 6_000),
        veto: rng.chance(10),
        board_majority: rng.chance(10),
    });
    let holders = holders.collect();
    let forms = [Form::Company, Form::Company, Form::PublicBody, Form::Persons];
    let facts = Facts {
        legal_name: "Simulated SA".to_owned(),
        seat: country(rng)?,
        administration: if rng.chance(20) { Some(country(rng)?) } else { None },
        form: rng.pick(&forms).copied().unwrap_or(Form::Company),
        listed: rng.chance(20),
        holders,
    };
    Ok(if rng.chance(60) {
        entity::Command::Register { name: name(rng, "entity", 12)?, facts }
    } else {
        entity::Command::Update { id: an_entity(rng, state), facts }
    })
}

fn storage_command(rng: &mut Rng, state: &State) -> Result<storage::Command, String> {
    let id = any(rng, &state.storages).unwrap_or(nobody());
    Ok(match rng.below(6) {
        0 => storage::Command::Retire { id },
        1..=2 => {
            let organisation = any(rng, &state.organisations).unwrap_or(nobody());
            let course = any(rng, &state.courses).unwrap_or(nobody());
            let what = [Sent::Backup, Sent::Organisation(organisation), Sent::Course(course)];
            storage::Command::Send { id, what: rng.pick(&what).copied().unwrap_or(Sent::Backup) }
        }
        _ => storage::Command::Register {
            name: name(rng, "storage", 8)?,
            purpose: rng.pick(&Purpose::ALL).copied().unwrap_or(Purpose::Log),
            site: any(rng, &state.sites).unwrap_or(nobody()),
            operator_entity: any(rng, &state.entities).filter(|_| rng.chance(50)),
            owner_entity: any(rng, &state.entities).filter(|_| rng.chance(50)),
        },
    })
}

fn evidence_command(rng: &mut Rng, state: &State, now: UnixMicros) -> evidence::Command {
    if rng.chance(25) {
        return evidence::Command::Withdraw { id: any(rng, &state.evidence).unwrap_or(nobody()) };
    }
    let kinds = [Kind::Declared, Kind::Measured, Kind::Certificate];
    let claim = Claim {
        criterion: format!("csf.sov-{}.seal-{}.1", rng.between(1, 8), rng.between(1, 4)),
        kind: rng.pick(&kinds).copied().unwrap_or(Kind::Declared),
        issuer: an_entity(rng, state),
        valid_until: rng.chance(50).then(|| soon(rng, now)),
        document: rng.digest(),
    };
    evidence::Command::Record { claim }
}

fn consent_command(rng: &mut Rng, state: &State, now: UnixMicros) -> consent::Command {
    let id = any(rng, &state.consents).unwrap_or(nobody());
    match rng.below(4) {
        0 => consent::Command::Revoke { id },
        1 => consent::Command::Use {
            id,
            operation: "workload_list".to_owned(),
            request: "GET /api/v1/workloads".to_owned(),
        },
        _ => {
            let organisation = any(rng, &state.organisations).unwrap_or(nobody());
            let project = any(rng, &state.projects).unwrap_or(nobody());
            let whole = rng.chance(50);
            let level =
                if rng.chance(70) { consent::Level::Read } else { consent::Level::Administer };
            consent::Command::Grant {
                scope: if whole {
                    Scope::Organisation(organisation)
                } else {
                    Scope::Project(project)
                },
                users: any(rng, &state.users).into_iter().collect(),
                level,
                until: soon(rng, now),
            }
        }
    }
}

fn residency(rng: &mut Rng) -> Result<Residency, String> {
    let mut countries = Vec::new();
    for _ in 0..rng.between(1, ALLOWED_MAX) {
        let one = country(rng)?;
        if !countries.contains(&one) {
            countries.push(one);
        }
    }
    countries.sort_unstable();
    let category = rng.pick(&Category::ALL).copied().unwrap_or(Category::Customer);
    let operation = if rng.chance(50) { Operation::Store } else { Operation::Process };
    Ok(Residency { rules: vec![Rule { category, operation, countries }] })
}
