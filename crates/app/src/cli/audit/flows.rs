//! `audit flows`: what the configuration lets the platform speak to, compared with what it speaks to.
//!
//! What is compared are the open connections of the platform's own processes, its workloads among them, or a capture
//! that somebody else made. A process that cannot be looked at is a finding: nobody may say that it is quiet.

mod capture;
mod live;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
    time::Duration,
};

use api::{
    endpoint::Nothing,
    nouns::flow::{Flow, FlowInventory, FlowList},
};
use serde::Serialize;

use crate::{
    cli::{exit::Exit, failure::Failure, input, session::Session},
    output::{
        human::{or_dash, word},
        table::{Table, left},
    },
};

/// Largest capture, in bytes.
const CAPTURE_BYTES_MAX: u64 = 64 << 20;

/// What to compare with.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit flows                          # the inventory alone
  cocarde audit flows --live --seconds 60      # and what the platform's processes on this machine speak to
  ss -tn > seen.txt; cocarde audit flows --observed seen.txt -o json

Exit code 1 if a destination is not declared, or a process could not be looked at.")]
pub(crate) struct FlowsArgs {
    /// Compare with the open connections of the platform's processes on this machine (Linux)
    #[arg(long, conflicts_with = "observed")]
    live: bool,
    /// Keep looking for so long; a connection that opens and closes between two looks is not seen
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "live", value_parser = clap::value_parser!(u64).range(0..=86_400))]
    seconds: u64,
    /// Compare with a capture: lines `host:port`, or what `ss -tn` or `ss -tnp` prints; `-` for standard input
    #[arg(long, value_name = "FILE")]
    observed: Option<PathBuf>,
}

/// Somebody who was spoken to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Seen {
    /// Host and port.
    destination: String,
    /// The process, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
}

/// What a look at connections gave.
#[derive(Debug, Default)]
struct Observed {
    outgoing: BTreeSet<Seen>,
    processes: usize,
    /// Processes that could not be looked at.
    unreadable: BTreeSet<i32>,
}

/// The comparison.
#[derive(Debug, Serialize)]
struct Compared<'a> {
    declared: &'a [Flow],
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<usize>,
    observed: usize,
    undeclared: Vec<Seen>,
    unreadable_pids: BTreeSet<i32>,
}

/// Shows the inventory, and what is not in it.
pub(super) fn run(args: &FlowsArgs, session: &Session) -> Result<Exit, Failure> {
    let inventory = session.read::<FlowList>(&Nothing {})?;
    let server = session.client()?.base_url().to_owned();
    let observed = match &args.observed {
        Some(file) => {
            let bytes = input::bytes(file, CAPTURE_BYTES_MAX)?;
            capture::read(&String::from_utf8_lossy(&bytes), port_of(&server))?
        }
        None if args.live => live::look(&server, Duration::from_secs(args.seconds))?,
        None => {
            session.output.show(&inventory, || table(&inventory.items))?;
            return Ok(Exit::Ok);
        }
    };
    compare(session, &inventory, observed, args.live)
}

fn compare(
    session: &Session,
    inventory: &FlowInventory,
    observed: Observed,
    live: bool,
) -> Result<Exit, Failure> {
    let declared = Declared::of(&inventory.items);
    let seen = observed.outgoing.len();
    let undeclared: Vec<Seen> =
        observed.outgoing.into_iter().filter(|one| !declared.has(&one.destination)).collect();
    let compared = Compared {
        declared: &inventory.items,
        processes: live.then_some(observed.processes),
        observed: seen,
        undeclared,
        unreadable_pids: observed.unreadable,
    };
    session.output.show(&compared, || {
        let mut shown = table(&inventory.items).note(format!(
            "{seen} destinations seen, {} of them not declared",
            compared.undeclared.len()
        ));
        for one in &compared.undeclared {
            let pid = or_dash(one.pid);
            let process = one.process.as_deref().unwrap_or("a process");
            shown = shown.note(format!("undeclared: {} by {process} ({pid})", one.destination));
        }
        for pid in &compared.unreadable_pids {
            shown = shown.note(format!("process {pid} cannot be looked at: run this as its user"));
        }
        shown
    })?;
    let clean = compared.undeclared.is_empty() && compared.unreadable_pids.is_empty();
    Ok(if clean { Exit::Ok } else { Exit::Failed })
}

fn table(flows: &[Flow]) -> Table {
    let columns = [left("DESTINATION"), left("PROTOCOL"), left("PURPOSE"), left("DATA")];
    let more = [left("COUNTRY"), left("OPERATOR"), left("DECLARED BY")];
    let mut table = Table::new(&[&columns[..], &more].concat());
    for one in flows {
        table.row([
            one.destination.clone(),
            one.protocol.clone(),
            word(&one.purpose),
            word(&one.data),
            or_dash(one.country),
            or_dash(one.operator_entity),
            one.declared_by.clone(),
        ]);
    }
    table
}

/// What is declared, by name and by the addresses that the names have now.
struct Declared {
    names: BTreeSet<String>,
    addresses: BTreeMap<SocketAddr, String>,
}

impl Declared {
    fn of(flows: &[Flow]) -> Self {
        let names: BTreeSet<String> = flows.iter().map(|one| one.destination.clone()).collect();
        let mut addresses = BTreeMap::new();
        for name in &names {
            // A name that has no address now has no connections either.
            let found = name.to_socket_addrs().into_iter().flatten();
            addresses.extend(found.map(|address| (plain(address), name.clone())));
        }
        Self { names, addresses }
    }

    fn has(&self, destination: &str) -> bool {
        let address = destination.parse::<SocketAddr>().map(plain);
        self.names.contains(destination)
            || address.is_ok_and(|address| self.addresses.contains_key(&address))
    }
}

/// An IPv4 address in the clothes of IPv6 is the same address.
fn plain(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

fn port_of(server: &str) -> Option<u16> {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    host.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}
