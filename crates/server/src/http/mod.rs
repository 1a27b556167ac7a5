//! HTTP in: one handler for each endpoint of the API's registry, and the console's pages.
//!
//! Invariant: every handler authorises through [`access`], which is the one door to
//! `kernel::access::authorize`. A handler extracts, authorises, submits a command or asks the state,
//! and answers with a DTO; it holds no state of its own.

pub(crate) mod access;
mod answers;
mod bindings;
pub(crate) mod blobs;
pub(crate) mod budgets;
mod budgets_dto;
pub(crate) mod caller;
mod capabilities;
mod captures;
mod conditions;
pub(crate) mod consents;
pub(crate) mod costs;
mod courses;
pub(crate) mod datasets;
mod doors;
mod endpoint_routing;
mod endpoint_scaling;
pub(crate) mod endpoints;
mod endpoints_dto;
mod energy_series;
mod entries;
mod erasures;
pub(crate) mod events;
mod exits;
pub(crate) mod explain;
pub(crate) mod fail;
mod finality;
mod follow;
mod forecast;
pub(crate) mod gateways;
pub(crate) mod gpus;
mod groups;
pub(crate) mod guardrails;
mod health;
pub(crate) mod identify;
mod identities;
pub(crate) mod identity_providers;
mod inference;
mod job;
mod keys;
mod lineage;
mod log_files;
pub(crate) mod logs;
mod metrics;
pub(crate) mod models;
mod models_dto;
pub(crate) mod mount;
pub(crate) mod nodes;
pub(crate) mod organisations;
mod page;
pub(crate) mod passwords;
pub(crate) mod people;
mod plan;
mod policies;
mod possession;
pub(crate) mod power;
mod prices;
pub(crate) mod projects;
pub(crate) mod proofs;
pub(crate) mod queue;
pub(crate) mod quotas;
pub(crate) mod rate_limits;
mod receipts;
mod reject;
mod reservations;
mod resolve;
mod roles;
pub(crate) mod serve;
mod service_accounts;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sites;
pub(crate) mod sovereign;
pub(crate) mod tar_stream;
pub(crate) mod upstreams;
mod users;
pub(crate) mod visible;
mod wait;
pub(crate) mod workloads;
pub(crate) mod workloads_dto;

use std::{future::ready, sync::Arc, time::Duration};

use api::{
    endpoint::Endpoint,
    nouns::{
        artefact::{BlobGet, BlobPut, ManifestCreate, ManifestGet},
        budget::{BudgetCreate, BudgetGet, BudgetList, BudgetSet},
        capture::{CaptureClose, CaptureGet, CaptureSet, CaptureStop},
        cost::{CostGet, InvoiceDraftGet},
        course::{
            CourseClose, CourseCreate, CourseEnrol, CourseExport, CourseGet, CourseList,
            CourseReportGet,
        },
        dataset::{
            DatasetCreate, DatasetGet, DatasetList, DatasetVersionCreate, DatasetVersionList,
        },
        endpoint_routing::EndpointRoute,
        endpoint_scaling::{EndpointPromote, EndpointRollBack, EndpointScale, EndpointUpdate},
        energy_series::{EnergySeriesDelete, EnergySeriesGet, EnergySeriesSet},
        erasure::{ErasureCancel, ErasureCreate, ErasureGet, ErasureList},
        event::EventList,
        exit::{OrganisationExport, OrganisationImport},
        gateway::{GatewayFollow, GatewayUsageRecord},
        gateway_capture::GatewayCapturedSend,
        gateway_report::GatewayReportSend,
        gpu::GpuList,
        guardrail::{GuardrailsGet, GuardrailsSet},
        inference::{InferenceGet, InferenceMetricsGet},
        key::{KeyCreate, KeyList, KeyRevoke, Whoami},
        model::{ModelCreate, ModelGet, ModelList},
        model_endpoint::{EndpointCreate, EndpointDelete, EndpointGet, EndpointList},
        model_version::{EvaluationCreate, ModelVersionCreate, ModelVersionGet, ModelVersionList},
        node::{NodeCreate, NodeGet, NodeList},
        node_action::{NodeCordon, NodeDrain, NodeSuspect, NodeUncordon},
        organisation::{
            OrganisationCreate, OrganisationGet, OrganisationList, OrganisationTraining,
        },
        platform::{BackupGet, Healthz, Metrics, OpenapiGet, ProblemGet, Readyz},
        policy::{PolicyGet, PolicyList, PolicySet},
        power::{
            PowerBudgetDelete, PowerBudgetList, PowerBudgetSet, PowerFiguresDelete,
            PowerFiguresList, PowerFiguresSet,
        },
        price::{PriceGet, PriceSet},
        project::{ProjectCreate, ProjectGet, ProjectList},
        queue::QueueList,
        quota::{QuotaDelete, QuotaGet, QuotaList, QuotaSet},
        rate_limit::{RateLimitDelete, RateLimitGet, RateLimitList, RateLimitSet},
        reservation::{ReservationCancel, ReservationCreate, ReservationGet, ReservationList},
        site::{SiteCreate, SiteGet, SiteList},
        upstream::{UpstreamCreate, UpstreamDelete, UpstreamGet, UpstreamList, UpstreamReplace},
        workload::{WorkloadCreate, WorkloadGet, WorkloadList, WorkloadStop},
        workload_insight::{
            WorkloadEvents, WorkloadExplain, WorkloadLogs, WorkloadMetrics, WorkloadPlan,
        },
    },
    problem::Code,
};
use axum::{Router, extract::Request};
use kernel::access::{Role, Scope};

