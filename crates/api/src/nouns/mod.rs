//! One file for each noun: its DTOs and its endpoints together.
//!
//! Every resource has `id`, its configuration, its state, `version`, `seq` and `created_at`; units
//! are in field names. [`endpoints`] is the one list: an endpoint that is not in it does not exist.

pub mod artefact;
pub mod binding;
pub mod budget;
pub mod capability;
pub mod capture;
pub mod common;
pub mod consent;
pub mod cost;
pub mod course;
pub mod dataset;
pub mod endpoint_routing;
pub mod endpoint_scaling;
pub mod energy_series;
pub mod entity;
pub mod entry;
pub mod erasure;
pub mod event;
pub mod evidence;
pub mod exit;
pub mod finality;
pub mod flow;
pub mod gateway;
pub mod gateway_capture;
pub mod gateway_report;
pub mod gpu;
pub mod group;
pub mod guardrail;
pub mod identity_provider;
pub mod inference;
pub mod key;
pub mod model;
pub mod model_endpoint;
pub mod model_version;
pub mod node;
pub mod node_action;
pub mod organisation;
pub mod password;
pub mod platform;
pub mod policy;
pub mod policy_tools;
pub mod power;
pub mod price;
pub mod project;
pub mod proof;
pub mod queue;
pub mod quota;
pub mod rate_limit;
pub mod reservation;
pub mod residency;
pub mod role;
pub mod service_account;
pub mod session;
pub mod sign_in;
pub mod site;
pub mod sovereignty;
pub mod storage;
pub mod upstream;
pub mod user;
pub mod workload;
pub mod workload_insight;

use crate::operation::Operation;

/// Every endpoint, by noun; OpenAPI, router coverage and the authorisation matrix read this list.
#[must_use]
pub fn endpoints() -> Vec<Operation> {
    let own = [tenancy(), identities(), sign_in(), fleet(), sovereignty()].concat();
    [own, artefacts(), work(), platform_itself()].concat()
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
        Operation::of::<budget::BudgetSet>(),
        Operation::of::<gateway::GatewayFollow>(),
        Operation::of::<gateway::GatewayUsageRecord>(),
        Operation::of::<gateway_capture::GatewayCapturedSend>(),
        Operation::of::<gateway_report::GatewayReportSend>(),
        Operation::of::<quota::QuotaSet>(),
        Operation::of::<quota::QuotaList>(),
        Operation::of::<quota::QuotaGet>(),
        Operation::of::<quota::QuotaDelete>(),
        Operation::of::<rate_limit::RateLimitSet>(),
        Operation::of::<rate_limit::RateLimitList>(),
        Operation::of::<rate_limit::RateLimitGet>(),
        Operation::of::<rate_limit::RateLimitDelete>(),
        Operation::of::<organisation::OrganisationTraining>(),
        Operation::of::<exit::OrganisationExport>(),
        Operation::of::<exit::OrganisationImport>(),
        Operation::of::<course::CourseCreate>(),
        Operation::of::<course::CourseList>(),
        Operation::of::<course::CourseGet>(),
        Operation::of::<course::CourseEnrol>(),
        Operation::of::<course::CourseReportGet>(),
        Operation::of::<course::CourseExport>(),
        Operation::of::<course::CourseClose>(),
        Operation::of::<erasure::ErasureCreate>(),
        Operation::of::<erasure::ErasureList>(),
        Operation::of::<erasure::ErasureGet>(),
        Operation::of::<erasure::ErasureCancel>(),
        Operation::of::<price::PriceSet>(),
        Operation::of::<price::PriceGet>(),
        Operation::of::<cost::CostGet>(),
        Operation::of::<cost::InvoiceDraftGet>(),
        Operation::of::<guardrail::GuardrailsGet>(),
        Operation::of::<guardrail::GuardrailsSet>(),
        Operation::of::<capture::CaptureGet>(),
        Operation::of::<capture::CaptureSet>(),
        Operation::of::<capture::CaptureStop>(),
        Operation::of::<capture::CaptureClose>(),
        Operation::of::<inference::InferenceGet>(),
        Operation::of::<inference::InferenceMetricsGet>(),
    ]
}

