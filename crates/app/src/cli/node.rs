//! `node`: machines that take work.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        node::{Node, NodeCreate, NodeGet, NodeList, NodeNew, NodeQuery},
        node_action::{NodeCordon, NodeDrain, NodeReason, NodeUncordon},
    },
    quantity_text::{parse_cpu, parse_gpus, parse_memory},
    reference::Ref,
};
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{cores, or_dash, size, word},
    table::{Table, left, right, state},
};

/// Nodes: machines that take work
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde node list
  cocarde node drain n1 --reason 'new fan'
  cocarde node uncordon n1")]
pub(crate) enum Verb {
    /// List nodes
    List {
        /// Only nodes of this site
        #[arg(long, value_name = "NAME|ID")]
        site: Option<Ref<kinds::Site>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one node
    Get {
        /// Its name or id
        node: Ref<kinds::Node>,
    },
    /// Declare a node; real ones register by themselves
    Create(CreateArgs),
    /// Let a node take no more work
    Cordon(ChangeArgs),
    /// Let a node take work again
    Uncordon {
        /// Its name or id
        node: Ref<kinds::Node>,
        #[command(flatten)]
        guard: Guard,
    },
    /// Stop the work of a node and let it take no more
    Drain(ChangeArgs),
}

/// What a node is declared with.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Its name, unique on the site
    name: Name,
    /// Its site
    #[arg(long, value_name = "NAME|ID")]
    site: Ref<kinds::Site>,
    /// Cores, such as `64`
    #[arg(long, value_name = "CORES")]
    cpu: String,
    /// Memory, such as `400GB`
    #[arg(long, value_name = "SIZE")]
    memory: String,
    /// GPUs, such as `GB200:4`
    #[arg(long, value_name = "MODEL:COUNT", default_value = "0")]
    gpu: String,
    #[command(flatten)]
    once: Once,
}

/// Which node to change, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct ChangeArgs {
    /// Its name or id
    node: Ref<kinds::Node>,
    /// Why, for those who read the log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    guard: Guard,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let path = |node: &Ref<kinds::Node>| find(session, node).map(|id| IdPath { id });
    match verb {
        Verb::List { site, limit } => list(session, site.as_ref(), limit),
        Verb::Get { node } => show(session, &session.read::<NodeGet>(&path(&node)?)?),
        Verb::Create(args) => create(args, session),
        Verb::Cordon(ChangeArgs { node, reason, guard }) => {
            let body = NodeReason { reason };
            show(session, &session.change::<NodeCordon>(&path(&node)?, &body, &guard)?)
        }
        Verb::Uncordon { node, guard } => {
            show(session, &session.change::<NodeUncordon>(&path(&node)?, &Nothing {}, &guard)?)
        }
        Verb::Drain(ChangeArgs { node, reason, guard }) => {
            let body = NodeReason { reason };
            show(session, &session.change::<NodeDrain>(&path(&node)?, &body, &guard)?)
        }
    }
}

fn create(args: CreateArgs, session: &Session) -> Result<(), Failure> {
    let wrong = |error: api::quantity_text::ParseQuantityError| Failure::usage(error.to_string());
    let gpus = parse_gpus(&args.gpu).map_err(wrong)?;
    if !gpus.others.is_empty() || gpus.share_milli > 0 {
        let message = format!("`{}`: a machine has whole GPUs of one model", args.gpu);
        return Err(Failure::usage(message));
    }
    let body = NodeNew {
        site: args.site,
        name: args.name,
        cpu_milli: parse_cpu(&args.cpu).map_err(wrong)?.least,
        memory_bytes: parse_memory(&args.memory).map_err(wrong)?.least,
        gpus: gpus.first.count,
        gpu_model: gpus.first.model,
    };
    let guard = Guard::once(args.once);
    show(session, &session.change::<NodeCreate>(&Nothing {}, &body, &guard)?)
}

fn list(session: &Session, site: Option<&Ref<kinds::Site>>, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<NodeList, _>(&Nothing {}, limit, |n, token| NodeQuery {
        site: site.cloned(),
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), state("STATE"), right("CPU FREE")];
        let more = [right("MEMORY FREE"), right("GPU FREE"), left("GPU MODEL"), left("REASON")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                word(&one.state),
                format!("{}/{}", cores(one.cpu_free_milli), cores(one.cpu_milli)),
                format!("{}/{}", size(one.memory_free_bytes), size(one.memory_bytes)),
                format!("{}/{}", one.gpus_free.0, one.gpus.0),
                or_dash(one.gpu_model.as_ref()),
                one.state_reason.clone().unwrap_or_default(),
            ]);
        }
        table
    })
}

fn find(session: &Session, node: &Ref<kinds::Node>) -> Result<Id<kinds::Node>, Failure> {
    id_of(node, "node", |name| {
        let query = NodeQuery { name: Some(name.clone()), ..NodeQuery::default() };
        let page = session.client()?.get::<NodeList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn show(session: &Session, one: &Node) -> Result<(), Failure> {
    session.output.show(one, || {
        let table = Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("site", one.site)
            .field("state", word(&one.state))
            .field_if("reason", one.state_reason.as_ref())
            .field("cpu", format!("{} of {} free", cores(one.cpu_free_milli), cores(one.cpu_milli)))
            .field(
                "memory",
                format!("{} of {} free", size(one.memory_free_bytes), size(one.memory_bytes)),
            )
            .field("gpus", format!("{} of {} free", one.gpus_free.0, one.gpus.0))
            .field_if("gpu model", one.gpu_model.as_ref())
            .field("declared", one.declared)
            .field("version", one.version);
        match &one.facts {
            None => table,
            Some(facts) => table
                .field("hostname", &facts.hostname)
                .field("system", &facts.system)
                .field("cpu model", &facts.cpu_model)
                .field("limits", &facts.limits)
                .field("sandbox", &facts.sandbox)
                .field("power", &facts.power_source)
                .field("containers", or_dash(facts.container_runtime.as_ref())),
        }
    })
}
