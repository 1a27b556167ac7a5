//! Upstreams: OpenAI-compatible servers of models elsewhere, registered by their URL.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, ProjectNamedQuery},
    problem::Code,
    reference::{ProjectRef, Ref},
    text::{IdText, NameText, Timestamp},
};

/// Which addresses an upstream's name may stand for, looked at again with each connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamReach {
    /// Addresses of the public Internet, by https.
    #[default]
    Public,
    /// Any address, loopback and private networks included, also by plain http; operators only.
    Private,
}

/// How long an upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTimeouts {
    /// Milliseconds to take a connection, 1 to 60,000; 2,000 if absent.
    pub connect_ms: u32,
    /// Milliseconds to the first byte of an answer, 1 to 3,600,000; 120,000 if absent.
    pub first_byte_ms: u32,
    /// Milliseconds between two pieces of an answer, 1 to 3,600,000; 60,000 if absent.
    pub gap_ms: u32,
    /// Milliseconds to the end of an answer, 1 to 3,600,000; 600,000 if absent.
    pub total_ms: u32,
}

impl Default for UpstreamTimeouts {
    fn default() -> Self {
        Self { connect_ms: 2_000, first_byte_ms: 120_000, gap_ms: 60_000, total_ms: 600_000 }
    }
}

/// An upstream, without its key: that is sealed beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Upstream {
    /// Its id.
    #[schemars(with = "IdText<kinds::Upstream>")]
    pub id: Id<kinds::Upstream>,
    /// The project whose endpoints may use it; absent for one of the platform, which all may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The site where it stands: policy decides about routes to it.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its base URL; absent for who may use it and does not run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The name under which it knows the model.
    pub model: String,
    /// Which addresses its name may stand for.
    pub reach: UpstreamReach,
    /// Most requests that one gateway has there at once, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// How long it may take.
    pub timeouts: UpstreamTimeouts,
    /// How its health is found out: `none`, `models`, or a path such as `/health`.
    pub probe: String,
    /// True if a key is kept for it.
    pub has_key: bool,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// How an upstream is spoken to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Its base URL, as OpenAI's clients are given it: `https://inference.example.fr/v1`.
    pub url: String,
    /// The name under which it knows the model.
    pub model: String,
    /// The secret key that it is sent as bearer; absent for none, or to keep the one that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Which addresses its name may stand for; public ones if absent.
    #[serde(default)]
    pub reach: UpstreamReach,
    /// Most requests that one gateway has there at once; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// How long it may take.
    #[serde(default)]
    pub timeouts: UpstreamTimeouts,
    /// How its health is found out: `none`, `models` (asks for its list of models), or a path of its host
    /// such as `/health`; `models` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
}

impl std::fmt::Debug for UpstreamConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with the key.
        f.debug_struct("UpstreamConfig").field("url", &self.url).finish_non_exhaustive()
    }
}

/// What an upstream is registered from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamNew {
    /// The project whose endpoints may use it; absent for one of the platform, which operators register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The site where it stands. It never changes.
    pub site: Ref<kinds::Site>,
    /// How it is spoken to.
    pub config: UpstreamConfig,
}

macro_rules! endpoint {
    ($(#[$doc:meta])* $name:ident: $method:ident $path:literal $id:literal $summary:literal,
     $permission:ident, $errors:expr, $status:literal, $path_type:ty, $query:ty, $body:ty, $response:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Endpoint for $name {
            const METHOD: Method = Method::$method;
            const PATH: &'static str = $path;
            const ID: &'static str = $id;
            const SUMMARY: &'static str = $summary;
            const PERMISSION: Permission = Permission::$permission;
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
    /// `POST /api/v1/upstreams`: register one.
    UpstreamCreate: Post "/api/v1/upstreams" "upstream_create"
    "Register a server of models by its URL", Administrator, &[Code::NotFound, Code::NameTaken], 201,
    Nothing, Nothing, UpstreamNew, Upstream
);
endpoint!(
    /// `GET /api/v1/upstreams`: list them.
    UpstreamList: Get "/api/v1/upstreams" "upstream_list"
    "List the upstreams that the caller's endpoints may use", Viewer, &[Code::NotFound], 200,
    Nothing, ProjectNamedQuery, Nothing, Page<Upstream>
);
endpoint!(
    /// `GET /api/v1/upstreams/{id}`: get one.
    UpstreamGet: Get "/api/v1/upstreams/{id}" "upstream_get"
    "Get an upstream", Viewer, &[Code::NotFound], 200,
    IdPath<kinds::Upstream>, Nothing, Nothing, Upstream
);
endpoint!(
    /// `PUT /api/v1/upstreams/{id}`: describe it anew.
    UpstreamReplace: Put "/api/v1/upstreams/{id}" "upstream_replace"
    "Describe an upstream anew", Administrator, &[Code::NotFound], 200,
    IdPath<kinds::Upstream>, Nothing, UpstreamConfig, Upstream
);
endpoint!(
    /// `DELETE /api/v1/upstreams/{id}`: no endpoint may use it any more.
    UpstreamDelete: Delete "/api/v1/upstreams/{id}" "upstream_delete"
    "Delete an upstream that no endpoint uses", Administrator,
    &[Code::NotFound, Code::StateConflict], 200,
    IdPath<kinds::Upstream>, Nothing, Nothing, Nothing
);
