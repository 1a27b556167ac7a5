//! What a scenario says of servers of models elsewhere, and of endpoints over them.

use kernel::{
    Command, State,
    endpoint::{self, Backend, Canary, Routing},
    upstream::{self, Config, Probe, Reach, Timeouts},
};
use units::{DataClass, Id, Name, kinds};

use super::{args::Args, build::digest_of, names};

/// The verbs of this part.
pub(super) const VERBS: [&str; 5] =
    ["upstream", "upstream-replace", "upstream-delete", "endpoint-open", "endpoint-route"];

pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    match verb {
        "upstream" | "upstream-replace" | "upstream-delete" => {
            of_upstream(state, verb, args).map(Command::Upstream)
        }
        "endpoint-open" => {
            let project = names::project(state, &args.word::<String>("a project")?)?;
            let name: Name = args.word("a name")?;
            let class: DataClass = args.option("class", DataClass::Internal)?;
            let routing = routing(state, args)?;
            Ok(Command::Endpoint(endpoint::Command::Open { project, name, class, routing }))
        }
        _ => {
            let id = names::endpoint(state, &args.word::<String>("an endpoint")?)?;
            let routing = routing(state, args)?;
            Ok(Command::Endpoint(endpoint::Command::Route { id, routing }))
        }
    }
}

/// An upstream's id follows from its name, so that scenarios repeat.
pub(super) fn id_of(name: &Name) -> Id<kinds::Upstream> {
    let [a, b, c, d, e, f, g, h, i, j, ..] = digest_of(name.as_str()).0;
    Id::from_parts(1_764_000_000_000, [a, b, c, d, e, f, g, h, i, j])
}

fn of_upstream(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<upstream::Command, String> {
    let name: Name = args.word("a name")?;
    let id = id_of(&name);
    if verb == "upstream-delete" {
        return Ok(upstream::Command::Delete { id });
    }
    let config = Config {
        url: args.option("url", format!("https://{name}.test/v1"))?,
        model: args.option("model", "theirs".to_owned())?,
        reach: Reach::Public,
        in_flight_max: None,
        timeouts: Timeouts {
            connect_ms: 2_000,
            first_byte_ms: 120_000,
            gap_ms: 60_000,
            total_ms: args.option("total-ms", 600_000)?,
        },
        probe: Probe::Models,
    };
    let secret = Some(digest_of(name.as_str()));
    if verb == "upstream-replace" {
        return Ok(upstream::Command::Replace { id, config, secret });
    }
    let site = names::site(state, &args.word::<String>("a site")?)?;
    let project = args.maybe::<String>("of")?;
    let project = project.map(|path| names::project(state, &path)).transpose()?;
    Ok(upstream::Command::Register { id, project, name, site, config, secret })
}

/// `upstreams=a,b canary=x:5 fallback=y`.
fn routing(state: &State, args: &mut Args<'_>) -> Result<Routing, String> {
    let mut routing = Routing::default();
    let upstreams: String = args.option("upstreams", String::new())?;
    for name in upstreams.split(',').filter(|name| !name.is_empty()) {
        let name: Name = name.parse().map_err(|error| format!("`{name}`: {error}"))?;
        routing.backends.push(Backend { upstream: id_of(&name), weight: 100, model: None });
    }
    if let Some(text) = args.maybe::<String>("canary")? {
        let (name, percent) = text.split_once(':').ok_or("write a canary as `name:percent`")?;
        let endpoint = names::endpoint(state, name)?;
        let percent = percent.parse().map_err(|_| format!("`{percent}` is no percentage"))?;
        routing.canaries.push(Canary { endpoint, percent });
    }
    if let Some(name) = args.maybe::<String>("fallback")? {
        routing.fallbacks.push(names::endpoint(state, &name)?);
    }
    Ok(routing)
}
