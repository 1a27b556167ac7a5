//! `node`: machines that take work. `cordon`, `uncordon` and `drain` are also verbs of their own.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        node::{Node, NodeCreate, NodeGet, NodeList, NodeNew, NodeQuery},
        node_action::{NodeCordon, NodeDrain, NodeDrainNew, NodeReason, NodeSuspect, NodeUncordon},
    },
    quantity_text::{parse_cpu, parse_gpus, parse_memory},
    reference::Ref,
};
use units::{DurationMicros, Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{cores, or_dash, size, time, word},
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
        /// Only nodes of this rack
        #[arg(long, value_name = "NAME")]
        rack: Option<Name>,
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
    /// Let a node take no gangs, because its health is doubted
    Suspect(ChangeArgs),
    Cordon(CordonArgs),
    Uncordon(UncordonArgs),
    Drain(DrainArgs),
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
    /// Its rack (NVLink domain)
    #[arg(long, value_name = "NAME")]
    rack: Option<Name>,
    /// Its group of racks (spine block)
    #[arg(long, value_name = "NAME")]
    group: Option<Name>,
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

/// Let a node take no more work
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde cordon n1 --reason 'ECC errors'
  cocarde cordon n1 --if-match 7")]
pub(crate) struct CordonArgs {
    #[command(flatten)]
    change: ChangeArgs,
}

/// Let a node take work again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde uncordon n1
  cocarde uncordon n1 -o json")]
pub(crate) struct UncordonArgs {
    /// Its name or id
    node: Ref<kinds::Node>,
    #[command(flatten)]
    guard: Guard,
}

/// Let a node take no more work and stop what it runs, at once or after a grace
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde drain n1 --reason 'new fan'
  cocarde drain n1 --grace 2h")]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// How long its work may go on before it is stopped, such as `30m` [default: not at all]
    #[arg(long, value_name = "DURATION")]
    grace: Option<DurationMicros>,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let path = |node: &Ref<kinds::Node>| find(session, node).map(|id| IdPath { id });
    match verb {
        Verb::List { site, rack, limit } => list(session, (site, rack), limit),
        Verb::Get { node } => show(session, &session.read::<NodeGet>(&path(&node)?)?),
        Verb::Create(args) => create(args, session),
        Verb::Suspect(ChangeArgs { node, reason, guard }) => {
            let body = NodeReason { reason };
            show(session, &session.change::<NodeSuspect>(&path(&node)?, &body, &guard)?)
        }
        Verb::Cordon(args) => cordon(args, session),
        Verb::Uncordon(args) => uncordon(&args, session),
        Verb::Drain(args) => drain(args, session),
    }
}

/// Lets a node take no more work.
pub(crate) fn cordon(args: CordonArgs, session: &Session) -> Result<(), Failure> {
    let ChangeArgs { node, reason, guard } = args.change;
    let path = IdPath { id: find(session, &node)? };
    show(session, &session.change::<NodeCordon>(&path, &NodeReason { reason }, &guard)?)
}

/// Lets a node take work again.
pub(crate) fn uncordon(args: &UncordonArgs, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.node)? };
    show(session, &session.change::<NodeUncordon>(&path, &Nothing {}, &args.guard)?)
}

/// Lets a node take no more work and stops what it runs.
pub(crate) fn drain(args: DrainArgs, session: &Session) -> Result<(), Failure> {
    let ChangeArgs { node, reason, guard } = args.change;
    let path = IdPath { id: find(session, &node)? };
    let body = NodeDrainNew { reason, grace_s: args.grace.map(DurationMicros::as_secs) };
    show(session, &session.change::<NodeDrain>(&path, &body, &guard)?)
}

fn create(args: CreateArgs, session: &Session) -> Result<(), Failure> {
    let wrong = |error: api::quantity_text::ParseQuantityError| Failure::usage(error.to_string());
    let gpus = parse_gpus(&args.gpu).map_err(wrong)?;
    if !gpus.others.is_empty() || gpus.share_milli > 0 || gpus.profile.is_some() {
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
        rack: args.rack,
        group: args.group,
    };
    let guard = Guard::once(args.once);
    show(session, &session.change::<NodeCreate>(&Nothing {}, &body, &guard)?)
}

fn list(
    session: &Session,
    (site, rack): (Option<Ref<kinds::Site>>, Option<Name>),
    limit: u32,
) -> Result<(), Failure> {
    let page = session.pages::<NodeList, _>(&Nothing {}, limit, |n, token| NodeQuery {
        site: site.clone(),
        rack: rack.clone(),
        state: None,
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("RACK"), state("STATE")];
        let more = [
            right("CPU FREE"),
            right("MEMORY FREE"),
            right("GPU FREE"),
            left("GPU MODEL"),
            left("REASON"),
        ];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                or_dash(one.rack.as_ref()),
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
            .field_if("group", one.group.as_ref())
            .field_if("rack", one.rack.as_ref())
            .field("state", word(&one.state))
            .field_if("reason", one.state_reason.as_ref())
            .field_if("stops work", one.stops_work_at.map(time))
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
                .field_if(
                    "virtual",
                    facts.virtual_host.as_ref().map(|host| {
                        format!("yes: `{host}` shows itself as several nodes; GPUs are not real")
                    }),
                )
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
