//! One file for each noun: its DTOs and its endpoints together.
//!
//! Every resource has `id`, its configuration, its state, `version`, `seq` and `created_at`; units
//! are in field names. [`endpoints`] is the one list: an endpoint that is not in it does not exist.

pub mod artefact;
pub mod budget;
pub mod common;
pub mod cost;
pub mod dataset;
pub mod energy_series;
pub mod entity;
pub mod event;
pub mod gpu;
pub mod key;
pub mod model;
pub mod model_endpoint;
pub mod model_version;
pub mod node;
pub mod node_action;
pub mod organisation;
pub mod platform;
pub mod policy;
pub mod power;
pub mod price;
pub mod project;
pub mod proof;
pub mod queue;
pub mod quota;
pub mod reservation;
pub mod residency;
pub mod site;
pub mod storage;
pub mod workload;
pub mod workload_insight;

use crate::operation::Operation;

/// Every endpoint, by noun; OpenAPI, router coverage and the authorisation matrix read this list.
#[must_use]
pub fn endpoints() -> Vec<Operation> {
    [tenancy(), fleet(), sovereignty(), artefacts(), work(), platform_itself()].concat()
}

fn tenancy() -> Vec<Operation> {
    vec![
        Operation::of::<organisation::OrganisationCreate>(),
        Operation::of::<organisation::OrganisationList>(),
        Operation::of::<organisation::OrganisationGet>(),
        Operation::of::<project::ProjectCreate>(),
        Operation::of::<project::ProjectList>(),
        Operation::of::<project::ProjectGet>(),
        Operation::of::<key::KeyCreate>(),
        Operation::of::<key::KeyList>(),
        Operation::of::<key::KeyRevoke>(),
        Operation::of::<key::Whoami>(),
        Operation::of::<policy::PolicySet>(),
        Operation::of::<policy::PolicyList>(),
        Operation::of::<policy::PolicyGet>(),
        Operation::of::<budget::BudgetCreate>(),
        Operation::of::<budget::BudgetList>(),
        Operation::of::<budget::BudgetGet>(),
        Operation::of::<quota::QuotaSet>(),
        Operation::of::<quota::QuotaList>(),
        Operation::of::<quota::QuotaGet>(),
        Operation::of::<quota::QuotaDelete>(),
        Operation::of::<price::PriceSet>(),
        Operation::of::<price::PriceGet>(),
        Operation::of::<cost::CostGet>(),
        Operation::of::<cost::InvoiceDraftGet>(),
    ]
}

fn fleet() -> Vec<Operation> {
    vec![
        Operation::of::<site::SiteCreate>(),
        Operation::of::<site::SiteList>(),
        Operation::of::<site::SiteGet>(),
        Operation::of::<node::NodeCreate>(),
        Operation::of::<node::NodeList>(),
        Operation::of::<node::NodeGet>(),
        Operation::of::<node_action::NodeSuspect>(),
        Operation::of::<node_action::NodeCordon>(),
        Operation::of::<node_action::NodeUncordon>(),
        Operation::of::<node_action::NodeDrain>(),
        Operation::of::<reservation::ReservationCreate>(),
        Operation::of::<reservation::ReservationList>(),
        Operation::of::<reservation::ReservationGet>(),
        Operation::of::<reservation::ReservationCancel>(),
        Operation::of::<gpu::GpuList>(),
        Operation::of::<power::PowerBudgetSet>(),
        Operation::of::<power::PowerBudgetList>(),
        Operation::of::<power::PowerBudgetDelete>(),
        Operation::of::<power::PowerFiguresSet>(),
        Operation::of::<power::PowerFiguresList>(),
        Operation::of::<power::PowerFiguresDelete>(),
        Operation::of::<energy_series::EnergySeriesSet>(),
        Operation::of::<energy_series::EnergySeriesGet>(),
        Operation::of::<energy_series::EnergySeriesDelete>(),
    ]
}

fn sovereignty() -> Vec<Operation> {
    vec![
        Operation::of::<entity::EntityCreate>(),
        Operation::of::<entity::EntityPut>(),
        Operation::of::<entity::EntityList>(),
        Operation::of::<entity::EntityGet>(),
        Operation::of::<site::SiteEntitiesSet>(),
        Operation::of::<storage::StorageCreate>(),
        Operation::of::<storage::StorageList>(),
        Operation::of::<storage::StorageGet>(),
        Operation::of::<storage::StorageRetire>(),
        Operation::of::<residency::ResidencySet>(),
        Operation::of::<residency::ResidencyGet>(),
    ]
}

fn artefacts() -> Vec<Operation> {
    vec![
        Operation::of::<artefact::BlobPut>(),
        Operation::of::<artefact::BlobGet>(),
        Operation::of::<artefact::ManifestCreate>(),
        Operation::of::<artefact::ManifestGet>(),
        Operation::of::<dataset::DatasetCreate>(),
        Operation::of::<dataset::DatasetList>(),
        Operation::of::<dataset::DatasetGet>(),
        Operation::of::<dataset::DatasetVersionCreate>(),
        Operation::of::<dataset::DatasetVersionList>(),
        Operation::of::<model::ModelCreate>(),
        Operation::of::<model::ModelList>(),
        Operation::of::<model::ModelGet>(),
        Operation::of::<model_version::ModelVersionCreate>(),
        Operation::of::<model_version::ModelVersionList>(),
        Operation::of::<model_version::ModelVersionGet>(),
        Operation::of::<model_version::EvaluationCreate>(),
    ]
}

fn work() -> Vec<Operation> {
    vec![
        Operation::of::<queue::QueueList>(),
        Operation::of::<workload::WorkloadCreate>(),
        Operation::of::<workload::WorkloadList>(),
        Operation::of::<workload::WorkloadGet>(),
        Operation::of::<workload::WorkloadStop>(),
        Operation::of::<workload_insight::WorkloadPlan>(),
        Operation::of::<workload_insight::WorkloadExplain>(),
        Operation::of::<workload_insight::WorkloadLogs>(),
        Operation::of::<workload_insight::WorkloadMetrics>(),
        Operation::of::<workload_insight::WorkloadEvents>(),
        Operation::of::<model_endpoint::EndpointCreate>(),
        Operation::of::<model_endpoint::EndpointList>(),
        Operation::of::<model_endpoint::EndpointGet>(),
        Operation::of::<model_endpoint::EndpointDelete>(),
    ]
}

fn platform_itself() -> Vec<Operation> {
    vec![
        Operation::of::<event::EventList>(),
        Operation::of::<proof::LogCheckpointGet>(),
        Operation::of::<proof::LogKeyGet>(),
        Operation::of::<proof::LogTileGet>(),
        Operation::of::<proof::ReceiptGet>(),
        Operation::of::<proof::AuditVerify>(),
        Operation::of::<platform::Healthz>(),
        Operation::of::<platform::Readyz>(),
        Operation::of::<platform::Metrics>(),
        Operation::of::<platform::OpenapiGet>(),
        Operation::of::<platform::ProblemGet>(),
        Operation::of::<platform::BackupGet>(),
    ]
}
