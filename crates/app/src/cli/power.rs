//! `power`: budgets of sites, rack groups and racks, and what machines draw.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        power::{
            PowerBudget, PowerBudgetDelete, PowerBudgetList, PowerBudgetNew, PowerBudgetSet,
            PowerFigures, PowerFiguresDelete, PowerFiguresList, PowerFiguresNew, PowerFiguresSet,
        },
    },
    reference::Ref,
};
use units::{Id, Name, kinds};

use super::{
    failure::Failure,
    session::{Guard, Session},
};
use crate::output::{
    human::or_dash,
    table::{Table, left, right},
};

/// Power: budgets of sites, rack groups and racks, and what machines draw
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde power set paris --watts 90000
  cocarde power set paris/rack/r1 --watts 12000
  cocarde power list
  cocarde power set-figures H200 --gpu-peak 700 --gpu-limit 600 --gpu-limit 500

Draw is modelled, never measured. Limits that a fallen budget asks for are recorded; no engine
of this version enforces them.")]
pub(crate) enum Verb {
    /// List budgets with what is drawn
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Set the budget of a site, rack group or rack
    Set {
        /// `SITE`, `SITE/group/NAME` or `SITE/rack/NAME`
        #[arg(value_parser = domain)]
        domain: Domain,
        /// Most that may be drawn there
        #[arg(long)]
        watts: u64,
        #[command(flatten)]
        guard: Guard,
    },
    /// Take a budget out of force
    Delete {
        /// Its id
        budget: Id<kinds::Power>,
        #[command(flatten)]
        guard: Guard,
    },
    /// List what machines draw, by model of GPU
    Figures {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Set what machines of a class draw
    SetFigures(FiguresArgs),
    /// Return to the default of a class
    DeleteFigures {
        /// Its id
        figures: Id<kinds::Power>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What machines of a class draw, in watts.
#[derive(Debug, clap::Args)]
pub(crate) struct FiguresArgs {
    /// A model of GPU such as `H200`, or `cpu` for machines without
    class: String,
    /// The host when idle
    #[arg(long, default_value_t = 300, value_name = "WATTS")]
    host_idle: u32,
    /// The host when all cores are busy
    #[arg(long, default_value_t = 800, value_name = "WATTS")]
    host_busy: u32,
    /// One GPU when idle
    #[arg(long, default_value_t = 0, value_name = "WATTS")]
    gpu_idle: u32,
    /// One GPU at most
    #[arg(long, default_value_t = 0, value_name = "WATTS")]
    gpu_peak: u32,
    /// A limit that one GPU can be given; may be repeated, from high to low
    #[arg(long = "gpu-limit", value_name = "WATTS")]
    gpu_limits: Vec<u32>,
    #[command(flatten)]
    guard: Guard,
}

/// What a budget counts.
#[derive(Debug, Clone)]
pub(crate) struct Domain {
    site: Ref<kinds::Site>,
    group: Option<Name>,
    rack: Option<Name>,
}

fn domain(text: &str) -> Result<Domain, String> {
    let wrong =
        || format!("`{text}` is no domain: write `SITE`, `SITE/group/NAME` or `SITE/rack/NAME`");
    let mut parts = text.splitn(3, '/');
    let site = parts.next().unwrap_or_default().parse().map_err(|_| wrong())?;
    let name = |text: &str| text.parse::<Name>().map_err(|_| wrong());
    match (parts.next(), parts.next()) {
        (None, None) => Ok(Domain { site, group: None, rack: None }),
        (Some("group"), Some(group)) => Ok(Domain { site, group: Some(name(group)?), rack: None }),
        (Some("rack"), Some(rack)) => Ok(Domain { site, group: None, rack: Some(name(rack)?) }),
        _ => Err(wrong()),
    }
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Set { domain: Domain { site, group, rack }, watts, guard } => {
            let body = PowerBudgetNew { site, group, rack, allowed_w: watts };
            show(session, &session.change::<PowerBudgetSet>(&Nothing {}, &body, &guard)?)
        }
        Verb::Delete { budget, guard } => {
            let path = IdPath { id: budget };
            show(session, &session.change::<PowerBudgetDelete>(&path, &Nothing {}, &guard)?)
        }
        Verb::Figures { limit } => list_figures(session, limit),
        Verb::SetFigures(args) => {
            let body = PowerFiguresNew {
                class: args.class,
                host_idle_w: args.host_idle,
                host_busy_w: args.host_busy,
                gpu_idle_w: args.gpu_idle,
                gpu_peak_w: args.gpu_peak,
                gpu_limits_w: args.gpu_limits,
            };
            let set = session.change::<PowerFiguresSet>(&Nothing {}, &body, &args.guard)?;
            show_figures(session, &set)
        }
        Verb::DeleteFigures { figures, guard } => {
            let path = IdPath { id: figures };
            let was = session.change::<PowerFiguresDelete>(&path, &Nothing {}, &guard)?;
            show_figures(session, &was)
        }
    }
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<PowerBudgetList, _>(&Nothing {}, limit, |n, page_token| {
        PageQuery { limit: Some(n), page_token }
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("DOMAIN"), right("ALLOWED W"), right("DRAWN W")];
        let more = [right("LEFT W"), right("OWED W")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                or_dash(one.id),
                one.domain.clone(),
                one.allowed_w.to_string(),
                one.drawn_w.to_string(),
                left_w(one),
                one.owed_w.to_string(),
            ]);
        }
        table
    })
}

