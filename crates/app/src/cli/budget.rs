//! `budget`: what an organisation, a project, a person, a program or a key may use up.

use api::{
    endpoint::Nothing,
    nouns::{
        budget::{
            Budget, BudgetAlert, BudgetChange, BudgetCreate, BudgetGet, BudgetList, BudgetNew,
            BudgetPeriod, BudgetQuery, BudgetSet,
        },
        common::IdPath,
    },
    reference::{ProjectRef, Ref},
    text::AllowanceText,
};
use units::{Allowance, Id, Name, kinds};

use super::{
    failure::Failure,
    key, service_account,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{age, now, or_dash, time, word},
    table::{Table, left, right, state},
};

/// Budgets in money, GPU time, energy or tokens: they alert, and work stops when they are used up
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde budget create 2026 --limit '1000 EUR' --project orange/nlp
  cocarde budget create gpus --limit '500 GPUh' --period month --organisation orange
  cocarde budget list")]
pub(crate) enum Verb {
    /// List budgets: of the project in use, or all that may be seen
    #[command(after_help = "Examples:
  cocarde budget list --project orange/nlp
  cocarde budget list --organisation orange -o json")]
    List {
        /// Budgets of this organisation and of all below it, whatever project is in use
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Budgets of this user, whatever project is in use
        #[arg(long, value_name = "ID", conflicts_with = "organisation")]
        user: Option<Id<kinds::User>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one budget
    #[command(
        visible_alias = "show",
        after_help = "Examples:
  cocarde budget show 2026 --project orange/nlp
  cocarde budget get 2026 --project orange/nlp -o json"
    )]
    Get {
        /// Its name or id
        budget: Ref<kinds::Budget>,
    },
    /// Create a budget of the project, or of whom an option names
    #[command(after_help = "Examples:
  cocarde budget create 2026 --limit '1000 EUR' --project orange/nlp
  cocarde budget create tokens --limit '10 M tokens' --key ci --alert 90 --no-stop
  cocarde budget create ada --limit '20 GPUh' --user usr_01k… --within orange/nlp

Money and energy are used by all work, GPU time by work with GPUs, tokens by calls of models; a budget that
is used up stops what would use more of it, and nothing else.")]
    Create(CreateArgs),
    /// Change the terms of a budget; with something left, it is open again
    #[command(after_help = "Examples:
  cocarde budget set 2026 --limit '2000 EUR' --project orange/nlp
  cocarde budget set bud_01k… --alert 75,90 --no-stop")]
    Set(SetArgs),
}

/// What a budget is created from.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Its name, unique among the owner's
    name: Name,
    /// What may be used up: `12.50 EUR`, `500 GPUh`, `2 MWh` or `10 M tokens`
    #[arg(long, value_name = "AMOUNT")]
    limit: Allowance,
    #[command(flatten)]
    owner: OwnerArgs,
    /// Count only what the user or service account uses in this project
    #[arg(long, value_name = "ORG/PROJECT")]
    within: Option<ProjectRef>,
    /// Over how long it counts
    #[arg(long, value_enum, default_value_t = PeriodArg::Total)]
    period: PeriodArg,
    /// Percents of the limit at which it alerts [default: 50,80,100]
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    alert: Option<Vec<u8>>,
    /// Only alert, stop nothing
    #[arg(long)]
    no_stop: bool,
    #[command(flatten)]
    once: Once,
}

/// Whose a budget is, instead of the project in use.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(crate) struct OwnerArgs {
    /// The organisation whose use it counts
    #[arg(long, value_name = "NAME|ID")]
    organisation: Option<Ref<kinds::Organisation>>,
    /// The user whose use it counts, with all keys
    #[arg(long, value_name = "ID")]
    user: Option<Id<kinds::User>>,
    /// The service account whose use it counts, with all keys
    #[arg(long, value_name = "NAME|ID")]
    service_account: Option<Ref<kinds::ServiceAccount>>,
    /// The key whose use it counts
    #[arg(long, value_name = "NAME|ID")]
    key: Option<Ref<kinds::Key>>,
}

/// What changes of a budget.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// Its name or id
    budget: Ref<kinds::Budget>,
    /// What may be used up, in the measure that it has
    #[arg(long, value_name = "AMOUNT")]
    limit: Option<Allowance>,
    /// Percents of the limit at which it alerts
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    alert: Option<Vec<u8>>,
    /// Stop work at the limit
    #[arg(long, conflicts_with = "no_stop")]
    stop: bool,
    /// Only alert, stop nothing
    #[arg(long)]
    no_stop: bool,
    #[command(flatten)]
    guard: Guard,
}

