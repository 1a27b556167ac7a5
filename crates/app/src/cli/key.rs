//! `key`: API keys. A secret is shown once, when it is made, and never again.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, ProjectNamedQuery},
        key::{
            Key, KeyCreate, KeyCreated, KeyList, KeyNew, KeyRevoke, KeyRotate, KeyRotation, Role,
            WhoAmI, Whoami,
        },
    },
    reference::Ref,
};
use units::{Country, DurationMicros, Id, Name, kinds};

use super::{
    capability,
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{age, now, or_dash, time, word},
    say,
    table::{Table, left, right},
};

/// What a key may do.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum RoleArg {
    /// Call models, nothing else
    Inference,
    /// Read
    Viewer,
    /// Also run workloads and make artefacts
    Member,
    /// Also manage the organisation
    Administrator,
    /// The whole platform
    Operator,
    /// See what happened and how things are set, without content
    Auditor,
    /// See money and use, set budgets
    Billing,
    /// A member who runs courses
    Teacher,
    /// Work inside a project that somebody else set up
    Student,
}

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Inference => Self::Inference,
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Member => Self::Member,
            RoleArg::Administrator => Self::Administrator,
            RoleArg::Operator => Self::Operator,
            RoleArg::Auditor => Self::Auditor,
            RoleArg::Billing => Self::Billing,
            RoleArg::Teacher => Self::Teacher,
            RoleArg::Student => Self::Student,
        }
    }
}

/// API keys
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde key create ci --role member --project orange/nlp --expires 30d
  cocarde key create app --role inference --project orange/nlp
  cocarde key create bot --role member --for sva_… --models chat --countries FR,DE
  cocarde key rotate ci --overlap 24h
  cocarde key revoke ci
  cocarde key whoami")]
pub(crate) enum Verb {
    /// List keys without their secrets
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Create a key and show its secret, this once
    Create(CreateArgs),
    /// Give a key a new secret and show it, this once
    Rotate {
        /// Its name or id
        key: Ref<kinds::Key>,
        /// How long the present secret still works, such as `24h`; at most 7 days
        #[arg(long, value_name = "DURATION", default_value = "0s")]
        overlap: DurationMicros,
        #[command(flatten)]
        once: Once,
    },
    /// Revoke a key at once
    Revoke {
        /// Its name or id
        key: Ref<kinds::Key>,
        #[command(flatten)]
        once: Once,
    },
    /// Say who the key in use is
    Whoami,
    /// Get a capability token with the rights of the key in use
    #[command(after_help = "Examples:
  cocarde key capability > token.txt
  cocarde key capability | cocarde key attenuate --model acme-words --until 8h")]
    Capability,
    /// Narrow a capability token, without asking anybody
    Attenuate(capability::AttenuateArgs),
    /// Revoke a capability token and all that were made from it
    #[command(after_help = "Examples:
  cocarde key revoke-token < token.txt
  cocarde key revoke-token ccc_…

What it was made from still counts: its holder can make another.")]
    RevokeToken {
        /// The token; from standard input if absent
        token: Option<String>,
        #[command(flatten)]
        once: Once,
    },
    /// Show what a capability token says, without asking anybody
    #[command(after_help = "Examples:
  cocarde key show ccc_…
  cocarde key show < token.txt")]
    Show {
        /// The token; from standard input if absent
        token: Option<String>,
    },
}

