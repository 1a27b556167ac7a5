//! Budgets: what may be used up, in money, GPU time, energy or tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::{ProjectRef, Ref},
    text::{AllowanceText, IdText, NameText, Timestamp},
};

/// Over how long a budget counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// From its creation on.
    #[default]
    Total,
    /// The calendar month in UTC: what was spent is nothing again when another begins.
    Month,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetMeasure {
    /// Money.
    Money,
    /// Time on GPUs; a part of a GPU counts as its part.
    GpuTime,
    /// Energy, as metered at the nodes.
    Energy,
    /// Tokens in and out.
    Tokens,
}

/// A threshold of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetAlert {
    /// In percent of the limit, 1 to 100.
    pub percent: u8,
    /// When it was last crossed; absent while it is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerted_at: Option<Timestamp>,
}

/// What an organisation, a project, a person, a program or a key may use up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Its id.
    #[schemars(with = "IdText<kinds::Budget>")]
    pub id: Id<kinds::Budget>,
    /// Whose use it counts, for people.
    pub owner: String,
    /// The organisation whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// The project whose use it counts, or in which it counts its owner's use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// The user whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The service account whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The key whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// Unique among the owner's.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What it counts.
    pub measure: BudgetMeasure,
    /// Over how long.
    pub period: BudgetPeriod,
    /// What may be used up, for people.
    pub limit: String,
    /// What was used up, for people.
    pub spent: String,
    /// What is left, for people; not below nothing.
    pub remaining: String,
    /// The unit of `limit_base`, `spent_base` and `remaining_base`: `microeuro`, `gpu_us`
    /// (GPU-microseconds), `energy_mj` (millijoules) or `tokens`.
    pub base_unit: String,
    /// What may be used up, in the base unit.
    pub limit_base: i64,
    /// What was used up, in the base unit.
    pub spent_base: i64,
    /// What is left, in the base unit; not below 0.
    pub remaining_base: i64,
    /// What may be spent, in micro-euro; for a budget in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub limit_microeuro: Option<MicroEuro>,
    /// What was spent, in micro-euro; for a budget in money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub spent_microeuro: Option<MicroEuro>,
    /// What is left, in micro-euro; for a budget in money; not below 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub remaining_microeuro: Option<MicroEuro>,
    /// How much of the limit was used up, in whole percents; may be above 100.
    pub percent: u32,
    /// Its thresholds, rising.
    pub alerts: Vec<BudgetAlert>,
    /// True if work stops at the limit.
    pub hard_stop: bool,
    /// True if it is used up and stops work: what would use it is refused.
    pub exhausted: bool,
    /// When another month begins; for a monthly budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Timestamp>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a budget is created from. Name one owner: an organisation, a project, a user, a service account
/// or a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetNew {
    /// The organisation whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// The project whose use it counts; beside a user or service account, the project in which it counts
    /// what they use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// The user whose use it counts, with all of their keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The service account whose use it counts, with all of its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The key whose use it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// Unique among the owner's.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What may be used up, such as `10.00 EUR`, `500 GPUh`, `2 MWh` or `10 M tokens`.
    pub limit: AllowanceText,
    /// Over how long it counts; from its creation on if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<BudgetPeriod>,
    /// Percents of the limit at which an alert is raised, rising, at most 10; 50, 80 and 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(range(min = 1, max = 100)))]
    pub alerts: Option<Vec<u8>>,
    /// Whether work stops at the limit; it does if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_stop: Option<bool>,
}

/// What changes of a budget; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetChange {
    /// What may be used up, in the measure that the budget has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<AllowanceText>,
    /// Percents of the limit at which an alert is raised, rising, at most 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), inner(range(min = 1, max = 100)))]
    pub alerts: Option<Vec<u8>>,
    /// Whether work stops at the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hard_stop: Option<bool>,
}

/// Which budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetQuery {
    /// Only budgets of this organisation and of what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only budgets of this project, or of somebody in it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Only budgets of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// Only budgets of this name.
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

/// `POST /api/v1/budgets`: create a budget.
#[derive(Debug)]
pub struct BudgetCreate;

impl Endpoint for BudgetCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/budgets";
    const ID: &'static str = "budget_create";
    const SUMMARY: &'static str = "Create a budget";
    const DESCRIPTION: &'static str = "An administrator of the organisation gives budgets to it and to \
        all below it; an administrator of a project to the project, to keys and service accounts of \
        it, and to users for what they use in it.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = BudgetNew;
    type Response = Budget;
}

/// `GET /api/v1/budgets`: list budgets.
#[derive(Debug)]
pub struct BudgetList;

impl Endpoint for BudgetList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/budgets";
    const ID: &'static str = "budget_list";
    const SUMMARY: &'static str = "List budgets";
    const DESCRIPTION: &'static str = "Those of what the caller may see, and those that count what the \
        caller uses.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = BudgetQuery;
    type Body = Nothing;
    type Response = Page<Budget>;
}

/// `GET /api/v1/budgets/{id}`: get a budget.
#[derive(Debug)]
pub struct BudgetGet;

impl Endpoint for BudgetGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/budgets/{id}";
    const ID: &'static str = "budget_get";
    const SUMMARY: &'static str = "Get a budget";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Budget>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Budget;
}

/// `POST /api/v1/budgets/{id}/terms`: change the terms of a budget.
#[derive(Debug)]
pub struct BudgetSet;

impl Endpoint for BudgetSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/budgets/{id}/terms";
    const ID: &'static str = "budget_set";
    const SUMMARY: &'static str = "Change the terms of a budget";
    const DESCRIPTION: &'static str = "A limit below what was used up stops work at once; with something \
        left it is open again. A project's budget is its organisation's to change.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Budget>;
    type Query = Nothing;
    type Body = BudgetChange;
    type Response = Budget;
}
