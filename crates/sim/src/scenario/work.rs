//! From the words of a line to a kernel command about work: submissions, proposals, reports,
//! endpoints, token roll-ups.

use std::collections::BTreeMap;

use kernel::{
    Command, State, endpoint, model, node,
    power::Measure,
    usage,
    workload::{
        self, Array, Condition, Deferrable, Dependency, Kind, PowerClass, RankStatus, Terms,
    },
};
use units::{DataClass, DurationMicros, GpuCount, Id, MilliJoule, Name, Tokens, UnixMicros, kinds};

use super::{args::Args, names};

/// The command of a line, or `None` if the verb is not one that changes the platform.
pub(super) fn command(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<Option<Command>, String> {
    Ok(Some(match verb {
        "submit" => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            let spec = Box::new(spec(state, project, args)?);
            Command::Workload(workload::Command::Submit { project, spec })
        }
        "stop" => {
            let id = names::workload(state, &args.word::<String>("a workload")?)?;
            Command::Workload(workload::Command::Stop { id })
        }
        "preempt" => {
            let id = names::workload(state, &args.word::<String>("a workload")?)?;
            let other = args.maybe::<String>("for")?;
            let other = other.map(|name| names::workload(state, &name)).transpose()?;
            let generation = state.workloads.get(&id).map_or(0, |w| w.generation);
            Command::Workload(workload::Command::Preempt(workload::Preempt {
                workload: id,
                generation,
                for_workload: other,
                reason: "scenario".to_owned(),
            }))
        }
        "fail-outputs" => {
            let id = names::workload(state, &args.word::<String>("a workload")?)?;
            let message = "its output folder is empty".to_owned();
            Command::Workload(workload::Command::FailOutputs { id, message })
        }
        "place" => place(state, args)?,
        "report" => report(state, args)?,
        "endpoint" => new_endpoint(state, args)?,
        "endpoint-delete" => {
            let id = names::endpoint(state, &args.word::<String>("an endpoint")?)?;
            Command::Endpoint(endpoint::Command::Delete { id })
        }
        "tokens" => tokens(state, args)?,
        _ => return Ok(None),
    }))
}

/// What `submit` and `endpoint` say about the work itself.
fn spec(
    state: &State,
    project: Id<kinds::Project>,
    args: &mut Args<'_>,
) -> Result<workload::Spec, String> {
    let nodes: String = args.option("nodes", "1".to_owned())?;
    let (low, high) = nodes.split_once("..").unwrap_or((&nodes, &nodes));
    let count = |text: &str| text.parse().map_err(|_| format!("`nodes={nodes}` cannot be read"));
    let retries_max = args.option("retries", 0)?;
    let mut inputs = Vec::new();
    if let Some(name) = args.maybe::<Name>("data")? {
        let id = state.dataset_by_name(project, &name);
        let found = id.and_then(|id| state.datasets.get(&id));
        let last = found.and_then(|d| d.versions.last().map(|v| (d.id, v)));
        let (id, version) = last.ok_or_else(|| format!("dataset `{name}` has no version"))?;
        let artefact = model::Artefact::Dataset { id, version: version.number };
        let mount = "/data".to_owned();
        inputs.push(workload::Input { mount, artefact, manifest: version.manifest });
    }
    let model = args.maybe::<Name>("output")?;
    let model = model.and_then(|name| state.model_by_name(project, &name));
    Ok(workload::Spec {
        name: args.option("name", "job".parse().map_err(|_| "no default name".to_owned())?)?,
        kind: kind(&args.option("kind", "batch".to_owned())?)?,
        script: "true".to_owned(),
        image: None,
        environment: BTreeMap::new(),
        nodes_min: count(low)?,
        nodes_max: count(high)?,
        per_node: node::Capacity {
            cpu: args.cores("cpu", 1_000)?,
            memory: args.gibibytes("memory", 1)?,
            gpus: GpuCount(args.option("gpus", 0)?),
        },
        gpu_model: args.maybe("gpu")?,
        inputs,
        stop_signal: "TERM".to_owned(),
        grace: DurationMicros::from_secs(10),
        time_limit: args.maybe("limit")?,
        budget: args.maybe("budget")?,
        retries_max,
        retry_on: workload::RetryOn { failure: retries_max > 0, ..Default::default() },
        residency_countries: args.list("countries")?,
        class: args.option("class", DataClass::Internal)?,
        outputs: workload::Outputs { model, evaluates: None },
        priority: args.option("priority", 0)?,
        terms: terms(state, args)?,
    })
}

