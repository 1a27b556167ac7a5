//! Identity providers: where an organisation's people sign in, and what their groups mean here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, NamedQuery, Page},
    problem::Code,
    reference::Ref,
    text::{IdText, NameText, Timestamp},
};

/// What a group of the provider means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupRule {
    /// Its name in the claim.
    pub claim: String,
    /// The group here. At each sign-in its members become those whom the provider says are in it.
    #[schemars(with = "IdText<kinds::Group>")]
    pub group: Id<kinds::Group>,
}

/// An identity provider, without its client secret: that is sealed beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IdentityProvider {
    /// Its id.
    #[schemars(with = "IdText<kinds::IdentityProvider>")]
    pub id: Id<kinds::IdentityProvider>,
    /// Whose people it vouches for; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its address, exactly as its tokens name it.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// True if a client secret is kept.
    pub has_client_secret: bool,
    /// Scopes asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim with a person's groups.
    pub group_claim: String,
    /// True if somebody who is not known yet becomes a user at the first sign-in.
    pub creates_users: bool,
    /// True if it is named on the sign-in page, which everybody sees.
    pub listed: bool,
    /// What its groups mean here.
    pub groups: Vec<GroupRule>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a provider is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProviderConfig {
    /// Its address: https, or http to this very machine.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// What shows that we are; absent for a public client, or to keep the one that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Scopes asked for besides `openid`; `profile` and `email` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The claim with a person's groups, such as `groups` or `realm_access.roles`; `groups` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_claim: Option<String>,
    /// Whether somebody who is not known yet becomes a user at the first sign-in; no if absent.
    #[serde(default)]
    pub creates_users: bool,
    /// Whether it is named on the sign-in page, which everybody sees; no if absent.
    #[serde(default)]
    pub listed: bool,
    /// What its groups mean here.
    #[serde(default)]
    pub groups: Vec<GroupRule>,
}

impl std::fmt::Debug for IdentityProviderConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the secret.
        f.debug_struct("IdentityProviderConfig")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// What a provider is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityProviderNew {
    /// Whose people; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What it is.
    pub config: IdentityProviderConfig,
}

macro_rules! endpoint {
    ($(#[$doc:meta])* $name:ident: $method:ident $path:literal $id:literal $summary:literal,
     $errors:expr, $status:literal, $path_type:ty, $query:ty, $body:ty, $response:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Endpoint for $name {
            const METHOD: Method = Method::$method;
            const PATH: &'static str = $path;
            const ID: &'static str = $id;
            const SUMMARY: &'static str = $summary;
            const PERMISSION: Permission = Permission::Administrator;
            const ERRORS: &'static [Code] = $errors;
            const STATUS: u16 = $status;
            type Path = $path_type;
            type Query = $query;
            type Body = $body;
            type Response = $response;
        }
    };
}

endpoint!(
    /// `POST /api/v1/identity-providers`: create one.
    IdentityProviderCreate: Post "/api/v1/identity-providers" "identity_provider_create"
    "Create an identity provider", &[Code::NotFound, Code::NameTaken], 201,
    Nothing, Nothing, IdentityProviderNew, IdentityProvider
);
endpoint!(
    /// `GET /api/v1/identity-providers`: list them.
    IdentityProviderList: Get "/api/v1/identity-providers" "identity_provider_list"
    "List the identity providers that the caller administers", &[], 200,
    Nothing, NamedQuery, Nothing, Page<IdentityProvider>
);
endpoint!(
    /// `GET /api/v1/identity-providers/{id}`: get one.
    IdentityProviderGet: Get "/api/v1/identity-providers/{id}" "identity_provider_get"
    "Get an identity provider", &[Code::NotFound], 200,
    IdPath<kinds::IdentityProvider>, Nothing, Nothing, IdentityProvider
);
endpoint!(
    /// `PUT /api/v1/identity-providers/{id}`: describe it anew.
    IdentityProviderReplace: Put "/api/v1/identity-providers/{id}" "identity_provider_replace"
    "Describe an identity provider anew", &[Code::NotFound], 200,
    IdPath<kinds::IdentityProvider>, Nothing, IdentityProviderConfig, IdentityProvider
);
endpoint!(
    /// `DELETE /api/v1/identity-providers/{id}`: nobody signs in by it any more.
    IdentityProviderDelete: Delete "/api/v1/identity-providers/{id}" "identity_provider_delete"
    "Delete an identity provider: nobody signs in by it any more", &[Code::NotFound], 200,
    IdPath<kinds::IdentityProvider>, Nothing, Nothing, Nothing
);
