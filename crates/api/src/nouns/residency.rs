//! Typed residency: for each category of data the countries where it may lie and be processed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    reference::PolicyScope,
    text::{CountryText, IdText},
};

/// What data is by origin (BSI C3A 1.0), beside how sensitive it is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DataCategory {
    /// What customers bring in and what their work makes of it.
    #[default]
    Customer,
    /// What the platform learns from their use: metering, logs, events.
    Derived,
    /// Who they are: accounts, keys, contracts, invoices.
    Account,
    /// The platform's own: configuration, inventory, certificates.
    Provider,
}

/// What is done with data at a place.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DataOperation {
    /// It lies there.
    Store,
    /// It is read or made there.
    Process,
}

/// Countries for one category and operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidencyRule {
    /// Which data.
    pub category: DataCategory,
    /// What is done with it.
    pub operation: DataOperation,
    /// Where that is allowed, each country once; an empty list allows it nowhere.
    #[schemars(with = "Vec<CountryText>")]
    pub countries: Vec<Country>,
}

/// The rules of a scope, and what those of all wider scopes mean together with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Residency {
    /// Where they apply.
    pub scope: PolicyScope,
    /// The policy that they are; absent if the scope has no rules of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Policy>>")]
    pub policy: Option<Id<kinds::Policy>>,
    /// The rules of this scope.
    pub rules: Vec<ResidencyRule>,
    /// What holds here: the rules of this scope and of every wider one.
    pub effective: Vec<ResidencyRule>,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
}

/// Rules to put in force in place of those of the same scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidencyNew {
    /// Where they apply: `platform`, an organisation or a project.
    pub scope: PolicyScope,
    /// The rules; what none of them names is left to wider scopes.
    pub rules: Vec<ResidencyRule>,
}

/// Which scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidencyQuery {
    /// `platform`, an organisation or a project.
    pub scope: PolicyScope,
}

/// `PUT /api/v1/residency`: put typed residency rules in force.
#[derive(Debug)]
pub struct ResidencySet;

impl Endpoint for ResidencySet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/residency";
    const ID: &'static str = "residency_set";
    const SUMMARY: &'static str = "Put typed residency rules in force";
    const DESCRIPTION: &'static str = "Rules only tighten those of wider scopes: a country that a wider scope does not allow is refused. What runs where it is no longer allowed goes back to the queue.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ResidencyNew;
    type Response = Residency;
}

/// `GET /api/v1/residency`: the residency rules of a scope, and what holds there.
#[derive(Debug)]
pub struct ResidencyGet;

impl Endpoint for ResidencyGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/residency";
    const ID: &'static str = "residency_get";
    const SUMMARY: &'static str = "Get the residency rules of a scope, and what holds there";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ResidencyQuery;
    type Body = Nothing;
    type Response = Residency;
}
