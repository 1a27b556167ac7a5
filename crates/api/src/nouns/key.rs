//! API keys and who the caller is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, ProjectNamedQuery},
    problem::Code,
    reference::{PolicyScope, ProjectRef, Ref},
    text::{CountryText, IdText, NameText, Timestamp},
};

/// What somebody may do where the role is given. Each of the first five includes those before it,
/// except `inference`; the others are for particular work.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Call `/v1` for the models of its scope, nothing else.
    Inference,
    /// Read.
    Viewer,
    /// Also run workloads and make artefacts.
    Member,
    /// Also manage keys, projects, budgets and policies of the organisation.
    Administrator,
    /// The whole platform.
    Operator,
    /// See what happened and how things are set, without content.
    Auditor,
    /// See money and use, set budgets.
    Billing,
    /// A member who runs courses.
    Teacher,
    /// Work inside a project that somebody else set up.
    Student,
}

/// An API key, without its secret: only a hash of that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Key {
    /// Its id.
    #[schemars(with = "IdText<kinds::Key>")]
    pub id: Id<kinds::Key>,
    /// For people; unique in its scope.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// Its organisation; absent for the whole platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Its project; absent for the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// When it stops working; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whose it is, if a user's: it never does more than they may, and stops with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// Whose it is, if a service account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The models it may call, by public name; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<NameText>>")]
    pub models: Option<Vec<Name>>,
    /// The countries its work runs in and its calls are answered from; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CountryText>>")]
    pub countries: Option<Vec<Country>>,
    /// Until when the secret before the last rotation still opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_until: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a key is created from. Without organisation and project it is of the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyNew {
    /// For people; unique in its scope.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What it may do; not above the caller's own role.
    pub role: Role,
    /// Bind it to an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Bind it to a project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Seconds until it stops working; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
    /// Whose it will be: this user's; the caller's own if the caller is at home there and nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// Whose it will be: this service account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The models it may call, by public name; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<NameText>>")]
    pub models: Option<Vec<Name>>,
    /// The countries its work runs in and its calls are answered from; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CountryText>>")]
    pub countries: Option<Vec<Country>>,
}

/// A new secret for a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// Seconds for which the present secret still opens it, at most 7 days; 0 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_seconds: Option<u64>,
}

/// A new key with its secret, which is shown only this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeyCreated {
    /// The key.
    pub key: Key,
    /// The bearer token.
    pub secret: String,
}

/// What the caller holds, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// `platform`, an organisation or a project, by id.
    pub scope: PolicyScope,
    /// Operations of this API that are permitted there.
    pub operations: Vec<String>,
}

/// Who the caller is: a key, a user or a service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WhoAmI {
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Key>>")]
    pub key: Option<Id<kinds::Key>>,
    /// The user, who has signed in or whose key it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The service account, if it is one or the key is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::ServiceAccount>>")]
    pub service_account: Option<Id<kinds::ServiceAccount>>,
    /// The name of the key, of the user or of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The role of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The organisation of the key, or where the user or account is at home; absent for the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// The key's or account's project; absent for the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What the caller may do now, by scope.
    pub held: Vec<Held>,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

impl WhoAmI {
    /// In words: `key `ci` with the role member`, `user `Ada``.
    #[must_use]
    pub fn in_words(&self) -> String {
        let name = self.name.as_deref().unwrap_or("without a name");
        match (self.role, self.user, self.service_account) {
            (Some(role), _, _) => format!("key `{name}` with the role {}", role.as_str()),
            (None, Some(_), _) => format!("user `{name}`"),
            (None, None, _) => format!("service account `{name}`"),
        }
    }
}

impl Role {
    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Billing => "billing",
            Self::Teacher => "teacher",
            Self::Student => "student",
        }
    }
}

/// `POST /api/v1/keys`: create a key and show its secret once.
#[derive(Debug)]
pub struct KeyCreate;

impl Endpoint for KeyCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/keys";
    const ID: &'static str = "key_create";
    const SUMMARY: &'static str = "Create a key and show its secret once";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = KeyNew;
    type Response = KeyCreated;
}

/// `GET /api/v1/keys`: list keys without their secrets.
#[derive(Debug)]
pub struct KeyList;

impl Endpoint for KeyList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/keys";
    const ID: &'static str = "key_list";
    const SUMMARY: &'static str = "List keys without their secrets";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ProjectNamedQuery;
    type Body = Nothing;
    type Response = Page<Key>;
}

/// `DELETE /api/v1/keys/{id}`: revoke a key at once.
#[derive(Debug)]
pub struct KeyRevoke;

impl Endpoint for KeyRevoke {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/keys/{id}";
    const ID: &'static str = "key_revoke";
    const SUMMARY: &'static str = "Revoke a key at once";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    type Path = IdPath<kinds::Key>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Key;
}

/// `POST /api/v1/keys/{id}/rotate`: put a new secret in place of the present one and show it once.
#[derive(Debug)]
pub struct KeyRotate;

impl Endpoint for KeyRotate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/keys/{id}/rotate";
    const ID: &'static str = "key_rotate";
    const SUMMARY: &'static str = "Put a new secret in place of the present one and show it once";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    type Path = IdPath<kinds::Key>;
    type Query = Nothing;
    type Body = KeyRotation;
    type Response = KeyCreated;
}

/// `GET /api/v1/whoami`: say who the caller is.
#[derive(Debug)]
pub struct Whoami;

impl Endpoint for Whoami {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/whoami";
    const ID: &'static str = "whoami";
    const SUMMARY: &'static str = "Say who the caller is";
    const DESCRIPTION: &'static str = "Any valid key may ask.";
    const PERMISSION: Permission = Permission::Inference;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = WhoAmI;
}
