//! `audit receipt`, `proof` and `verify-receipt`: proof files, fetched and checked.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use api::nouns::entry::{
    EntryProofGet, FinalQuery, IndexPath, ReceiptGet, ReceiptQuery, SubjectPath,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::{
    audit::{self, Proven, ProvenAnswer},
    view::tlog_proofs,
};
use units::Digest;

use super::log_key;
use crate::{
    cli::{
        exit::Exit,
        failure::Failure,
        input,
        outcome::{self, WorkRef},
        session::Session,
        witness::TrustArgs,
    },
    output::{
        say,
        table::{Table, left, right},
        write_bytes,
    },
};

/// Largest receipt that is read or fetched, in bytes.
const RECEIPT_BYTES_MAX: u64 = 64 << 20;

/// Which receipt, and what to do with it.
#[derive(Debug, clap::Args)]
pub(crate) struct ReceiptArgs {
    /// A workload by name or id, an answer of a model by its id `chatcmpl-…`, or the id of anything that is in the log
    #[arg(required_unless_present = "verify")]
    subject: Option<String>,
    /// Of a project, by its id: the use that its invoice of this month is made of, such as `2026-03`
    #[arg(long, value_name = "MONTH")]
    month: Option<String>,
    /// Wait until witnesses have confirmed it
    #[arg(long)]
    wait_final: bool,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    out: Option<PathBuf>,
    /// Also write each entry as a `.tlog-proof` of its own into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "verify")]
    tlog_proofs: Option<PathBuf>,
    /// Verify this receipt, offline; the same as `verify-receipt`
    #[arg(long, value_name = "FILE", requires = "vkey", conflicts_with = "subject")]
    verify: Option<PathBuf>,
    /// The log's verifier key, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
}

/// Which entry.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit proof 1041 --out usage.tlog-proof     # the number that `cocarde events` shows
  cocarde audit proof 1041 --wait-final")]
pub(crate) struct ProofArgs {
    /// The entry's sequence number, from 1, as `events` shows it
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    seq: u64,
    /// Wait until witnesses have confirmed it
    #[arg(long)]
    wait_final: bool,
    /// Write it to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Which file, and whom to believe.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit verify-receipt receipt.json --vkey log.vkey
  cocarde audit verify-receipt answer.receipt.json --vkey log.vkey --answer answer.json
  cocarde audit verify-receipt job.tlog-proof --vkey log.vkey --witness w1.example+… --witness w2.example+…")]
pub(crate) struct VerifyReceiptArgs {
    /// A receipt or a `.tlog-proof`; `-` for standard input
    file: PathBuf,
    /// The log's verifier key, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: String,
    /// The answer's body as it was received: it must be the one that the receipt is of
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Fetches a receipt.
pub(super) fn run(args: ReceiptArgs, session: &Session) -> Result<Exit, Failure> {
    if let (Some(file), Some(vkey)) = (args.verify.clone(), args.vkey.clone()) {
        let trust = TrustArgs::default();
        return verify(&VerifyReceiptArgs { file, vkey, answer: None, trust }, session);
    }
    let subject = args.subject.ok_or_else(|| Failure::usage("nothing is named"))?;
    let id = match args.month {
        Some(_) => subject,
        None => id_of(session, subject)?,
    };
    let query = ReceiptQuery { month: args.month, wait_final: args.wait_final.then_some(true) };
    let path = SubjectPath { id };
    let bytes = all(session.client()?.stream::<ReceiptGet>(&path, &query)?)?;
    if let Some(folder) = &args.tlog_proofs {
        write_proofs(folder, &bytes)?;
    }
    let id = path.id;
    write(args.out.as_deref(), &bytes, &format!("receipt of {id}"))?;
    Ok(Exit::Ok)
}

/// An id as it is; a name is the newest workload of that name.
fn id_of(session: &Session, subject: String) -> Result<String, Failure> {
    if is_answer(&subject) {
        return Ok(subject);
    }
    let is_id = subject.split_once('_').is_some_and(|(kind, rest)| {
        kind.chars().all(|c| c.is_ascii_lowercase()) && rest.len() >= 20
    });
    if is_id {
        return Ok(subject);
    }
    let reference: WorkRef = subject
        .parse()
        .map_err(|error: <WorkRef as std::str::FromStr>::Err| Failure::usage(error.to_string()))?;
    Ok(outcome::find(session, &reference)?.to_string())
}

/// An id as answers of models have it: what kind of answer it is, and the 26 characters of any id.
fn is_answer(subject: &str) -> bool {
    let kinds = ["chatcmpl-", "cmpl-", "embd-", "resp_", "tok-"];
    let rest = kinds.iter().find_map(|kind| subject.strip_prefix(kind));
    rest.is_some_and(|rest| rest.len() == 26)
}

fn write_proofs(folder: &Path, receipt: &[u8]) -> Result<(), Failure> {
    let proofs = tlog_proofs(receipt).map_err(|error| Failure::invalid(error.to_string()))?;
    fs::create_dir_all(folder).map_err(|error| Failure::file("create", folder, &error))?;
    for (index, text) in &proofs {
        let file = folder.join(format!("{index:09}.tlog-proof"));
        fs::write(&file, text).map_err(|error| Failure::file("write", &file, &error))?;
    }
    say(&format!("{} proofs written to `{}`", proofs.len(), folder.display()));
    Ok(())
}

/// Fetches the proof of one entry.
pub(super) fn proof(args: &ProofArgs, session: &Session) -> Result<Exit, Failure> {
    let path = IndexPath { index: args.seq.saturating_sub(1) };
    let query = FinalQuery { wait_final: args.wait_final.then_some(true) };
    let bytes = all(session.client()?.stream::<EntryProofGet>(&path, &query)?)?;
    write(args.out.as_deref(), &bytes, &format!("proof of entry {}", args.seq))?;
    Ok(Exit::Ok)
}

fn all(reader: impl Read) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader.take(RECEIPT_BYTES_MAX).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Exit::Unreachable, format!("the receipt broke off: {error}"))
    })?;
    Ok(bytes)
}

