//! `role`: custom roles of an organisation.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        role::{
            Role, RoleCreate, RoleDelete, RoleGet, RoleList, RoleNew, RolePermissions, RoleQuery,
            RoleSet,
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
    human::{age, now},
    table::{Table, left, right},
};

/// Custom roles: permissions put together under a name
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde role create runner --organisation orange --may workload_create,workload_get,workload_logs
  cocarde role set runner --may study,infer
  cocarde members give runner --to usr_… --on orange/nlp")]
pub(crate) enum Verb {
    /// List custom roles
    List {
        /// Only those of this organisation
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one role
    Get {
        /// Its name or id
        role: Ref<kinds::Role>,
    },
    /// Create a role
    Create {
        /// Unique in the organisation, and no name of a built-in role
        name: Name,
        /// The organisation in which it can be given
        #[arg(long, value_name = "NAME|ID")]
        organisation: Ref<kinds::Organisation>,
        /// Groups (`read`, `work`, `infer`, `administer`, `audit`, `bill`, `teach`, `study`) and operations
        /// of the API by their `operationId`
        #[arg(long, value_name = "PERMISSION", value_delimiter = ',', required = true)]
        may: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Change what a role permits, for all who have it
    Set {
        /// Its name or id
        role: Ref<kinds::Role>,
        /// All permissions from now on
        #[arg(long, value_name = "PERMISSION", value_delimiter = ',', required = true)]
        may: Vec<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Delete a role that nobody has
    Delete {
        /// Its name or id
        role: Ref<kinds::Role>,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, limit } => list(session, organisation, limit),
        Verb::Get { role } => {
            let path = IdPath { id: find(session, &role)? };
            show(session, &session.read::<RoleGet>(&path)?)
        }
        Verb::Create { name, organisation, may, once } => {
            let body = RoleNew { organisation, name, permissions: may };
            show(session, &session.change::<RoleCreate>(&Nothing {}, &body, &Guard::once(once))?)
        }
        Verb::Set { role, may, once } => {
            let (path, guard) = (IdPath { id: find(session, &role)? }, Guard::once(once));
            let body = RolePermissions { permissions: may };
            show(session, &session.change::<RoleSet>(&path, &body, &guard)?)
        }
        Verb::Delete { role, once } => {
            let (path, guard) = (IdPath { id: find(session, &role)? }, Guard::once(once));
            show(session, &session.change::<RoleDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn find(session: &Session, role: &Ref<kinds::Role>) -> Result<Id<kinds::Role>, Failure> {
    id_of(role, "role", |name| {
        let query = RoleQuery { name: Some(name.clone()), ..RoleQuery::default() };
        let page = session.client()?.get::<RoleList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|role| role.id).collect())
    })
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    limit: u32,
) -> Result<(), Failure> {
    let page = session.pages::<RoleList, _>(&Nothing {}, limit, |n, page_token| RoleQuery {
        organisation: organisation.clone(),
        name: None,
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("MAY"), right("AGE")];
        let mut table = Table::new(&columns);
        for role in &page.items {
            table.row([
                role.id.to_string(),
                role.name.to_string(),
                role.permissions.join(" "),
                age(role.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, role: &Role) -> Result<(), Failure> {
    session.output.show(role, || {
        Table::fields()
            .field("id", role.id)
            .field("name", &role.name)
            .field("organisation", role.organisation)
            .field("may", role.permissions.join(" "))
            .field("version", role.version)
    })
}
