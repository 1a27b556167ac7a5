//! The beginning of every run: a small platform on which something can happen.

use kernel::{
    Actor, Command, State,
    access::{Role, Scope},
    dataset, key, model, node, organisation, policy_set, project, site,
};
use units::{Bytes, DataClass};

use crate::{
    actors::{
        catalogue::{any, facts, nobody, site_config, topology},
        prices,
    },
    platform::Request,
    rng::Rng,
};

/// One round of setting up: reads what earlier rounds made.
pub(crate) type Round = fn(&State, &mut Rng) -> Result<Vec<Request>, String>;

/// The rounds in their order; each needs the ids of the one before.
pub(crate) fn rounds() -> [Round; 4] {
    [tenants, places, machines, artefacts]
}

fn system(command: Command) -> Request {
    Request::new(Actor::System, command)
}

/// A name, or whatever else has a text form.
pub(crate) fn parse<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` has no text form"))
}

fn tenants(_: &State, rng: &mut Rng) -> Result<Vec<Request>, String> {
    let names = ["bank", "rail"];
    let mut requests = vec![system(prices(rng))];
    for name in names {
        let create = organisation::Command::Create { name: parse(name)? };
        requests.push(system(Command::Organisation(create)));
    }
    Ok(requests)
}

fn places(state: &State, rng: &mut Rng) -> Result<Vec<Request>, String> {
    let mut requests = Vec::new();
    for organisation in state.organisations.keys() {
        let create = project::Command::Create { organisation: *organisation, name: parse("main")? };
        requests.push(system(Command::Project(create)));
    }
    if let Some(organisation) = state.organisations.keys().next() {
        let text = policy::residency_policy(DataClass::Restricted, &[parse("FR")?, parse("SE")?]);
        let scope = Scope::Organisation(*organisation);
        let set = policy_set::Command::Set { scope, name: parse("residency0")?, text };
        requests.push(system(Command::PolicySet(set)));
    }
    for (name, country) in [("paris", "FR"), ("berlin", "DE")] {
        let mut config = site_config(rng)?;
        (config.country, config.pue_milli) = (parse(country)?, 1_250);
        let create = site::Command::Create { name: parse(name)?, config };
        requests.push(system(Command::Site(create)));
    }
    Ok(requests)
}

fn machines(state: &State, rng: &mut Rng) -> Result<Vec<Request>, String> {
    let mut requests = Vec::new();
    for site in state.sites.keys() {
        for name in ["node0", "node1", "node2"] {
            let facts = facts(rng, name);
            let topology = topology(rng)?;
            let name = parse(name)?;
            let register = node::Command::Register { site: *site, name, facts, topology };
            requests.push(system(Command::Node(register)));
        }
    }
    for project in state.projects.keys() {
        let create = key::Command::Create {
            name: parse("first")?,
            scope: Scope::Project(*project),
            role: Role::Member,
            secret_hash: rng.digest(),
            expires_at: None,
        };
        requests.push(system(Command::Key(create)));
        let create = model::Command::Create { project: *project, name: parse("model0")? };
        requests.push(system(Command::Model(create)));
        let create = dataset::Command::Create {
            project: *project,
            name: parse("data0")?,
            class: DataClass::Internal,
        };
        requests.push(system(Command::Dataset(create)));
    }
    Ok(requests)
}

fn artefacts(state: &State, rng: &mut Rng) -> Result<Vec<Request>, String> {
    let model = model::AddVersion {
        id: any(rng, &state.models).unwrap_or(nobody()),
        manifest: rng.digest(),
        files: 5,
        size: Bytes(1_000),
        class: DataClass::Public,
        lineage: model::Lineage { program: "simulated".to_owned(), ..model::Lineage::default() },
        signature: None,
    };
    let data = dataset::Command::AddVersion {
        id: any(rng, &state.datasets).unwrap_or(nobody()),
        manifest: rng.digest(),
        files: 3,
        size: Bytes(1_000),
        source: "simulated generator, seeded".to_owned(),
    };
    let add = model::Command::AddVersion(model);
    Ok(vec![system(Command::Model(add)), system(Command::Dataset(data))])
}
