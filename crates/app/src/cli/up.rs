//! `up`: the arguments of the server.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use server::Topology;
use units::{Country, Name};

use super::{failure::Failure, session::data_dir, witness::TrustArgs};
use crate::kek::KekArgs;
use crate::up::{self, ObserverArgs, SiteArgs, UpConfig, VirtualNodes};

/// Run the platform on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde up
  cocarde up --virtual-nodes 8 --racks 2 --virtual-gpus 4 --virtual-gpu-model H200
  cocarde up --witness https://w1.example=w1.example+… --witness https://w2.example=w2.example+…
  cocarde up --data /srv/cocarde --listen 0.0.0.0:7711 --site-country FR --site-operator 'Exemple SA'

Prints the operator's token once, at the first start, and the line to log in with. SIGTERM ends it
in good order; workloads go on and are adopted at the next start.")]
pub(crate) struct UpArgs {
    /// Data folder; made if missing [default: $COCARDE_DATA or ~/.local/share/cocarde]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7711")]
    listen: SocketAddr,
    /// Name of this machine's site
    #[arg(long, value_name = "NAME", default_value = "local")]
    site_name: Name,
    /// Where the site stands: two capital letters of ISO 3166-1
    #[arg(long, value_name = "COUNTRY", default_value = "FR")]
    site_country: Country,
    /// Who runs the site
    #[arg(long, value_name = "TEXT", default_value = "local operator")]
    site_operator: String,
    /// Jurisdiction of the operator's ultimate owner [default: the site's country]
    #[arg(long, value_name = "COUNTRY")]
    site_operator_country: Option<Country>,
    /// Carbon intensity of the site's electricity [default: a yearly mean of some countries]
    #[arg(long, value_name = "GRAMS", requires = "site_carbon_source")]
    site_carbon_g_per_kwh: Option<u32>,
    /// Where that figure is from
    #[arg(long, value_name = "TEXT", requires = "site_carbon_g_per_kwh")]
    site_carbon_source: Option<String>,
    /// Power usage effectiveness of the site × 1,000
    #[arg(long, value_name = "PUE", default_value_t = 1_000)]
    site_pue_milli: u32,
    /// Rack (NVLink domain) of this machine
    #[arg(long, value_name = "NAME")]
    rack: Option<Name>,
    /// Group of racks (spine block) of this machine
    #[arg(long, value_name = "NAME")]
    group: Option<Name>,
    /// Show this machine as so many nodes `vm-0`, `vm-1`, …, each with its share, for tests and
    /// teaching; real processes run on each, and real GPUs are not shown
    #[arg(long, value_name = "NODES")]
    virtual_nodes: Option<u32>,
    /// In so many racks `rack-0`, `rack-1`, …
    #[arg(long, value_name = "RACKS", requires = "virtual_nodes", conflicts_with = "rack")]
    racks: Option<u32>,
    /// Each with so many virtual GPUs: nothing stands behind them, nothing is measured of them
    #[arg(long, value_name = "GPUS", requires = "virtual_nodes", default_value_t = 0)]
    virtual_gpus: u32,
    /// What the virtual GPUs' model is called, followed by `(virtual)`
    #[arg(long, value_name = "NAME", requires = "virtual_gpus", default_value = "GPU")]
    virtual_gpu_model: String,
    #[command(flatten)]
    kek: KekArgs,
    /// Address under which people reach the console, such as `https://compute.example.fr`: identity providers
    /// send them back to it
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// File that gets the address once requests are answered
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// File that gets the first token instead of standard output, for its owner only
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Days for which a receipt can be had of each answer of a model; what was asked and answered is never kept
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_660))]
    answers_kept_days: u64,
    #[command(flatten)]
    observers: ObserverArgs,
    /// Certificates in PEM of authorities, besides the usual ones, that upstreams of models may be certified by
    #[arg(long, value_name = "FILE")]
    upstream_ca: Option<PathBuf>,
}

/// An origin: scheme, host and port, and nothing else.
fn public_url(text: String) -> Result<String, Failure> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.trim_end_matches('/'));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match host {
        Some(host) if !host.is_empty() && host.chars().all(plain) => Ok(text),
        Some(_) | None => Err(Failure::usage(format!("`{text}` is not the address of a console"))
            .remedy("write scheme and host, such as `--public-url https://compute.example.fr`")),
    }
}

pub(super) fn authorities(file: Option<PathBuf>) -> Result<Vec<u8>, Failure> {
    let Some(file) = file else { return Ok(Vec::new()) };
    std::fs::read(&file).map_err(|error| {
        Failure::usage(format!("`{}` cannot be read: {error}", file.display()))
            .remedy("give a file of certificates in PEM, such as `--upstream-ca ca.pem`")
    })
}

/// Runs the platform until it is asked to stop.
pub(crate) fn run(args: UpArgs) -> Result<ExitCode, Failure> {
    let config = UpConfig {
        data: data_dir(args.data)?,
        listen: args.listen,
        site: SiteArgs {
            name: args.site_name,
            country: args.site_country,
            operator: args.site_operator,
            operator_country: args.site_operator_country,
            carbon: args.site_carbon_g_per_kwh.zip(args.site_carbon_source),
            pue_milli: args.site_pue_milli,
        },
        virtual_nodes: args.virtual_nodes.map(|count| VirtualNodes {
            count,
            racks: args.racks,
            gpus: args.virtual_gpus,
            gpu_model: args.virtual_gpu_model,
        }),
        topology: Topology { group: args.group, rack: args.rack },
        kek: args.kek,
        public_url: args.public_url.map(public_url).transpose()?,
        ready_file: args.ready_file,
        token_file: args.token_file,
        witnesses: args.trust.policy()?,
        answers_kept: Duration::from_secs(args.answers_kept_days.saturating_mul(86_400)),
        observers: args.observers,
        upstream_authorities: authorities(args.upstream_ca)?,
    };
    Ok(up::run(&config)?)
}
