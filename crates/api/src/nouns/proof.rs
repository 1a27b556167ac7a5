//! The transparency log and what is proven with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
};

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditCheck {
    /// What: `merkle_root`, `signatures`, `replay`, `placements`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// How many were checked.
    pub checked: u64,
    /// What was found.
    pub detail: String,
}

/// What a verification of the whole log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuditReport {
    /// True if everything holds.
    pub ok: bool,
    /// Entries in the log.
    pub entries: u64,
    /// The Merkle root that was recomputed, in base64 as checkpoints write it.
    pub root: String,
    /// What was checked.
    pub checks: Vec<AuditCheck>,
    /// How long it took.
    pub duration_ms: u64,
}

/// The path of a tile below `/log/tile/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TilePath {
    /// `<level>/<index>[.p/<width>]` or `entries/<index>[.p/<width>]` (C2SP tlog-tiles).
    pub path: String,
}

/// `GET /log/checkpoint`: get the signed checkpoint.
#[derive(Debug)]
pub struct LogCheckpointGet;

impl Endpoint for LogCheckpointGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/checkpoint";
    const ID: &'static str = "log_checkpoint_get";
    const SUMMARY: &'static str = "Get the signed checkpoint";
    const DESCRIPTION: &'static str = "A C2SP checkpoint: a signed note with origin, size and root, and the cosignatures of it that there are yet.";
    const PERMISSION: Permission = Permission::Public;
    const RESPONSE: Content = Content::Text;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /log/key`: get the log's verifier key.
#[derive(Debug)]
pub struct LogKeyGet;

impl Endpoint for LogKeyGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/key";
    const ID: &'static str = "log_key_get";
    const SUMMARY: &'static str = "Get the log's verifier key";
    const DESCRIPTION: &'static str = "A signed-note verifier key: name, hash and Ed25519 key. Keep a copy: a receipt is checked against it offline.";
    const PERMISSION: Permission = Permission::Public;
    const RESPONSE: Content = Content::Text;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /log/tile/{*path}`: get a tile of the log.
#[derive(Debug)]
pub struct LogTileGet;

impl Endpoint for LogTileGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/tile/{*path}";
    const ID: &'static str = "log_tile_get";
    const SUMMARY: &'static str = "Get a tile of the log";
    const DESCRIPTION: &'static str = "C2SP tlog-tiles. Entry bundles hold the entries of all tenants and need a key of the whole platform.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::Octets;
    type Path = TilePath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `POST /api/v1/audit/verify`: verify the whole log.
#[derive(Debug)]
pub struct AuditVerify;

impl Endpoint for AuditVerify {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/audit/verify";
    const ID: &'static str = "audit_verify";
    const SUMMARY: &'static str = "Verify the whole log";
    const DESCRIPTION: &'static str =
        "Merkle root, signatures, replay, and every placement against the policy then in force.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::LogCorrupt];
    const MUTATES: bool = false;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = AuditReport;
}
