//! What every command needs: where the platform is, with which key, in which project, and how to
//! write the answer. Flags come first, then the environment, then the context in use.
//!
//! A key is only ever sent to the address that it was given for.

use std::path::PathBuf;

use api::{
    client::{Client, Options},
    endpoint::{Endpoint, Nothing},
    nouns::common::{Page, ProjectNamedQuery},
    reference::{ProjectRef, Ref},
};
use units::{Id, IdKind, Name};

use super::{exit::Exit, failure::Failure};
use crate::{
    config::{self, Config},
    output::{Format, Output, say},
};

/// Where `cocarde up` listens unless told otherwise.
pub(crate) const SERVER_DEFAULT: &str = "http://127.0.0.1:7711";
/// Most items on a page of the API.
const PAGE_ITEMS_MAX: u32 = 500;

/// Flags that every command takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Global {
    /// Address of the platform [env: COCARDE_SERVER]
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub(crate) server: Option<String>,
    /// Secret of an API key [env: COCARDE_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN", help_heading = "Connection")]
    pub(crate) token: Option<String>,
    /// Project: `organisation/project` or its id [env: COCARDE_PROJECT]
    #[arg(long, global = true, value_name = "PROJECT", help_heading = "Connection")]
    pub(crate) project: Option<ProjectRef>,
    /// Form of the answer: a table, or what the API answers [default: table]
    #[arg(short = 'o', long = "output", global = true, value_name = "FORMAT")]
    #[arg(help_heading = "Output")]
    pub(crate) format: Option<Format>,
    /// Say more on stderr; twice for even more [env: COCARDE_LOG=target=level,…]
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
}

/// Makes a change once, however often it is sent.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Once {
    /// Key under which a repeated change is done only once; a fresh one unless given
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Makes a change once, and only to the version that was read.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Guard {
    #[command(flatten)]
    pub(crate) once: Once,
    /// Refuse unless the resource still has this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) if_match: Option<u64>,
}

/// One run of the program.
#[derive(Debug)]
pub(crate) struct Session {
    /// The flags.
    pub(crate) global: Global,
    /// How answers are written.
    pub(crate) output: Output,
}

/// Where the platform is and who we are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Its address.
    pub(crate) server: String,
    /// The key.
    pub(crate) token: Option<String>,
    /// The project.
    pub(crate) project: Option<String>,
}

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The data folder: as given, else `$COCARDE_DATA`, else `~/.local/share/cocarde`.
pub(crate) fn data_dir(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    let from = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = || from("HOME").map(|home| home.join(".local/share/cocarde"));
    given.or_else(|| from("COCARDE_DATA")).or_else(home).ok_or_else(|| {
        Failure::usage("there is no data folder: HOME is not set").remedy("give one: `--data DIR`")
    })
}

impl Connection {
    /// Flags, then environment, then the context. A context's key and project belong to its own
    /// address: another address gets the context that names it, or none.
    fn choose(flags: &Global, environment: &Self, config: &Config) -> Self {
        let asked = flags.server.clone().or_else(|| non_empty(&environment.server));
        let same = |a: &str, b: &str| a.trim_end_matches('/') == b.trim_end_matches('/');
        let current = config.current().map(|(_, context)| context);
        let context = match &asked {
            None => current,
            Some(url) => current
                .into_iter()
                .chain(config.contexts.values())
                .find(|context| same(&context.server, url)),
        };
        let server = asked.or_else(|| context.map(|context| context.server.clone()));
        let token = flags.token.clone().or_else(|| environment.token.clone());
        let project = flags.project.as_ref().map(ToString::to_string);
        let project = project.or_else(|| environment.project.clone());
        Self {
            server: server.unwrap_or_else(|| SERVER_DEFAULT.to_owned()),
            token: token.or_else(|| context.and_then(|context| context.token.clone())),
            project: project.or_else(|| context.and_then(|context| context.project.clone())),
        }
    }
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl Session {
    /// With these flags.
    pub(crate) fn new(global: Global) -> Self {
        let output = Output::new(global.format.unwrap_or_default());
        Self { global, output }
    }

    /// Where the platform is and who we are there.
    pub(crate) fn connection(&self) -> Result<Connection, Failure> {
        let environment = Connection {
            server: variable("COCARDE_SERVER").unwrap_or_default(),
            token: variable("COCARDE_TOKEN"),
            project: variable("COCARDE_PROJECT"),
        };
        let config = config::path().and_then(|path| Config::load(&path))?;
        Ok(Connection::choose(&self.global, &environment, &config))
    }

    /// The key for another address than the one in use: that of the context that names it, or one that was
    /// given for this very command.
    pub(crate) fn token_for(&self, url: &str) -> Result<Option<String>, Failure> {
        let global = Global { server: Some(url.to_owned()), ..self.global.clone() };
        Ok(Self { global, output: self.output }.connection()?.token)
    }

    /// A client of the platform.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let Connection { server, token, .. } = self.connection()?;
        Ok(Client::new(&server, token.as_deref())?)
    }

