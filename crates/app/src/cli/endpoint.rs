//! `endpoint`: public model names and the services behind them.

mod scaling;

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        endpoint_routing::{EndpointBackendNew, EndpointCanaryNew, EndpointRoute, EndpointRouting},
        inference::{InferenceGet, InferenceQuery},
        model_endpoint::{
            EndpointCreate, EndpointDelete, EndpointGet, EndpointList, ModelEndpoint,
            ModelEndpointNew,
        },
    },
    reference::{ArtefactRef, Ref},
};
use units::{DataClass, Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now, or_dash, word},
    table::{Table, left, right, state},
};

/// Endpoints: public model names behind `/v1`
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde endpoint create numbers --model nlp/numbers@v1 --project orange/nlp
  cocarde endpoint create chat --upstream gpu-a --upstream gpu-b --project orange/nlp
  cocarde endpoint scale numbers --replicas 1..8 --target-tokens 4000
  cocarde endpoint update numbers --model nlp/numbers@v2 --canary 10%
  cocarde endpoint show numbers
  cocarde endpoint calls --project orange/nlp

Callers then use the name as `model` in POST /v1/chat/completions.")]
pub(crate) enum Verb {
    /// List endpoints
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one endpoint with its services
    #[command(visible_alias = "show")]
    Get {
        /// Its name or id
        endpoint: Ref<kinds::Endpoint>,
    },
    /// Show what the project's keys ask of its models, since the gateway started
    Calls,
    /// Serve a model version under a public name
    Create(CreateArgs),
    /// Say where its requests go besides its own services: all of it anew
    #[command(after_help = "Examples:
  cocarde endpoint route chat --upstream gpu-a --upstream gpu-b*50 --fallback small
  cocarde endpoint route chat --upstream gpu-a=base:support --canary chat-v2=5")]
    Route(RouteArgs),
    /// Stop serving and stop the services
    Delete {
        /// Its name or id
        endpoint: Ref<kinds::Endpoint>,
        #[command(flatten)]
        once: Once,
    },
    Scale(scaling::ScaleArgs),
    Update(scaling::UpdateArgs),
    Promote(scaling::PromoteArgs),
    Rollback(scaling::RollBackArgs),
}

/// What an endpoint is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The model name that callers use, unique on the platform
    name: Name,
    /// The model version to serve
    #[arg(long, value_name = "PROJECT/NAME@vN", required_unless_present = "upstreams")]
    model: Option<ArtefactRef>,
    /// An upstream that answers, in place of a model to serve, with its weight and the name of the model
    /// there if they are not the usual ones; repeat for several
    #[arg(
        long = "upstream",
        value_name = "NAME[*WEIGHT][=MODEL]",
        value_parser = backend,
        conflicts_with = "model"
    )]
    upstreams: Vec<EndpointBackendNew>,
    /// The most sensitive prompts that it may take [default: the model's class, or internal]
    #[arg(long)]
    class: Option<DataClass>,
    /// Services wanted
    #[arg(long, default_value_t = 1)]
    replicas: u32,
    #[command(flatten)]
    once: Once,
}

/// Where an endpoint's requests go.
#[derive(Debug, clap::Args)]
pub(crate) struct RouteArgs {
    /// Its name or id
    endpoint: Ref<kinds::Endpoint>,
    /// An upstream that answers, with its weight and the name of the model there if they are not the
    /// usual ones; repeat for several
    #[arg(long = "upstream", value_name = "NAME[*WEIGHT][=MODEL]", value_parser = backend)]
    upstreams: Vec<EndpointBackendNew>,
    /// An endpoint that takes a part of its requests; repeat for several
    #[arg(long = "canary", value_name = "NAME=PERCENT", value_parser = canary)]
    canaries: Vec<EndpointCanaryNew>,
    /// An endpoint that answers when nothing of its own does; repeat for several
    #[arg(long = "fallback", value_name = "NAME|ID")]
    fallbacks: Vec<Ref<kinds::Endpoint>>,
    #[command(flatten)]
    once: Once,
}

fn backend(text: &str) -> Result<EndpointBackendNew, String> {
    let (place, model) = match text.split_once('=') {
        Some((place, model)) => (place, Some(model.to_owned())),
        None => (text, None),
    };
    let (upstream, weight) = match place.split_once('*') {
        Some((upstream, weight)) => {
            let number = weight.parse().map_err(|_| format!("`{weight}` is no weight: 0 to 1000"));
            (upstream, number?)
        }
        None => (place, 100),
    };
    let upstream = upstream.parse().map_err(|error| format!("`{upstream}`: {error}"))?;
    Ok(EndpointBackendNew { upstream, weight, model })
}