use self::{
    fail::Fail,
    mount::{Api, Call},
};
use crate::{console, platform::Platform, scim, tenants::Owners};

/// Limits of the server.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Bytes of a JSON body.
    pub(crate) json_bytes_max: usize,
    /// Bytes of a manifest: 100,000 files of about 300 bytes.
    pub(crate) manifest_bytes_max: usize,
    /// Bytes of a blob.
    pub(crate) blob_bytes_max: u64,
    /// Time for a JSON body, or for the next piece of a streamed one.
    pub(crate) body_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            json_bytes_max: 1 << 20,
            manifest_bytes_max: 32 << 20,
            blob_bytes_max: 64 << 30,
            body_timeout: Duration::from_secs(30),
        }
    }
}

/// What all requests share.
pub(crate) struct App {
    pub(crate) platform: Arc<Platform>,
    pub(crate) options: Options,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) possession: possession::Possession,
    pub(crate) owners: Owners,
}

impl App {
    fn new(platform: Arc<Platform>) -> Arc<Self> {
        let (options, metrics) = (Options::default(), metrics::Metrics::default());
        let possession = possession::Possession::default();
        let owners = Owners::default();
        Arc::new(Self { platform, options, metrics, possession, owners })
    }
}

/// All routes of the platform: API, log, health, and the console at `/`.
pub fn router(platform: Arc<Platform>) -> Router {
    let app = App::new(platform);
    let api = mount_all(Api::new(Arc::clone(&app)));
    let routes = scim::mount(console::mount(api.router, &app), &app);
    let (missing, wrong_method) = (Arc::clone(&app), app);
    routes
        .fallback(move |request: Request| ready(serve::not_found(&missing, &request)))
        .method_not_allowed_fallback(move |request: Request| {
            ready(serve::method_not_allowed(&wrong_method, &request))
        })
}

/// Every endpoint of the registry, once; a test compares the two lists.
fn mount_all(api: Api) -> Api {
    let api = doors::mount(identities::mount(mount_tenancy(api)));
    let api = mount_platform(mount_work(mount_artefacts(mount_fleet(api))));
    sovereign::mount(proofs::mount(api))
}

