//! The first page: machines, queue, work, endpoints, budgets, and the log with how to verify it.

use api::{
    endpoint::Nothing,
    nouns::{
        budget::{Budget, BudgetList, BudgetQuery},
        common::{Page, ProjectNamedQuery},
        model_endpoint::{EndpointList, ModelEndpoint, ModelEndpointState},
        node::{Node, NodeList, NodeQuery, NodeState},
        workload::{Workload, WorkloadList, WorkloadQuery, WorkloadState},
    },
};
use askama::Template;
use axum::response::Response;
use http::header;

use super::{Layout, Visit, render, text};
use crate::http::{
    budgets, endpoints, fail::Fail, mount::Call, nodes, workloads, workloads_dto::state_text,
};

/// Rows of each table.
const ROWS: u32 = 20;

struct NodeRow {
    name: String,
    rack: String,
    state: &'static str,
    why: String,
    machine: String,
    cpu: String,
    memory: String,
    gpus: String,
}

pub(super) struct WorkRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) state: &'static str,
    pub(super) why: String,
    pub(super) since: String,
    pub(super) cost: String,
}

struct EndpointRow {
    name: String,
    model: String,
    state: &'static str,
    replicas: String,
}

struct BudgetRow {
    name: String,
    spent: String,
    limit: String,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    layout: Layout,
    nodes: Vec<NodeRow>,
    queued: Vec<WorkRow>,
    running: Vec<WorkRow>,
    endpoints: Vec<EndpointRow>,
    budgets: Vec<BudgetRow>,
    log: LogBox,
}

struct LogBox {
    origin: String,
    size: String,
    root: String,
    address: String,
}

/// `GET /`
pub(crate) async fn page(visit: Visit) -> Result<Response, Fail> {
    let (app, caller) = (&visit.app, &visit.caller);
    let nodes_query = NodeQuery { limit: Some(ROWS), ..NodeQuery::default() };
    let nodes: Page<Node> =
        nodes::list(Call::<NodeList>::inside(app, caller, Nothing {}, nodes_query, Nothing {}))
            .await?;
    let owned = || ProjectNamedQuery { limit: Some(ROWS), ..ProjectNamedQuery::default() };
    let call = Call::<EndpointList>::inside(app, caller, Nothing {}, owned(), Nothing {});
    let endpoints = endpoints::list(call).await?;
    let call =
        Call::<BudgetList>::inside(app, caller, Nothing {}, BudgetQuery::default(), Nothing {});
    let budgets = budgets::list(call).await?;
    let template = OverviewPage {
        layout: Layout::new("Overview", "overview", "/api/v1/nodes", caller),
        nodes: nodes.items.iter().map(node_row).collect(),
        queued: in_state(&visit, WorkloadState::Queued).await?,
        running: [
            in_state(&visit, WorkloadState::Running).await?,
            in_state(&visit, WorkloadState::Ready).await?,
        ]
        .into_iter()
        .flatten()
        .collect(),
        endpoints: endpoints.items.iter().map(endpoint_row).collect(),
        budgets: budgets.items.iter().map(budget_row).collect(),
        log: log_box(&visit),
    };
    render(&template)
}

async fn in_state(visit: &Visit, state: WorkloadState) -> Result<Vec<WorkRow>, Fail> {
    let query = WorkloadQuery { state: Some(state), limit: Some(ROWS), ..WorkloadQuery::default() };
    let (app, caller) = (&visit.app, &visit.caller);
    let call = Call::<WorkloadList>::inside(app, caller, Nothing {}, query, Nothing {});
    Ok(workloads::list(call).await?.items.iter().map(work_row).collect())
}

pub(super) fn work_row(workload: &Workload) -> WorkRow {
    WorkRow {
        id: workload.id.to_string(),
        name: workload.name.to_string(),
        kind: workload.kind.to_string(),
        state: state_text(workload.state),
        why: workload.state_reason.clone().unwrap_or_default(),
        since: text::time(workload.state_since),
        cost: text::money(workload.cost_microeuro),
    }
}

fn node_row(node: &Node) -> NodeRow {
    let facts = node.facts.as_ref();
    let gpus = match (&node.gpu_model, node.gpus.0) {
        (_, 0) => "none".to_owned(),
        (Some(model), n) => format!("{} of {n} {model} free", node.gpus_free.0),
        (None, n) => format!("{} of {n} free", node.gpus_free.0),
    };
    NodeRow {
        name: node.name.to_string(),
        rack: match (&node.rack, &node.group) {
            (Some(rack), Some(group)) => format!("{group}/{rack}"),
            (Some(name), None) | (None, Some(name)) => name.to_string(),
            (None, None) => String::new(),
        },
        state: match node.state {
            NodeState::Ready => "ready",
            NodeState::Suspect => "suspect",
            NodeState::Cordoned => "cordoned",
            NodeState::Draining => "draining",
            NodeState::Lost => "lost",
        },
        why: node.state_reason.clone().unwrap_or_default(),
        machine: facts.map_or_else(
            || "declared by the operator".to_owned(),
            |facts| match &facts.virtual_host {
                Some(host) => format!("virtual node of {host}"),
                None => format!("{}, {}", facts.cpu_model, facts.system),
            },
        ),
        cpu: format!(
            "{} of {} cores free",
            text::cores(node.cpu_free_milli),
            text::cores(node.cpu_milli)
        ),
        memory: format!(
            "{} of {} free",
            text::size(node.memory_free_bytes),
            text::size(node.memory_bytes)
        ),
        gpus,
    }
}

/// What it serves, and what it is about to.
fn endpoint_model(endpoint: &ModelEndpoint) -> String {
    let model = endpoint.model.as_ref().map_or_else(String::new, ToString::to_string);
    match &endpoint.rollout {
        None => model,
        Some(rollout) => format!("{model} → {}", rollout.model),
    }
}

fn endpoint_row(endpoint: &ModelEndpoint) -> EndpointRow {
    EndpointRow {
        name: endpoint.name.to_string(),
        model: endpoint_model(endpoint),
        state: match endpoint.state {
            ModelEndpointState::Pending => "pending",
            ModelEndpointState::Ready => "ready",
            ModelEndpointState::Degraded => "degraded",
            ModelEndpointState::Asleep => "asleep",
            ModelEndpointState::Deleted => "deleted",
        },
        replicas: match &endpoint.scaling {
            None => format!("{} of {}", endpoint.replicas_ready, endpoint.replicas),
            Some(bounds) => format!(
                "{} of {}, {} to {}",
                endpoint.replicas_ready,
                endpoint.replicas,
                bounds.replicas_min,
                bounds.replicas_max
            ),
        },
    }
}

fn budget_row(budget: &Budget) -> BudgetRow {
    BudgetRow {
        name: budget.name.to_string(),
        spent: budget.spent.clone(),
        limit: budget.limit.clone(),
        state: if budget.exhausted { "exhausted" } else { "open" },
    }
}

/// The checkpoint's first three lines: origin, size, root.
fn log_box(visit: &Visit) -> LogBox {
    let checkpoint = visit.app.platform.log().checkpoint();
    let mut lines = checkpoint.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let (origin, size, root) = (next(), next(), next());
    let host = visit.parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let address = format!("http://{}", host.unwrap_or("localhost"));
    LogBox { origin, size, root, address }
}