/// What `submit` says about when and with whom it runs: `after=first` or `after=first:any`,
/// `array=0-9%2`, `preemptible=false`, `guaranteed=60s`, `power=flexible`,
/// `defer=4h` for a deadline.
fn terms(state: &State, args: &mut Args<'_>) -> Result<Terms, String> {
    let mut terms = Terms { preemptible: args.maybe("preemptible")?, ..Terms::default() };
    terms.guaranteed = args.duration("guaranteed")?;
    terms.power_class = match args.maybe::<String>("power")?.as_deref() {
        None | Some("standard") => PowerClass::Standard,
        Some("flexible") => PowerClass::Flexible,
        Some("critical") => PowerClass::Critical,
        Some(other) => return Err(format!("`power={other}` is no class")),
    };
    if let Some(long) = args.maybe::<DurationMicros>("defer")? {
        let end_by = Some(state.last_at.plus(long));
        terms.deferrable = Some(Deferrable { start_by: None, end_by, by: Measure::Carbon });
    }
    if let Some(text) = args.maybe::<String>("after")? {
        let (name, on) = match text.strip_suffix(":any") {
            Some(name) => (name, Condition::Any),
            None => (text.as_str(), Condition::Success),
        };
        terms.after.push(Dependency { workload: names::workload(state, name)?, on });
    }
    if let Some(text) = args.maybe::<String>("array")? {
        let wrong = || format!("`array={text}` is not like 0-9%2");
        let (range, most) = text.split_once('%').unwrap_or((&text, ""));
        let (first, last) = range.split_once('-').ok_or_else(wrong)?;
        let number = |part: &str| part.parse::<u32>().map_err(|_| wrong());
        let running_max = (!most.is_empty()).then(|| number(most)).transpose()?;
        let (first, last) = (number(first)?, number(last)?);
        terms.array = Some(Array { first, last, step: 1, running_max });
    }
    Ok(terms)
}

fn kind(text: &str) -> Result<Kind, String> {
    let all = [Kind::Train, Kind::Batch, Kind::Eval, Kind::Finetune, Kind::Dev, Kind::Service];
    let found = all.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("`{text}` is not train, batch, eval, finetune, dev or service"))
}

fn place(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::workload(state, &args.word::<String>("a workload")?)?;
    let mut nodes = Vec::new();
    while let Some(name) = args.optional_word() {
        nodes.push(names::node(state, name)?);
    }
    let current = state.workloads.get(&id).map_or(0, |w| w.generation);
    let generation = args.option("generation", current)?;
    let place = workload::Place { workload: id, generation, nodes, seats: Vec::new() };
    Ok(Command::Workload(workload::Command::Place(place)))
}

fn report(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let id = names::workload(state, &args.word::<String>("a workload")?)?;
    let rank = args.word("a rank")?;
    let status = match args.word::<String>("a status")?.as_str() {
        "running" => RankStatus::Running,
        "ready" => RankStatus::Ready { address: "192.0.2.1:8000".to_owned() },
        "unready" => RankStatus::Unready,
        "exited" => {
            RankStatus::Exited { code: Some(args.word("a code")?), signal: None, reason: None }
        }
        "signalled" => {
            RankStatus::Exited { code: None, signal: Some(args.word("a number")?), reason: None }
        }
        other => {
            return Err(format!("`{other}` is not running, ready, unready, exited, signalled"));
        }
    };
    let cpu = args.duration("cpu")?;
    let current = state.workloads.get(&id).map_or(0, |w| w.n_attempts);
    Ok(Command::Workload(workload::Command::Report(workload::Report {
        workload: id,
        attempt: args.option("attempt", current)?,
        rank,
        status,
        used: usage::Counters {
            cpu_micros: cpu.0,
            gpu_micros: args.duration("gpu")?.0,
            // 12 W for a busy core.
            energy: MilliJoule(cpu.0.saturating_mul(12) / 1_000),
        },
        energy_measured: false,
        energy_source: "scenario: 12 W per busy core".to_owned(),
    })))
}

fn new_endpoint(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let project = names::project(state, &args.word::<String>("a project")?)?;
    let name: Name = args.word("a name")?;
    let model: Name = args.option("model", name.clone())?;
    let replicas = args.option("replicas", 1)?;
    let id = state.model_by_name(project, &model);
    let found = id.and_then(|id| state.models.get(&id));
    let last = found.and_then(|m| m.versions.last().map(|v| (m.id, v)));
    let (model, version) = last.ok_or_else(|| format!("model `{model}` has no version"))?;
    let mut service = spec(state, project, args)?;
    (service.kind, service.name) = (Kind::Service, name.clone());
    let artefact = model::Artefact::Model { id: model, version: version.number };
    let mount = "/model".to_owned();
    service.inputs.push(workload::Input { mount, artefact, manifest: version.manifest });
    Ok(Command::Endpoint(endpoint::Command::Create {
        project,
        name,
        model,
        model_version: version.number,
        replicas,
        service: Box::new(service),
    }))
}

fn tokens(state: &State, args: &mut Args<'_>) -> Result<Command, String> {
    let endpoint = names::endpoint(state, &args.word::<String>("an endpoint")?)?;
    let key: String = args.word("a key")?;
    let key = state.keys.values().find(|k| k.name.as_str() == key).map(|k| k.id);
    Ok(Command::Usage(usage::Command::RecordTokens {
        gateway: Id::from_bytes([1; 16]),
        sequence: args.option("sequence", 1)?,
        key: key.ok_or("this key does not exist")?,
        endpoint,
        minute: UnixMicros(0),
        requests: args.option("requests", 1)?,
        errors: 0,
        tokens_in: Tokens(args.option("in", 0)?),
        tokens_out: Tokens(args.option("out", 0)?),
        estimated: false,
        answers: None,
    }))
}
