//! `queue` and `gpus`: what waits and what there is.

use api::{
    endpoint::Nothing,
    nouns::{
        gpu::{GpuList, GpuPool, GpuQuery, GpuUser},
        queue::{QueueItem, QueueList, QueueQuery},
    },
    reference::Ref,
};
use units::{DurationMicros, Name, kinds};

use super::{failure::Failure, session::Session};
use crate::output::{
    human::{or_dash, time},
    table::{Table, left, right},
};

/// List what waits, in the order in which it is served
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde queue
  cocarde queue --all -o json")]
pub(crate) struct QueueArgs {
    /// Of all projects that the key may see, not only of the one in use
    #[arg(short, long)]
    all: bool,
    /// Most items to show
    #[arg(long, default_value_t = 200)]
    limit: u32,
}

/// List GPUs by site, rack and model, with who uses them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde gpus
  cocarde gpus --class H200 --rack r1")]
pub(crate) struct GpusArgs {
    /// Only GPUs of this site
    #[arg(long, value_name = "NAME|ID")]
    site: Option<Ref<kinds::Site>>,
    /// Only GPUs of this rack
    #[arg(long, value_name = "NAME")]
    rack: Option<Name>,
    /// Only GPUs whose model contains this text
    #[arg(long, value_name = "MODEL")]
    class: Option<String>,
    /// Most items to show
    #[arg(long, default_value_t = 200)]
    limit: u32,
}

/// Lists what waits.
pub(crate) fn queue(args: &QueueArgs, session: &Session) -> Result<(), Failure> {
    let project = if args.all { None } else { session.project()? };
    let page = session.pages::<QueueList, _>(&Nothing {}, args.limit, |n, page_token| {
        QueueQuery { project: project.clone(), limit: Some(n), page_token }
    })?;
    session.output.show(&page, || {
        let columns =
            [right("#"), left("NAME"), left("PROJECT"), right("PRIORITY"), right("NODES")];
        let more = [left("GPUS"), right("WAITS"), left("STARTS"), left("WHY")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.position.to_string(),
                one.name.to_string(),
                one.project_path.clone(),
                one.priority.to_string(),
                nodes(one),
                gpus_wanted(one),
                DurationMicros::from_secs(one.waited_s).to_string(),
                or_dash(one.estimated_start_at.map(time)),
                one.summary.clone(),
            ]);
        }
        table
    })
}

fn nodes(one: &QueueItem) -> String {
    if one.nodes_min == one.nodes_max {
        one.nodes_min.to_string()
    } else {
        format!("{}..{}", one.nodes_min, one.nodes_max)
    }
}

fn gpus_wanted(one: &QueueItem) -> String {
    let count = one.gpus_per_node.0;
    let amount = one.gpu_part.clone().unwrap_or_else(|| count.to_string());
    match (&one.gpu_model, count) {
        (_, 0) => "-".to_owned(),
        (Some(model), _) => format!("{model}:{amount}"),
        (None, _) => amount,
    }
}

/// Lists GPUs.
pub(crate) fn gpus(args: &GpusArgs, session: &Session) -> Result<(), Failure> {
    let page = session.pages::<GpuList, _>(&Nothing {}, args.limit, |n, page_token| GpuQuery {
        site: args.site.clone(),
        rack: args.rack.clone(),
        class: args.class.clone(),
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("SITE"), left("GROUP"), left("RACK"), left("MODEL"), right("NODES")];
        let more = [right("TOTAL"), right("FREE"), right("USED"), right("OUT"), left("SHARED")];
        let mut table = Table::new(&[&columns[..], &more, &[left("USED BY")]].concat());
        for one in &page.items {
            table.row([
                one.site_name.to_string(),
                or_dash(one.group.as_ref()),
                or_dash(one.rack.as_ref()),
                one.class.clone(),
                one.nodes.to_string(),
                one.gpus.to_string(),
                one.gpus_free.to_string(),
                one.gpus_used.to_string(),
                one.gpus_unavailable.to_string(),
                shared(one),
                users(one),
            ]);
        }
        if page.items.is_empty() { table.note("no node has GPUs") } else { table }
    })
}

/// How many of the used GPUs are shared, and how much of them is used.
fn shared(one: &GpuPool) -> String {
    match one.gpus_shared {
        0 => "-".to_owned(),
        gpus => format!("{gpus} ({} used)", milli(one.gpus_shared_milli)),
    }
}

/// Thousandths as a decimal.
fn milli(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The first few users, and how many GPUs the rest has.
fn users(one: &GpuPool) -> String {
    let shown = one.users.iter().take(3);
    let mut texts: Vec<String> =
        shown.map(|user| format!("{}/{}: {}", user.project_path, user.name, has(user))).collect();
    let named: u64 = one.users.iter().take(3).map(|user| user.gpus).sum();
    let rest = one.gpus_used.saturating_sub(one.gpus_shared).saturating_sub(named);
    if rest > 0 {
        texts.push(format!("others: {rest}"));
    }
    texts.join(", ")
}

/// Whole GPUs, and what it has of shared ones.
fn has(user: &GpuUser) -> String {
    milli(user.gpus.saturating_mul(1_000).saturating_add(user.gpus_shared_milli))
}
