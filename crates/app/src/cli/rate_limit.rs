//! `limit`: how many requests and tokens somebody may ask of models.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        rate_limit::{
            RateLimit, RateLimitDelete, RateLimitGet, RateLimitList, RateLimitNew, RateLimitQuery,
            RateLimitSet,
        },
    },
    reference::Ref,
};
use units::{Id, kinds};

use super::{
    failure::Failure,
    key, service_account,
    session::{Guard, Session},
};
use crate::output::{
    human::{age, now},
    table::{Table, left, right},
};

/// Rate limits: requests and tokens per minute, and requests at once, that somebody may ask of models
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde limit set --tokens-per-minute 200000 --project orange/nlp
  cocarde limit set --requests-per-minute 600 --concurrent 16 --key ci
  cocarde limit list --organisation orange")]
pub(crate) enum Verb {
    /// List rate limits: of the project in use, or all that may be seen
    #[command(after_help = "Examples:
  cocarde limit list --project orange/nlp
  cocarde limit list --organisation orange -o json")]
    List {
        /// Limits of this organisation and of all below it, whatever project is in use
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one rate limit
    #[command(
        visible_alias = "show",
        after_help = "Examples:
  cocarde limit show lim_01k…
  cocarde limit get lim_01k… -o json"
    )]
    Get {
        /// Its id
        limit: Id<kinds::RateLimit>,
    },
    /// Set the rate limit of the project, or of whom an option names
    #[command(after_help = "Examples:
  cocarde limit set --requests-per-minute 600 --tokens-per-minute 200000 --project orange/nlp
  cocarde limit set --concurrent 8 --user usr_01k…
  cocarde limit set --weight 4 --organisation orange

It replaces the one that the owner has. All limits over a call hold at once: a key never gets more than its
owner, its project and its organisation have left. Beyond a limit, calls are answered with 429.")]
    Set(SetArgs),
    /// Take a rate limit out of force
    #[command(after_help = "Examples:
  cocarde limit delete lim_01k…
  cocarde limit delete lim_01k… --if-match 3")]
    Delete {
        /// Its id
        limit: Id<kinds::RateLimit>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What a rate limit is set to.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// Requests per minute [default: no limit]
    #[arg(long, value_name = "N")]
    requests_per_minute: Option<u64>,
    /// Tokens per minute, read and written [default: no limit]
    #[arg(long, value_name = "N")]
    tokens_per_minute: Option<u64>,
    /// Requests in flight [default: no limit; 64 for a key]
    #[arg(long, value_name = "N")]
    concurrent: Option<u32>,
    /// Share of an overloaded model among others who wait, of an organisation or project [default: 1]
    #[arg(long, value_name = "N")]
    weight: Option<u32>,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    guard: Guard,
}

/// Whose a limit is, instead of the project in use.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct OwnerArgs {
    /// The organisation whose calls it counts
    #[arg(long, value_name = "NAME|ID")]
    organisation: Option<Ref<kinds::Organisation>>,
    /// The user whose calls it counts, with all keys
    #[arg(long, value_name = "ID")]
    user: Option<Id<kinds::User>>,
    /// The service account whose calls it counts, with all keys
    #[arg(long, value_name = "NAME|ID")]
    service_account: Option<Ref<kinds::ServiceAccount>>,
    /// The key whose calls it counts
    #[arg(long, value_name = "NAME|ID")]
    key: Option<Ref<kinds::Key>>,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, limit } => list(session, organisation, limit),
        Verb::Get { limit } => show(session, &session.read::<RateLimitGet>(&IdPath { id: limit })?),
        Verb::Set(args) => set(session, args),
        Verb::Delete { limit, guard } => {
            let path = IdPath { id: limit };
            show(session, &session.change::<RateLimitDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn set(session: &Session, args: SetArgs) -> Result<(), Failure> {
    let OwnerArgs { organisation, user, service_account, key } = args.owner;
    let service_account =
        service_account.map(|reference| service_account::find(session, &reference)).transpose()?;
    let key = key.map(|reference| key::find(session, &reference)).transpose()?;
    let is_of_project =
        organisation.is_none() && user.is_none() && service_account.is_none() && key.is_none();
    let project = if is_of_project { Some(session.project_required()?) } else { None };
    let body = RateLimitNew {
        organisation,
        project,
        user,
        service_account,
        key,
        requests_per_minute: args.requests_per_minute,
        tokens_per_minute: args.tokens_per_minute,
        concurrent_max: args.concurrent,
        weight: args.weight,
    };
    show(session, &session.change::<RateLimitSet>(&Nothing {}, &body, &args.guard)?)
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    limit: u32,
) -> Result<(), Failure> {
    let project = if organisation.is_some() { None } else { session.project()? };
    let page = session.pages::<RateLimitList, _>(&Nothing {}, limit, |n, page_token| {
        let (organisation, project) = (organisation.clone(), project.clone());
        RateLimitQuery { organisation, project, limit: Some(n), page_token }
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("OWNER"), right("REQUESTS/MIN"), right("TOKENS/MIN")];
        let more = [right("AT ONCE"), right("WEIGHT"), right("AGE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.owner.clone(),
                most(one.requests_per_minute),
                most(one.tokens_per_minute),
                most(one.concurrent_max.map(u64::from)),
                one.weight.unwrap_or(1).to_string(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &RateLimit) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("owner", &one.owner)
            .field("requests per minute", most(one.requests_per_minute))
            .field("tokens per minute", most(one.tokens_per_minute))
            .field("at once", most(one.concurrent_max.map(u64::from)))
            .field("weight", one.weight.unwrap_or(1))
            .field("version", one.version)
    })
}

fn most(limit: Option<u64>) -> String {
    limit.map_or_else(|| "any".to_owned(), |limit| limit.to_string())
}
