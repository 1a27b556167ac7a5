//! `service-account`: programs that act, each with an owner and an end.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, ProjectNamedQuery},
        service_account::{
            ServiceAccount, ServiceAccountAssign, ServiceAccountCreate, ServiceAccountDelete,
            ServiceAccountEnd, ServiceAccountGet, ServiceAccountList, ServiceAccountNew,
            ServiceAccountOwner, ServiceAccountRenew,
        },
    },
    reference::Ref,
};
use units::{DurationMicros, Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{age, now, time},
    table::{Table, left, right},
};

/// Service accounts: programs with an owner and an end
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde service-account create ci --owner usr_… --expires 90d --project orange/nlp
  cocarde members give member --to sva_… --on orange/nlp
  cocarde key create ci --role member --for sva_… --project orange/nlp")]
pub(crate) enum Verb {
    /// List service accounts
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one account
    Get {
        /// Its name or id
        account: Ref<kinds::ServiceAccount>,
    },
    /// Create an account, which may do nothing yet
    Create {
        /// Unique in its project or organisation
        name: Name,
        /// Who answers for it
        #[arg(long, value_name = "ID")]
        owner: Id<kinds::User>,
        /// Its end, such as `90d`; at most 366 days
        #[arg(long, value_name = "DURATION")]
        expires: DurationMicros,
        /// Its organisation instead of the project in use
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        #[command(flatten)]
        once: Once,
    },
    /// Give it another end
    Renew {
        /// Its name or id
        account: Ref<kinds::ServiceAccount>,
        /// Its end from now, such as `90d`; at most 366 days
        #[arg(long, value_name = "DURATION")]
        expires: DurationMicros,
        #[command(flatten)]
        once: Once,
    },
    /// Give it another owner
    Assign {
        /// Its name or id
        account: Ref<kinds::ServiceAccount>,
        /// Who answers for it from now on
        #[arg(long, value_name = "ID")]
        owner: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// Delete it; its keys stop
    Delete {
        /// Its name or id
        account: Ref<kinds::ServiceAccount>,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { account } => {
            let path = IdPath { id: find(session, &account)? };
            show(session, &session.read::<ServiceAccountGet>(&path)?)
        }
        Verb::Create { name, owner, expires, organisation, once } => {
            let project = match organisation {
                Some(_) => None,
                None => Some(session.project_required()?),
            };
            let expires_in_seconds = expires.as_secs();
            let body = ServiceAccountNew { organisation, project, name, owner, expires_in_seconds };
            let guard = Guard::once(once);
            show(session, &session.change::<ServiceAccountCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Renew { account, expires, once } => {
            let (path, guard) = (IdPath { id: find(session, &account)? }, Guard::once(once));
            let body = ServiceAccountEnd { expires_in_seconds: expires.as_secs() };
            show(session, &session.change::<ServiceAccountRenew>(&path, &body, &guard)?)
        }
        Verb::Assign { account, owner, once } => {
            let (path, guard) = (IdPath { id: find(session, &account)? }, Guard::once(once));
            let body = ServiceAccountOwner { owner };
            show(session, &session.change::<ServiceAccountAssign>(&path, &body, &guard)?)
        }
        Verb::Delete { account, once } => {
            let (path, guard) = (IdPath { id: find(session, &account)? }, Guard::once(once));
            show(session, &session.change::<ServiceAccountDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

pub(crate) fn find(
    session: &Session,
    account: &Ref<kinds::ServiceAccount>,
) -> Result<Id<kinds::ServiceAccount>, Failure> {
    let project = session.project()?;
    id_of(account, "service account", |name| {
        let query =
            ProjectNamedQuery { project, name: Some(name.clone()), ..ProjectNamedQuery::default() };
        let page = session.client()?.get::<ServiceAccountList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|account| account.id).collect())
    })
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<ServiceAccountList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("OWNER"), left("EXPIRES"), right("AGE")];
        let mut table = Table::new(&columns);
        for account in &page.items {
            table.row([
                account.id.to_string(),
                account.name.to_string(),
                account.owner.to_string(),
                time(account.expires_at),
                age(account.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, account: &ServiceAccount) -> Result<(), Failure> {
    session.output.show(account, || {
        Table::fields()
            .field("id", account.id)
            .field("name", &account.name)
            .field_if("organisation", account.organisation)
            .field_if("project", account.project)
            .field("owner", account.owner)
            .field("expires", time(account.expires_at))
            .field("version", account.version)
    })
}
