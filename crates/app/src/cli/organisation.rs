//! `org`: the tenants.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        organisation::{
            Currency, Organisation, OrganisationCreate, OrganisationGet, OrganisationList,
            OrganisationNew, OrganisationTraining, TrainingConsent,
        },
    },
    reference::Ref,
};
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{age, now, word},
    table::{Table, left, right},
};

/// Organisations: the tenants of the platform
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde org create orange
  cocarde org list -o json")]
pub(crate) enum Verb {
    /// List the organisations that the key may see
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one organisation
    Get {
        /// Its name or id
        organisation: Ref<kinds::Organisation>,
    },
    /// Create an organisation
    Create {
        /// Its name, unique on the platform
        name: Name,
        #[command(flatten)]
        once: Once,
    },
    /// Allow or forbid training on what the organisation's people asked models
    #[command(after_help = "Examples:
  cocarde org training bank --allow
  cocarde org training bank --forbid     # also stops what trains on it now

Forbidden at first. It holds for captured datasets and for all that was made from them.")]
    Training {
        /// Its name or id
        organisation: Ref<kinds::Organisation>,
        /// Allow it
        #[arg(long, required_unless_present = "forbid", conflicts_with = "forbid")]
        allow: bool,
        /// Forbid it
        #[arg(long)]
        forbid: bool,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => {
            let page = session.pages::<OrganisationList, _>(&Nothing {}, limit, |n, token| {
                NamedQuery { name: None, limit: Some(n), page_token: token }
            })?;
            session.output.show(&page, || {
                let mut table =
                    Table::new(&[left("ID"), left("NAME"), left("CURRENCY"), right("AGE")]);
                for one in &page.items {
                    let age = age(one.created_at, now());
                    table.row([one.id.to_string(), one.name.to_string(), word(&one.currency), age]);
                }
                table
            })
        }
        Verb::Get { organisation } => {
            let path = IdPath { id: find(session, &organisation)? };
            show(session, &session.read::<OrganisationGet>(&path)?)
        }
        Verb::Create { name, once } => {
            let body = OrganisationNew { name, currency: Currency::Eur };
            let guard = Guard::once(once);
            show(session, &session.change::<OrganisationCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Training { organisation, allow, forbid: _, once } => {
            let path = IdPath { id: find(session, &organisation)? };
            let body = TrainingConsent { allowed: allow };
            let guard = Guard::once(once);
            show(session, &session.change::<OrganisationTraining>(&path, &body, &guard)?)
        }
    }
}

pub(super) fn find(
    session: &Session,
    organisation: &Ref<kinds::Organisation>,
) -> Result<Id<kinds::Organisation>, Failure> {
    id_of(organisation, "org", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<OrganisationList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn show(session: &Session, one: &Organisation) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("currency", word(&one.currency))
            .field(
                "training on captured data",
                if one.training_allowed { "allowed" } else { "forbidden" },
            )
            .field("created", one.created_at)
            .field("version", one.version)
    })
}
