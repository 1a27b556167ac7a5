//! From the words of a line to a kernel command about who owns what and where data may be.

use kernel::{
    Command, State, decision,
    entity::{self, Entity},
    evidence, policy_set, storage,
};
use policy::{
    Category, Operation, Residency, Rule,
    ownership::{Facts, Form, Holding},
};
use sha2::{Digest as _, Sha256};
use units::{Country, Digest, Id, kinds};

use super::{args::Args, build, names};

/// The command of a line whose verb is one of these: `entity acme FR holders=fund:5100,state:4900`,
/// `entity-update`, `storage copy replica paris`, `storage-retire copy`, `send copy org:bank`, `residency bank
/// customer-store=FR,DE`, `evidence csf.sov-1.1 acme`, `evidence-withdraw csf.sov-1.1`, `review`.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    Ok(match verb {
        "entity" => {
            let name = args.word("a name")?;
            Command::Entity(entity::Command::Register { name, facts: facts(state, args)? })
        }
        "entity-update" => {
            let id = entity(state, &args.word::<String>("an entity")?)?;
            Command::Entity(entity::Command::Update { id, facts: facts(state, args)? })
        }
        "storage" | "storage-retire" | "send" => storage_command(state, verb, args)?,
        "residency" => {
            let scope = build::scope(state, &args.word::<String>("a scope")?)?;
            let residency = residency(args)?;
            Command::PolicySet(policy_set::Command::SetResidency { scope, residency })
        }
        "evidence" => {
            let criterion: String = args.word("a criterion")?;
            let issuer = entity(state, &args.word::<String>("an entity")?)?;
            let claim = evidence::Claim {
                document: Digest(Sha256::digest(criterion.as_bytes()).into()),
                criterion,
                kind: evidence::Kind::Declared,
                issuer,
                valid_until: None,
            };
            Command::Evidence(evidence::Command::Record { claim })
        }
        "evidence-withdraw" => {
            let criterion: String = args.word("a criterion")?;
            let mut known = state.evidence.values();
            let found = known.find(|one| one.claim.criterion == criterion);
            let id = found.map(|one| one.id).ok_or_else(|| format!("no evidence `{criterion}`"))?;
            Command::Evidence(evidence::Command::Withdraw { id })
        }
        _ => Command::Decision(decision::Command::Review),
    })
}

/// An entity by its name.
fn entity(state: &State, name: &str) -> Result<Id<kinds::Entity>, String> {
    let found = state.entities.values().find(|entity: &&Entity| entity.name.as_str() == name);
    found.map(|entity| entity.id).ok_or_else(|| format!("entity `{name}` does not exist"))
}

/// An option that names an entity.
pub(super) fn maybe_entity(
    state: &State,
    args: &mut Args<'_>,
    name: &str,
) -> Result<Option<Id<kinds::Entity>>, String> {
    args.maybe::<String>(name)?.map(|name| entity(state, &name)).transpose()
}

fn facts(state: &State, args: &mut Args<'_>) -> Result<Facts, String> {
    let seat: Country = args.word("a country")?;
    let form = match args.option("form", "company".to_owned())?.as_str() {
        "company" => Form::Company,
        "public" => Form::PublicBody,
        "persons" => Form::Persons,
        other => return Err(format!("`{other}` is not company, public or persons")),
    };
    let holders = args.list::<String>("holders")?.unwrap_or_default();
    let holding = |text: &String| {
        let (name, bp) = text.split_once(':').ok_or_else(|| format!("`{text}` has no share"))?;
        let bp = bp.parse().map_err(|_| format!("`{bp}` is no share"))?;
        let (capital_bp, votes_bp) = (bp, bp);
        let holder = entity(state, name)?;
        Ok(Holding { holder, capital_bp, votes_bp, veto: false, board_majority: false })
    };
    let holders = holders.iter().map(holding).collect::<Result<Vec<_>, String>>()?;
    Ok(Facts {
        legal_name: "an entity of a scenario".to_owned(),
        seat,
        administration: None,
        form,
        listed: false,
        holders,
    })
}

fn residency(args: &mut Args<'_>) -> Result<Residency, String> {
    if args.maybe::<String>("default")?.is_some() {
        return Ok(Residency::european());
    }
    let mut rules = Vec::new();
    for category in Category::ALL {
        for operation in Operation::ALL {
            let name = format!("{category}-{operation}");
            if let Some(countries) = args.list(&name)? {
                rules.push(Rule { category, operation, countries });
            }
        }
    }
    Ok(Residency { rules })
}

fn storage_command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    if verb == "storage" {
        let name = args.word("a name")?;
        let word: String = args.word("a purpose")?;
        let purpose = storage::Purpose::ALL.into_iter().find(|one| one.as_str() == word);
        let purpose = purpose.ok_or_else(|| format!("`{word}` is no purpose"))?;
        let site = names::site(state, &args.word::<String>("a site")?)?;
        let operator_entity = maybe_entity(state, args, "run-by")?;
        let owner_entity = maybe_entity(state, args, "owned-by")?;
        return Ok(Command::Storage(storage::Command::Register {
            name,
            purpose,
            site,
            operator_entity,
            owner_entity,
        }));
    }
    let name: String = args.word("a place of storage")?;
    let found = state.storages.values().find(|one| one.name.as_str() == name);
    let id = found.map(|one| one.id).ok_or_else(|| format!("no storage `{name}`"))?;
    Ok(Command::Storage(match verb {
        "send" => storage::Command::Send { id, what: sent(state, args)? },
        _ => storage::Command::Retire { id },
    }))
}

fn sent(state: &State, args: &mut Args<'_>) -> Result<storage::Sent, String> {
    let word: String = args.word("`backup`, `org:NAME` or `course:NAME`")?;
    Ok(match word.split_once(':') {
        Some(("org", name)) => storage::Sent::Organisation(names::organisation(state, name)?),
        Some(("course", name)) => {
            let found = state.courses.values().find(|course| course.name.as_str() == name);
            let found = found.ok_or_else(|| format!("course `{name}` does not exist"))?;
            storage::Sent::Course(found.id)
        }
        _ => storage::Sent::Backup,
    })
}
