//! Users: people. Their names and addresses are sealed beside the log and can be erased; the log knows
//! an id and a commitment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Digest, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::Ref,
    text::{DigestText, IdText, Timestamp},
};

/// Whether a user may act.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// They may.
    Active,
    /// They may not, and neither may their keys and sessions.
    Suspended,
}

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct User {
    /// Their id.
    #[schemars(with = "IdText<kinds::User>")]
    pub id: Id<kinds::User>,
    /// The organisation they belong to; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Whether they may act.
    pub status: UserStatus,
    /// Their name; absent if it was erased or cannot be read now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// SHA-256 of salt and personal data, as the log has it.
    #[schemars(with = "DigestText")]
    pub commitment: Digest,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a user is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserNew {
    /// The organisation they belong to; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Their name, 1 to 200 characters.
    pub name: String,
    /// Their e-mail address; unique in the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What is kept of a user instead of what was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserData {
    /// Their name, 1 to 200 characters.
    pub name: String,
    /// Their e-mail address; unique in the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// Which users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    /// Only those of this organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only who has this address; needs `organisation`, or is looked for among those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/users`: create a user, who may do nothing yet.
#[derive(Debug)]
pub struct UserCreate;

impl Endpoint for UserCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/users";
    const ID: &'static str = "user_create";
    const SUMMARY: &'static str = "Create a user, who may do nothing yet";
    const DESCRIPTION: &'static str =
        "Give roles with `binding_create`. Name and address are sealed beside the log.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = UserNew;
    type Response = User;
}

/// `GET /api/v1/users`: list users.
#[derive(Debug)]
pub struct UserList;

impl Endpoint for UserList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/users";
    const ID: &'static str = "user_list";
    const SUMMARY: &'static str = "List users";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = UserQuery;
    type Body = Nothing;
    type Response = Page<User>;
}

/// `GET /api/v1/users/{id}`: get a user.
#[derive(Debug)]
pub struct UserGet;

impl Endpoint for UserGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/users/{id}";
    const ID: &'static str = "user_get";
    const SUMMARY: &'static str = "Get a user";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::User>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = User;
}

/// `PUT /api/v1/users/{id}`: replace a user's name and address.
#[derive(Debug)]
pub struct UserReplace;

impl Endpoint for UserReplace {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/users/{id}";
    const ID: &'static str = "user_replace";
    const SUMMARY: &'static str = "Replace a user's name and address";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    type Path = IdPath<kinds::User>;
    type Query = Nothing;
    type Body = UserData;
    type Response = User;
}

/// `POST /api/v1/users/{id}/suspend`: stop a user with all keys and sessions, at once.
#[derive(Debug)]
pub struct UserSuspend;

impl Endpoint for UserSuspend {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/users/{id}/suspend";
    const ID: &'static str = "user_suspend";
    const SUMMARY: &'static str = "Stop a user with all keys and sessions, at once";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::User>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = User;
}

/// `POST /api/v1/users/{id}/resume`: let a suspended user act again.
#[derive(Debug)]
pub struct UserResume;

impl Endpoint for UserResume {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/users/{id}/resume";
    const ID: &'static str = "user_resume";
    const SUMMARY: &'static str = "Let a suspended user act again";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::User>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = User;
}