    /// The project that a command is about, if one is chosen.
    pub(crate) fn project(&self) -> Result<Option<ProjectRef>, Failure> {
        let project = self.connection()?.project.map(|text| text.parse());
        project
            .transpose()
            .map_err(|error: api::reference::ParseReferenceError| Failure::usage(error.to_string()))
    }

    /// The project that a command is about.
    pub(crate) fn project_required(&self) -> Result<ProjectRef, Failure> {
        self.project()?.ok_or_else(|| {
            Failure::usage("no project is chosen")
                .remedy("add `--project organisation/project`, or choose one for all commands with `cocarde use --project …`")
        })
    }

    /// Changes something, once.
    pub(crate) fn change<E: Endpoint>(
        &self,
        path: &E::Path,
        body: &E::Body,
        guard: &Guard,
    ) -> Result<E::Response, Failure>
    where
        E::Query: Default,
    {
        let options = guard.options()?;
        let done = self.client()?.call::<E>(path, &E::Query::default(), body, &options);
        done.map_err(|error| with_key(error.into(), &options))
    }

    /// Reads something that needs only its path.
    pub(crate) fn read<E>(&self, path: &E::Path) -> Result<E::Response, Failure>
    where
        E: Endpoint<Body = Nothing>,
        E::Query: Default,
    {
        Ok(self.client()?.get::<E>(path, &E::Query::default())?)
    }

    /// Reads what the project in use has, or everything visible without one.
    pub(crate) fn project_pages<E, T>(&self, limit: u32) -> Result<Page<T>, Failure>
    where
        E: Endpoint<Path = Nothing, Query = ProjectNamedQuery, Body = Nothing, Response = Page<T>>,
    {
        let project = self.project()?;
        self.pages::<E, _>(&Nothing {}, limit, |n, page_token| ProjectNamedQuery {
            project: project.clone(),
            name: None,
            limit: Some(n),
            page_token,
        })
    }

    /// The id of something in the project in use, given by id or name.
    pub(crate) fn find<E, T, K: IdKind>(
        &self,
        reference: &Ref<K>,
        noun: &str,
        id: impl Fn(&T) -> Id<K>,
    ) -> Result<Id<K>, Failure>
    where
        E: Endpoint<Path = Nothing, Query = ProjectNamedQuery, Body = Nothing, Response = Page<T>>,
    {
        let project = self.project()?;
        id_of(reference, noun, |name| {
            let name = Some(name.clone());
            let query = ProjectNamedQuery { project, name, ..ProjectNamedQuery::default() };
            let page = self.client()?.get::<E>(&Nothing {}, &query)?;
            Ok(page.items.iter().map(id).collect())
        })
    }

    /// Reads pages until there are `limit` items or no more; says so if there are more.
    pub(crate) fn pages<E, T>(
        &self,
        path: &E::Path,
        limit: u32,
        query: impl Fn(u32, Option<String>) -> E::Query,
    ) -> Result<Page<T>, Failure>
    where
        E: Endpoint<Body = Nothing, Response = Page<T>>,
    {
        let client = self.client()?;
        let mut all: Page<T> = client.get::<E>(path, &query(limit.min(PAGE_ITEMS_MAX), None))?;
        while let Some(token) = all.next_page_token.take() {
            let have = u32::try_from(all.items.len()).unwrap_or(u32::MAX);
            let left = limit.saturating_sub(have);
            if left == 0 {
                say(&format!("the first {limit} are shown: `--limit N` shows more"));
                all.next_page_token = Some(token);
                break;
            }
            let page = client.get::<E>(path, &query(left.min(PAGE_ITEMS_MAX), Some(token)))?;
            all.items.extend(page.items);
            all.next_page_token = page.next_page_token;
        }
        Ok(all)
    }
}

impl Guard {
    /// Only the key.
    pub(crate) fn once(once: Once) -> Self {
        Self { once, if_match: None }
    }

    /// What to send; a fresh key unless one was given.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        let key = match &self.once.idempotency_key {
            Some(key) => key.clone(),
            None => fresh_key()?,
        };
        Ok(Options { idempotency_key: Some(key), if_match: self.if_match, timeout: None })
    }
}