fn write(out: Option<&Path>, bytes: &[u8], what: &str) -> Result<(), Failure> {
    let Some(path) = out else { return write_bytes(bytes) };
    fs::write(path, bytes).map_err(|error| Failure::file("write", path, &error))?;
    say(&format!("{what} written to `{}`", path.display()));
    Ok(())
}

/// Verifies a proof file offline.
pub(super) fn verify(args: &VerifyReceiptArgs, session: &Session) -> Result<Exit, Failure> {
    let bytes = input::bytes(&args.file, RECEIPT_BYTES_MAX)?;
    let key = log_key(&args.vkey)?;
    let policy = args.trust.policy()?;
    let proven = audit::verify_proof(&bytes, &key, &policy.quorum).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let message = format!("the receipt proves nothing: {error}{}", cause.unwrap_or_default());
        Failure::new(Exit::Failed, message)
    })?;
    let needed = policy.quorum.needed();
    if needed > 0 && !proven.tally.is_final() {
        let count = proven.tally.cosignatures.len();
        let message = format!("the receipt has {count} cosignatures where {needed} are needed");
        return Err(Failure::new(Exit::Failed, message)
            .remedy("fetch it again with `--wait-final`, once the witnesses have confirmed it"));
    }
    if let Some(file) = &args.answer {
        check_answer(file, proven.answer.as_ref())?;
    }
    show(session, &proven)
}

/// The answer's body must have the digest that its leaf says.
fn check_answer(file: &Path, proven: Option<&ProvenAnswer>) -> Result<(), Failure> {
    let Some(proven) = proven else {
        return Err(Failure::usage("this receipt is of no answer: leave `--answer` out"));
    };
    let body = input::bytes(file, RECEIPT_BYTES_MAX)?;
    if Digest(Sha256::digest(&body).into()) == proven.leaf.sha256 {
        return Ok(());
    }
    let message = format!("`{}` is not the answer that the receipt is of", file.display());
    Err(Failure::new(Exit::Failed, message)
        .remedy("give the body byte for byte as it came, such as `curl -o answer.json` writes it"))
}

fn show(session: &Session, proven: &Proven) -> Result<Exit, Failure> {
    let leaf = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let entries: Vec<_> = proven
        .entries
        .iter()
        .map(|entry| json!({ "index": entry.index, "leaf": leaf(&entry.leaf) }))
        .collect();
    let witnesses: Vec<_> = proven
        .tally
        .cosignatures
        .iter()
        .map(|one| json!({ "name": one.name, "time_s": one.time_s }))
        .collect();
    let shown = json!({
        "ok": true,
        "subject_unproven": proven.subject,
        "origin": proven.checkpoint.origin(),
        "size": proven.checkpoint.size(),
        "root": proven.checkpoint.root().to_string(),
        "witnesses": witnesses,
        "entries": entries,
        "answer": proven.answer,
    });
    session.output.show(&shown, || {
        let mut table = Table::new(&[right("INDEX"), left("ENTRY")]);
        for entry in &proven.entries {
            table.row([entry.index.to_string(), leaf(&entry.leaf).chars().take(160).collect()]);
        }
        let count = proven.entries.len();
        let (origin, size) = (proven.checkpoint.origin(), proven.checkpoint.size());
        let root = proven.checkpoint.root();
        let names: Vec<&str> =
            proven.tally.cosignatures.iter().map(|one| one.name.as_str()).collect();
        let witnesses = match names.as_slice() {
            [] => "no witness was asked for or has cosigned it".to_owned(),
            names => format!("witnesses: {}", names.join(", ")),
        };
        let table = table
            .note(format!(
                "ok: {count} entries are in the log `{origin}` of size {size} with root {root}"
            ))
            .note(witnesses);
        let table = match &proven.answer {
            Some(answer) => answer_notes(table, answer),
            None => table,
        };
        match &proven.subject {
            Some(subject) => table.note(format!("label, not proven: {subject}")),
            None => table,
        }
    })?;
    Ok(Exit::Ok)
}

/// What the receipt proves of an answer.
fn answer_notes(table: Table, proven: &ProvenAnswer) -> Table {
    let leaf = &proven.leaf;
    let end = if leaf.complete { "complete" } else { "broken off" };
    table
        .note(format!(
            "answer {}: {end}, {} bytes with {}, {} tokens in, {} out, under entry {}",
            leaf.id, leaf.bytes, leaf.sha256, leaf.tokens_in, leaf.tokens_out, proven.log_position
        ))
        .note(format!(
            "given at `{}` in {}, run by {} (controlled from {})",
            proven.site, proven.country, proven.operator, proven.operator_country
        ))
        .note(format!(
            "by model `{}`, version {} with {}",
            leaf.model, proven.model_version, proven.model_digest
        ))
        .note(format!(
            "allowed by entry {}: {} of the policy set {}",
            proven.decision_position,
            proven.policies.join(", "),
            proven.policy_set
        ))
}
