//! What a workload would do, does and did: plan, explanation, logs, metrics, events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use units::{Country, Id, MicroEuro, MilliGram, MilliJoule, Name, kinds};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    job_file::JobFile,
    nouns::{
        common::{IdPath, PageQuery},
        event::EventPage,
        workload::{Assignment, WorkloadState},
    },
    problem::Code,
    text::{CountryText, IdText, NameText, Timestamp},
};

/// Whether the policies in force let the work run on a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiteVerdict {
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its country.
    #[schemars(with = "CountryText")]
    pub country: Country,
    /// The verdict.
    pub allowed: bool,
    /// Why, with what would change it.
    pub reason: String,
    /// Names of the policies that decided.
    pub policies: Vec<String>,
}

/// What a budget still holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetLeft {
    /// The budget.
    #[schemars(with = "IdText<kinds::Budget>")]
    pub budget: Id<kinds::Budget>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Whose it is, for people.
    pub owner: String,
    /// What is left, for people.
    pub remaining: String,
    /// What is left, in micro-euro; for a budget in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub remaining_microeuro: Option<MicroEuro>,
}

/// What would happen if the job were submitted now; nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The job with every default filled in.
    pub resolved: JobFile,
    /// True if it would be accepted.
    pub feasible: bool,
    /// Why not, or why it would wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it would run now; empty if it would wait.
    pub placement: Vec<Assignment>,
    /// When it would start; absent if that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_start_at: Option<Timestamp>,
    /// The residency verdict for every site.
    pub sites: Vec<SiteVerdict>,
    /// Micro-euro for an hour.
    #[schemars(with = "i64")]
    pub cost_per_hour_microeuro: MicroEuro,
    /// Energy for an hour, in millijoules; modelled.
    #[schemars(with = "u64")]
    pub energy_per_hour_mj: MilliJoule,
    /// Emissions for an hour, in milligrams of CO2 equivalent; modelled.
    #[schemars(with = "u64")]
    pub carbon_per_hour_mg: MilliGram,
    /// The model behind the energy, with its constants.
    pub energy_source: String,
    /// Where the carbon intensity is from.
    pub carbon_source: String,
    /// What the project's budgets hold; empty means no budget binds it.
    pub budgets: Vec<BudgetLeft>,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// Why a workload is in its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The workload.
    #[schemars(with = "IdText<kinds::Workload>")]
    pub workload: Id<kinds::Workload>,
    /// Its state.
    pub state: WorkloadState,
    /// The one dominant reason, as a stable code.
    pub reason: String,
    /// The same for people.
    pub summary: String,
    /// Figures behind it.
    pub evidence: Vec<String>,
    /// When it would start, if it waits and that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_start_at: Option<Timestamp>,
    /// What would change it.
    pub remedies: Vec<String>,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// Which part of the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsQuery {
    /// Keep the connection and send what comes, until the workload ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
    /// Only so many lines from the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_lines: Option<u32>,
    /// The attempt, from 1; the newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The rank, from 0; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

/// Which part of the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricsQuery {
    /// Only so many lines from the end, at most 1,000; 1 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_lines: Option<u32>,
}

/// Progress that the workload wrote to `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The lines, the oldest first; their fields are the workload's own.
    pub lines: Vec<Map<String, Value>>,
    /// Log sequence number at the time of reading.
    pub as_of: u64,
}

/// `POST /api/v1/workloads/plan`: say what a job would do, without submitting it.
#[derive(Debug)]
pub struct WorkloadPlan;

impl Endpoint for WorkloadPlan {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/workloads/plan";
    const ID: &'static str = "workload_plan";
    const SUMMARY: &'static str = "Say what a job would do, without submitting it";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JobFile;
    type Response = Plan;
}

/// `GET /api/v1/workloads/{id}/explain`: explain the state of a workload.
#[derive(Debug)]
pub struct WorkloadExplain;

impl Endpoint for WorkloadExplain {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads/{id}/explain";
    const ID: &'static str = "workload_explain";
    const SUMMARY: &'static str = "Explain the state of a workload";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Workload>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Explanation;
}

/// `GET /api/v1/workloads/{id}/logs`: read the logs of a workload.
#[derive(Debug)]
pub struct WorkloadLogs;

impl Endpoint for WorkloadLogs {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads/{id}/logs";
    const ID: &'static str = "workload_logs";
    const SUMMARY: &'static str = "Read the logs of a workload";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const RESPONSE: Content = Content::Text;
    type Path = IdPath<kinds::Workload>;
    type Query = LogsQuery;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /api/v1/workloads/{id}/metrics`: read the progress of a workload.
#[derive(Debug)]
pub struct WorkloadMetrics;

impl Endpoint for WorkloadMetrics {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads/{id}/metrics";
    const ID: &'static str = "workload_metrics";
    const SUMMARY: &'static str = "Read the progress of a workload";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Workload>;
    type Query = MetricsQuery;
    type Body = Nothing;
    type Response = Progress;
}

/// `GET /api/v1/workloads/{id}/events`: list what happened to a workload.
#[derive(Debug)]
pub struct WorkloadEvents;

impl Endpoint for WorkloadEvents {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads/{id}/events";
    const ID: &'static str = "workload_events";
    const SUMMARY: &'static str = "List what happened to a workload";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Workload>;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = EventPage;
}