/// What a key is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// For people; unique in its scope
    name: Name,
    /// What it may do
    #[arg(long, value_enum)]
    role: RoleArg,
    /// Bind it to an organisation instead of a project
    #[arg(long, value_name = "NAME|ID")]
    organisation: Option<Ref<kinds::Organisation>>,
    /// Make it a key of the whole platform, whatever project is chosen
    #[arg(long, conflicts_with = "organisation")]
    platform: bool,
    /// When it stops working, such as `12h` or `30d`; never if absent
    #[arg(long, value_name = "DURATION")]
    expires: Option<DurationMicros>,
    /// Whose it is: a user (`usr_…`) or service account (`sva_…`) that it never goes beyond
    #[arg(long = "for", value_name = "ID")]
    owner: Option<String>,
    /// Models that it may call, by public name; all if absent
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    models: Option<Vec<Name>>,
    /// Countries in which its work runs and its calls are answered; all if absent
    #[arg(long, value_name = "COUNTRY", value_delimiter = ',')]
    countries: Option<Vec<Country>>,
    #[command(flatten)]
    once: Once,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Create(args) => create(args, session),
        Verb::Rotate { key, overlap, once } => {
            let path = IdPath { id: find(session, &key)? };
            let body = KeyRotation { overlap_seconds: Some(overlap.as_secs()) };
            let rotated = session.change::<KeyRotate>(&path, &body, &Guard::once(once))?;
            shown_once(session, &rotated)
        }
        Verb::Revoke { key, once } => {
            let path = IdPath { id: find(session, &key)? };
            let key = session.change::<KeyRevoke>(&path, &Nothing {}, &Guard::once(once))?;
            session.output.show(&key, || fields(&key))
        }
        Verb::Whoami => {
            let who = session.read::<Whoami>(&Nothing {})?;
            session.output.show(&who, || self::who(&who))
        }
        Verb::Capability => capability::create(session),
        Verb::Attenuate(args) => capability::narrow(args, session),
        Verb::RevokeToken { token, once } => capability::revoke(token, once, session),
        Verb::Show { token } => capability::explain(token, session),
    }
}

/// Who somebody is, for people.
pub(crate) fn who(who: &WhoAmI) -> Table {
    Table::fields()
        .field_if("key", who.key)
        .field_if("user", who.user)
        .field_if("service account", who.service_account)
        .field_if("name", who.name.as_ref())
        .field_if("role", who.role.map(Role::as_str))
        .field_if("organisation", who.organisation)
        .field_if("project", who.project)
        .field_if("expires", who.expires_at.map(time))
}

fn create(args: CreateArgs, session: &Session) -> Result<(), Failure> {
    let scoped = !args.platform && args.organisation.is_none();
    let owner = args.owner.as_deref();
    let (user, service_account) = match owner.map(|text| (text.parse(), text.parse())) {
        None => (None, None),
        Some((Ok(user), _)) => (Some(user), None),
        Some((_, Ok(account))) => (None, Some(account)),
        Some((Err(_), Err(_))) => {
            let given = owner.unwrap_or_default();
            return Err(Failure::usage(format!(
                "`{given}` is no user or service account: give an id `usr_…` or `sva_…`"
            )));
        }
    };
    let body = KeyNew {
        name: args.name,
        role: args.role.into(),
        project: if scoped { session.project()? } else { None },
        organisation: args.organisation,
        expires_in_seconds: args.expires.map(DurationMicros::as_secs),
        user,
        service_account,
        models: args.models,
        countries: args.countries,
    };
    let created = session.change::<KeyCreate>(&Nothing {}, &body, &Guard::once(args.once))?;
    shown_once(session, &created)
}

fn shown_once(session: &Session, created: &KeyCreated) -> Result<(), Failure> {
    session.output.show(created, || fields(&created.key).field("secret", &created.secret))?;
    say("keep the secret now: it cannot be shown again");
    Ok(())
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<KeyList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("ROLE"), left("EXPIRES"), left("REVOKED")];
        let mut table = Table::new(&[&columns[..], &[right("AGE")]].concat());
        for key in &page.items {
            table.row([
                key.id.to_string(),
                key.name.to_string(),
                word(&key.role),
                or_dash(key.expires_at.map(time)),
                or_dash(key.revoked_at.map(time)),
                age(key.created_at, now()),
            ]);
        }
        table
    })
}

pub(crate) fn find(session: &Session, key: &Ref<kinds::Key>) -> Result<Id<kinds::Key>, Failure> {
    let project = session.project()?;
    id_of(key, "key", |name| {
        let query =
            ProjectNamedQuery { project, name: Some(name.clone()), ..ProjectNamedQuery::default() };
        let page = session.client()?.get::<KeyList>(&Nothing {}, &query)?;
        let live = page.items.iter().filter(|key| key.revoked_at.is_none());
        Ok(live.map(|key| key.id).collect())
    })
}

fn fields(key: &Key) -> Table {
    Table::fields()
        .field("id", key.id)
        .field("name", &key.name)
        .field("role", word(&key.role))
        .field_if("organisation", key.organisation)
        .field_if("project", key.project)
        .field_if("expires", key.expires_at.map(time))
        .field_if("user", key.user)
        .field_if("service account", key.service_account)
        .field_if("earlier secret until", key.earlier_until.map(time))
        .field_if("revoked", key.revoked_at.map(time))
}
