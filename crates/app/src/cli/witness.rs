//! `witness`: run a witness for logs of others, and the flags by which a platform or an auditor names
//! the witnesses it trusts.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use store::{WitnessFolder, witness::TrustPolicy};

use super::{failure::Failure, input};
use crate::up;

/// Largest policy file, in bytes.
const POLICY_BYTES_MAX: u64 = 64 << 10;

/// Watch logs of others: cosign what only grows, refuse the rest (C2SP tlog-witness)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde witness --dir /srv/witness --name witness.example/w1 --origin \"$(curl -s http://127.0.0.1:7711/log/key)\"
  cocarde witness --dir /srv/witness --listen 0.0.0.0:7720 --origin cocarde.local/ab12=cocarde.local/ab12+…

Prints its verifier key, which the platform's operator gives to `cocarde up --witness URL=KEY` and auditors
to `cocarde audit verify --witness KEY`. It answers `POST /add-checkpoint`, `GET /`, `/key` and `/health`. What it has
cosigned is stored in its folder before it answers. Run it under another operator, on another machine: a
witness that shares the log's fate proves little.")]
pub(crate) struct WitnessArgs {
    /// Its folder: key and the last checkpoint of each log; made if missing
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7720")]
    listen: SocketAddr,
    /// Name of a new key: a URL without scheme [default: drawn]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A log to watch: its verifier key, after its origin if that is not the key's name; may be repeated
    #[arg(long, value_name = "[ORIGIN=]KEY", required = true)]
    origin: Vec<String>,
    /// File that gets the address once requests are answered
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// Runs the witness until it is asked to stop.
pub(crate) fn run(args: WitnessArgs) -> Result<ExitCode, Failure> {
    let logs = args
        .origin
        .iter()
        .map(|text| {
            let text = text.trim();
            let (origin, key) = match text.split_once('=') {
                Some((origin, key)) => (Some(origin), key),
                None => (None, text),
            };
            let key: store::witness::VerifierKey = key.parse().map_err(|error| {
                Failure::usage(format!("`--origin {text}` names no log: {error}"))
                    .remedy("give what `GET /log/key` of the platform answers")
            })?;
            Ok((origin.unwrap_or(key.name()).to_owned(), key))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let folder = WitnessFolder::open(&args.dir, args.name.as_deref(), &logs);
    let folder = folder.map_err(|error| Failure::invalid(error.to_string()))?;
    Ok(up::witness(folder, args.listen, args.ready_file.as_deref())?)
}

/// Which witnesses are trusted, and how many must agree.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct TrustArgs {
    /// A witness that is trusted: `URL=KEY`, or its key alone where nothing is sent; may be repeated
    #[arg(long, value_name = "[URL=]KEY", conflicts_with = "witness_policy")]
    witness: Vec<String>,
    /// How many of them must agree [default: more than half]
    #[arg(long, value_name = "K", requires = "witness")]
    witness_quorum: Option<usize>,
    /// File that names witnesses and quorum (C2SP tlog-policy), instead of flags
    #[arg(long, value_name = "FILE")]
    witness_policy: Option<PathBuf>,
}

impl TrustArgs {
    /// The policy that flags or file give; one without witnesses if neither was given.
    pub(crate) fn policy(&self) -> Result<TrustPolicy, Failure> {
        if let Some(file) = &self.witness_policy {
            let text = input::text(file, POLICY_BYTES_MAX)?;
            return TrustPolicy::parse(&text)
                .map_err(|error| Failure::invalid(format!("`{}`: {error}", file.display())));
        }
        let wrong = |text: &str, error: &dyn std::fmt::Display| {
            Failure::usage(format!("`--witness {text}`: {error}"))
        };
        let mut witnesses = Vec::new();
        for text in &self.witness {
            let text = text.trim();
            // An address may have an equals sign in it, a key of 33 bytes in base64 has none.
            let (url, key) = match text.rsplit_once('=') {
                Some((url, key)) => (Some(url.to_owned()), key),
                None => (None, text),
            };
            witnesses.push((key.parse().map_err(|error| wrong(text, &error))?, url));
        }
        let needed = self.witness_quorum.unwrap_or(match witnesses.len() {
            0 => 0,
            n => n / 2 + 1,
        });
        TrustPolicy::of_witnesses(witnesses, needed)
            .map_err(|error| Failure::usage(error.to_string()))
    }
}
