//! `audit verify-events`: is a tenant's export what the log says, and all that it says of the tenant?

use std::path::PathBuf;

use serde::Serialize;
use server::tenants::Census;
use store::audit::{self, EventsReport};

use super::{log_key, unreadable};
use crate::{
    cli::{exit::Exit, failure::Failure, session::Session, witness::TrustArgs},
    output::table::Table,
};

/// Which export, and whom to believe.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit verify-events export --vkey log.vkey
  cocarde audit verify-events export --vkey log.vkey --log mirror     # an auditor with the whole log")]
pub(crate) struct VerifyEventsArgs {
    /// Folder that `cocarde events export` has written
    folder: PathBuf,
    /// The log's verifier key, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: String,
    #[command(flatten)]
    trust: TrustArgs,
    /// The whole log, as a data folder or mirror: says also whether an entry is missing or another's
    #[arg(long, value_name = "FOLDER")]
    log: Option<PathBuf>,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Found {
    ok: bool,
    #[serde(flatten)]
    report: EventsReport,
    /// The tenant's entries in the whole log, if there was one to compare with.
    in_log: Option<usize>,
    /// Of the tenant, and not in the export.
    missing: Vec<u64>,
    /// In the export, and not of the tenant.
    foreign: Vec<u64>,
}

/// Runs the verb.
pub(super) fn run(args: &VerifyEventsArgs, session: &Session) -> Result<Exit, Failure> {
    let key = log_key(&args.vkey)?;
    let quorum = args.trust.policy()?.quorum;
    let report = audit::verify_events(&args.folder, &key, &quorum).map_err(|error| {
        Failure::new(Exit::Failed, format!("the export proves nothing: {error}"))
    })?;
    if quorum.needed() > 0 && !report.is_final {
        let (count, needed) = (report.cosignatures, quorum.needed());
        let message = format!("the export has {count} cosignatures where {needed} are needed");
        return Err(Failure::new(Exit::Failed, message));
    }
    let mut found =
        Found { ok: true, report, in_log: None, missing: Vec::new(), foreign: Vec::new() };
    if let Some(log) = &args.log {
        compare(log, &mut found)?;
    }
    session.output.show(&found, || {
        let manifest = &found.report.manifest;
        let mut table = Table::fields()
            .field("result", if found.ok { "ok" } else { "fail" })
            .field("log", &manifest.origin)
            .field("tenant", &manifest.owner)
            .field("entries", format!("{} proven, of {} in the log", manifest.count, manifest.size))
            .field("witnesses", format!("{} have cosigned", found.report.cosignatures))
            .field_if(
                "census",
                found.in_log.map(|n| format!("{n} of the tenant in the whole log")),
            );
        for (what, indices) in [("missing", &found.missing), ("foreign", &found.foreign)] {
            for index in indices {
                table = table.field("finding", format!("entry {index} is {what}"));
            }
        }
        table
    })?;
    Ok(if found.ok { Exit::Ok } else { Exit::Failed })
}

/// Counts the tenant's entries in the whole log and compares.
fn compare(log: &std::path::Path, found: &mut Found) -> Result<(), Failure> {
    let manifest = &found.report.manifest;
    let mut census =
        Census::of(&manifest.owner).map_err(|error| Failure::invalid(error.to_string()))?;
    let (mut left, size) = (manifest.size, manifest.size);
    let read = audit::leaves(log, |leaf| {
        if left > 0 {
            left = left.saturating_sub(1);
            census.feed(leaf);
        }
    });
    let read = read.map_err(|error| unreadable(&error))?;
    if read < size {
        let message = format!("that log has {read} entries, the export is of one with {size}");
        return Err(Failure::new(Exit::Failed, message));
    }
    let own = census.finish();
    let held = |list: &[u64], index: &u64| list.binary_search(index).is_ok();
    let indices = &found.report.indices;
    found.missing = own.iter().filter(|index| !held(indices, index)).copied().collect();
    found.foreign = indices.iter().filter(|index| !held(&own, index)).copied().collect();
    found.in_log = Some(own.len());
    found.ok = found.missing.is_empty() && found.foreign.is_empty();
    Ok(())
}