fn mount_tenancy(api: Api) -> Api {
    api.mount::<OrganisationCreate, _>(organisations::create)
        .mount::<OrganisationList, _>(organisations::list)
        .mount::<OrganisationGet, _>(organisations::get)
        .mount::<ProjectCreate, _>(projects::create)
        .mount::<ProjectList, _>(projects::list)
        .mount::<ProjectGet, _>(projects::get)
        .mount::<KeyCreate, _>(keys::create)
        .mount::<KeyList, _>(keys::list)
        .mount::<KeyRevoke, _>(keys::revoke)
        .mount::<Whoami, _>(keys::whoami)
        .mount::<PolicySet, _>(policies::set)
        .mount::<PolicyList, _>(policies::list)
        .mount::<PolicyGet, _>(policies::get)
        .mount::<BudgetCreate, _>(budgets::create)
        .mount::<BudgetList, _>(budgets::list)
        .mount::<BudgetGet, _>(budgets::get)
        .mount::<BudgetSet, _>(budgets::set)
        .mount::<GatewayFollow, _>(gateways::follow)
        .mount::<GatewayUsageRecord, _>(gateways::record)
        .mount::<GatewayCapturedSend, _>(gateways::captured)
        .mount::<GatewayReportSend, _>(gateways::report)
        .mount::<QuotaSet, _>(quotas::set)
        .mount::<QuotaList, _>(quotas::list)
        .mount::<QuotaGet, _>(quotas::get)
        .mount::<QuotaDelete, _>(quotas::delete)
        .mount::<RateLimitSet, _>(rate_limits::set)
        .mount::<RateLimitList, _>(rate_limits::list)
        .mount::<RateLimitGet, _>(rate_limits::get)
        .mount::<RateLimitDelete, _>(rate_limits::delete)
        .mount::<OrganisationTraining, _>(organisations::training)
        .mount_raw::<OrganisationExport, _>(exits::export)
        .mount::<OrganisationImport, _>(exits::import)
        .mount::<CourseCreate, _>(courses::create)
        .mount::<CourseList, _>(courses::list)
        .mount::<CourseGet, _>(courses::get)
        .mount::<CourseEnrol, _>(courses::enrol)
        .mount::<CourseReportGet, _>(courses::report)
        .mount_raw::<CourseExport, _>(courses::export)
        .mount::<CourseClose, _>(courses::close)
        .mount::<ErasureCreate, _>(erasures::create)
        .mount::<ErasureList, _>(erasures::list)
        .mount::<ErasureGet, _>(erasures::get)
        .mount::<ErasureCancel, _>(erasures::cancel)
        .mount::<PriceSet, _>(prices::set)
        .mount::<PriceGet, _>(prices::get)
        .mount::<CostGet, _>(costs::get)
        .mount::<InvoiceDraftGet, _>(costs::invoice)
        .mount::<GuardrailsGet, _>(guardrails::get)
        .mount::<GuardrailsSet, _>(guardrails::set)
        .mount::<CaptureGet, _>(captures::get)
        .mount::<CaptureSet, _>(captures::set)
        .mount::<CaptureStop, _>(captures::stop)
        .mount::<CaptureClose, _>(captures::close)
        .mount::<InferenceGet, _>(inference::get)
        .mount_raw::<InferenceMetricsGet, _>(inference::metrics)
}

fn mount_fleet(api: Api) -> Api {
    api.mount::<SiteCreate, _>(sites::create)
        .mount::<SiteList, _>(sites::list)
        .mount::<SiteGet, _>(sites::get)
        .mount::<NodeCreate, _>(nodes::create)
        .mount::<NodeList, _>(nodes::list)
        .mount::<NodeGet, _>(nodes::get)
        .mount::<NodeSuspect, _>(nodes::suspect)
        .mount::<NodeCordon, _>(nodes::cordon)
        .mount::<NodeUncordon, _>(nodes::uncordon)
        .mount::<NodeDrain, _>(nodes::drain)
        .mount::<ReservationCreate, _>(reservations::create)
        .mount::<ReservationList, _>(reservations::list)
        .mount::<ReservationGet, _>(reservations::get)
        .mount::<ReservationCancel, _>(reservations::cancel)
        .mount::<GpuList, _>(gpus::list)
        .mount::<PowerBudgetSet, _>(power::set)
        .mount::<PowerBudgetList, _>(power::list)
        .mount::<PowerBudgetDelete, _>(power::delete)
        .mount::<PowerFiguresSet, _>(power::set_figures)
        .mount::<PowerFiguresList, _>(power::list_figures)
        .mount::<PowerFiguresDelete, _>(power::delete_figures)
        .mount::<EnergySeriesSet, _>(energy_series::set)
        .mount::<EnergySeriesGet, _>(energy_series::get)
        .mount::<EnergySeriesDelete, _>(energy_series::delete)
}