/// After an unknown outcome, the key is what makes repeating safe.
fn with_key(failure: Failure, options: &Options) -> Failure {
    match &options.idempotency_key {
        Some(key) if failure.exit == Exit::Unreachable && failure.remedy.is_none() => {
            failure.remedy(format!("repeat the command with `--idempotency-key {key}`"))
        }
        _ => failure,
    }
}

/// 128 random bits in hexadecimal.
pub(crate) fn fresh_key() -> Result<String, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Exit::Internal, format!("this machine gives no random numbers: {error}"))
    })?;
    Ok(bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// The id behind a name or an id.
pub(crate) fn id_of<K: IdKind>(
    reference: &Ref<K>,
    noun: &str,
    by_name: impl FnOnce(&Name) -> Result<Vec<Id<K>>, Failure>,
) -> Result<Id<K>, Failure> {
    let name = match reference {
        Ref::Id(id) => return Ok(*id),
        Ref::Name(name) => name,
    };
    match by_name(name)?.as_slice() {
        [id] => Ok(*id),
        [] => Err(Failure::not_found(format!("there is no {noun} `{name}`"))
            .remedy(format!("list what there is with `cocarde {noun} list`"))),
        several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            let message = format!("{} of {noun} are called `{name}`", several.len());
            Err(Failure::usage(message)
                .remedy(format!("add `--project …` or use the id: {}", ids.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Context;

    fn config() -> Config {
        let context = |server: &str, token: &str| Context {
            server: server.into(),
            token: Some(token.into()),
            project: Some("orange/nlp".into()),
        };
        let contexts = [
            ("a".to_owned(), context("http://a:1", "key-of-a")),
            ("b".to_owned(), context("http://b:1/", "key-of-b")),
        ];
        Config { current: Some("a".into()), contexts: contexts.into() }
    }

    fn choose(
        server: Option<&str>,
        environment: &str,
        config: &Config,
    ) -> (String, Option<String>) {
        let flags = Global { server: server.map(str::to_owned), ..Global::default() };
        let environment = Connection { server: environment.into(), token: None, project: None };
        let chosen = Connection::choose(&flags, &environment, config);
        (chosen.server, chosen.token)
    }

    #[test]
    fn a_key_goes_only_where_it_belongs() {
        let config = config();
        let key = |name: &str| Some(format!("key-of-{name}"));
        assert_eq!(choose(None, "", &config), ("http://a:1".into(), key("a")));
        assert_eq!(choose(Some("http://b:1"), "", &config), ("http://b:1".into(), key("b")));
        assert_eq!(choose(None, "http://b:1", &config), ("http://b:1".into(), key("b")));
        assert_eq!(choose(Some("http://c:1"), "http://b:1", &config), ("http://c:1".into(), None));
        assert_eq!(choose(None, "", &Config::default()), (SERVER_DEFAULT.into(), None));
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_context() {
        let environment = Connection {
            server: String::new(),
            token: Some("key-of-env".into()),
            project: Some("env/env".into()),
        };
        let flags = Global {
            token: Some("key-of-flag".into()),
            project: Some("flag/flag".parse().unwrap()),
            ..Global::default()
        };
        let by_flag = Connection::choose(&flags, &environment, &config());
        assert_eq!(by_flag.token.as_deref(), Some("key-of-flag"));
        assert_eq!(by_flag.project.as_deref(), Some("flag/flag"));
        let by_variable = Connection::choose(&Global::default(), &environment, &config());
        assert_eq!(by_variable.token.as_deref(), Some("key-of-env"));
        assert_eq!(by_variable.project.as_deref(), Some("env/env"));
        assert_eq!(by_variable.server, "http://a:1");
    }

    #[test]
    fn keys_are_fresh() {
        let (first, second) = (fresh_key().unwrap(), fresh_key().unwrap());
        assert!(first.len() == 32 && first != second);
    }

    #[test]
    fn a_name_must_mean_one_thing() {
        let id = |n| Id::<units::kinds::Dataset>::from_bytes([n; 16]);
        let name: Ref<units::kinds::Dataset> = "corpus".parse().unwrap();
        let find = |found: Vec<Id<units::kinds::Dataset>>| id_of(&name, "dataset", |_| Ok(found));
        assert_eq!(find(vec![id(1)]), Ok(id(1)));
        assert_eq!(find(Vec::new()).unwrap_err().exit, Exit::NotFound);
        assert_eq!(find(vec![id(1), id(2)]).unwrap_err().exit, Exit::Usage);
    }
}
