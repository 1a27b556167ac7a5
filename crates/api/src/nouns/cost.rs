//! What was used and what it costs: euro, energy, carbon, and how each is known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, MilliGram, MilliJoule, PriceUnit, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::{common::Basis, organisation::Currency},
    problem::Code,
    reference::ProjectRef,
    text::{IdText, MonthText, PriceUnitText},
};

/// What costs are grouped by.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CostBy {
    /// By what was used.
    #[default]
    Sku,
    /// By workload and what was used.
    Workload,
    /// By public model and what was used.
    Endpoint,
}

/// The cost of one kind of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CostLine {
    /// Id of the workload or endpoint, if grouped by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What was used.
    #[schemars(with = "PriceUnitText")]
    pub sku: PriceUnit,
    /// How much, in `unit`.
    pub quantity: u64,
    /// The base unit: core-microseconds, GPU-microseconds, tokens or millijoules.
    pub unit: String,
    /// Its cost, in micro-euro.
    #[schemars(with = "i64")]
    pub amount_microeuro: MicroEuro,
    /// How the quantity is known.
    pub basis: Basis,
    /// The meter or the model.
    pub source: String,
}

/// What a project used and what that costs, in money, energy and carbon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// The project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// By group, then by what was used.
    pub lines: Vec<CostLine>,
    /// Their sum, in micro-euro.
    #[schemars(with = "i64")]
    pub total_microeuro: MicroEuro,
    /// Energy used, in millijoules.
    #[schemars(with = "u64")]
    pub energy_mj: MilliJoule,
    /// How the energy is known.
    pub energy_basis: Basis,
    /// The meter, or the model with its constants.
    pub energy_source: String,
    /// Emissions, in milligrams of CO2 equivalent; modelled from the energy.
    #[schemars(with = "u64")]
    pub carbon_mg: MilliGram,
    /// Where the carbon intensity is from.
    pub carbon_source: String,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// Which costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostQuery {
    /// The project.
    pub project: ProjectRef,
    /// How to group; by what was used if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<CostBy>,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceLine {
    /// What was used.
    #[schemars(with = "PriceUnitText")]
    pub sku: PriceUnit,
    /// How much, in `unit`.
    pub quantity: u64,
    /// The base unit.
    pub unit: String,
    /// Micro-euro for one `sku`.
    #[schemars(with = "i64")]
    pub price_microeuro: MicroEuro,
    /// The amount, rounded half to even once.
    #[schemars(with = "i64")]
    pub amount_microeuro: MicroEuro,
    /// How the quantity is known.
    pub basis: Basis,
}

/// What the month would be invoiced if it ended now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceDraft {
    /// The project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// The month, UTC.
    #[schemars(with = "MonthText")]
    pub month: String,
    /// The currency.
    pub currency: Currency,
    /// By what was used, then by price.
    pub lines: Vec<InvoiceLine>,
    /// Their sum, in micro-euro.
    #[schemars(with = "i64")]
    pub total_microeuro: MicroEuro,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// Which draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceDraftQuery {
    /// The project.
    pub project: ProjectRef,
    /// The month, such as `2026-03`; the current one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<MonthText>")]
    pub month: Option<String>,
}

/// `GET /api/v1/costs`: get the costs of a project.
#[derive(Debug)]
pub struct CostGet;

impl Endpoint for CostGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/costs";
    const ID: &'static str = "cost_get";
    const SUMMARY: &'static str = "Get the costs of a project";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = CostQuery;
    type Body = Nothing;
    type Response = Costs;
}

/// `GET /api/v1/invoices/draft`: get the draft of a project's invoice.
#[derive(Debug)]
pub struct InvoiceDraftGet;

impl Endpoint for InvoiceDraftGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/invoices/draft";
    const ID: &'static str = "invoice_draft_get";
    const SUMMARY: &'static str = "Get the draft of a project's invoice";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = InvoiceDraftQuery;
    type Body = Nothing;
    type Response = InvoiceDraft;
}
