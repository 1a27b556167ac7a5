//! `audit`: is the log what it was? Offline over a folder, or by the platform itself.
//!
//! Offline nothing is believed but the verifier key; a finding is exit code 1.

use std::{fs, io::Read as _, path::PathBuf, time::Duration};

use api::{
    client::Options,
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        proof::{AuditVerify, ReceiptGet},
    },
};
use serde_json::json;
use store::{
    FolderError,
    audit::{self, AuditError},
};

use super::{
    exit::Exit,
    failure::Failure,
    input,
    outcome::{self, WorkRef},
    session::Session,
};
use crate::output::{
    say,
    table::{Table, left, right},
    write_bytes,
};

/// Largest receipt that is read or fetched, in bytes.
const RECEIPT_BYTES_MAX: u64 = 64 << 20;
/// Largest key file, in bytes.
const KEY_BYTES_MAX: u64 = 64 << 10;
/// Longest audit by the platform.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Audit: is the log what it was?
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde audit verify --data ~/.local/share/cocarde     # offline; no platform is asked
  cocarde audit verify                                   # by the platform itself
  cocarde audit replay --data ~/.local/share/cocarde
  cocarde audit receipt train-numbers --out receipt.json
  cocarde audit receipt --verify receipt.json --vkey log.vkey

Exit code 1 if anything was found.")]
pub(crate) enum Verb {
    /// Merkle root, signatures, replay, and every placement against the policy then in force
    Verify {
        /// Audit this data folder or a copy of it, offline; by the platform if absent
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The log's verifier key, or a file with it [default: the one in the folder]
        #[arg(long, value_name = "KEY|FILE", requires = "data")]
        vkey: Option<String>,
        /// Also read every stored file of datasets and models
        #[arg(long, requires = "data")]
        blobs: bool,
    },
    /// Fold the whole log from its first entry and give the hash of the state
    Replay {
        /// The data folder or a copy of it
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Fetch the receipt of a workload, or verify one offline
    Receipt(ReceiptArgs),
}

/// Which receipt, and what to do with it.
#[derive(Debug, clap::Args)]
pub(crate) struct ReceiptArgs {
    /// The workload's id, or a name: the newest of that name
    #[arg(required_unless_present = "verify")]
    workload: Option<WorkRef>,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    out: Option<PathBuf>,
    /// Verify this receipt, offline; `-` for standard input
    #[arg(long, value_name = "FILE", requires = "vkey", conflicts_with = "workload")]
    verify: Option<PathBuf>,
    /// The log's verifier key, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Verify { data: Some(data), vkey, blobs } => {
            let key = vkey.map(|text| key_text(&text)).transpose()?;
            let key = key.map(|text| text.trim().parse().map_err(|e| not_a_key(&e))).transpose()?;
            let options = audit::Options { blobs, key };
            let report = audit::verify(&data, &options).map_err(|error| unreadable(&error))?;
            verified(session, &report)
        }
        Verb::Verify { data: None, .. } => verify_by_platform(session),
        Verb::Replay { data } => {
            let replay = audit::replay(&data).map_err(|error| unreadable(&error))?;
            session.output.show(&replay, || {
                Table::fields()
                    .field("entries", replay.entries)
                    .field("state hash", replay.state_hash)
            })?;
            Ok(Exit::Ok)
        }
        Verb::Receipt(ReceiptArgs { workload, out, verify, vkey }) => match (verify, vkey) {
            (Some(file), Some(vkey)) => verify_receipt(session, &file, &vkey),
            _ => fetch(session, workload, out),
        },
    }
}

/// Objects without an attribute that are named.
const LACKING_SHOWN: usize = 10;

