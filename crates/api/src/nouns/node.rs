//! Nodes: machines that take work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, GpuCount, Id, MilliCpu, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::Ref,
    text::{IdText, NameText, Timestamp},
};

/// Whether a node takes work.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It takes work.
    Ready,
    /// It takes work of one node but no gang: its health is doubted.
    Suspect,
    /// It keeps its work and takes no more.
    Cordoned,
    /// It takes no work and its work is being stopped.
    Draining,
    /// It does not report.
    Lost,
}

/// What the engine found on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeFacts {
    /// Host name.
    pub hostname: String,
    /// Kernel and architecture.
    pub system: String,
    /// Processor model.
    pub cpu_model: String,
    /// How limits are enforced: `cgroup v2`, `cgroup v1` or `rlimits`.
    pub limits: String,
    /// The file-system sandbox, or why there is none.
    pub sandbox: String,
    /// Where energy figures come from: `RAPL`, `NVML` or the model.
    pub power_source: String,
    /// The container runtime, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_runtime: Option<String>,
    /// The machine that shows itself as this node among others, for tests and teaching: its GPUs
    /// are not real. Absent for a machine of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_host: Option<String>,
}

/// A machine of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its id.
    #[schemars(with = "IdText<kinds::Node>")]
    pub id: Id<kinds::Node>,
    /// Its site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Unique on the site.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its rack (NVLink domain), if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Its group of racks (spine block), if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub group: Option<Name>,
    /// Whether it takes work.
    pub state: NodeState,
    /// Why, unless it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<String>,
    /// When a drain stops what still runs; absent if nothing is to be stopped later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_work_at: Option<Timestamp>,
    /// Processor capacity in thousandths of a core.
    #[schemars(with = "u64")]
    pub cpu_milli: MilliCpu,
    /// Of that, not reserved.
    #[schemars(with = "u64")]
    pub cpu_free_milli: MilliCpu,
    /// Memory.
    #[schemars(with = "u64")]
    pub memory_bytes: Bytes,
    /// Of that, not reserved.
    #[schemars(with = "u64")]
    pub memory_free_bytes: Bytes,
    /// Whole GPUs.
    #[schemars(with = "u32")]
    pub gpus: GpuCount,
    /// Of these, not reserved.
    #[schemars(with = "u32")]
    pub gpus_free: GpuCount,
    /// The GPUs' model, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// True if an operator declared it, false if an engine registered it.
    pub declared: bool,
    /// What the engine found; absent for a declared node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<NodeFacts>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A node that an operator declares; real ones register through their engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeNew {
    /// The site.
    pub site: Ref<kinds::Site>,
    /// Unique on the site.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Processor capacity in thousandths of a core.
    #[schemars(with = "u64")]
    pub cpu_milli: MilliCpu,
    /// Memory.
    #[schemars(with = "u64")]
    pub memory_bytes: Bytes,
    /// Whole GPUs.
    #[schemars(with = "u32")]
    pub gpus: GpuCount,
    /// The GPUs' model; needed if `gpus` is not 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_model: Option<String>,
    /// Its rack (NVLink domain).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Its group of racks (spine block); all nodes of a rack name the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub group: Option<Name>,
}

/// Which nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeQuery {
    /// Only nodes of this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Ref<kinds::Site>>,
    /// Only nodes of this rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Only nodes in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<NodeState>,
    /// Only nodes of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/nodes`: declare a node.
#[derive(Debug)]
pub struct NodeCreate;

impl Endpoint for NodeCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/nodes";
    const ID: &'static str = "node_create";
    const SUMMARY: &'static str = "Declare a node";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = NodeNew;
    type Response = Node;
}

/// `GET /api/v1/nodes`: list nodes.
#[derive(Debug)]
pub struct NodeList;

impl Endpoint for NodeList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/nodes";
    const ID: &'static str = "node_list";
    const SUMMARY: &'static str = "List nodes";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NodeQuery;
    type Body = Nothing;
    type Response = Page<Node>;
}

/// `GET /api/v1/nodes/{id}`: get a node.
#[derive(Debug)]
pub struct NodeGet;

impl Endpoint for NodeGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/nodes/{id}";
    const ID: &'static str = "node_get";
    const SUMMARY: &'static str = "Get a node";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Node>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Node;
}
