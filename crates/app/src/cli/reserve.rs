//! `reserve`: whole nodes for a window of time.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        reservation::{
            Reservation, ReservationCancel, ReservationCreate, ReservationGet, ReservationList,
            ReservationNew, ReservationQuery, ReservationState,
        },
    },
    reference::Ref,
    text::Timestamp,
};
use units::{DurationMicros, Id, Name, UnixMicros, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::{now, time, word},
    table::{Table, left, right, state},
};

/// Reservations: whole nodes for a window of time, for a project or for maintenance
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde reserve create exam --count 16 --one-rack --class H200 --from 2027-03-01T08:00:00Z --for 6h --project orange/nlp
  cocarde reserve create fans --nodes n1,n2 --maintenance --for 2h
  cocarde reserve cancel fans")]
pub(crate) enum Verb {
    /// List reservations, the newest first
    List {
        /// Also those that are over or cancelled
        #[arg(short, long)]
        all: bool,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one reservation
    Get {
        /// Its name or id
        reservation: Ref<kinds::Reservation>,
    },
    /// Reserve nodes for the project, or for maintenance
    Create(CreateArgs),
    /// Give the nodes of a reservation back
    Cancel {
        /// Its name or id
        reservation: Ref<kinds::Reservation>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What is reserved.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// Its name, unique among those that are not over
    name: Name,
    /// These nodes, by name or id
    #[arg(long, value_name = "NODE,…", value_delimiter = ',', conflicts_with = "count")]
    nodes: Vec<Ref<kinds::Node>>,
    /// So many nodes, in as few racks as possible
    #[arg(long, value_name = "NODES", required_unless_present = "nodes")]
    count: Option<u32>,
    /// The site, if there are several
    #[arg(long, value_name = "NAME|ID")]
    site: Option<Ref<kinds::Site>>,
    /// Only nodes of this rack
    #[arg(long, value_name = "NAME", requires = "count")]
    rack: Option<Name>,
    /// All in one rack or not at all
    #[arg(long, requires = "count")]
    one_rack: bool,
    /// Only nodes with this model of GPU, or `cpu` for nodes without GPUs
    #[arg(long, requires = "count")]
    class: Option<String>,
    /// For nobody's work, instead of the project in use
    #[arg(long)]
    maintenance: bool,
    /// When it begins, such as `2027-03-01T08:00:00Z` [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<UnixMicros>,
    /// When it ends
    #[arg(long, value_name = "TIME", value_parser = moment, required_unless_present = "long")]
    until: Option<UnixMicros>,
    /// How long it lasts, instead of when it ends, such as `6h`
    #[arg(long = "for", id = "long", value_name = "DURATION", conflicts_with = "until")]
    long: Option<DurationMicros>,
    #[command(flatten)]
    once: Once,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { all, limit } => list(session, all, limit),
        Verb::Get { reservation } => {
            let path = IdPath { id: find(session, &reservation)? };
            show(session, &session.read::<ReservationGet>(&path)?)
        }
        Verb::Create(args) => create(args, session),
        Verb::Cancel { reservation, guard } => {
            let path = IdPath { id: find(session, &reservation)? };
            show(session, &session.change::<ReservationCancel>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn create(args: CreateArgs, session: &Session) -> Result<(), Failure> {
    let from = args.from;
    let until = args.long.map(|long| from.unwrap_or_else(now).plus(long)).or(args.until);
    let until = until.ok_or_else(|| Failure::usage("give `--until TIME` or `--for DURATION`"))?;
    let project = if args.maintenance { None } else { Some(session.project_required()?) };
    let body = ReservationNew {
        name: args.name,
        project,
        maintenance: args.maintenance,
        site: args.site,
        nodes: args.nodes,
        count: args.count,
        rack: args.rack,
        one_rack: args.one_rack,
        class: args.class,
        from: from.map(Timestamp),
        until: Timestamp(until),
    };
    let guard = Guard::once(args.once);
    show(session, &session.change::<ReservationCreate>(&Nothing {}, &body, &guard)?)
}

fn list(session: &Session, all: bool, limit: u32) -> Result<(), Failure> {
    // Maintenance concerns every project, so that the project in use is no filter here.
    let mut page = session.pages::<ReservationList, _>(&Nothing {}, limit, |n, page_token| {
        ReservationQuery { limit: Some(n), page_token, ..ReservationQuery::default() }
    })?;
    let open = |one: &Reservation| {
        matches!(one.state, ReservationState::Booked | ReservationState::Active)
    };
    page.items.retain(|one| all || open(one));
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), state("STATE"), left("FOR"), right("NODES")];
        let more = [left("FROM"), left("UNTIL"), left("WHICH")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                word(&one.state),
                holder(one),
                one.nodes.len().to_string(),
                time(one.from),
                time(one.until),
                which(one, 4),
            ]);
        }
        table
    })
}

fn holder(one: &Reservation) -> String {
    one.project.map_or_else(|| "maintenance".to_owned(), |project| project.to_string())
}

/// Names of the first nodes.
fn which(one: &Reservation, most: usize) -> String {
    let mut names: Vec<&str> = one.nodes.iter().map(|node| node.name.as_str()).collect();
    names.sort_unstable();
    let more = if names.len() > most { ", …" } else { "" };
    names.truncate(most);
    format!("{}{more}", names.join(", "))
}

fn find(
    session: &Session,
    reservation: &Ref<kinds::Reservation>,
) -> Result<Id<kinds::Reservation>, Failure> {
    id_of(reservation, "reservation", |name| {
        let query = ReservationQuery { name: Some(name.clone()), ..ReservationQuery::default() };
        let page = session.client()?.get::<ReservationList>(&Nothing {}, &query)?;
        // The newest comes first; older ones of the same name are over.
        Ok(page.items.iter().map(|one| one.id).take(1).collect())
    })
}

fn show(session: &Session, one: &Reservation) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("state", word(&one.state))
            .field("for", holder(one))
            .field("site", one.site)
            .field("from", time(one.from))
            .field("until", time(one.until))
            .field("nodes", which(one, usize::MAX))
            .field("version", one.version)
    })
}

pub(super) fn moment(text: &str) -> Result<UnixMicros, String> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| UnixMicros(at.as_microsecond())).map_err(|_| {
        format!("`{text}` is not a time: write RFC 3339, such as `2027-03-01T08:00:00Z`")
    })
}
