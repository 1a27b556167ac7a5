//! Sites: where machines stand, under whose law, with what electricity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, NamedQuery, Page},
    problem::Code,
    reference::Ref,
    text::{CountryText, IdText, NameText, Timestamp},
};

/// A site: one place with a country, an operator and a power cap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Site {
    /// Its id.
    #[schemars(with = "IdText<kinds::Site>")]
    pub id: Id<kinds::Site>,
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Where it stands.
    #[schemars(with = "CountryText")]
    pub country: Country,
    /// Who runs it.
    pub operator: String,
    /// The jurisdiction of the operator's ultimate owner, as the operator declares it.
    #[schemars(with = "CountryText")]
    pub operator_country: Country,
    /// The legal entity that runs it; absent for a site registered before entities were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub operator_entity: Option<Id<kinds::Entity>>,
    /// The jurisdiction that controls that entity, computed; absent where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CountryText>")]
    pub jurisdiction: Option<Country>,
    /// The legal entity that owns it; absent for a site registered before entities were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub owner_entity: Option<Id<kinds::Entity>>,
    /// Certifications held, such as `SecNumCloud`.
    pub certifications: Vec<String>,
    /// Power usage effectiveness × 1,000; at least 1,000.
    pub pue_milli: u32,
    /// Carbon intensity of its electricity, in gCO2e per kWh.
    pub carbon_g_per_kwh: u32,
    /// Where that figure is from.
    pub carbon_source: String,
    /// Most power that its nodes may draw together, in watts; absent for no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_cap_w: Option<u64>,
    /// Nodes that it has.
    pub n_nodes: u32,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a site is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteNew {
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Where it stands.
    #[schemars(with = "CountryText")]
    pub country: Country,
    /// Who runs it.
    pub operator: String,
    /// The jurisdiction of the operator's ultimate owner, as the operator declares it.
    #[schemars(with = "CountryText")]
    pub operator_country: Country,
    /// The legal entity that runs it.
    pub operator_entity: Ref<kinds::Entity>,
    /// The legal entity that owns it.
    pub owner_entity: Ref<kinds::Entity>,
    /// Certifications held, such as `SecNumCloud`.
    #[serde(default)]
    pub certifications: Vec<String>,
    /// Power usage effectiveness × 1,000; at least 1,000.
    pub pue_milli: u32,
    /// Carbon intensity of its electricity, in gCO2e per kWh.
    pub carbon_g_per_kwh: u32,
    /// Where that figure is from.
    pub carbon_source: String,
    /// Most power that its nodes may draw together, in watts; absent for no cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_cap_w: Option<u64>,
}

/// `POST /api/v1/sites`: create a site.
#[derive(Debug)]
pub struct SiteCreate;

impl Endpoint for SiteCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/sites";
    const ID: &'static str = "site_create";
    const SUMMARY: &'static str = "Create a site";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NameTaken, Code::NotFound];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = SiteNew;
    type Response = Site;
}

/// Who runs and owns a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteEntities {
    /// The legal entity that runs it.
    pub operator_entity: Ref<kinds::Entity>,
    /// The legal entity that owns it.
    pub owner_entity: Ref<kinds::Entity>,
}

/// `PUT /api/v1/sites/{id}/entities`: say who runs and owns a site.
#[derive(Debug)]
pub struct SiteEntitiesSet;

impl Endpoint for SiteEntitiesSet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/sites/{id}/entities";
    const ID: &'static str = "site_entities_set";
    const SUMMARY: &'static str = "Say who runs and owns a site";
    const DESCRIPTION: &'static str = "What runs there is asked for again in the same step; work that policy no longer allows there goes back to the queue.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Site>;
    type Query = Nothing;
    type Body = SiteEntities;
    type Response = Site;
}

/// `GET /api/v1/sites`: list sites.
#[derive(Debug)]
pub struct SiteList;

impl Endpoint for SiteList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sites";
    const ID: &'static str = "site_list";
    const SUMMARY: &'static str = "List sites";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Site>;
}

/// `GET /api/v1/sites/{id}`: get a site.
#[derive(Debug)]
pub struct SiteGet;

impl Endpoint for SiteGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sites/{id}";
    const ID: &'static str = "site_get";
    const SUMMARY: &'static str = "Get a site";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Site>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Site;
}
