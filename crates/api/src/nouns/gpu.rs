//! GPUs by site, rack and model: how many there are, how many are free, and who uses them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::Page,
    reference::Ref,
    text::{IdText, NameText},
};

/// A workload that uses GPUs of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GpuUser {
    /// The workload.
    #[schemars(with = "IdText<kinds::Workload>")]
    pub workload: Id<kinds::Workload>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// `organisation/project`.
    pub project_path: String,
    /// How many whole ones it has here.
    pub gpus: u64,
    /// What it has of shared ones, in thousandths of a GPU.
    #[serde(default)]
    pub gpus_shared_milli: u64,
}

/// The GPUs of one model in one rack of one site; `gpus` is `free` + `used` + `unavailable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GpuPool {
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub site_name: Name,
    /// The group of racks, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub group: Option<Name>,
    /// The rack, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// The model of GPU.
    pub class: String,
    /// Nodes that have them.
    pub nodes: u64,
    /// Of these, ready.
    pub nodes_ready: u64,
    /// Of these, suspect: they take no gangs.
    pub nodes_suspect: u64,
    /// Of these, cordoned or draining.
    pub nodes_cordoned: u64,
    /// Of these, lost.
    pub nodes_lost: u64,
    /// GPUs built in.
    pub gpus: u64,
    /// Neither used nor on a node that takes no work.
    pub gpus_free: u64,
    /// Used by work, whole or in part.
    pub gpus_used: u64,
    /// Of the used ones, those that somebody has only a part of: a share or a MIG instance.
    #[serde(default)]
    pub gpus_shared: u64,
    /// What is used of the shared ones, in thousandths of a GPU.
    #[serde(default)]
    pub gpus_shared_milli: u64,
    /// Not used, but on a node that takes no work.
    pub gpus_unavailable: u64,
    /// Who uses most of them, as far as the caller may know: at most 20.
    pub users: Vec<GpuUser>,
    /// Whole GPUs used by whoever is not among them.
    pub gpus_used_by_others: u64,
}

/// Which GPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuQuery {
    /// Only GPUs of this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Ref<kinds::Site>>,
    /// Only GPUs of this rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Only GPUs whose model contains this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `GET /api/v1/gpus`: list GPUs by site, rack and model.
#[derive(Debug)]
pub struct GpuList;

impl Endpoint for GpuList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/gpus";
    const ID: &'static str = "gpu_list";
    const SUMMARY: &'static str = "List GPUs by site, rack and model, with who uses them";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = GpuQuery;
    type Body = Nothing;
    type Response = Page<GpuPool>;
}
