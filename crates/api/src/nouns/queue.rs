//! The waiting line: who is served before whom, and why each one waits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{GpuCount, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::Page,
    problem::Code,
    reference::ProjectRef,
    text::{IdText, NameText, Timestamp},
};

/// A workload that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct QueueItem {
    /// Its place in the line, from 1, counted among the workloads that the caller may see.
    pub position: u64,
    /// The workload.
    #[schemars(with = "IdText<kinds::Workload>")]
    pub workload: Id<kinds::Workload>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its project's id.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// `organisation/project`.
    pub project_path: String,
    /// Higher goes first.
    pub priority: i32,
    /// Nodes without which it cannot start.
    pub nodes_min: u32,
    /// Nodes it can make use of.
    pub nodes_max: u32,
    /// GPUs on each node.
    #[schemars(with = "u32")]
    pub gpus_per_node: GpuCount,
    /// The part of the one GPU that it asks for: a share such as `0.25`, or a MIG profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_part: Option<String>,
    /// The model of GPU that it must have, if it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Since when it waits.
    pub queued_at: Timestamp,
    /// How long that is, in seconds.
    pub waited_s: u64,
    /// Why it waits, as a stable code: see `explain`.
    pub reason: String,
    /// The same in words.
    pub summary: String,
    /// When it is expected to start; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_start_at: Option<Timestamp>,
}

/// Which part of the line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueQuery {
    /// Only workloads of this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `GET /api/v1/queue`: what waits, in the order in which it is served.
#[derive(Debug)]
pub struct QueueList;

impl Endpoint for QueueList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/queue";
    const ID: &'static str = "queue_list";
    const SUMMARY: &'static str = "List what waits, in the order in which it is served";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = QueueQuery;
    type Body = Nothing;
    type Response = Page<QueueItem>;
}
