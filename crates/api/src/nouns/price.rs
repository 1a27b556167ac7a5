//! Prices per unit of use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, PriceUnit, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::{EuroText, IdText, PriceUnitText, Timestamp},
};

/// One price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceLine {
    /// What it is per.
    #[schemars(with = "PriceUnitText")]
    pub per: PriceUnit,
    /// Micro-euro for one of it.
    #[schemars(with = "i64")]
    pub amount_microeuro: MicroEuro,
}

/// The prices in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PriceList {
    /// Its id.
    #[schemars(with = "IdText<kinds::Price>")]
    pub id: Id<kinds::Price>,
    /// One line for each unit that is not free.
    pub lines: Vec<PriceLine>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// One price to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceLineNew {
    /// What it is per.
    #[schemars(with = "PriceUnitText")]
    pub per: PriceUnit,
    /// The price of one of it, such as `2.50 EUR`.
    pub amount: EuroText,
}

/// Prices to put in force for work that starts from now on; a unit without a line is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceListNew {
    /// At most one line for each unit.
    pub lines: Vec<PriceLineNew>,
}

/// `POST /api/v1/prices`: put prices in force.
#[derive(Debug)]
pub struct PriceSet;

impl Endpoint for PriceSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/prices";
    const ID: &'static str = "price_set";
    const SUMMARY: &'static str = "Put prices in force";
    const DESCRIPTION: &'static str = "What was metered before keeps its price.";
    const PERMISSION: Permission = Permission::Operator;
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PriceListNew;
    type Response = PriceList;
}

/// `GET /api/v1/prices/current`: get the prices in force.
#[derive(Debug)]
pub struct PriceGet;

impl Endpoint for PriceGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/prices/current";
    const ID: &'static str = "price_get";
    const SUMMARY: &'static str = "Get the prices in force";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = PriceList;
}
