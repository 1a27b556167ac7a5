//! What a project's keys ask of models, from the gateway's own counters. Whoever may see a project's costs may
//! see these; nobody sees another's, whatever a gateway has counted.

use std::fmt::Write as _;

use api::nouns::inference::{Inference, InferenceGet, InferenceLine, InferenceMetricsGet};
use api::reference::ProjectRef;
use axum::response::Response;
use kernel::{State, access::Role};
use units::{Id, kinds};

use super::{fail::Fail, mount::Call, proofs::body, resolve};
use crate::platform::CallFigure;

/// `GET /api/v1/inference`
pub(crate) async fn get(call: Call<InferenceGet>) -> Result<Inference, Fail> {
    figures(&call, &call.query.project)
}

/// `GET /api/v1/inference/metrics`
pub(crate) async fn metrics(call: Call<InferenceMetricsGet>) -> Result<Response, Fail> {
    let text = render(&figures(&call, &call.query.project)?);
    Ok(body(text.into_bytes(), "text/plain; version=0.0.4; charset=utf-8", "no-store"))
}

fn figures<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    project: &ProjectRef,
) -> Result<Inference, Fail> {
    let project =
        call.read(|state| resolve::project(state, &call.caller, Role::Viewer, project))?;
    let rows = call.platform().call_figures();
    let mut lines: Vec<InferenceLine> = call.read(|state| {
        let own = rows.into_iter().filter(|row| belongs(state, row) == Some(project));
        own.map(line).collect()
    });
    lines.sort_by_key(|line| (line.key, line.endpoint));
    Ok(Inference { project, since: call.platform().started_at().into(), lines })
}

/// Whose calls they are: of the project that serves the model, as with the bill; of the key's where none was
/// reached.
fn belongs(state: &State, row: &CallFigure) -> Option<Id<kinds::Project>> {
    match row.endpoint {
        Some(endpoint) => state.endpoints.get(&endpoint).map(|endpoint| endpoint.project),
        None => row.project,
    }
}

fn line(row: CallFigure) -> InferenceLine {
    InferenceLine {
        key: row.key,
        endpoint: row.endpoint,
        model: Some(row.model).filter(|model| !model.is_empty()),
        requests: row.requests,
        errors: row.errors,
        refused: row.refused,
        redacted: row.redacted,
        reported: row.reported,
        prompt_tokens: row.prompt_tokens,
        completion_tokens: row.completion_tokens,
        duration_ms: row.duration_us / 1_000,
        streams: row.streams,
        first_token_ms: row.first_token_us / 1_000,
    }
}

type Column = (&'static str, &'static str, fn(&InferenceLine) -> u64);

const COLUMNS: [Column; 8] = [
    ("requests_total", "Calls that ended.", |line| line.requests),
    ("errors_total", "Calls that did not end well.", |line| line.errors),
    ("refused_total", "Calls that a guardrail refused.", |line| line.refused),
    ("redactions_total", "Texts in which guardrails replaced something.", |line| line.redacted),
    ("reports_total", "Matches of guardrails that only report.", |line| line.reported),
    ("prompt_tokens_total", "Tokens read.", |line| line.prompt_tokens),
    ("completion_tokens_total", "Tokens written.", |line| line.completion_tokens),
    ("streams_total", "Streams that gave a token.", |line| line.streams),
];
const TIMES: [Column; 2] = [
    ("duration_seconds_total", "From arrival to the last byte, summed.", |line| line.duration_ms),
    ("first_token_seconds_total", "From arrival to the first token of a stream, summed.", |line| {
        line.first_token_ms
    }),
];

fn render(figures: &Inference) -> String {
    let mut text = String::new();
    let columns = COLUMNS.iter().map(|column| (column, false));
    for ((name, help, of), is_time) in columns.chain(TIMES.iter().map(|column| (column, true))) {
        let name = format!("cocarde_project_inference_{name}");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for line in &figures.lines {
            let n = of(line);
            let value = match is_time {
                true => format!("{}.{:03}", n / 1_000, n % 1_000),
                false => n.to_string(),
            };
            let _ = writeln!(text, "{name}{{{}}} {value}", labels(figures.project, line));
        }
    }
    text
}

/// A model's name is a `Name` or one that exists upstream: letters that need no escape, or it is escaped.
fn labels(project: Id<kinds::Project>, line: &InferenceLine) -> String {
    let model = line.model.as_deref().unwrap_or_default();
    let model = model.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let key = line.key.map_or_else(String::new, |key| key.to_string());
    let endpoint = line.endpoint.map_or_else(String::new, |endpoint| endpoint.to_string());
    format!("project=\"{project}\",key=\"{key}\",endpoint=\"{endpoint}\",model=\"{model}\"")
}
