//! Capability tokens: what a key or a person may do, in a token that its holder can narrow offline.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
};

/// A fresh capability token with all rights of the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    /// The bearer token: `ccc_` and a Biscuit.
    pub token: String,
    /// The public key that it can be verified with, as Biscuit's tools write it.
    pub root_key: String,
}

/// The key that capability tokens can be verified with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapabilityRootKey {
    /// As Biscuit's tools write it.
    pub root_key: String,
}

/// `POST /api/v1/capabilities`: a token with the caller's own rights.
#[derive(Debug)]
pub struct CapabilityCreate;

impl Endpoint for CapabilityCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/capabilities";
    const ID: &'static str = "capability_create";
    const SUMMARY: &'static str = "Get a capability token with the caller's own rights";
    const DESCRIPTION: &'static str = "Its holder narrows it without asking anybody: `cocarde key attenuate`, or any Biscuit library. \
                                       It ends with the key or the account that it was made from. A capability token makes none.";
    const PERMISSION: Permission = Permission::Inference;
    const STATUS: u16 = 201;
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Capability;
}

/// A token that counts no more.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapabilityRevocation {
    /// The token: it and all that were made from it count no more; those it was made from still do.
    #[schemars(length(max = 8_196))]
    pub token: String,
}

impl std::fmt::Debug for CapabilityRevocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the token, which may still open something.
        f.debug_struct("CapabilityRevocation").finish_non_exhaustive()
    }
}

/// `POST /api/v1/capabilities/revocations`: revoke a token.
#[derive(Debug)]
pub struct CapabilityRevoke;

impl Endpoint for CapabilityRevoke {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/capabilities/revocations";
    const ID: &'static str = "capability_revoke";
    const SUMMARY: &'static str = "Revoke a capability token and all that were made from it";
    const DESCRIPTION: &'static str =
        "By its holder, or by an administrator of where the holder belongs.";
    const PERMISSION: Permission = Permission::Inference;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::InvalidField];
    type Path = Nothing;
    type Query = Nothing;
    type Body = CapabilityRevocation;
    type Response = Nothing;
}

/// `GET /api/v1/capabilities/root-key`: the public key.
#[derive(Debug)]
pub struct CapabilityRootKeyGet;

impl Endpoint for CapabilityRootKeyGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/capabilities/root-key";
    const ID: &'static str = "capability_root_key_get";
    const SUMMARY: &'static str = "Get the public key that capability tokens are verified with";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = CapabilityRootKey;
}
