//! Places where data is kept: artefacts, the log, its copies, backups, accounts and keys.

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

/// What is kept at a place.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StoragePurpose {
    /// Datasets, models and outputs.
    Artefacts,
    /// Scratch and checkpoints of work.
    Volume,
    /// The log that the platform writes.
    Log,
    /// A copy of the log.
    Replica,
    /// Checkpoints that a witness keeps.
    Witness,
    /// Everything, to be restored from.
    Backup,
    /// Accounts and sealed personal data.
    Accounts,
    /// Keys that open other data.
    Keys,
    /// What tenants take away: exports, the work of a course.
    Exports,
}

/// Where something goes that leaves the platform in one piece.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToQuery {
    /// The place of storage; the first registered one for this purpose if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Ref<kinds::Storage>>,
}

/// A place where data is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Storage {
    /// Its id.
    #[schemars(with = "IdText<kinds::Storage>")]
    pub id: Id<kinds::Storage>,
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What is kept there.
    pub purpose: StoragePurpose,
    /// The site where it stands.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// The site's country.
    #[schemars(with = "CountryText")]
    pub country: Country,
    /// The legal entity that runs it: its own, or the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub operator_entity: Option<Id<kinds::Entity>>,
    /// The jurisdiction that controls that entity, computed; absent where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<CountryText>")]
    pub jurisdiction: Option<Country>,
    /// The legal entity that owns it: its own, or the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Entity>>")]
    pub owner_entity: Option<Id<kinds::Entity>>,
    /// Sequence numbers of the decisions that allowed it.
    pub decided: Vec<u64>,
    /// Since when nothing is kept there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Timestamp>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A place to register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StorageNew {
    /// Unique on the platform.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What is kept there.
    pub purpose: StoragePurpose,
    /// Where it stands.
    pub site: Ref<kinds::Site>,
    /// Who runs it, if not who runs the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator_entity: Option<Ref<kinds::Entity>>,
    /// Who owns it, if not who owns the site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_entity: Option<Ref<kinds::Entity>>,
}

/// `POST /api/v1/storages`: register a place where data is kept.
#[derive(Debug)]
pub struct StorageCreate;

impl Endpoint for StorageCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/storages";
    const ID: &'static str = "storage_create";
    const SUMMARY: &'static str = "Register a place where data is kept";
    const DESCRIPTION: &'static str = "It is a movement of data: the policy of the platform is asked first, for each category that is kept there. A site that names no operator or owner is refused unless both are named here.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NameTaken, Code::NotFound];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = StorageNew;
    type Response = Storage;
}

/// `GET /api/v1/storages`: list places where data is kept.
#[derive(Debug)]
pub struct StorageList;

impl Endpoint for StorageList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/storages";
    const ID: &'static str = "storage_list";
    const SUMMARY: &'static str = "List places where data is kept";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Storage>;
}

/// `GET /api/v1/storages/{id}`: get a place where data is kept.
#[derive(Debug)]
pub struct StorageGet;

impl Endpoint for StorageGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/storages/{id}";
    const ID: &'static str = "storage_get";
    const SUMMARY: &'static str = "Get a place where data is kept";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Storage>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Storage;
}

/// `DELETE /api/v1/storages/{id}`: say that nothing is kept there any more.
#[derive(Debug)]
pub struct StorageRetire;

impl Endpoint for StorageRetire {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/storages/{id}";
    const ID: &'static str = "storage_retire";
    const SUMMARY: &'static str = "Say that nothing is kept there any more";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Storage>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Storage;
}
