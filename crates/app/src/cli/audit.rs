//! `audit`: is the log what it was? Over a folder, over a running platform with public keys only, or by the
//! platform itself.
//!
//! Offline nothing is believed but keys; a finding is exit code 1.

mod criteria;
mod events;
mod flows;
mod receipt;
mod report;
mod served;
mod status;
mod verify;

use std::path::PathBuf;

use store::{
    FolderError,
    audit::{self, AuditError},
    witness::VerifierKey,
};

use super::{exit::Exit, failure::Failure, input, session::Session};
use crate::output::table::Table;

/// Largest key file, in bytes.
const KEY_BYTES_MAX: u64 = 64 << 10;

/// Audit: is the log what it was?
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde audit verify ~/.local/share/cocarde            # a folder; no platform is asked
  cocarde audit verify http://127.0.0.1:7711 --vkey log.vkey --witness-policy witnesses.txt --mirror m
  cocarde audit verify                                   # by the platform itself
  cocarde audit status                                   # how far the witnesses are
  cocarde audit replay --data ~/.local/share/cocarde
  cocarde audit receipt train-numbers --wait-final --out receipt.json
  cocarde audit verify-receipt receipt.json --vkey log.vkey --witness-policy witnesses.txt
  cocarde audit flows --live                             # who it speaks to, against its configuration
  cocarde audit verify-events export --vkey log.vkey --log ~/.local/share/cocarde
  cocarde audit report --format html --out report.html

Exit code 1 if anything was found.")]
pub(crate) enum Verb {
    /// Merkle root, signatures, witnesses, replay, decisions, capacity, bills: all of it again
    Verify(verify::VerifyArgs),
    /// How far the log is, and how far its witnesses have confirmed it
    Status,
    /// Fold the whole log from its first entry and give the hash of the state
    Replay {
        /// The data folder or a copy of it
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
    },
    /// Fetch the receipt of a workload, an invoice or anything in the log
    Receipt(receipt::ReceiptArgs),
    /// Fetch the proof of one entry as a C2SP `.tlog-proof`
    Proof(receipt::ProofArgs),
    /// Verify a receipt or a `.tlog-proof` offline, with its witnesses
    VerifyReceipt(receipt::VerifyReceiptArgs),
    /// Who the configuration lets the platform speak to, and who it speaks to
    Flows(flows::FlowsArgs),
    /// Verify a tenant's exported entries offline; with the whole log, that none is missing
    VerifyEvents(events::VerifyEventsArgs),
    /// What sovereignty asks for, and how each criterion can be shown
    Criteria(criteria::CriteriaArgs),
    /// How far the platform meets the criteria of sovereignty, and what keeps it down
    Report(report::ReportArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<Exit, Failure> {
    match verb {
        Verb::Verify(args) => verify::run(args, session),
        Verb::Status => status::run(session),
        Verb::Replay { data } => {
            let replay = audit::replay(&data).map_err(|error| unreadable(&error))?;
            session.output.show(&replay, || {
                Table::fields()
                    .field("entries", replay.entries)
                    .field("state hash", replay.state_hash)
            })?;
            Ok(Exit::Ok)
        }
        Verb::Receipt(args) => receipt::run(args, session),
        Verb::Proof(args) => receipt::proof(&args, session),
        Verb::VerifyReceipt(args) => receipt::verify(&args, session),
        Verb::Flows(args) => flows::run(&args, session),
        Verb::VerifyEvents(args) => events::run(&args, session),
        Verb::Criteria(args) => criteria::run(&args, session),
        Verb::Report(args) => report::run(&args, session),
    }
}

/// A log's verifier key as given, or in the file that is named.
fn log_key(given: &str) -> Result<VerifierKey, Failure> {
    let path = PathBuf::from(given);
    let text = if path.is_file() { input::text(&path, KEY_BYTES_MAX)? } else { given.to_owned() };
    text.trim().parse().map_err(|error| {
        Failure::usage(format!("`--vkey` is not a verifier key: {error}"))
            .remedy("give the content of `log.vkey` of the data folder, or GET /log/key, or a file")
    })
}

/// Something that cannot even be opened.
fn unreadable(error: &AuditError) -> Failure {
    let exit = match error {
        AuditError::Folder(error) => folder_exit(error),
        AuditError::Store(_) => Exit::Failed,
        AuditError::Source(_) => Exit::Unreachable,
        AuditError::NoKey => Exit::InvalidInput,
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
