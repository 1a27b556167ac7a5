//! Gateways that run apart: what they follow, where they hand in what they have counted, and where they say
//! what they have in flight and hear which of their answers somebody wants a receipt of.

use std::{sync::Arc, time::Duration};

use api::nouns::{
    gateway::{GatewayFollow, GatewayRecorded, GatewaySnapshot, GatewayUsage, GatewayUsageRecord},
    gateway_capture::{
        GatewayCaptured, GatewayCapturedRecord, GatewayCapturedSend, GatewayCapturedTaken,
    },
    gateway_report::{GatewayAnswer, GatewayHeard, GatewayKept, GatewayReportSend},
};
use units::{Digest, Id, UnixMicros, kinds};

use super::{fail::Fail, mount::Call, require_operator};
use crate::platform::{AnswerPath, CapturedLine, KeptAnswer, TokenUsage};

/// Longest time that a question waits for something newer.
const WAIT_MAX: Duration = Duration::from_secs(25);
/// Shortest time between two snapshots of one gateway, so that a busy log does not make one for each entry.
const PAUSE: Duration = Duration::from_millis(200);

/// `POST /api/v1/gateway/follow`
pub(crate) async fn follow(call: Call<GatewayFollow>) -> Result<GatewaySnapshot, Fail> {
    require_operator(&call)?;
    let ask = &call.body;
    let mut size = call.platform().watch();
    let wait = Duration::from_millis(ask.wait_ms).min(WAIT_MAX);
    if ask.has > 0 && !ask.leaves {
        tokio::time::sleep(PAUSE.min(wait)).await;
        // Either something has changed or the time is over: both are answered with what is there.
        let _ = tokio::time::timeout(wait, size.wait_for(|size| *size > ask.seq)).await;
        // Whoever was stopped while it waited is told so.
        require_operator(&call)?;
    }
    let (app, ask) = (Arc::clone(&call.app), ask.clone());
    let made = tokio::task::spawn_blocking(move || app.platform.gateway_snapshot(&ask)).await;
    let failed = "the snapshot could not be made";
    let made = made.map_err(|error| Fail::internal(failed, &error))?;
    made.map_err(|error| Fail::internal(failed, &error))
}

/// `POST /api/v1/gateway/usage`
pub(crate) async fn record(call: Call<GatewayUsageRecord>) -> Result<GatewayRecorded, Fail> {
    require_operator(&call)?;
    let usage = usage(&call.body)?;
    call.platform().record_tokens(&usage).await.map_err(Fail::from)?;
    Ok(GatewayRecorded { recorded: call.platform().recorded_rollups(usage.gateway) })
}

/// `POST /api/v1/gateway/report`
pub(crate) async fn report(call: Call<GatewayReportSend>) -> Result<GatewayHeard, Fail> {
    require_operator(&call)?;
    let report = &call.body;
    let answers = report.answers.iter().map(|answer| kept(report.gateway, answer));
    let answers = answers.collect::<Result<Vec<_>, Fail>>()?;
    Ok(GatewayHeard { answers_wanted: call.platform().hear(report, &answers) })
}

/// `POST /api/v1/gateway/captured`
pub(crate) async fn captured(
    call: Call<GatewayCapturedSend>,
) -> Result<GatewayCapturedTaken, Fail> {
    require_operator(&call)?;
    let lines = lines(&call.body, call.platform().now())?;
    let dropped = call.body.dropped.iter().map(|one| (one.project, one.records)).collect();
    let n_kept = call.platform().write_captured(lines, dropped).await;
    Ok(GatewayCapturedTaken { n_kept })
}

/// The records, each one JSON object on one line: the file of a version is read line by line.
fn lines(given: &GatewayCaptured, now: UnixMicros) -> Result<Vec<CapturedLine>, Fail> {
    let line = |(place, record): (usize, &GatewayCapturedRecord)| {
        let whole: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_str(&record.line);
        if whole.is_err() || record.line.contains(['\n', '\r']) {
            let field = format!("/records/{place}/line");
            return Err(Fail::field(&field, "is not one JSON object on one line"));
        }
        let (project, dataset, at) =
            (record.project, record.dataset, UnixMicros(record.at_unix_us).min(now));
        Ok(CapturedLine { project, dataset, at, line: format!("{}\n", record.line).into_bytes() })
    };
    given.records.iter().enumerate().map(line).collect()
}

fn kept(
    gateway: Id<kinds::Gateway>,
    answer: &GatewayAnswer,
) -> Result<(String, Option<KeptAnswer>), Fail> {
    let Some(GatewayKept { key, endpoint, rolled }) = &answer.kept else {
        return Ok((answer.id.clone(), None));
    };
    let path = |hashes: &[String]| {
        hashes
            .iter()
            .map(|hex| digest("/answers", hex).map(|hash| hash.0))
            .collect::<Result<_, Fail>>()
    };
    let rolled = rolled.as_ref().map(|one| {
        Ok::<_, Fail>(AnswerPath {
            gateway,
            sequence: one.sequence,
            leaf: one.leaf.clone().into_bytes(),
            index: one.index,
            path: path(&one.path)?,
        })
    });
    let kept = KeptAnswer { key: *key, endpoint: *endpoint, rolled: rolled.transpose()? };
    Ok((answer.id.clone(), Some(kept)))
}

/// A digest from its hexadecimal digits.
fn digest(field: &str, hex: &str) -> Result<Digest, Fail> {
    let parsed: Result<Digest, _> = format!("sha256:{hex}").parse();
    parsed.map_err(|error| Fail::field(field, format!("`{hex:.80}`: {error}")))
}

fn usage(given: &GatewayUsage) -> Result<TokenUsage, Fail> {
    let answers = match (given.answers, &given.answers_root) {
        (Some(count), Some(root)) => Some((count, digest("/answers_root", root)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(Fail::field("/answers_root", "give both `answers` and `answers_root`"));
        }
    };
    Ok(TokenUsage {
        gateway: given.gateway,
        sequence: given.sequence,
        key: given.key,
        endpoint: given.endpoint,
        minute_unix_s: given.minute_unix_s,
        requests: given.requests,
        errors: given.errors,
        prompt_tokens: given.prompt_tokens,
        completion_tokens: given.completion_tokens,
        estimated: given.estimated,
        answers,
    })
}
