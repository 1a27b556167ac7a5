//! `audit verify`: the whole log again, from a folder or a running platform.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use api::{
    client::{Client, Options},
    endpoint::Nothing,
    nouns::proof::AuditVerify,
};
use store::audit::{self, AuditReport, Mirror};

use super::{log_key, served::Served, unreadable};
use crate::{
    cli::{exit::Exit, failure::Failure, input, session::Session, witness::TrustArgs},
    output::{say, table::Table},
};

/// Longest audit by the platform.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Largest checkpoint file, in bytes.
const CHECKPOINT_BYTES_MAX: u64 = 1 << 20;

/// What to audit.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Address of a platform, a data folder or a copy of one, or a mirror; by the platform itself if absent
    #[arg(value_name = "URL|FOLDER", conflicts_with = "data")]
    target: Option<String>,
    /// The same as a folder given first
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The log's verifier key, or a file with it [default: the one in the folder]
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// A checkpoint from before, or from somebody else: the log must extend it; may be repeated
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Keep what is fetched in this folder, and go on from there the next time
    #[arg(long, value_name = "DIR", requires = "target")]
    mirror: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Also read every stored file of datasets and models, of a data folder
    #[arg(long)]
    blobs: bool,
}

/// Runs the verb.
pub(super) fn run(args: VerifyArgs, session: &Session) -> Result<Exit, Failure> {
    let folder = args.data.clone().map(|dir| dir.to_string_lossy().into_owned());
    let Some(target) = args.target.clone().or(folder) else {
        if args.vkey.is_some() || args.blobs || !args.checkpoint.is_empty() {
            return Err(Failure::usage("there is nothing to audit with these")
                .remedy("name an address or a folder: `cocarde audit verify FOLDER`"));
        }
        return by_platform(session);
    };
    let policy = args.trust.policy()?;
    let key = match (&args.vkey, policy.logs.as_slice()) {
        (Some(given), _) => Some(log_key(given)?),
        // A policy file that names one log names its key.
        (None, [(key, _)]) => Some(key.clone()),
        (None, _) => None,
    };
    let read = |file: &PathBuf| input::bytes(file, CHECKPOINT_BYTES_MAX);
    let checkpoints = args.checkpoint.iter().map(read).collect::<Result<_, _>>()?;
    let options = audit::Options { blobs: args.blobs, key, checkpoints, quorum: policy.quorum };
    let report = if target.starts_with("http://") || target.starts_with("https://") {
        served(&target, args.mirror.as_deref(), options, session)?
    } else {
        folder_of(Path::new(&target), options)?
    };
    show(session, &report)
}

fn served(
    url: &str,
    mirror: Option<&Path>,
    mut options: audit::Options,
    session: &Session,
) -> Result<AuditReport, Failure> {
    options.key = options.key.or_else(|| mirror.and_then(mirror_key));
    if options.key.is_none() {
        return Err(Failure::usage("the log's verifier key is not given")
            .remedy("give it with `--vkey`, from a source that is not the platform itself"));
    }
    // A token is only ever sent to the address that it was given for.
    let token = session.token_for(url)?;
    let source = Served::new(Client::new(url, token.as_deref())?);
    let mirror = mirror.map(|folder| Mirror::new(folder, Some(&source)));
    audit::follow(&source, mirror.as_ref(), &options).map_err(|error| {
        unreadable(&error).remedy(
            "entries of all tenants need a key of the whole platform: give one with `--token`",
        )
    })
}

fn folder_of(folder: &Path, mut options: audit::Options) -> Result<AuditReport, Failure> {
    if !Mirror::is_one(folder) {
        return audit::verify(folder, &options).map_err(|error| unreadable(&error));
    }
    options.key = options.key.or_else(|| mirror_key(folder));
    let mirror = Mirror::new(folder, None);
    audit::follow(&mirror, Some(&mirror), &options).map_err(|error| unreadable(&error))
}

/// The key that an earlier run left in a mirror.
fn mirror_key(folder: &Path) -> Option<store::witness::VerifierKey> {
    std::fs::read_to_string(folder.join("log.vkey")).ok()?.trim().parse().ok()
}

fn show(session: &Session, report: &AuditReport) -> Result<Exit, Failure> {
    session.output.show(report, || {
        let mut table = Table::fields()
            .field("result", if report.is_sound() { "ok" } else { "fail" })
            .field("log", &report.origin)
            .field("entries", report.entries)
            .field("merkle root", report.root)
            .field("checkpoints", format!("{} signed and right", report.checkpoints))
            .field("witnesses", witnesses(report))
            .field_if("hash tiles", report.tiles.map(|n| format!("{n} made again and compared")))
            .field(
                "clock",
                format!("{} entries dated before witnesses saw them", report.clock_checks),
            )
            .field("placements", format!("{} against the policy then in force", report.placements))
            .field("decisions", format!("{} asked again", report.decisions))
            .field(
                "effects",
                format!(
                    "{} with decisions before them, {} older than decisions",
                    report.effects, report.effects_before_decisions
                ),
            )
            .field("refusals", format!("{} on record", report.refusals))
            .field(
                "bill",
                format!(
                    "{} lines recomputed from {} usage entries",
                    report.invoice_lines, report.usage_entries
                ),
            )
            .field("state hash", report.state_hash)
            .field("snapshots", report.snapshots)
            .field_if("blobs", report.blobs)
            .field("took", format!("{} ms", report.took_ms));
        for finding in &report.findings {
            let place = finding.seq.map_or_else(String::new, |seq| format!("entry {seq}: "));
            table = table.field("finding", format!("{place}{}", finding.message));
        }
        if report.findings_dropped > 0 {
            table = table.field("finding", format!("and {} more", report.findings_dropped));
        }
        table
    })?;
    Ok(if report.is_sound() { Exit::Ok } else { Exit::Failed })
}

fn witnesses(report: &AuditReport) -> String {
    match report.final_size {
        Some(size) => format!("{} agree on the first {size} entries", report.cosignatures),
        None => "none that you trust has cosigned it".to_owned(),
    }
}

fn by_platform(session: &Session) -> Result<Exit, Failure> {
    let options = Options { timeout: Some(AUDIT_TIMEOUT), ..Options::default() };
    let client = session.client()?;
    let report = client.call::<AuditVerify>(&Nothing {}, &Nothing {}, &Nothing {}, &options)?;
    session.output.show(&report, || {
        let mut table = Table::fields()
            .field("result", if report.ok { "ok" } else { "fail" })
            .field("entries", report.entries)
            .field("merkle root", &report.root);
        for check in &report.checks {
            let verdict = if check.ok { "ok" } else { "fail" };
            let text = format!("{verdict}, {} checked: {}", check.checked, check.detail);
            table = table.field(&check.name.replace('_', " "), text);
        }
        table.field("took", format!("{} ms", report.duration_ms))
    })?;
    if report.ok {
        say(
            "this is the platform's own word: `cocarde audit verify URL --vkey KEY` checks it yourself",
        );
    }
    Ok(if report.ok { Exit::Ok } else { Exit::Failed })
}
