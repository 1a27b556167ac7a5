//! `group`: users who are given roles together.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        group::{
            Group, GroupCreate, GroupDelete, GroupGet, GroupList, GroupMember, GroupMemberAdd,
            GroupMemberRemove, GroupNew, GroupQuery, MemberPath,
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
    human::{age, now, or_dash},
    table::{Table, left, right},
};

/// Groups of users
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde group create researchers --organisation orange
  cocarde group add researchers usr_…
  cocarde members give member --to researchers --on orange/nlp")]
pub(crate) enum Verb {
    /// List groups
    List {
        /// Only those of this organisation
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one group with its members
    Get {
        /// Its name or id
        group: Ref<kinds::Group>,
    },
    /// Create an empty group
    Create {
        /// Unique in its organisation
        name: Name,
        /// Its organisation; groups of people who run the platform have none
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        #[command(flatten)]
        once: Once,
    },
    /// Add a user
    Add {
        /// Its name or id
        group: Ref<kinds::Group>,
        /// The user
        user: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// Remove a user
    Remove {
        /// Its name or id
        group: Ref<kinds::Group>,
        /// The user
        user: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// Delete a group with the roles given to it
    Delete {
        /// Its name or id
        group: Ref<kinds::Group>,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, limit } => list(session, organisation, limit),
        Verb::Get { group } => {
            let path = IdPath { id: find(session, &group)? };
            show(session, &session.read::<GroupGet>(&path)?)
        }
        Verb::Create { name, organisation, once } => {
            let (body, guard) = (GroupNew { organisation, name }, Guard::once(once));
            show(session, &session.change::<GroupCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Add { group, user, once } => {
            let (path, guard) = (IdPath { id: find(session, &group)? }, Guard::once(once));
            show(session, &session.change::<GroupMemberAdd>(&path, &GroupMember { user }, &guard)?)
        }
        Verb::Remove { group, user, once } => {
            let (path, guard) =
                (MemberPath { id: find(session, &group)?, user }, Guard::once(once));
            show(session, &session.change::<GroupMemberRemove>(&path, &Nothing {}, &guard)?)
        }
        Verb::Delete { group, once } => {
            let (path, guard) = (IdPath { id: find(session, &group)? }, Guard::once(once));
            show(session, &session.change::<GroupDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn find(session: &Session, group: &Ref<kinds::Group>) -> Result<Id<kinds::Group>, Failure> {
    id_of(group, "group", |name| {
        let query = GroupQuery { name: Some(name.clone()), ..GroupQuery::default() };
        let page = session.client()?.get::<GroupList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|group| group.id).collect())
    })
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    limit: u32,
) -> Result<(), Failure> {
    let page = session.pages::<GroupList, _>(&Nothing {}, limit, |n, page_token| GroupQuery {
        organisation: organisation.clone(),
        name: None,
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("ORGANISATION"), right("MEMBERS")];
        let mut table = Table::new(&[&columns[..], &[right("AGE")]].concat());
        for group in &page.items {
            table.row([
                group.id.to_string(),
                group.name.to_string(),
                or_dash(group.organisation.map(|id| id.to_string())),
                group.members.len().to_string(),
                age(group.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, group: &Group) -> Result<(), Failure> {
    session.output.show(group, || {
        let members: Vec<String> = group.members.iter().map(ToString::to_string).collect();
        Table::fields()
            .field("id", group.id)
            .field("name", &group.name)
            .field_if("organisation", group.organisation)
            .field("members", members.join(" "))
            .field("version", group.version)
    })
}
