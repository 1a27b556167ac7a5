//! Passwords of local accounts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::kinds;

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::IdPath,
    problem::Code,
};

/// A new password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordNew {
    /// The name to sign in with, if it is not the address; unique in the organisation. Kept as it is if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The password that is in force; needed by whoever changes their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The new one: at least 15 characters, at most 1024 bytes.
    pub password: String,
}

impl std::fmt::Debug for PasswordNew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with a password.
        f.debug_struct("PasswordNew").finish_non_exhaustive()
    }
}

/// `PUT /api/v1/users/{id}/password`: set a password.
#[derive(Debug)]
pub struct PasswordSet;

impl Endpoint for PasswordSet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/users/{id}/password";
    const ID: &'static str = "password_set";
    const SUMMARY: &'static str = "Set a user's password; all their sessions end";
    const DESCRIPTION: &'static str =
        "An administrator sets anybody's; a user sets their own with the current one.";
    const PERMISSION: Permission = Permission::Inference;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken, Code::InvalidField];
    type Path = IdPath<kinds::User>;
    type Query = Nothing;
    type Body = PasswordNew;
    type Response = Nothing;
}
