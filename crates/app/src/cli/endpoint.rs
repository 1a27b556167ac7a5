//! `endpoint`: public model names and the services behind them.

mod scaling;

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
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
  cocarde endpoint scale numbers --replicas 1..8 --target-tokens 4000
  cocarde endpoint update numbers --model nlp/numbers@v2 --canary 10%
  cocarde endpoint show numbers

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
    /// Serve a model version under a public name
    Create(CreateArgs),
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
        Verb::Scale(args) => scaling::scale(session, args),
        Verb::Update(args) => scaling::update(session, args),
        Verb::Promote(args) => scaling::promote(session, args),
        Verb::Rollback(args) => scaling::roll_back(session, args),
    }
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
            .field("ready", format!("{} of {}", one.replicas_ready, one.replicas))
            .field_if("replicas", one.scaling.as_ref().map(scaling::bounds))
            .field_if("update", one.rollout.as_ref().map(scaling::rollout));
        one.services.iter().fold(table, |table, one| table.field("workload", scaling::service(one)))
    })
}