/// What is left, or how much too much is drawn.
fn left_w(one: &PowerBudget) -> String {
    match one.allowed_w.checked_sub(one.drawn_w) {
        Some(left) => left.to_string(),
        None => format!("-{}", one.drawn_w.saturating_sub(one.allowed_w)),
    }
}

fn show(session: &Session, one: &PowerBudget) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", or_dash(one.id))
            .field("domain", &one.domain)
            .field("allowed", format!("{} W", one.allowed_w))
            .field("drawn", format!("{} W (modelled)", one.drawn_w))
            .field("left", format!("{} W", left_w(one)))
            .field("owed", format!("{} W", one.owed_w))
            .field("version", one.version)
    })
}

fn list_figures(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<PowerFiguresList, _>(&Nothing {}, limit, |n, page_token| {
        PageQuery { limit: Some(n), page_token }
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("CLASS"), right("HOST IDLE"), right("HOST BUSY")];
        let more = [right("GPU IDLE"), right("GPU PEAK"), left("LIMITS"), left("SOURCE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                or_dash(one.id),
                one.class.clone(),
                one.host_idle_w.to_string(),
                one.host_busy_w.to_string(),
                one.gpu_idle_w.to_string(),
                one.gpu_peak_w.to_string(),
                limits(one),
                one.source.clone(),
            ]);
        }
        table
    })
}

fn limits(one: &PowerFigures) -> String {
    let limits: Vec<String> = one.gpu_limits_w.iter().map(u32::to_string).collect();
    if limits.is_empty() { "-".to_owned() } else { limits.join(", ") }
}

fn show_figures(session: &Session, one: &PowerFigures) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", or_dash(one.id))
            .field("class", &one.class)
            .field("host", format!("{} to {} W", one.host_idle_w, one.host_busy_w))
            .field("gpu", format!("{} to {} W", one.gpu_idle_w, one.gpu_peak_w))
            .field("limits", limits(one))
            .field("source", &one.source)
            .field("version", one.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_sites_groups_and_racks() {
        for right in ["paris", "paris/group/row-1", "paris/rack/r1"] {
            assert!(domain(right).is_ok(), "{right}");
        }
        for wrong in ["", "paris/", "paris/rack", "paris/shelf/r1", "paris/rack/r1/2"] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }
}
