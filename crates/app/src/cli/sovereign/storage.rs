//! `storage`: places where data is kept, and under whose law.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        storage::{
            Storage, StorageCreate, StorageGet, StorageList, StorageNew, StoragePurpose,
            StorageRetire,
        },
    },
    reference::Ref,
};
use units::{Id, Name, kinds};

use crate::cli::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::or_dash,
    table::{Table, left},
};

/// Places where data is kept: artefacts, the log, copies, backups, accounts, keys
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde storage create copy --purpose replica --site lyon
  cocarde storage list")]
pub(crate) enum Verb {
    /// List places
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one place
    Get {
        /// Its name or id
        storage: Ref<kinds::Storage>,
    },
    /// Register a place; policy is asked first whether data may come there
    Create {
        /// Its name, unique on the platform
        name: Name,
        /// `artefacts`, `volume`, `log`, `replica`, `witness`, `backup`, `accounts`, `keys` or `exports`
        #[arg(long, value_parser = purpose)]
        purpose: StoragePurpose,
        /// The site where it stands
        #[arg(long)]
        site: Ref<kinds::Site>,
        /// The legal entity that runs it, if not who runs the site
        #[arg(long, value_name = "ENTITY")]
        operator: Option<Ref<kinds::Entity>>,
        /// The legal entity that owns it, if not who owns the site
        #[arg(long, value_name = "ENTITY")]
        owner: Option<Ref<kinds::Entity>>,
        #[command(flatten)]
        once: Once,
    },
    /// Say that nothing is kept there any more
    Retire {
        /// Its name or id
        storage: Ref<kinds::Storage>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// Every purpose with its word.
const PURPOSES: [(&str, StoragePurpose); 9] = [
    ("artefacts", StoragePurpose::Artefacts),
    ("volume", StoragePurpose::Volume),
    ("log", StoragePurpose::Log),
    ("replica", StoragePurpose::Replica),
    ("witness", StoragePurpose::Witness),
    ("backup", StoragePurpose::Backup),
    ("accounts", StoragePurpose::Accounts),
    ("keys", StoragePurpose::Keys),
    ("exports", StoragePurpose::Exports),
];

fn purpose(text: &str) -> Result<StoragePurpose, String> {
    let found = PURPOSES.iter().find(|(word, _)| *word == text).map(|(_, purpose)| *purpose);
    let words = PURPOSES.map(|(word, _)| word).join(", ");
    found.ok_or_else(|| format!("`{text}` is no purpose: use one of {words}"))
}

fn word(purpose: StoragePurpose) -> &'static str {
    PURPOSES.iter().find(|(_, one)| *one == purpose).map_or("", |(word, _)| word)
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { storage } => {
            let path = IdPath { id: find(session, &storage)? };
            show(session, &session.read::<StorageGet>(&path)?)
        }
        Verb::Create { name, purpose, site, operator, owner, once } => {
            let (operator_entity, owner_entity) = (operator, owner);
            let body = StorageNew { name, purpose, site, operator_entity, owner_entity };
            let guard = Guard::once(once);
            show(session, &session.change::<StorageCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Retire { storage, guard } => {
            let path = IdPath { id: find(session, &storage)? };
            show(session, &session.change::<StorageRetire>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<StorageList, _>(&Nothing {}, limit, |n, token| NamedQuery {
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("PURPOSE"), left("COUNTRY"), left("LAW")];
        let who = [left("OPERATOR"), left("OWNER"), left("STATE")];
        let mut table = Table::new(&[&columns[..], &who].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                word(one.purpose).to_owned(),
                one.country.to_string(),
                one.jurisdiction.map_or_else(|| "unknown".to_owned(), |c| c.to_string()),
                or_dash(one.operator_entity),
                or_dash(one.owner_entity),
                state(one).to_owned(),
            ]);
        }
        table
    })
}

const fn state(one: &Storage) -> &'static str {
    if one.retired_at.is_some() { "retired" } else { "in use" }
}

fn find(session: &Session, storage: &Ref<kinds::Storage>) -> Result<Id<kinds::Storage>, Failure> {
    id_of(storage, "storage", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<StorageList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn show(session: &Session, one: &Storage) -> Result<(), Failure> {
    session.output.show(one, || {
        let decided: Vec<String> = one.decided.iter().map(ToString::to_string).collect();
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("purpose", word(one.purpose))
            .field("site", one.site)
            .field("country", one.country)
            .field("operator", or_dash(one.operator_entity))
            .field(
                "under the law of",
                one.jurisdiction.map_or_else(|| "unknown".to_owned(), |c| c.to_string()),
            )
            .field("owner", or_dash(one.owner_entity))
            .field("decisions", decided.join(", "))
            .field("state", state(one))
            .field("version", one.version)
    })
}