fn mount_artefacts(api: Api) -> Api {
    api.mount::<BlobPut, _>(blobs::put)
        .mount_raw::<BlobGet, _>(blobs::get)
        .mount::<ManifestCreate, _>(blobs::create_manifest)
        .mount::<ManifestGet, _>(blobs::get_manifest)
        .mount::<DatasetCreate, _>(datasets::create)
        .mount::<DatasetList, _>(datasets::list)
        .mount::<DatasetGet, _>(datasets::get)
        .mount::<DatasetVersionCreate, _>(datasets::add_version)
        .mount::<DatasetVersionList, _>(datasets::list_versions)
        .mount::<ModelCreate, _>(models::create)
        .mount::<ModelList, _>(models::list)
        .mount::<ModelGet, _>(models::get)
        .mount::<ModelVersionCreate, _>(models::add_version)
        .mount::<ModelVersionList, _>(models::list_versions)
        .mount::<ModelVersionGet, _>(models::get_version)
        .mount::<EvaluationCreate, _>(models::evaluate)
}

fn mount_work(api: Api) -> Api {
    api.mount::<WorkloadCreate, _>(workloads::create)
        .mount::<WorkloadList, _>(workloads::list)
        .mount::<WorkloadGet, _>(workloads::get)
        .mount::<WorkloadStop, _>(workloads::stop)
        .mount::<QueueList, _>(queue::list)
        .mount::<WorkloadPlan, _>(plan::plan)
        .mount::<WorkloadExplain, _>(explain::explain)
        .mount_raw::<WorkloadLogs, _>(logs::logs)
        .mount::<WorkloadMetrics, _>(logs::metrics)
        .mount::<WorkloadEvents, _>(events::of_workload)
        .mount::<EndpointCreate, _>(endpoints::create)
        .mount::<EndpointList, _>(endpoints::list)
        .mount::<EndpointGet, _>(endpoints::get)
        .mount::<EndpointDelete, _>(endpoints::delete)
        .mount::<EndpointRoute, _>(endpoint_routing::route)
        .mount::<UpstreamCreate, _>(upstreams::create)
        .mount::<UpstreamList, _>(upstreams::list)
        .mount::<UpstreamGet, _>(upstreams::get)
        .mount::<UpstreamReplace, _>(upstreams::replace)
        .mount::<UpstreamDelete, _>(upstreams::delete)
        .mount::<EndpointScale, _>(endpoint_scaling::scale)
        .mount::<EndpointUpdate, _>(endpoint_scaling::update)
        .mount::<EndpointPromote, _>(endpoint_scaling::promote)
        .mount::<EndpointRollBack, _>(endpoint_scaling::roll_back)
}

fn mount_platform(api: Api) -> Api {
    api.mount_raw::<EventList, _>(events::list)
        .mount::<Healthz, _>(health::healthz)
        .mount::<Readyz, _>(health::readyz)
        .mount_raw::<Metrics, _>(health::metrics)
        .mount_raw::<OpenapiGet, _>(health::openapi)
        .mount_raw::<ProblemGet, _>(health::problem)
        .mount_raw::<BackupGet, _>(health::backup)
}

/// The whole platform is the target of what only an operator does.
fn require_operator<E: Endpoint>(call: &Call<E>) -> Result<(), Fail> {
    let missing = || Fail::not_found("platform", "here");
    call.read(|state| {
        access::require(state, &call.caller, Role::Operator, Scope::Platform, missing)
    })
}

/// What was just written is not there, and nothing can have taken it away: a fault of the platform.
fn unexpected() -> Fail {
    Fail::internal("the answer could not be made", &"an accepted command left nothing to show")
}

/// What was made or changed is not there any more, where deletion leaves nothing behind: somebody deleted
/// it in between, or this repeats a request, under its `Idempotency-Key`, that was carried out long ago.
fn gone() -> Fail {
    let said = "the request was carried out, and what it made or changed has been deleted since";
    Fail::new(Code::StateConflict, said)
        .remedy("to have it anew, send it without that `Idempotency-Key`, or with another")
}

#[cfg(test)]
mod tests;
