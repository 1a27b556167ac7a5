//! `upstream`: OpenAI-compatible servers of models elsewhere, registered by their URL.
//!
//! A key is read unseen or from standard input, and is never an argument or an answer.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        upstream::{
            Upstream, UpstreamConfig, UpstreamCreate, UpstreamDelete, UpstreamGet, UpstreamList,
            UpstreamNew, UpstreamReach, UpstreamReplace, UpstreamTimeouts,
        },
    },
    reference::Ref,
};
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    login,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now, or_dash},
    say,
    table::{Table, left, right},
};

/// Upstreams: servers of models elsewhere, registered by their URL
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde upstream create gpu-a --site paris --url http://10.0.0.7:8000/v1 --model qwen3 --private
  cocarde upstream list
  cocarde endpoint create chat --upstream gpu-a --upstream gpu-b --project orange/nlp

Policy decides about its site before the first request goes there.")]
pub(crate) enum Verb {
    /// List upstreams
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one upstream
    #[command(visible_alias = "show")]
    Get {
        /// Its name or id
        upstream: Ref<kinds::Upstream>,
    },
    /// Register an upstream
    #[command(after_help = "Examples:
  cocarde upstream create gpu-a --site paris --url http://10.0.0.7:8000/v1 --model qwen3 --private
  cocarde upstream create saas --site mistral-eu --url https://api.mistral.ai/v1 --model mistral-small-latest --key --project orange/nlp < key.txt")]
    Create {
        /// Unique in its project, or on the platform
        name: Name,
        /// The site where it stands: policy decides about routes to it
        #[arg(long, value_name = "NAME|ID")]
        site: Ref<kinds::Site>,
        /// Its base URL, as clients of OpenAI are given it
        #[arg(long, value_name = "URL")]
        url: String,
        /// The name under which it knows the model
        #[arg(long, value_name = "NAME")]
        model: String,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        once: Once,
    },
    /// Describe an upstream anew; what is not named stays as it is
    #[command(after_help = "Examples:
  cocarde upstream update gpu-a --in-flight-max 64 --first-byte-ms 30000
  cocarde upstream update saas --key < key.txt")]
    Update {
        /// Its name or id
        upstream: Ref<kinds::Upstream>,
        /// Its base URL
        #[arg(long, value_name = "URL")]
        url: Option<String>,
        /// The name under which it knows the model
        #[arg(long, value_name = "NAME")]
        model: Option<String>,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        once: Once,
    },
    /// Delete an upstream that no endpoint uses
    Delete {
        /// Its name or id
        upstream: Ref<kinds::Upstream>,
        #[command(flatten)]
        once: Once,
    },
}

/// What else is said of an upstream.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// Read its secret key, unseen or from standard input
    #[arg(long)]
    key: bool,
    /// Let its name stand for addresses of private networks, and let it be plain http; operators only
    #[arg(long)]
    private: bool,
    /// Most requests that one gateway has there at once
    #[arg(long, value_name = "N")]
    in_flight_max: Option<u32>,
    /// Milliseconds to take a connection
    #[arg(long, value_name = "MS")]
    connect_ms: Option<u32>,
    /// Milliseconds to the first byte of an answer
    #[arg(long, value_name = "MS")]
    first_byte_ms: Option<u32>,
    /// Milliseconds between two pieces of an answer
    #[arg(long, value_name = "MS")]
    gap_ms: Option<u32>,
    /// Milliseconds to the end of an answer
    #[arg(long, value_name = "MS")]
    total_ms: Option<u32>,
    /// How its health is found out: `none`, `models`, or a path such as `/health`
    #[arg(long, value_name = "PROBE")]
    probe: Option<String>,
}

impl Terms {
    /// The description with what is named here in place of what it says.
    fn on(self, config: UpstreamConfig) -> Result<UpstreamConfig, Failure> {
        let known = config.timeouts;
        let timeouts = UpstreamTimeouts {
            connect_ms: self.connect_ms.unwrap_or(known.connect_ms),
            first_byte_ms: self.first_byte_ms.unwrap_or(known.first_byte_ms),
            gap_ms: self.gap_ms.unwrap_or(known.gap_ms),
            total_ms: self.total_ms.unwrap_or(known.total_ms),
        };
        Ok(UpstreamConfig {
            key: self.key.then(|| login::read_hidden("upstream key")).transpose()?,
            reach: if self.private { UpstreamReach::Private } else { config.reach },
            in_flight_max: self.in_flight_max.or(config.in_flight_max),
            timeouts,
            probe: self.probe.or(config.probe),
            ..config
        })
    }
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { upstream } => {
            let path = IdPath { id: find(session, &upstream)? };
            show(session, &session.read::<UpstreamGet>(&path)?)
        }
        Verb::Create { name, site, url, model, terms, once } => {
            let config = UpstreamConfig {
                url,
                model,
                key: None,
                reach: UpstreamReach::Public,
                in_flight_max: None,
                timeouts: UpstreamTimeouts::default(),
                probe: None,
            };
            let (project, config) = (session.project()?, terms.on(config)?);
            let body = UpstreamNew { project, name, site, config };
            let guard = Guard::once(once);
            show(session, &session.change::<UpstreamCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Update { upstream, url, model, terms, once } => {
            let path = IdPath { id: find(session, &upstream)? };
            let known = session.read::<UpstreamGet>(&path)?;
            let config = UpstreamConfig {
                url: url.or(known.url).unwrap_or_default(),
                model: model.unwrap_or(known.model),
                key: None,
                reach: known.reach,
                in_flight_max: known.in_flight_max,
                timeouts: known.timeouts,
                probe: Some(known.probe),
            };
            let (body, guard) = (terms.on(config)?, Guard::once(once));
            show(session, &session.change::<UpstreamReplace>(&path, &body, &guard)?)
        }
        Verb::Delete { upstream, once } => {
            let path = IdPath { id: find(session, &upstream)? };
            session.change::<UpstreamDelete>(&path, &Nothing {}, &Guard::once(once))?;
            say("deleted: no endpoint may use it any more");
            session.output.show(&Nothing {}, Table::fields)
        }
    }
}

pub(super) fn find(
    session: &Session,
    name: &Ref<kinds::Upstream>,
) -> Result<Id<kinds::Upstream>, Failure> {
    session.find::<UpstreamList, _, _>(name, "upstream", |one| one.id)
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<UpstreamList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("PROJECT"), left("MODEL"), left("URL")];
        let mut table = Table::new(&[&columns[..], &[left("SITE"), right("AGE")]].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                or_dash(one.project.map(|id| id.to_string())),
                one.model.clone(),
                or_dash(one.url.clone()),
                one.site.to_string(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &Upstream) -> Result<(), Failure> {
    session.output.show(one, || {
        let times = one.timeouts;
        let reach = match one.reach {
            UpstreamReach::Public => "public addresses, https",
            UpstreamReach::Private => "any address, private networks included",
        };
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field_if("project", one.project)
            .field("site", one.site)
            .field_if("url", one.url.as_ref())
            .field("model", &one.model)
            .field("reach", reach)
            .field("key", if one.has_key { "kept, sealed" } else { "none" })
            .field_if("requests at once", one.in_flight_max)
            .field("connect", format!("{} ms", times.connect_ms))
            .field("first byte", format!("{} ms", times.first_byte_ms))
            .field("gap", format!("{} ms", times.gap_ms))
            .field("total", format!("{} ms", times.total_ms))
            .field("probe", &one.probe)
            .field("version", one.version)
    })
}