fn canary(text: &str) -> Result<EndpointCanaryNew, String> {
    let (endpoint, percent) = text.split_once('=').ok_or("write it as `chat-v2=5`")?;
    let endpoint = endpoint.parse().map_err(|error| format!("`{endpoint}`: {error}"))?;
    let percent = percent.parse().map_err(|_| format!("`{percent}` is no percentage"))?;
    Ok(EndpointCanaryNew { endpoint, percent })
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { endpoint } => {
            let path = IdPath { id: find(session, &endpoint)? };
            show(session, &session.read::<EndpointGet>(&path)?)
        }
        Verb::Calls => calls(session),
        Verb::Create(args) => {
            let body = ModelEndpointNew {
                project: session.project_required()?,
                name: args.name,
                model: args.model,
                backends: args.upstreams,
                class: args.class,
                replicas: args.replicas,
            };
            let guard = Guard::once(args.once);
            show(session, &session.change::<EndpointCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Route(args) => {
            let path = IdPath { id: find(session, &args.endpoint)? };
            let body = EndpointRouting {
                backends: args.upstreams,
                canaries: args.canaries,
                fallbacks: args.fallbacks,
            };
            let guard = Guard::once(args.once);
            show(session, &session.change::<EndpointRoute>(&path, &body, &guard)?)
        }
        Verb::Delete { endpoint, once } => {
            let path = IdPath { id: find(session, &endpoint)? };
            let guard = Guard::once(once);
            show(session, &session.change::<EndpointDelete>(&path, &Nothing {}, &guard)?)
        }
        Verb::Scale(args) => scaling::scale(session, args),
        Verb::Update(args) => scaling::update(session, args),
        Verb::Promote(args) => scaling::promote(session, args),
        Verb::Rollback(args) => scaling::roll_back(session, args),
    }
}

fn calls(session: &Session) -> Result<(), Failure> {
    let query = InferenceQuery { project: session.project_required()? };
    let figures = session.client()?.get::<InferenceGet>(&Nothing {}, &query)?;
    session.output.show(&figures, || {
        let columns = [left("KEY"), left("MODEL"), right("CALLS"), right("ERRORS")];
        let tokens = [right("REFUSED"), right("TOKENS IN"), right("TOKENS OUT"), right("MEAN MS")];
        let mut table = Table::new(&[&columns[..], &tokens[..]].concat());
        for line in &figures.lines {
            table.row([
                line.key.map_or_else(|| "(the rest)".to_owned(), |key| key.to_string()),
                line.model.clone().unwrap_or_default(),
                line.requests.to_string(),
                line.errors.to_string(),
                line.refused.to_string(),
                line.prompt_tokens.to_string(),
                line.completion_tokens.to_string(),
                line.duration_ms.checked_div(line.requests).unwrap_or(0).to_string(),
            ]);
        }
        table.note(format!("counted since {}; the bill is in `cocarde cost`", figures.since))
    })
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<EndpointList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), state("STATE"), left("MODEL"), right("READY")];
        let mut table = Table::new(&[&columns[..], &[right("AGE"), left("REASON")]].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                word(&one.state),
                or_dash(one.model.as_ref()),
                format!("{}/{}", one.replicas_ready, one.replicas),
                age(one.created_at, now()),
                one.state_reason.clone().unwrap_or_default(),
            ]);
        }
        table
    })
}

fn find(session: &Session, name: &Ref<kinds::Endpoint>) -> Result<Id<kinds::Endpoint>, Failure> {
    session.find::<EndpointList, _, _>(name, "endpoint", |one| one.id)
}

fn show(session: &Session, one: &ModelEndpoint) -> Result<(), Failure> {
    session.output.show(one, || {
        let table = Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("project", one.project)
            .field("state", word(&one.state))
            .field_if("reason", one.state_reason.as_ref())
            .field_if("model", one.model.as_ref())
            .field("class", one.class)
            .field("ready", format!("{} of {}", one.replicas_ready, one.replicas))
            .field_if("replicas", one.scaling.as_ref().map(scaling::bounds))
            .field_if("update", one.rollout.as_ref().map(scaling::rollout));
        let services = one.services.iter();
        let table =
            services.fold(table, |table, one| table.field("workload", scaling::service(one)));
        let table = one.backends.iter().fold(table, |table, backend| {
            let state = if backend.allowed { "" } else { ", policy has not allowed it" };
            let what = format!(
                "{} weight {} model {}{state}",
                backend.upstream, backend.weight, backend.model
            );
            table.field("upstream", what)
        });
        let table = one.canaries.iter().fold(table, |table, canary| {
            table.field("canary", format!("{} {} %", canary.endpoint, canary.percent))
        });
        one.fallbacks.iter().fold(table, |table, id| table.field("fallback", id))
    })
}
