//! `gateway`: the arguments of a gateway that runs apart.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use super::failure::Failure;
use crate::{
    apart::{self, ApartConfig},
    up::ObserverArgs,
};

/// Run a gateway apart from the platform: it follows it and serves on when it is away
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde gateway --control https://compute.example.fr --token-file operator.token --data /srv/gateway
  cocarde gateway --control http://127.0.0.1:7711 --data ./gateway-2 --listen 0.0.0.0:7712 --stale-max-s 3600

It needs an operator's key, keeps what the platform said last in its data folder, and hands in what it has
counted when it can. A key that is revoked is refused here a moment later; while the platform is away, what
was allowed last stays allowed, for as long as `--stale-max-s` says. Each gateway needs a folder of its own.
Capability tokens are not accepted here, and receipts of answers cannot be had of it.")]
pub(crate) struct GatewayArgs {
    /// Address of the platform
    #[arg(long, value_name = "URL")]
    control: String,
    /// File with an operator's key [default: $COCARDE_TOKEN]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Data folder; made if missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7712")]
    listen: SocketAddr,
    /// File that gets the address once requests are answered
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Certificates in PEM of authorities, besides the usual ones, that upstreams of models may be certified by
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
    /// Longest time to serve without having heard the platform, in seconds [default: for ever]
    #[arg(long, value_name = "SECONDS")]
    stale_max_s: Option<u64>,
    #[command(flatten)]
    observers: ObserverArgs,
}

/// Runs it until it is asked to stop.
pub(crate) fn run(args: GatewayArgs) -> Result<ExitCode, Failure> {
    let missing = || {
        Failure::usage("a gateway needs an operator's key to follow the platform")
            .remedy("give `--token-file FILE`, or set COCARDE_TOKEN")
    };
    let token = match &args.token_file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read `{}`: {error}", path.display()))
                .remedy("name a file that holds an operator's key")
        })?,
        None => std::env::var("COCARDE_TOKEN").map_err(|_| missing())?,
    };
    let config = ApartConfig {
        control: args.control,
        token: token.trim().to_owned(),
        data: args.data,
        listen: args.listen,
        ready_file: args.ready_file,
        upstream_authorities: super::up::authorities(args.upstream_ca)?,
        stale_max: args.stale_max_s.map(Duration::from_secs),
        observers: args.observers,
    };
    apart::run(&config).map_err(Failure::from)
}
