//! Organisations: the tenants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, NamedQuery, Page},
    problem::Code,
    text::{IdText, NameText, Timestamp},
};

/// A currency; amounts are in its millionths.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Euro.
    #[default]
    Eur,
}

/// A tenant: a company or an institute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Organisation {
    /// Its id.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub id: Id<kinds::Organisation>,
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The currency of its invoices.
    pub currency: Currency,
    /// Whether what its people asked models, and data made from that, may be used for training.
    #[serde(default)]
    pub training_allowed: bool,
    /// Since when it is closed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What an organisation is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganisationNew {
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The currency of its invoices; euro if absent.
    #[serde(default)]
    pub currency: Currency,
}

/// `POST /api/v1/organisations`: create an organisation.
#[derive(Debug)]
pub struct OrganisationCreate;

impl Endpoint for OrganisationCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/organisations";
    const ID: &'static str = "organisation_create";
    const SUMMARY: &'static str = "Create an organisation";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = OrganisationNew;
    type Response = Organisation;
}

/// `GET /api/v1/organisations`: list the organisations that the key may see.
#[derive(Debug)]
pub struct OrganisationList;

impl Endpoint for OrganisationList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/organisations";
    const ID: &'static str = "organisation_list";
    const SUMMARY: &'static str = "List the organisations that the key may see";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Organisation>;
}

/// `GET /api/v1/organisations/{id}`: get an organisation.
#[derive(Debug)]
pub struct OrganisationGet;

impl Endpoint for OrganisationGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/organisations/{id}";
    const ID: &'static str = "organisation_get";
    const SUMMARY: &'static str = "Get an organisation";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Organisation>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Organisation;
}

/// Whether training on captured data is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingConsent {
    /// True to allow, false to forbid, which also stops what trains now.
    pub allowed: bool,
}

/// `POST /api/v1/organisations/{id}/training`: allow or forbid training on captured data.
#[derive(Debug)]
pub struct OrganisationTraining;

impl Endpoint for OrganisationTraining {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/organisations/{id}/training";
    const ID: &'static str = "organisation_training";
    const SUMMARY: &'static str =
        "Allow or forbid training on what the organisation's people asked models";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Organisation>;
    type Query = Nothing;
    type Body = TrainingConsent;
    type Response = Organisation;
}