/// Over how long a budget counts.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum PeriodArg {
    /// From its creation on
    Total,
    /// The calendar month in UTC
    Month,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, user, limit } => list(session, organisation, user, limit),
        Verb::Get { budget } => {
            let path = IdPath { id: find(session, &budget)? };
            show(session, &session.read::<BudgetGet>(&path)?)
        }
        Verb::Create(args) => create(session, args),
        Verb::Set(args) => {
            let path = IdPath { id: find(session, &args.budget)? };
            let hard_stop = (args.stop || args.no_stop).then_some(args.stop);
            let limit = args.limit.map(AllowanceText);
            let body = BudgetChange { limit, alerts: args.alert, hard_stop };
            if body == BudgetChange::default() {
                return Err(Failure::usage("nothing changes")
                    .remedy("give `--limit`, `--alert`, `--stop` or `--no-stop`"));
            }
            show(session, &session.change::<BudgetSet>(&path, &body, &args.guard)?)
        }
    }
}

fn create(session: &Session, args: CreateArgs) -> Result<(), Failure> {
    let OwnerArgs { organisation, user, service_account, key } = args.owner;
    let service_account =
        service_account.map(|reference| service_account::find(session, &reference)).transpose()?;
    let key = key.map(|reference| key::find(session, &reference)).transpose()?;
    let is_of_project =
        organisation.is_none() && user.is_none() && service_account.is_none() && key.is_none();
    let project = match args.within {
        Some(_) if is_of_project => {
            return Err(Failure::usage("`--within` confines the budget of somebody to a project")
                .remedy("name whose with `--user` or `--service-account`, or use `--project`"));
        }
        Some(within) => Some(within),
        None if is_of_project => Some(session.project_required()?),
        None => None,
    };
    let body = BudgetNew {
        organisation,
        project,
        user,
        service_account,
        key,
        name: args.name,
        limit: AllowanceText(args.limit),
        period: Some(match args.period {
            PeriodArg::Total => BudgetPeriod::Total,
            PeriodArg::Month => BudgetPeriod::Month,
        }),
        alerts: args.alert,
        hard_stop: args.no_stop.then_some(false),
    };
    show(session, &session.change::<BudgetCreate>(&Nothing {}, &body, &Guard::once(args.once))?)
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    user: Option<Id<kinds::User>>,
    limit: u32,
) -> Result<(), Failure> {
    let is_wide = organisation.is_some() || user.is_some();
    let project = if is_wide { None } else { session.project()? };
    let page = session.pages::<BudgetList, _>(&Nothing {}, limit, |n, page_token| BudgetQuery {
        organisation: organisation.clone(),
        project: project.clone(),
        user,
        limit: Some(n),
        page_token,
        ..BudgetQuery::default()
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("OWNER"), left("NAME"), right("LIMIT"), right("SPENT")];
        let more = [right("USED"), left("ALERTS"), state("STATE"), right("AGE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.owner.clone(),
                one.name.to_string(),
                limit_text(one),
                one.spent.clone(),
                format!("{} %", one.percent),
                alerts(&one.alerts),
                state_of(one).to_owned(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn find(session: &Session, budget: &Ref<kinds::Budget>) -> Result<Id<kinds::Budget>, Failure> {
    let project = session.project()?;
    id_of(budget, "budget", |name| {
        let (name, project) = (Some(name.clone()), project.clone());
        let query = BudgetQuery { project, name, ..BudgetQuery::default() };
        let page = session.client()?.get::<BudgetList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn limit_text(one: &Budget) -> String {
    match one.period {
        BudgetPeriod::Total => one.limit.clone(),
        BudgetPeriod::Month => format!("{} a month", one.limit),
    }
}

const fn state_of(one: &Budget) -> &'static str {
    match (one.exhausted, one.hard_stop, one.percent >= 100) {
        (true, ..) => "used up",
        (false, true, _) => "open",
        (false, false, true) => "over",
        (false, false, false) => "alerts only",
    }
}

/// Thresholds, those that are behind with a mark.
fn alerts(alerts: &[BudgetAlert]) -> String {
    let one = |alert: &BudgetAlert| match alert.alerted_at {
        Some(_) => format!("{}!", alert.percent),
        None => alert.percent.to_string(),
    };
    let all: Vec<String> = alerts.iter().map(one).collect();
    or_dash((!all.is_empty()).then(|| all.join(" ")))
}

fn show(session: &Session, one: &Budget) -> Result<(), Failure> {
    session.output.show(one, || {
        let behind = one.alerts.iter().filter_map(|alert| {
            alert.alerted_at.map(|at| format!("{} % {}", alert.percent, time(at)))
        });
        let behind: Vec<String> = behind.collect();
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("owner", &one.owner)
            .field_if(
                "within",
                one.project.filter(|_| one.user.is_some() || one.service_account.is_some()),
            )
            .field("measure", word(&one.measure))
            .field("period", word(&one.period))
            .field("limit", &one.limit)
            .field("spent", format!("{} ({} %)", one.spent, one.percent))
            .field("left", &one.remaining)
            .field("alerts", alerts(&one.alerts))
            .field_if("alerted", (!behind.is_empty()).then(|| behind.join(", ")))
            .field("at the limit", if one.hard_stop { "work stops" } else { "nothing stops" })
            .field("state", state_of(one))
            .field_if("begins anew", one.resets_at.map(time))
            .field("version", one.version)
    })
}
