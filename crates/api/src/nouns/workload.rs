//! Workloads: submit, list, get, stop.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    job_file::{JobFile, WorkloadKind},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::{ArtefactRef, ProjectRef},
    text::{IdText, NameText, Timestamp},
};

/// Where a workload stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadState {
    /// It waits for room, budget or its turn.
    Queued,
    /// It is placed and its processes start.
    Starting,
    /// Its processes run.
    Running,
    /// A service that answers its probe.
    Ready,
    /// Its processes are being stopped.
    Stopping,
    /// It ended well.
    Succeeded,
    /// It ended badly and is not retried.
    Failed,
    /// It was stopped by a person, a budget or a limit.
    Stopped,
}

/// Where one rank of a workload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assignment {
    /// From 0.
    pub rank: u32,
    /// The node.
    #[schemars(with = "IdText<kinds::Node>")]
    pub node: Id<kinds::Node>,
    /// The node's name.
    #[schemars(with = "NameText")]
    pub node_name: Name,
    /// The node's site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// The GPU of the node that it has a part of, from 0: equal numbers are one GPU. Absent for whole
    /// GPUs or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u32>,
    /// Memory slice of that GPU at which its MIG instance starts; absent for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mig_start: Option<u8>,
}

/// How the tasks of an array stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TaskCounts {
    /// All tasks.
    pub total: u32,
    /// Waiting.
    pub queued: u32,
    /// On their nodes.
    pub running: u32,
    /// Ended well.
    pub succeeded: u32,
    /// Ended badly.
    pub failed: u32,
    /// Stopped.
    pub stopped: u32,
}

/// A workload: the job as written and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Its id.
    #[schemars(with = "IdText<kinds::Workload>")]
    pub id: Id<kinds::Workload>,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// As written.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What kind of work it is.
    #[serde(rename = "type")]
    pub kind: WorkloadKind,
    /// Where it stands.
    pub state: WorkloadState,
    /// Why, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// Since when.
    pub state_since: Timestamp,
    /// Larger goes first.
    pub priority: i32,
    /// Its place in the queue while it waits, from 1, by priority and submission; absent in lists,
    /// and where the queue is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<u32>,
    /// Of an array: how its tasks stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TaskCounts>,
    /// Of a task: its array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub array: Option<Id<kinds::Workload>>,
    /// Of a task: its number, the `ARRAY_INDEX` of its processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array_index: Option<u32>,
    /// Attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Attempts that made room for other work.
    pub n_preemptions: u32,
    /// Where its ranks are; empty unless placed.
    pub placement: Vec<Assignment>,
    /// `host:port` of a service that is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Exit code of the attempt that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Cost so far, in micro-euro.
    #[schemars(with = "i64")]
    pub cost_microeuro: MicroEuro,
    /// The model or dataset version that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<ArtefactRef>,
    /// When its first attempt started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The job file as written; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobFile>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Which workloads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadQuery {
    /// Only of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Only in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<WorkloadState>,
    /// Only of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// The tasks of this array; without it, arrays are listed and their tasks are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub array: Option<Id<kinds::Workload>>,
    /// Only the task with this number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array_index: Option<u32>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// Why a workload is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadStopReason {
    /// For those who read the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `POST /api/v1/workloads`: submit a workload.
#[derive(Debug)]
pub struct WorkloadCreate;

impl Endpoint for WorkloadCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/workloads";
    const ID: &'static str = "workload_create";
    const SUMMARY: &'static str = "Submit a workload";
    const DESCRIPTION: &'static str = "The body is a job file as JSON. Work that has no room now is queued; work that no allowed node could ever hold is refused.";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] =
        &[Code::NotFound, Code::ForbiddenByPolicy, Code::BudgetExhausted, Code::NoCapacity];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = JobFile;
    type Response = Workload;
}

/// `GET /api/v1/workloads`: list workloads.
#[derive(Debug)]
pub struct WorkloadList;

impl Endpoint for WorkloadList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads";
    const ID: &'static str = "workload_list";
    const SUMMARY: &'static str = "List workloads";
    const DESCRIPTION: &'static str =
        "The newest first. An array is one item; `array` lists its tasks.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = WorkloadQuery;
    type Body = Nothing;
    type Response = Page<Workload>;
}

/// `GET /api/v1/workloads/{id}`: get a workload.
#[derive(Debug)]
pub struct WorkloadGet;

impl Endpoint for WorkloadGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/workloads/{id}";
    const ID: &'static str = "workload_get";
    const SUMMARY: &'static str = "Get a workload";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Workload>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Workload;
}

/// `POST /api/v1/workloads/{id}/stop`: stop a workload.
#[derive(Debug)]
pub struct WorkloadStop;

impl Endpoint for WorkloadStop {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/workloads/{id}/stop";
    const ID: &'static str = "workload_stop";
    const SUMMARY: &'static str = "Stop a workload";
    const DESCRIPTION: &'static str =
        "Its stop signal first, SIGKILL after its grace. Of an array, every task.";
    const PERMISSION: Permission = Permission::Member;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Workload>;
    type Query = Nothing;
    type Body = WorkloadStopReason;
    type Response = Workload;
}
