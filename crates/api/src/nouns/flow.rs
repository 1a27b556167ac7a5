//! The inventory of data flows: every destination outside that the configuration lets the platform speak to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::{CountryText, IdText},
};

/// What a destination is spoken to for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FlowPurpose {
    /// A replica of a model answers requests.
    Inference,
    /// An identity provider vouches for people.
    SignIn,
    /// A key management service wraps and opens keys.
    Keys,
    /// A witness confirms the log.
    Witness,
    /// A proxy of the environment passes on what goes to the others.
    Proxy,
}

/// What is carried, as residency rules tell data apart.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FlowData {
    /// What customers put in and get out: prompts and answers.
    Customer,
    /// Who somebody is.
    Account,
    /// Keys, wrapped or to be wrapped; never data itself.
    Keys,
    /// Sizes, roots and signatures of the log; no entry.
    Provider,
    /// Whatever the others carry, most of it encrypted on the way.
    Any,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Flow {
    /// Host and port.
    pub destination: String,
    /// `http` or `https`.
    pub protocol: String,
    /// What for.
    pub purpose: FlowPurpose,
    /// What is carried.
    pub data: FlowData,
    /// What declares it: an id, or the name of a setting.
    pub declared_by: String,
    /// Where the destination is, if that is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CountryText>")]
    pub country: Option<Country>,
    /// The legal entity that runs it, if that is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub operator_entity: Option<Id<kinds::Entity>>,
}

/// All destinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowInventory {
    /// By purpose and destination.
    pub items: Vec<Flow>,
    /// False if there are more than are listed.
    pub is_complete: bool,
    /// Log sequence number as of which this is true.
    pub seq: u64,
}

/// `GET /api/v1/flows`: get the inventory of data flows.
#[derive(Debug)]
pub struct FlowList;

impl Endpoint for FlowList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/flows";
    const ID: &'static str = "flow_list";
    const SUMMARY: &'static str = "Get the inventory of data flows";
    const DESCRIPTION: &'static str = "Every destination that the configuration in force lets the platform speak to: replicas of models, identity providers, the key service, witnesses, a proxy. For who runs or audits the platform.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::Forbidden];
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = FlowInventory;
}
