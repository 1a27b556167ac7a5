//! What each project used and what that costs.

use api::{
    endpoint::Nothing,
    nouns::{
        common::Basis,
        cost::{CostBy, CostGet, CostQuery, Costs},
        project::{ProjectList, ProjectQuery},
    },
    reference::ProjectRef,
};
use askama::Template;
use axum::response::Response;

use super::{Layout, Visit, render, text};
use crate::http::{costs, fail::Fail, mount::Call, projects};

/// Projects on the page.
const ROWS: u32 = 50;

struct LineRow {
    what: &'static str,
    quantity: String,
    amount: String,
    basis: &'static str,
    source: String,
}

struct ProjectBox {
    path: String,
    lines: Vec<LineRow>,
    total: String,
    energy: String,
    energy_basis: &'static str,
    energy_source: String,
    carbon: String,
    carbon_source: String,
    twin: String,
}

#[derive(Template)]
#[template(path = "costs.html")]
struct CostsPage {
    layout: Layout,
    projects: Vec<ProjectBox>,
}

/// `GET /costs`
pub(crate) async fn page(visit: Visit) -> Result<Response, Fail> {
    let (app, caller) = (&visit.app, &visit.caller);
    let query = ProjectQuery { limit: Some(ROWS), ..ProjectQuery::default() };
    let call = Call::<ProjectList>::inside(app, caller, Nothing {}, query, Nothing {});
    let mut boxes = Vec::new();
    for project in projects::list(call).await?.items {
        let query = CostQuery { project: ProjectRef::Id(project.id), by: Some(CostBy::Sku) };
        let call = Call::<CostGet>::inside(app, caller, Nothing {}, query, Nothing {});
        boxes.push(project_box(project.path, &costs::get(call).await?));
    }
    let layout = Layout::new("Costs", "costs", "/api/v1/projects", caller);
    render(&CostsPage { layout, projects: boxes })
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Modelled => "modelled",
    }
}

fn project_box(path: String, costs: &Costs) -> ProjectBox {
    let lines = costs.lines.iter().map(|line| LineRow {
        what: text::unit(line.sku),
        quantity: text::quantity(line.sku, line.quantity),
        amount: text::money(line.amount_microeuro),
        basis: basis(line.basis),
        source: line.source.clone(),
    });
    ProjectBox {
        lines: lines.collect(),
        total: text::money(costs.total_microeuro),
        energy: text::energy(costs.energy_mj),
        energy_basis: basis(costs.energy_basis),
        energy_source: costs.energy_source.clone(),
        carbon: text::carbon(costs.carbon_mg),
        carbon_source: costs.carbon_source.clone(),
        twin: format!("/api/v1/costs?project={}", costs.project),
        path,
    }
}
