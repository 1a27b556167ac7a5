//! `budget`: what a project may spend; work stops when it is used up.

use api::{
    endpoint::Nothing,
    nouns::{
        budget::{Budget, BudgetCreate, BudgetGet, BudgetList, BudgetNew},
        common::IdPath,
    },
    reference::Ref,
    text::EuroText,
};
use units::{Id, MicroEuro, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, euro, now},
    table::{Table, left, right, state},
};

/// Budgets that block: work stops when they are used up
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde budget create 2026 --limit '1000 EUR' --project orange/nlp
  cocarde budget list")]
pub(crate) enum Verb {
    /// List budgets
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one budget
    Get {
        /// Its name or id
        budget: Ref<kinds::Budget>,
    },
    /// Create a budget for the project
    Create {
        /// Its name, unique in the project
        name: Name,
        /// What may be spent, such as `12.50 EUR`
        #[arg(long, value_name = "AMOUNT")]
        limit: MicroEuro,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { budget } => {
            let path = IdPath { id: find(session, &budget)? };
            show(session, &session.read::<BudgetGet>(&path)?)
        }
        Verb::Create { name, limit, once } => {
            let project = session.project_required()?;
            let body = BudgetNew { project, name, limit: EuroText(limit) };
            let guard = Guard::once(once);
            show(session, &session.change::<BudgetCreate>(&Nothing {}, &body, &guard)?)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<BudgetList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), right("LIMIT"), right("SPENT"), right("LEFT")];
        let mut table = Table::new(&[&columns[..], &[state("OPEN"), right("AGE")]].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                euro(one.limit_microeuro),
                euro(one.spent_microeuro),
                euro(one.remaining_microeuro),
                if one.exhausted { "no" } else { "yes" }.to_owned(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn find(session: &Session, budget: &Ref<kinds::Budget>) -> Result<Id<kinds::Budget>, Failure> {
    session.find::<BudgetList, _, _>(budget, "budget", |one| one.id)
}

fn show(session: &Session, one: &Budget) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("project", one.project)
            .field("limit", euro(one.limit_microeuro))
            .field("spent", euro(one.spent_microeuro))
            .field("left", euro(one.remaining_microeuro))
            .field("exhausted", one.exhausted)
            .field("version", one.version)
    })
}