fn sign_in() -> Vec<Operation> {
    vec![
        Operation::of::<session::SessionCreate>(),
        Operation::of::<session::SessionList>(),
        Operation::of::<session::SessionEnd>(),
        Operation::of::<sign_in::SignInProviderList>(),
        Operation::of::<sign_in::SignInDeviceCreate>(),
        Operation::of::<sign_in::SignInDevicePoll>(),
        Operation::of::<upstream::UpstreamCreate>(),
        Operation::of::<upstream::UpstreamList>(),
        Operation::of::<upstream::UpstreamGet>(),
        Operation::of::<upstream::UpstreamReplace>(),
        Operation::of::<upstream::UpstreamDelete>(),
        Operation::of::<endpoint_routing::EndpointRoute>(),
        Operation::of::<identity_provider::IdentityProviderCreate>(),
        Operation::of::<identity_provider::IdentityProviderList>(),
        Operation::of::<identity_provider::IdentityProviderGet>(),
        Operation::of::<identity_provider::IdentityProviderReplace>(),
        Operation::of::<identity_provider::IdentityProviderDelete>(),
        Operation::of::<password::PasswordSet>(),
        Operation::of::<capability::CapabilityCreate>(),
        Operation::of::<capability::CapabilityRevoke>(),
        Operation::of::<capability::CapabilityRootKeyGet>(),
    ]
}

fn identities() -> Vec<Operation> {
    vec![
        Operation::of::<user::UserCreate>(),
        Operation::of::<user::UserList>(),
        Operation::of::<user::UserGet>(),
        Operation::of::<user::UserReplace>(),
        Operation::of::<user::UserSuspend>(),
        Operation::of::<user::UserResume>(),
        Operation::of::<group::GroupCreate>(),
        Operation::of::<group::GroupList>(),
        Operation::of::<group::GroupGet>(),
        Operation::of::<group::GroupMemberAdd>(),
        Operation::of::<group::GroupMemberRemove>(),
        Operation::of::<group::GroupDelete>(),
        Operation::of::<service_account::ServiceAccountCreate>(),
        Operation::of::<service_account::ServiceAccountList>(),
        Operation::of::<service_account::ServiceAccountGet>(),
        Operation::of::<service_account::ServiceAccountRenew>(),
        Operation::of::<service_account::ServiceAccountAssign>(),
        Operation::of::<service_account::ServiceAccountDelete>(),
        Operation::of::<role::RoleCreate>(),
        Operation::of::<role::RoleList>(),
        Operation::of::<role::RoleGet>(),
        Operation::of::<role::RoleSet>(),
        Operation::of::<role::RoleDelete>(),
        Operation::of::<binding::BindingCreate>(),
        Operation::of::<binding::BindingList>(),
        Operation::of::<binding::BindingGet>(),
        Operation::of::<binding::BindingDelete>(),
        Operation::of::<consent::ConsentCreate>(),
        Operation::of::<consent::ConsentList>(),
        Operation::of::<consent::ConsentGet>(),
        Operation::of::<consent::ConsentRevoke>(),
        Operation::of::<key::KeyRotate>(),
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
        Operation::of::<flow::FlowList>(),
        Operation::of::<residency::ResidencySet>(),
        Operation::of::<residency::ResidencyGet>(),
        Operation::of::<policy_tools::PolicyCheck>(),
        Operation::of::<policy_tools::PolicyTest>(),
        Operation::of::<policy_tools::PolicyExplain>(),
        Operation::of::<policy_tools::PolicyDiff>(),
        Operation::of::<evidence::EvidenceRecord>(),
        Operation::of::<evidence::EvidenceList>(),
        Operation::of::<evidence::EvidenceGet>(),
        Operation::of::<evidence::EvidenceWithdraw>(),
        Operation::of::<sovereignty::SovereigntyCriteriaGet>(),
        Operation::of::<sovereignty::SovereigntyReportGet>(),
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
        Operation::of::<endpoint_scaling::EndpointScale>(),
        Operation::of::<endpoint_scaling::EndpointUpdate>(),
        Operation::of::<endpoint_scaling::EndpointPromote>(),
        Operation::of::<endpoint_scaling::EndpointRollBack>(),
    ]
}

fn platform_itself() -> Vec<Operation> {
    vec![
        Operation::of::<event::EventList>(),
        Operation::of::<proof::LogCheckpointGet>(),
        Operation::of::<finality::LogFinalGet>(),
        Operation::of::<finality::LogStatusGet>(),
        Operation::of::<proof::LogKeyGet>(),
        Operation::of::<proof::LogTileGet>(),
        Operation::of::<entry::EntryList>(),
        Operation::of::<entry::EntryProofGet>(),
        Operation::of::<entry::ReceiptGet>(),
        Operation::of::<proof::AuditVerify>(),
        Operation::of::<platform::Healthz>(),
        Operation::of::<platform::Readyz>(),
        Operation::of::<platform::Metrics>(),
        Operation::of::<platform::OpenapiGet>(),
        Operation::of::<platform::ProblemGet>(),
        Operation::of::<platform::BackupGet>(),
    ]
}
