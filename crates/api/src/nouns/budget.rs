//! Budgets that block.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, ProjectNamedQuery},
    problem::Code,
    reference::ProjectRef,
    text::{EuroText, IdText, NameText, Timestamp},
};

/// A budget that blocks: work of the project stops when it is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// Its id.
    #[schemars(with = "IdText<kinds::Budget>")]
    pub id: Id<kinds::Budget>,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What may be spent, in micro-euro.
    #[schemars(with = "i64")]
    pub limit_microeuro: MicroEuro,
    /// What was spent, in micro-euro.
    #[schemars(with = "i64")]
    pub spent_microeuro: MicroEuro,
    /// What is left, in micro-euro; not below 0.
    #[schemars(with = "i64")]
    pub remaining_microeuro: MicroEuro,
    /// True if nothing is left: new work is refused.
    pub exhausted: bool,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a budget is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetNew {
    /// The project.
    pub project: ProjectRef,
    /// Unique in the project.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What may be spent, such as `10.00 EUR`.
    pub limit: EuroText,
}

/// `POST /api/v1/budgets`: create a budget.
#[derive(Debug)]
pub struct BudgetCreate;

impl Endpoint for BudgetCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/budgets";
    const ID: &'static str = "budget_create";
    const SUMMARY: &'static str = "Create a budget";
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
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
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
