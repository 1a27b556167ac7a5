//! `endpoint`: public model names and the services behind them.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
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
    human::{age, now, word},
    table::{Table, left, right, state},
};

/// Endpoints: public model names behind `/v1`
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde endpoint create numbers --model nlp/numbers@v1 --project orange/nlp
  cocarde endpoint get numbers
  cocarde endpoint calls --project orange/nlp
  cocarde endpoint delete numbers

Callers then use the name as `model` in POST /v1/chat/completions.")]
pub(crate) enum Verb {
    /// List endpoints
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one endpoint
    Get {
        /// Its name or id
        endpoint: Ref<kinds::Endpoint>,
    },
    /// Show what the project's keys ask of its models, since the gateway started
    Calls,
    /// Serve a model version under a public name
    Create(CreateArgs),
    /// Stop serving and stop the services
    Delete {
        /// Its name or id
        endpoint: Ref<kinds::Endpoint>,
        #[command(flatten)]
        once: Once,
    },
}

/// What an endpoint is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The model name that callers use, unique on the platform
    name: Name,
    /// The model version to serve
    #[arg(long, value_name = "PROJECT/NAME@vN")]
    model: ArtefactRef,
    /// The most sensitive prompts that it may take [default: the model's class]
    #[arg(long)]
    class: Option<DataClass>,
    /// Services wanted
    #[arg(long, default_value_t = 1)]
    replicas: u32,
    #[command(flatten)]
    once: Once,
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
                class: args.class,
                replicas: args.replicas,
            };
            let guard = Guard::once(args.once);
            show(session, &session.change::<EndpointCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Delete { endpoint, once } => {
            let path = IdPath { id: find(session, &endpoint)? };
            let guard = Guard::once(once);
            show(session, &session.change::<EndpointDelete>(&path, &Nothing {}, &guard)?)
        }
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
                one.model.to_string(),
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
            .field("model", &one.model)
            .field("class", one.class)
            .field("ready", format!("{} of {}", one.replicas_ready, one.replicas));
        one.workloads.iter().fold(table, |table, workload| table.field("workload", workload))
    })
}
