//! `members`: people and the roles that are given to them, to groups and to service accounts.

use api::{
    endpoint::Nothing,
    nouns::{
        binding::{Binding, BindingCreate, BindingDelete, BindingList, BindingNew, BindingQuery},
        common::IdPath,
        user::{
            User, UserCreate, UserData, UserGet, UserList, UserNew, UserQuery, UserReplace,
            UserResume, UserSuspend,
        },
    },
    reference::{PolicyScope, Ref},
};
use units::{DurationMicros, Id, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now, or_dash, time, word},
    table::{Table, left, right},
};

/// People, and the roles given to them
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde members add \"Ada Lovelace\" --email ada@example.org --organisation orange
  cocarde members give member --to usr_… --on orange/nlp --expires 90d
  cocarde members roles --organisation orange
  cocarde members suspend usr_…")]
pub(crate) enum Verb {
    /// List people
    List {
        /// Only those of this organisation
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Only who has this address in the organisation
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one person
    Get {
        /// Their id
        user: Id<kinds::User>,
    },
    /// Add a person, who may do nothing yet
    Add {
        /// Their name
        name: String,
        /// Their e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// Their organisation; people who run the platform have none
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        #[command(flatten)]
        once: Once,
    },
    /// Replace a person's name and address
    Replace {
        /// Their id
        user: Id<kinds::User>,
        /// Their name
        name: String,
        /// Their e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Stop a person with all keys and sessions, at once
    Suspend {
        /// Their id
        user: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// Let a suspended person act again
    Resume {
        /// Their id
        user: Id<kinds::User>,
        #[command(flatten)]
        once: Once,
    },
    /// List roles given
    Roles {
        /// Only what was given in this organisation, its projects included
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Only what this user was given directly
        #[arg(long, value_name = "ID")]
        user: Option<Id<kinds::User>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Give a role: inference, viewer, member, administrator, auditor, billing, teacher, student,
    /// operator, or a custom one
    Give(GiveArgs),
    /// Take a role back
    Take {
        /// The binding, as `members roles` lists it
        binding: Id<kinds::Binding>,
        #[command(flatten)]
        once: Once,
    },
}

/// What is given.
#[derive(Debug, clap::Args)]
pub(crate) struct GiveArgs {
    /// The role
    role: String,
    /// To this user (`usr_…`), service account (`sva_…`), or group by name or id
    #[arg(long, value_name = "ID|GROUP")]
    to: String,
    /// Where: `platform`, an organisation, or `organisation/project` [default: the project in use]
    #[arg(long, value_name = "SCOPE")]
    on: Option<PolicyScope>,
    /// When it ends, such as `12h` or `30d`; until taken back if absent
    #[arg(long, value_name = "DURATION")]
    expires: Option<DurationMicros>,
    #[command(flatten)]
    once: Once,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let path = |id| IdPath { id };
    match verb {
        Verb::List { organisation, email, limit } => list(session, organisation, email, limit),
        Verb::Get { user } => show(session, &session.read::<UserGet>(&path(user))?),
        Verb::Add { name, email, organisation, once } => {
            let body = UserNew { organisation, name, email };
            show(session, &session.change::<UserCreate>(&Nothing {}, &body, &Guard::once(once))?)
        }
        Verb::Replace { user, name, email, once } => {
            let (body, guard) = (UserData { name, email }, Guard::once(once));
            show(session, &session.change::<UserReplace>(&path(user), &body, &guard)?)
        }
        Verb::Suspend { user, once } => {
            let guard = Guard::once(once);
            show(session, &session.change::<UserSuspend>(&path(user), &Nothing {}, &guard)?)
        }
        Verb::Resume { user, once } => {
            let guard = Guard::once(once);
            show(session, &session.change::<UserResume>(&path(user), &Nothing {}, &guard)?)
        }
        Verb::Roles { organisation, user, limit } => roles(session, organisation, user, limit),
        Verb::Give(args) => give(args, session),
        Verb::Take { binding, once } => {
            let (path, guard) = (IdPath { id: binding }, Guard::once(once));
            let taken = session.change::<BindingDelete>(&path, &Nothing {}, &guard)?;
            session.output.show(&taken, || given(&taken))
        }
    }
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    email: Option<String>,
    limit: u32,
) -> Result<(), Failure> {
    let page = session.pages::<UserList, _>(&Nothing {}, limit, |n, page_token| UserQuery {
        organisation: organisation.clone(),
        email: email.clone(),
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("E-MAIL"), left("STATUS"), right("AGE")];
        let mut table = Table::new(&columns);
        for user in &page.items {
            table.row([
                user.id.to_string(),
                or_dash(user.name.clone()),
                or_dash(user.email.clone()),
                word(&user.status),
                age(user.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, user: &User) -> Result<(), Failure> {
    session.output.show(user, || {
        Table::fields()
            .field("id", user.id)
            .field_if("name", user.name.as_ref())
            .field_if("e-mail", user.email.as_ref())
            .field_if("organisation", user.organisation)
            .field("status", word(&user.status))
            .field("commitment", user.commitment)
            .field("version", user.version)
    })
}

fn roles(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    user: Option<Id<kinds::User>>,
    limit: u32,
) -> Result<(), Failure> {
    let page =
        session.pages::<BindingList, _>(&Nothing {}, limit, |n, page_token| BindingQuery {
            organisation: organisation.clone(),
            user,
            limit: Some(n),
            page_token,
            ..BindingQuery::default()
        })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("ROLE"), left("TO"), left("ON"), left("EXPIRES")];
        let mut table = Table::new(&columns);
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.role.clone(),
                to_text(one),
                one.scope.to_string(),
                or_dash(one.expires_at.map(time)),
            ]);
        }
        table
    })
}

fn give(args: GiveArgs, session: &Session) -> Result<(), Failure> {
    let scope = match args.on {
        Some(scope) => scope,
        None => PolicyScope::Project(session.project_required()?),
    };
    let (user, service_account) = (args.to.parse().ok(), args.to.parse().ok());
    let group = if user.is_some() || service_account.is_some() {
        None
    } else {
        let parsed = args.to.parse::<Ref<kinds::Group>>();
        Some(parsed.map_err(|error| Failure::usage(error.to_string()))?)
    };
    let expires_in_seconds = args.expires.map(DurationMicros::as_secs);
    let body =
        BindingNew { role: args.role, user, group, service_account, scope, expires_in_seconds };
    let guard = Guard::once(args.once);
    let binding = session.change::<BindingCreate>(&Nothing {}, &body, &guard)?;
    session.output.show(&binding, || given(&binding))
}

fn to_text(binding: &Binding) -> String {
    let user = binding.user.map(|id| id.to_string());
    let group = binding.group.map(|id| id.to_string());
    let account = binding.service_account.map(|id| id.to_string());
    user.or(group).or(account).unwrap_or_default()
}

fn given(binding: &Binding) -> Table {
    Table::fields()
        .field("id", binding.id)
        .field("role", &binding.role)
        .field("to", to_text(binding))
        .field("on", &binding.scope)
        .field_if("expires", binding.expires_at.map(time))
}
