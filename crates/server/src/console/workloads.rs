//! Workloads: the list, and one with its reason, attempts, log, cost and energy.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        workload::{Workload, WorkloadGet, WorkloadList, WorkloadQuery},
        workload_insight::{Explanation, WorkloadExplain},
    },
    problem::Code,
};
use askama::Template;
use axum::{
    extract::{FromRequestParts as _, Path, Query},
    response::Response,
};
use kernel::State;
use units::{Id, MilliJoule, kinds};

use super::{
    Layout, Visit,
    overview::{WorkRow, work_row},
    render, text,
};
use crate::http::{explain, fail::Fail, logs, mount::Call, proofs, workloads};

/// Lines of the log on a page.
const LOG_LINES: usize = 100;

#[derive(Template)]
#[template(path = "workloads.html")]
struct ListPage {
    layout: Layout,
    rows: Vec<WorkRow>,
    next: String,
}

/// `GET /workloads`
pub(crate) async fn list(visit: Visit) -> Result<Response, Fail> {
    let query = Query::<WorkloadQuery>::try_from_uri(&visit.parts.uri);
    let query = query.map_err(|error| Fail::new(Code::InvalidQuery, error.body_text()))?.0;
    let twin = api_twin("/api/v1/workloads", &visit);
    let layout = Layout::new("Workloads", "workloads", twin, &visit.caller);
    let call =
        Call::<WorkloadList>::inside(&visit.app, &visit.caller, Nothing {}, query, Nothing {});
    let page = workloads::list(call).await?;
    let next = page
        .next_page_token
        .map_or_else(String::new, |token| format!("/workloads?page_token={token}"));
    render(&ListPage { layout, rows: page.items.iter().map(work_row).collect(), next })
}

/// The API's route with the page's own query.
fn api_twin(path: &str, visit: &Visit) -> String {
    match visit.parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

struct AttemptRow {
    number: u32,
    site: String,
    placed: String,
    ended: String,
    ranks: Vec<String>,
    policies: String,
}

#[derive(Template)]
#[template(path = "workload.html")]
struct DetailPage {
    layout: Layout,
    row: WorkRow,
    why: Explanation,
    attempts: Vec<AttemptRow>,
    energy: String,
    energy_source: String,
    output: String,
    script: String,
    log: String,
    receipt: String,
}

/// `GET /workloads/{id}`
pub(crate) async fn detail(mut visit: Visit) -> Result<Response, Fail> {
    let path = Path::<IdPath<kinds::Workload>>::from_request_parts(&mut visit.parts, &()).await;
    let Path(path) = path.map_err(|_| Fail::not_found("workload", "of that address"))?;
    let (app, caller) = (&visit.app, &visit.caller);
    let call = Call::<WorkloadGet>::inside(app, caller, path, Nothing {}, Nothing {});
    let workload: Workload = workloads::get(call).await?;
    let call = Call::<WorkloadExplain>::inside(app, caller, path, Nothing {}, Nothing {});
    let why = explain::explain(call).await?;
    let log = match workload.attempt {
        0 => String::new(),
        attempt => logs::tail_log(app, path.id, attempt, LOG_LINES).await?,
    };
    let (attempts, energy, energy_source) = app.platform.read(|state| more(state, path.id));
    let title = format!("Workload {}", workload.name);
    let twin = format!("/api/v1/workloads/{}", path.id);
    let template = DetailPage {
        layout: Layout::new(title, "workloads", twin, caller),
        row: work_row(&workload),
        why,
        attempts,
        energy: text::energy(energy),
        energy_source,
        output: workload.output.map_or_else(String::new, |output| output.to_string()),
        script: workload.job.map_or_else(String::new, |job| job.run),
        log,
        receipt: proofs::receipt_path(path.id),
    };
    render(&template)
}

/// What only the state knows: attempts with their decisions, and energy with how it is known. The
/// caller was authorised by the handlers above.
fn more(state: &State, id: Id<kinds::Workload>) -> (Vec<AttemptRow>, MilliJoule, String) {
    let Some(workload) = state.workloads.get(&id) else {
        return (Vec::new(), MilliJoule::ZERO, String::new());
    };
    let attempts = workload.attempts.iter().map(|attempt| AttemptRow {
        number: attempt.number,
        site: state.sites.get(&attempt.site).map_or_else(String::new, |s| s.name.to_string()),
        placed: text::time(attempt.placed_at.into()),
        ended: attempt.ended_at.map_or_else(String::new, |at| text::time(at.into())),
        ranks: attempt.ranks.iter().take(8).map(|rank| node_name(state, rank.node)).collect(),
        policies: attempt.decision.determining.join(", "),
    });
    let totals = state.usage.totals.get(&workload.project);
    let source = totals.map_or_else(String::new, |totals| {
        let basis = if totals.energy_modelled.is_zero() { "measured" } else { "modelled" };
        format!("{basis}: {}", totals.energy_sources.join("; "))
    });
    (attempts.collect(), workload.used.energy, source)
}

fn node_name(state: &State, id: Id<kinds::Node>) -> String {
    state.nodes.get(&id).map_or_else(|| id.to_string(), |node| node.name.to_string())
}
