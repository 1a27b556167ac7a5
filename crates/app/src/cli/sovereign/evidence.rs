//! `evidence`: what shows that a criterion of sovereignty is met.
//!
//! A document never leaves this machine: its digest is computed here and recorded.

use std::{fs::File, io::Read as _, path::PathBuf};

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        evidence::{
            Evidence, EvidenceGet, EvidenceKind, EvidenceList, EvidenceNew, EvidenceQuery,
            EvidenceRecord, EvidenceWithdraw,
        },
    },
    reference::Ref,
    text::Timestamp,
};
use sha2::{Digest as _, Sha256};
use units::{Digest, Id, UnixMicros, kinds};

use crate::cli::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{or_dash, time, word},
    table::{Table, left, right, state},
};

/// Bytes of a document that are hashed at a time.
const CHUNK_BYTES: usize = 1 << 16;

/// Evidence: what shows that a criterion of sovereignty is met
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde evidence record csf.sov-7.seal-1.1 --kind certificate --issuer assessor \\
      --document iso27001.pdf --valid-until 2028-05-31
  cocarde evidence list csf.sov-7
  cocarde evidence show evd_… --document iso27001.pdf

Criteria and what each needs: `cocarde audit criteria`.")]
pub(crate) enum Verb {
    /// List evidence
    List {
        /// Only of this criterion, or of all that begin with it, such as `csf.sov-7`
        criterion: Option<String>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one piece of evidence; with its document, whether that is the one
    #[command(visible_alias = "get")]
    Show {
        /// Its id
        evidence: Id<kinds::Evidence>,
        /// A file to compare with the digest on record
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
    },
    /// Record evidence for a criterion; needs an administrator of the whole platform
    Record {
        /// Id of the criterion, as `cocarde audit criteria` lists them
        criterion: String,
        /// `declared`, `measured` or `certificate`
        #[arg(long, value_name = "KIND", value_parser = kind)]
        kind: EvidenceKind,
        /// The legal entity that says so, or certified it: see `cocarde entity list`
        #[arg(long, value_name = "ENTITY")]
        issuer: Ref<kinds::Entity>,
        /// The document; only its SHA-256 is sent
        #[arg(long, value_name = "FILE")]
        document: PathBuf,
        /// Last day on which it counts, such as `2028-05-31` (UTC), or a moment in RFC 3339
        #[arg(long, value_name = "DATE", value_parser = end_of)]
        valid_until: Option<UnixMicros>,
        #[command(flatten)]
        once: Once,
    },
    /// Say that a piece of evidence no longer counts; the record of it stays
    Withdraw {
        /// Its id
        evidence: Id<kinds::Evidence>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { criterion, limit } => list(session, criterion, limit),
        Verb::Show { evidence, document } => {
            let one = session.read::<EvidenceGet>(&IdPath { id: evidence })?;
            if let Some(file) = document {
                let digest = digest_of(&file)?;
                if digest != one.document {
                    let message = format!(
                        "`{}` is another document: it has {digest}, on record is {}",
                        file.display(),
                        one.document
                    );
                    return Err(Failure::new(crate::cli::exit::Exit::Failed, message));
                }
            }
            show(session, &one)
        }
        Verb::Record { criterion, kind, issuer, document, valid_until, once } => {
            let document = digest_of(&document)?;
            let valid_until = valid_until.map(Timestamp);
            let body = EvidenceNew { criterion, kind, issuer, document, valid_until };
            let guard = Guard::once(once);
            show(session, &session.change::<EvidenceRecord>(&Nothing {}, &body, &guard)?)
        }
        Verb::Withdraw { evidence, guard } => {
            let path = IdPath { id: evidence };
            show(session, &session.change::<EvidenceWithdraw>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn list(session: &Session, criterion: Option<String>, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<EvidenceList, _>(&Nothing {}, limit, |n, page_token| {
        EvidenceQuery { criterion: criterion.clone(), limit: Some(n), page_token }
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("CRITERION"), left("KIND"), left("ISSUER"), state("STATE")];
        let more = [left("UNTIL"), right("ENTRY")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.criterion.clone(),
                kind_text(one),
                one.issuer_name.to_string(),
                word(&one.state),
                or_dash(one.valid_until.map(time)),
                one.recorded_seq.to_string(),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &Evidence) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("criterion", &one.criterion)
            .field("kind", kind_text(one))
            .field("issuer", format!("{} ({})", one.issuer_name, one.issuer))
            .field("document", one.document)
            .field("state", word(&one.state))
            .field_if("counts until", one.valid_until.map(time))
            .field_if("withdrawn", one.withdrawn_at.map(time))
            .field("recorded", time(one.created_at))
            .field("entry", one.recorded_seq)
            .field("version", one.version)
    })
}

fn kind_text(one: &Evidence) -> String {
    if one.counts_as == one.kind {
        word(&one.kind)
    } else {
        format!("{} (counts as {}: of one's own)", word(&one.kind), word(&one.counts_as))
    }
}

fn kind(text: &str) -> Result<EvidenceKind, String> {
    match text {
        "declared" => Ok(EvidenceKind::Declared),
        "measured" => Ok(EvidenceKind::Measured),
        "certificate" => Ok(EvidenceKind::Certificate),
        other => Err(format!("`{other}` is no kind: use `declared`, `measured` or `certificate`")),
    }
}

/// The end of a day, or a moment as it is.
fn end_of(text: &str) -> Result<UnixMicros, String> {
    let wrong = || format!("`{text}` is no date: write `2028-05-31` or `2028-05-31T12:00:00Z`");
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixMicros(at.as_microsecond()));
    }
    let day: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    // A certificate counts on its last day too.
    let next = day.tomorrow().map_err(|_| wrong())?;
    let midnight = next.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    Ok(UnixMicros(midnight.timestamp().as_microsecond()))
}

fn digest_of(path: &std::path::Path) -> Result<Digest, Failure> {
    let failed = |error| Failure::file("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = file.read(&mut chunk).map_err(failed)?;
        let Some(read) = chunk.get(..n).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
    }
    Ok(Digest(hasher.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_counts_to_the_end_of_its_day() {
        let of = |text: &str| end_of(text).map(|at| Timestamp(at).to_string());
        assert_eq!(of("2028-02-28").unwrap(), "2028-02-29T00:00:00Z");
        assert_eq!(of("2028-12-31").unwrap(), "2029-01-01T00:00:00Z");
        assert_eq!(of("2028-12-31T12:00:00Z").unwrap(), "2028-12-31T12:00:00Z");
        for text in ["", "2028", "31.12.2028", "2028-02-30"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_document_is_hashed_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![b'a'; CHUNK_BYTES + 1]).unwrap();
        let whole = Sha256::digest(vec![b'a'; CHUNK_BYTES + 1]);
        assert_eq!(digest_of(&path).unwrap().0, <[u8; 32]>::from(whole));
        assert!(digest_of(&folder.path().join("b")).is_err());
    }
}
