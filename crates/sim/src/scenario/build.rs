//! From the words of a line to a kernel command about the fleet, tenants and artefacts. Everything
//! left out has a plain default; commands about work are in `work`.

use kernel::{
    Command, State,
    access::{Role, Scope},
    budget, dataset, key, model, node, organisation, policy_set, price,
    project::{self, Action, CheckerRule, Guardrail, Rule, Side, SizeRule, Unanswered},
    site,
};
use sha2::{Digest as _, Sha256};
use units::{Bytes, Country, DataClass, Digest, GpuCount, MicroEuro, Name, PriceUnit};

use super::{
    args::Args, budgets, capacity, capture, identity, leaving, names, power, scaling, sovereign,
    upstreams, work,
};

/// The command of a line, or `None` if the verb is not one that changes the platform.
pub(super) fn command(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<Option<Command>, String> {
    Ok(Some(match verb {
        "organisation" => {
            let create = organisation::Command::Create { name: args.word("a name")? };
            Command::Organisation(create)
        }
        "project" => new_project(state, args)?,
        "guardrail" => one_guardrail(state, args)?,
        "capture" | "captured-version" => capture::command(state, verb, args)?,
        "site" => new_site(state, args)?,
        "node" => new_node(state, args)?,
        "node-status" | "node-drain" | "node-grace-over" => node_status(state, verb, args)?,
        "price" => new_prices(args)?,
        "policy" => new_policy(state, args)?,
        "budget" | "budget-limit" => one_budget(state, verb, args)?,
        "budget-open" | "budget-terms" => budgets::command(state, verb, args)?,
        "limit" | "limit-delete" => budgets::rate_limit(state, verb, args)?,
        "quota" | "quota-delete" | "reserve" | "reserve-cancel" => {
            capacity::command(state, verb, args)?
        }
        "power" | "power-remove" | "figures" | "series" | "series-remove" => {
            power::command(state, verb, args)?
        }
        "course" | "enrol" | "course-close" => leaving::course(state, verb, args)?,
        "training" | "captured" | "derived" | "erase" | "erase-begin" | "erase-done"
        | "erase-cancel" | "transfer" | "admit-project" | "transfer-finish" | "egress" => {
            leaving::command(state, verb, args)?
        }
        "dataset" | "dataset-version" => one_dataset(state, verb, args)?,
        "model" | "model-version" | "evaluate" => one_model(state, verb, args)?,
        verb if upstreams::VERBS.contains(&verb) => upstreams::command(state, verb, args)?,
        verb if identity::VERBS.contains(&verb) => identity::command(state, verb, args)?,
        "key-issue" | "key-rotate" => identity::of_key(state, verb, args)?,
        "key" => new_key(state, args)?,
        "key-revoke" => {
            let name: String = args.word("a key")?;
            let found = state.keys.values().find(|key| key.name.as_str() == name);
            let id = found.map(|key| key.id).ok_or_else(|| format!("no key `{name}`"))?;
            Command::Key(key::Command::Revoke { id })
        }
        "site-carbon" => site_carbon(state, args)?,
        "entity" | "entity-update" | "storage" | "storage-retire" | "send" | "residency"
        | "evidence" | "evidence-withdraw" | "review" => sovereign::command(state, verb, args)?,
        "endpoint-scale" | "endpoint-resize" | "endpoint-converge" | "endpoint-update"
        | "endpoint-promote" | "endpoint-rollback" => return scaling::command(state, verb, args),
        _ => return work::command(state, verb, args),
    }))
}

/// A digest that stands for something with this name.
pub(super) fn digest_of(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

fn new_project(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let path: String = args.word("organisation/project")?;
    let (organisation, name) =
        path.split_once('/').ok_or_else(|| format!("`{path}` is not organisation/project"))?;
    let organisation = names::organisation(state, organisation)?;
    let name = name.parse().map_err(|error: units::ParseNameError| error.to_string())?;
    Ok(Command::Project(project::Command::Create { organisation, name }))
}

/// `guardrail PATH NAME pattern=EXPRESSION`, `… characters=N` or `… checker=UPSTREAM`: the only one from now
/// on; without a rule, none.
fn one_guardrail(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::project(state, &args.word::<String>("organisation/project")?)?;
    let name = args.word("a name")?;
    let pattern: Option<String> = args.maybe("pattern")?;
    let characters_max = args.maybe("characters")?;
    let checker: Option<Name> = args.maybe("checker")?;
    let timeout_ms = args.option("timeout-ms", 500)?;
    let rule = match (pattern, characters_max, checker) {
        (Some(pattern), _, _) => Some(Rule::Pattern { pattern, window_chars: 32 }),
        (None, Some(_), _) => Some(Rule::Size(SizeRule { characters_max, ..SizeRule::default() })),
        (None, None, Some(name)) => Some(Rule::Checker(CheckerRule {
            upstream: upstreams::id_of(&name),
            timeout_ms,
            unanswered: Unanswered::Refuse,
            window_chars: 256,
        })),
        (None, None, None) => None,
    };
    let (side, action) = (Side::Both, Action::Refuse);
    let one = rule.map(|rule| Guardrail { name, endpoint: None, side, action, rule });
    let guardrails = one.into_iter().collect();
    Ok(Command::Project(project::Command::SetGuardrails { id, guardrails }))
}

fn new_site(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let name = args.word("a name")?;
    let country: Country = args.word("a country")?;
    let config = site::Config {
        country,
        operator: "Exemple SA".to_owned(),
        operator_country: args.option("operator", country)?,
        certifications: Vec::new(),
        pue_milli: 1_200,
        carbon_g_per_kwh: args.option("carbon", 20)?,
        carbon_source: "scenario".to_owned(),
        power_cap_w: None,
        operator_entity: sovereign::maybe_entity(state, args, "run-by")?,
        owner_entity: sovereign::maybe_entity(state, args, "owned-by")?,
    };
    Ok(Command::Site(site::Command::Create { name, config }))
}

fn site_carbon(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::site(state, &args.word::<String>("a site")?)?;
    let known = state.sites.get(&id).ok_or("the site does not exist")?;
    let carbon_g_per_kwh = args.word("grams per kilowatt-hour")?;
    let config = site::Config { carbon_g_per_kwh, ..known.config.clone() };
    Ok(Command::Site(site::Command::Update { id, config }))
}

fn new_node(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let site = names::site(state, &args.word::<String>("a site")?)?;
    let name: Name = args.word("a name")?;
    let n_gpus: u32 = args.option("gpus", 0)?;
    let model: String = args.option("gpu", "H200".to_owned())?;
    let gpu = |number: u32| node::Gpu {
        model: model.clone(),
        uuid: format!("GPU-{name}-{number}"),
        memory: Bytes(141 << 30),
    };
    let facts = node::Facts {
        hostname: name.to_string(),
        system: "scenario".to_owned(),
        cpu_model: "scenario".to_owned(),
        capacity: node::Capacity {
            cpu: args.cores("cpu", 4_000)?,
            memory: args.gibibytes("memory", 16)?,
            gpus: GpuCount(n_gpus),
        },
        gpus: (0..n_gpus).map(gpu).collect(),
        limits: "none".to_owned(),
        sandbox: "none".to_owned(),
        power: "model".to_owned(),
        virtual_host: args.maybe("virtual")?,
    };
    let topology = node::Topology { group: args.maybe("group")?, rack: args.maybe("rack")? };
    Ok(Command::Node(node::Command::Register { site, name, facts, topology }))
}

fn node_status(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::node(state, &args.word::<String>("a node")?)?;
    let reason = "scenario".to_owned();
    if verb == "node-drain" {
        let grace = args.duration("grace")?;
        return Ok(Command::Node(node::Command::Drain { id, grace, reason }));
    }
    if verb == "node-grace-over" {
        return Ok(Command::Node(node::Command::EndGrace { id }));
    }
    let status = match args.word::<String>("a status")?.as_str() {
        "ready" => node::Status::Ready,
        "suspect" => node::Status::Suspect,
        "cordoned" => node::Status::Cordoned,
        "draining" => node::Status::Draining,
        "down" => node::Status::Down,
        other => {
            return Err(format!("`{other}` is not ready, suspect, cordoned, draining or down"));
        }
    };
    Ok(Command::Node(node::Command::SetStatus { id, status, reason }))
}

fn new_prices(args: &mut Args<'_>) -> Result<Command, String> {
    let line = |(per, amount): (&str, &str)| {
        Ok(price::Line { per: per.parse::<PriceUnit>()?, amount: amount.parse()? })
    };
    let lines = args.rest().into_iter().map(line).collect::<Result<Vec<_>, String>>()?;
    Ok(Command::Price(price::Command::Set { lines }))
}

/// A scope such as `platform`, `org:bank` or `project:bank/risk`.
pub(super) fn scope(state: &State, scope: &str) -> Result<Scope, String> {
    Ok(match scope.split_once(':') {
        None if scope == "platform" => Scope::Platform,
        Some(("org", name)) => Scope::Organisation(names::organisation(state, name)?),
        Some(("project", path)) => Scope::Project(names::project(state, path)?),
        _ => return Err(format!("`{scope}` is not platform, org:NAME or project:ORG/NAME")),
    })
}

fn new_policy(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let scope = scope(state, &args.word::<String>("a scope")?)?;
    let class: DataClass = args.word("a data class")?;
    let mut countries = Vec::new();
    while let Some(word) = args.optional_word() {
        let country = word.parse().map_err(|error: units::ParsePlaceError| error.to_string())?;
        countries.push(country);
    }
    let name = format!("{class}-residency");
    let name = name.parse().map_err(|error: units::ParseNameError| error.to_string())?;
    let text = policy::residency_policy(class, &countries);
    Ok(Command::PolicySet(policy_set::Command::Set { scope, name, text }))
}

fn one_budget(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let name: Name = args.word("a name")?;
    let limit: MicroEuro = args.word("an amount in euro")?;
    Ok(Command::Budget(if verb == "budget" {
        budget::Command::Create { project, name, limit }
    } else {
        let id = names::budget(state, budget::Owner::Project(project), name.as_str())?;
        budget::Command::SetLimit { id, limit }
    }))
}

fn one_dataset(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let name: Name = args.word("a name")?;
    Ok(Command::Dataset(if verb == "dataset" {
        let class = args.option("class", DataClass::Internal)?;
        dataset::Command::Create { project, name, class }
    } else {
        let id = state.dataset_by_name(project, &name);
        dataset::Command::AddVersion {
            id: id.ok_or_else(|| format!("dataset `{name}` does not exist"))?,
            manifest: digest_of(&args.option("content", "one".to_owned())?),
            files: 1,
            size: Bytes(1_000),
            source: "scenario".to_owned(),
        }
    }))
}

fn one_model(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let name: Name = args.word("a name")?;
    if verb == "model" {
        return Ok(Command::Model(model::Command::Create { project, name }));
    }
    let id = state.model_by_name(project, &name);
    if verb == "evaluate" {
        return Ok(Command::Model(model::Command::RecordEvaluation {
            id: id.ok_or_else(|| format!("model `{name}` does not exist"))?,
            version: args.option("version", 1)?,
            metric: "exact_match".to_owned(),
            correct: args.option("correct", 9)?,
            total: args.option("total", 10)?,
            workload: None,
            dataset: None,
        }));
    }
    let source: Option<String> = args.maybe("from")?;
    let source = source.map(|name| names::workload(state, &name)).transpose()?;
    Ok(Command::Model(model::Command::AddVersion(model::AddVersion {
        id: id.ok_or_else(|| format!("model `{name}` does not exist"))?,
        manifest: digest_of(&args.option("content", "one".to_owned())?),
        files: 1,
        size: Bytes(1_000),
        class: args.option("class", DataClass::Internal)?,
        lineage: model::Lineage {
            workload: source,
            program: "scenario".to_owned(),
            ..model::Lineage::default()
        },
        signature: None,
    })))
}

fn new_key(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let name: Name = args.word("a name")?;
    let secret_hash = digest_of(name.as_str());
    let (scope, role) = (Scope::Project(project), Role::Member);
    let expires_at = None;
    Ok(Command::Key(key::Command::Create { name, scope, role, secret_hash, expires_at }))
}
