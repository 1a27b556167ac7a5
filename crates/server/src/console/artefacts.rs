//! Datasets and models with their versions, lineage, results and signatures.

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery, ProjectNamedQuery},
        dataset::{DatasetList, DatasetVersionList},
        model::ModelList,
        model_version::{ModelVersion, ModelVersionList},
    },
};
use askama::Template;
use axum::response::Response;

use super::{Layout, Visit, render, text};
use crate::http::{datasets, fail::Fail, models, mount::Call};

/// Artefacts on the page, and versions of each.
const ROWS: u32 = 50;
const VERSIONS: u32 = 5;

struct DatasetRow {
    name: String,
    class: String,
    versions: Vec<VersionRow>,
}

struct VersionRow {
    reference: String,
    size: String,
    manifest: String,
    created: String,
}

struct ModelRow {
    name: String,
    versions: Vec<ModelVersionRow>,
}

struct ModelVersionRow {
    version: VersionRow,
    class: String,
    lineage: String,
    results: String,
    signature: &'static str,
}

#[derive(Template)]
#[template(path = "artefacts.html")]
struct ArtefactsPage {
    layout: Layout,
    datasets: Vec<DatasetRow>,
    models: Vec<ModelRow>,
}

/// `GET /artefacts`
pub(crate) async fn page(visit: Visit) -> Result<Response, Fail> {
    let layout = Layout::new("Datasets and models", "artefacts", "/api/v1/models", &visit.caller);
    let (datasets, models) = (dataset_rows(&visit).await?, model_rows(&visit).await?);
    render(&ArtefactsPage { layout, datasets, models })
}

fn some() -> ProjectNamedQuery {
    ProjectNamedQuery { limit: Some(ROWS), ..ProjectNamedQuery::default() }
}

fn newest() -> PageQuery {
    PageQuery { limit: Some(VERSIONS), page_token: None }
}

async fn dataset_rows(visit: &Visit) -> Result<Vec<DatasetRow>, Fail> {
    let (app, caller) = (&visit.app, &visit.caller);
    let call = Call::<DatasetList>::inside(app, caller, Nothing {}, some(), Nothing {});
    let mut rows = Vec::new();
    for dataset in datasets::list(call).await?.items {
        let path = IdPath { id: dataset.id };
        let call = Call::<DatasetVersionList>::inside(app, caller, path, newest(), Nothing {});
        let versions = datasets::list_versions(call).await?.items;
        let versions = versions.iter().map(|version| VersionRow {
            reference: version.reference.to_string(),
            size: format!("{} files, {}", version.n_files, text::size(version.size_bytes)),
            manifest: version.manifest.short(),
            created: text::time(version.created_at),
        });
        rows.push(DatasetRow {
            name: dataset.name.to_string(),
            class: dataset.class.to_string(),
            versions: versions.collect(),
        });
    }
    Ok(rows)
}

async fn model_rows(visit: &Visit) -> Result<Vec<ModelRow>, Fail> {
    let (app, caller) = (&visit.app, &visit.caller);
    let call = Call::<ModelList>::inside(app, caller, Nothing {}, some(), Nothing {});
    let mut rows = Vec::new();
    for model in models::list(call).await?.items {
        let path = IdPath { id: model.id };
        let call = Call::<ModelVersionList>::inside(app, caller, path, newest(), Nothing {});
        let versions = models::list_versions(call).await?.items;
        let versions = versions.iter().map(model_version_row).collect();
        rows.push(ModelRow { name: model.name.to_string(), versions });
    }
    Ok(rows)
}

fn model_version_row(version: &ModelVersion) -> ModelVersionRow {
    let lineage = &version.lineage;
    let parts = [
        lineage.dataset.as_ref().map(|dataset| format!("data {dataset}")),
        lineage.base.as_ref().map(|base| format!("from {base}")),
        lineage.workload.map(|workload| format!("by {workload}")),
        lineage.software.as_ref().map(|software| format!("with {software}")),
    ];
    let lineage: Vec<String> = parts.into_iter().flatten().collect();
    let results = version.evaluations.iter().map(|evaluation| {
        let (correct, total) = (evaluation.correct, evaluation.total);
        let permille = u128::from(correct) * 1_000 / u128::from(total.max(1));
        format!(
            "{} {correct} of {total} ({}.{} %) on {}",
            evaluation.metric,
            permille / 10,
            permille % 10,
            evaluation.dataset
        )
    });
    ModelVersionRow {
        version: VersionRow {
            reference: version.reference.to_string(),
            size: format!("{} files, {}", version.n_files, text::size(version.size_bytes)),
            manifest: version.manifest.short(),
            created: text::time(version.created_at),
        },
        class: version.class.to_string(),
        lineage: lineage.join(", "),
        results: results.collect::<Vec<_>>().join("; "),
        signature: if version.signature.is_some() { "signed" } else { "not signed" },
    }
}
