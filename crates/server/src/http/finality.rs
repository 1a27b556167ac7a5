//! The log's finality over HTTP. All of it is public: a checkpoint that nobody may see proves nothing.

use std::fmt::Write as _;

use api::{
    nouns::finality::{LogFinalGet, LogStatus, LogStatusGet, Witness},
    text::Timestamp,
};
use axum::response::Response;
use store::finality::FinalityStatus;
use units::UnixMicros;

use super::{fail::Fail, mount::Call, proofs::body};

/// `GET /log/checkpoint/final`
pub(crate) async fn checkpoint(call: Call<LogFinalGet>) -> Result<Response, Fail> {
    let last = call.platform().finality().last().ok_or_else(|| {
        Fail::not_found("final checkpoint", "of this log")
            .remedy("wait for the witnesses, or see `/log/status` for where they stand")
    })?;
    Ok(body(last.note.into_bytes(), "text/plain; charset=utf-8", "no-store"))
}

/// `GET /log/status`
pub(crate) async fn status(call: Call<LogStatusGet>) -> Result<LogStatus, Fail> {
    let origin = call.platform().log().verifier().name().to_owned();
    Ok(dto(origin, call.platform().finality().status()))
}

/// The figures of finality as Prometheus text; nothing without witnesses.
pub(crate) fn metrics(status: &FinalityStatus) -> String {
    if status.needed == 0 {
        return String::new();
    }
    let size = status.final_size.unwrap_or(0);
    let time_s = status.final_time_s.unwrap_or(0);
    let mut text = format!(
        "# HELP cocarde_log_final_entries Entries of the last final checkpoint.\n\
         # TYPE cocarde_log_final_entries gauge\ncocarde_log_final_entries {size}\n\
         # HELP cocarde_log_final_timestamp_seconds When its quorum was complete.\n\
         # TYPE cocarde_log_final_timestamp_seconds gauge\n\
         cocarde_log_final_timestamp_seconds {time_s}\n\
         # HELP cocarde_witness_entries Entries that a witness has cosigned.\n\
         # TYPE cocarde_witness_entries gauge\n"
    );
    for witness in &status.witnesses {
        let (name, state) = (label(&witness.name), witness.state.as_str());
        let size = witness.size.unwrap_or(0);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "cocarde_witness_entries{{witness=\"{name}\",state=\"{state}\"}} {size}"
        );
    }
    text
}

/// A name as the value of a label.
fn label(name: &str) -> String {
    name.replace('\\', "\\\\").replace('"', "\\\"")
}

fn dto(origin: String, status: FinalityStatus) -> LogStatus {
    // Why a witness did not answer names addresses inside the operator's network: it is in the operator's
    // messages, not here.
    let witness = |one: store::finality::WitnessStatus| Witness {
        name: one.name,
        key: one.key,
        state: one.state.as_str().to_owned(),
        size: one.size,
        cosigned_at: one.time_s.map(timestamp),
    };
    LogStatus {
        origin,
        size: status.size,
        root: status.root.to_string(),
        quorum: u32::try_from(status.needed).unwrap_or(u32::MAX),
        final_size: status.final_size,
        final_at: status.final_time_s.map(timestamp),
        witnesses: status.witnesses.into_iter().map(witness).collect(),
    }
}

fn timestamp(seconds: u64) -> Timestamp {
    let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Timestamp(UnixMicros(micros))
}
