//! Power: budgets of sites, rack groups and racks, and what machines draw by their model of GPU.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, PageQuery},
    problem::Code,
    reference::Ref,
    text::{IdText, NameText, Timestamp},
};

/// A power budget in force, with what its machines and their work draw.
///
/// Draw is modelled, never measured: what is on could draw at most, under the limits that are
/// recorded. See `power_figures_list` for the figures behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PowerBudget {
    /// Its id; absent for what a site itself declares as `power_cap_w`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Power>>")]
    pub id: Option<Id<kinds::Power>>,
    /// What it counts, for people: `paris`, `paris/group/row-1`, `paris/rack/r1`.
    pub domain: String,
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// The rack group, for the budget of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub group: Option<Name>,
    /// The rack, for the budget of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Most that may be drawn there now, in watts: the lower of this budget and of what the site
    /// declares.
    pub allowed_w: u64,
    /// What is drawn there at most, in watts, as modelled.
    pub drawn_w: u64,
    /// What limited work there would draw more without its limits, in watts: it gets that back before
    /// anything new starts.
    pub owed_w: u64,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
}

/// What a power budget is set to; it replaces the one of the same domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerBudgetNew {
    /// The site.
    pub site: Ref<kinds::Site>,
    /// A rack group of it, instead of the whole site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub group: Option<Name>,
    /// A rack of it, instead of the whole site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// Most that may be drawn there, in watts.
    pub allowed_w: u64,
}

/// What machines of a class draw, in watts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PowerFigures {
    /// Its id; absent for a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Power>>")]
    pub id: Option<Id<kinds::Power>>,
    /// `cpu` for machines without GPUs, or a text that a model of GPU contains.
    pub class: String,
    /// The host when idle.
    pub host_idle_w: u32,
    /// The host when all cores are busy.
    pub host_busy_w: u32,
    /// One GPU when idle.
    pub gpu_idle_w: u32,
    /// One GPU at most.
    pub gpu_peak_w: u32,
    /// Limits that one GPU can be given, from high to low.
    pub gpu_limits_w: Vec<u32>,
    /// Where they are from.
    pub source: String,
    /// Grows with every change; 0 for a default.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When they were set; absent for a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

/// What figures are set to; they replace those of the same class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerFiguresNew {
    /// `cpu` for machines without GPUs, or a text that a model of GPU contains.
    pub class: String,
    /// The host when idle.
    pub host_idle_w: u32,
    /// The host when all cores are busy.
    pub host_busy_w: u32,
    /// One GPU when idle; 0 for `cpu`.
    #[serde(default)]
    pub gpu_idle_w: u32,
    /// One GPU at most; 0 for `cpu`.
    #[serde(default)]
    pub gpu_peak_w: u32,
    /// Limits that one GPU can be given, from high to low.
    #[serde(default)]
    pub gpu_limits_w: Vec<u32>,
}

/// `POST /api/v1/power-budgets`: set a power budget.
#[derive(Debug)]
pub struct PowerBudgetSet;

impl Endpoint for PowerBudgetSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/power-budgets";
    const ID: &'static str = "power_budget_set";
    const SUMMARY: &'static str = "Set the power budget of a site, rack group or rack";
    const DESCRIPTION: &'static str = "Replaces the budget of the same domain. Nothing starts that \
        would exceed it. When it falls below what is drawn, nothing new starts, then GPUs are limited \
        by power class, then work that loses least is preempted; when it rises, limits are lifted \
        before anything new starts. Limits are recorded; no engine of this version enforces them.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PowerBudgetNew;
    type Response = PowerBudget;
}

/// `GET /api/v1/power-budgets`: list power budgets.
#[derive(Debug)]
pub struct PowerBudgetList;

impl Endpoint for PowerBudgetList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/power-budgets";
    const ID: &'static str = "power_budget_list";
    const SUMMARY: &'static str = "List power budgets with what is drawn";
    const DESCRIPTION: &'static str = "By domain: sites, then rack groups, then racks.";
    const PERMISSION: Permission = Permission::Operator;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<PowerBudget>;
}

/// `DELETE /api/v1/power-budgets/{id}`: take a power budget out of force.
#[derive(Debug)]
pub struct PowerBudgetDelete;

impl Endpoint for PowerBudgetDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/power-budgets/{id}";
    const ID: &'static str = "power_budget_delete";
    const SUMMARY: &'static str = "Take a power budget out of force";
    const DESCRIPTION: &'static str = "Answers what it was.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Power>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = PowerBudget;
}

/// `POST /api/v1/power-figures`: set what machines of a class draw.
#[derive(Debug)]
pub struct PowerFiguresSet;

impl Endpoint for PowerFiguresSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/power-figures";
    const ID: &'static str = "power_figures_set";
    const SUMMARY: &'static str = "Set what machines of a class draw";
    const PERMISSION: Permission = Permission::Operator;
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PowerFiguresNew;
    type Response = PowerFigures;
}

/// `GET /api/v1/power-figures`: list what machines draw.
#[derive(Debug)]
pub struct PowerFiguresList;

impl Endpoint for PowerFiguresList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/power-figures";
    const ID: &'static str = "power_figures_list";
    const SUMMARY: &'static str = "List what machines draw, by class";
    const DESCRIPTION: &'static str = "Figures that were set, then the defaults in use for machines \
        without any.";
    const PERMISSION: Permission = Permission::Operator;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<PowerFigures>;
}

/// `DELETE /api/v1/power-figures/{id}`: return to the default of a class.
#[derive(Debug)]
pub struct PowerFiguresDelete;

impl Endpoint for PowerFiguresDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/power-figures/{id}";
    const ID: &'static str = "power_figures_delete";
    const SUMMARY: &'static str = "Return to the default of a class";
    const DESCRIPTION: &'static str = "Answers what the figures were.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Power>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = PowerFigures;
}