fn verified(session: &Session, report: &audit::AuditReport) -> Result<Exit, Failure> {
    session.output.show(report, || {
        let mut table = Table::fields()
            .field("result", if report.is_sound() { "ok" } else { "fail" })
            .field("log", &report.origin)
            .field("entries", report.entries)
            .field("merkle root", report.root)
            .field("checkpoints", format!("{} signed and right", report.checkpoints))
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
            .field("state hash", report.state_hash)
            .field("snapshots", report.snapshots)
            .field_if("blobs", report.blobs)
            .field("took", format!("{} ms", report.took_ms));
        for lacking in report.lacking.iter().take(LACKING_SHOWN) {
            table = table.field("attributes", lacking);
        }
        let left = report.lacking.len().saturating_sub(LACKING_SHOWN);
        table =
            table.field_if("attributes", (left > 0).then(|| format!("and {left} more objects")));
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

fn verify_by_platform(session: &Session) -> Result<Exit, Failure> {
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
        say("this is the platform's own word: `--data DIR` checks a copy without it");
    }
    Ok(if report.ok { Exit::Ok } else { Exit::Failed })
}

fn fetch(
    session: &Session,
    workload: Option<WorkRef>,
    out: Option<PathBuf>,
) -> Result<Exit, Failure> {
    let workload = workload.ok_or_else(|| Failure::usage("no workload is named"))?;
    let id = outcome::find(session, &workload)?;
    let reader = session.client()?.stream::<ReceiptGet>(&IdPath { id }, &Nothing {})?;
    let mut bytes = Vec::new();
    reader.take(RECEIPT_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Exit::Unreachable, format!("the receipt broke off: {error}"))
    })?;
    match out {
        None => write_bytes(&bytes)?,
        Some(path) => {
            fs::write(&path, &bytes).map_err(|error| Failure::file("write", &path, &error))?;
            say(&format!("receipt of {id} written to `{}`", path.display()));
        }
    }
    Ok(Exit::Ok)
}

fn verify_receipt(session: &Session, file: &std::path::Path, vkey: &str) -> Result<Exit, Failure> {
    let bytes = input::bytes(file, RECEIPT_BYTES_MAX)?;
    let text = key_text(vkey)?;
    let key = text.trim().parse().map_err(|error| not_a_key(&error))?;
    let proven = audit::verify_receipt(&bytes, &key).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let message = format!("the receipt proves nothing: {error}{}", cause.unwrap_or_default());
        Failure::new(Exit::Failed, message)
    })?;
    let leaf = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries: Vec<_> = proven
        .entries
        .iter()
        .map(|entry| json!({ "index": entry.index, "leaf": leaf(&entry.leaf) }))
        .collect();
    let shown = json!({
        "ok": true,
        "subject_unproven": proven.subject,
        "origin": proven.checkpoint.origin(),
        "size": proven.checkpoint.size(),
        "root": proven.checkpoint.root().to_string(),
        "entries": entries,
    });
    session.output.show(&shown, || {
        let mut table = Table::new(&[right("INDEX"), left("ENTRY")]);
        for entry in &proven.entries {
            table.row([entry.index.to_string(), leaf(&entry.leaf).chars().take(160).collect()]);
        }
        table.note(format!(
            "ok: {} entries are in the log `{}` of size {} with root {}\nlabel, not proven: {}",
            proven.entries.len(),
            proven.checkpoint.origin(),
            proven.checkpoint.size(),
            proven.checkpoint.root(),
            proven.subject
        ))
    })?;
    Ok(Exit::Ok)
}

/// A key as given, or the content of the file that is named.
fn key_text(given: &str) -> Result<String, Failure> {
    let path = PathBuf::from(given);
    if path.is_file() { input::text(&path, KEY_BYTES_MAX) } else { Ok(given.to_owned()) }
}

fn not_a_key(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("`--vkey` is not a verifier key: {error}"))
        .remedy("give the content of `log.vkey` of the data folder, or GET /log/key, or a file")
}

/// A folder that cannot even be opened.
fn unreadable(error: &AuditError) -> Failure {
    let exit = match error {
        AuditError::Folder(error) => folder_exit(error),
        AuditError::Store(_) => Exit::Failed,
    };
    Failure::new(exit, error.to_string())
}

/// The exit code of a data folder that cannot be used.
pub(crate) fn folder_exit(error: &FolderError) -> Exit {
    match error {
        FolderError::Missing { .. } => Exit::NotFound,
        FolderError::InUse { .. } => Exit::Conflict,
        FolderError::NotOurs { .. } | FolderError::FormatNewer { .. } => Exit::InvalidInput,
        FolderError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Exit::NotFound
        }
        FolderError::Io { .. } | FolderError::FormatDamaged { .. } | FolderError::Key { .. } => {
            Exit::Failed
        }
    }
}
