//! The transparency log over HTTP (C2SP tlog-tiles), receipts, and the audit.

use api::{
    endpoint::Endpoint,
    nouns::entry::{EntryList, EntryProofGet, ReceiptGet},
    nouns::finality::{LogFinalGet, LogStatusGet},
    nouns::proof::{AuditCheck, AuditReport, AuditVerify, LogCheckpointGet, LogKeyGet, LogTileGet},
    problem::Code,
};
use axum::{body::Body, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use kernel::access::{Role, Scope};
use store::{ViewError, audit};

use super::{
    access,
    blobs::blocking_fail,
    entries,
    fail::Fail,
    finality,
    mount::{Api, Call},
    receipts, require_operator,
};

/// The log, its proofs and its audit.
pub(crate) fn mount(api: Api) -> Api {
    api.mount_raw::<LogCheckpointGet, _>(checkpoint)
        .mount_raw::<LogFinalGet, _>(finality::checkpoint)
        .mount::<LogStatusGet, _>(finality::status)
        .mount_raw::<LogKeyGet, _>(key)
        .mount_raw::<LogTileGet, _>(tile)
        .mount_raw::<EntryList, _>(entries::list)
        .mount_raw::<EntryProofGet, _>(receipts::proof)
        .mount_raw::<ReceiptGet, _>(receipts::receipt)
        .mount::<AuditVerify, _>(verify)
}

/// `GET /log/checkpoint`
pub(crate) async fn checkpoint(call: Call<LogCheckpointGet>) -> Result<Response, Fail> {
    let text = call.platform().finality().newest();
    Ok(body(text.into_bytes(), "text/plain; charset=utf-8", "no-store"))
}

/// `GET /log/key`
pub(crate) async fn key(call: Call<LogKeyGet>) -> Result<Response, Fail> {
    let text = format!("{}\n", call.platform().log().verifier());
    Ok(body(text.into_bytes(), "text/plain; charset=utf-8", "public, max-age=3600"))
}

/// `GET /log/tile/{*path}`
pub(crate) async fn tile(call: Call<LogTileGet>) -> Result<Response, Fail> {
    let path = format!("tile/{}", call.path.path);
    if path.starts_with("tile/entries/") {
        // Entries are those of all tenants.
        call.read(|state| {
            let missing = || Fail::not_found("tile", &path);
            access::require(state, &call.caller, Role::Auditor, Scope::Platform, missing)
        })?;
    }
    let log = call.platform().log().clone();
    let bytes = blocking_fail(move || log.tile(&path).map_err(Fail::from)).await?;
    // A tile never changes once it is there, a partial one neither: a wider one has another name.
    let cache = "private, max-age=31536000, immutable";
    Ok(body(bytes, "application/octet-stream", cache))
}

/// `POST /api/v1/audit/verify`
pub(crate) async fn verify(call: Call<AuditVerify>) -> Result<AuditReport, Fail> {
    require_operator(&call)?;
    let dir = call.platform().data_dir().to_path_buf();
    let report = blocking_fail(move || {
        let found = audit::verify(&dir, &audit::Options::default());
        found.map_err(|error| Fail::internal("the log cannot be audited", &error))
    })
    .await?;
    Ok(dto(&report))
}

fn dto(report: &audit::AuditReport) -> AuditReport {
    let ok = report.is_sound();
    let listed = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    let n_findings = listed.saturating_add(report.findings_dropped);
    let check = |name: &str, checked, detail: String| AuditCheck {
        name: name.to_owned(),
        ok,
        checked,
        detail,
    };
    let root = STANDARD.encode(report.root.0);
    let first = report.findings.first().map_or_else(
        || "nothing was found".to_owned(),
        |finding| format!("{n_findings} findings; the first: {}", finding.message),
    );
    AuditReport {
        ok,
        entries: report.entries,
        checks: vec![
            check("merkle_root", report.entries, format!("root {root}")),
            check("signatures", report.checkpoints, "signed checkpoints".to_owned()),
            check("replay", report.entries, format!("state hash {}", report.state_hash)),
            check(
                "placements",
                report.placements,
                format!("refusals on record: {}", report.refusals),
            ),
            check(
                "decisions",
                report.decisions,
                format!(
                    "{} effects name decisions before them, {} are older than decisions",
                    report.effects, report.effects_before_decisions
                ),
            ),
            check(
                "attributes",
                u64::try_from(report.lacking.len()).unwrap_or(u64::MAX),
                report.lacking.first().map_or_else(
                    || "no object lacks country, operator, jurisdiction or owner".to_owned(),
                    |first| format!("objects that lack something; the first: {first}"),
                ),
            ),
            check("findings", n_findings, first),
        ],
        root,
        duration_ms: report.took_ms,
    }
}

/// An answer that is not a DTO.
pub(crate) fn body(bytes: Vec<u8>, media: &'static str, cache: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let set = |response: &mut Response, name: HeaderName, value| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(&mut response, header::CONTENT_TYPE, media);
    set(&mut response, header::CACHE_CONTROL, cache);
    response
}

impl From<ViewError> for Fail {
    fn from(error: ViewError) -> Self {
        let text = error.to_string();
        match error {
            ViewError::NoSuchTile { .. } | ViewError::Path(_) => Self::new(Code::NotFound, text),
            ViewError::NothingAbout { .. } => Self::new(Code::NotFound, text),
            ViewError::Proof(_) | ViewError::Receipt(_) | ViewError::Store(_) => {
                Self::internal("the log cannot be shown", &text)
            }
            ViewError::EntryMissing { .. } => {
                tracing::error!(%text, "the database lacks what the checkpoint covers");
                Self::new(Code::LogCorrupt, text)
            }
        }
    }
}

/// The path of the endpoint that proves a workload, for pages.
pub(crate) fn receipt_path(id: impl std::fmt::Display) -> String {
    ReceiptGet::PATH.replace("{id}", &id.to_string())
}
