//! What witnesses say of the log: the last final checkpoint, and where each of them stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
    text::Timestamp,
};

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// Its verifier key, for whoever checks cosignatures offline.
    pub key: String,
    /// What the last exchange came to: `waiting`, `cosigned`, `unreachable`, `refused`, or `ahead` when it has
    /// seen more of this log than there is.
    pub state: String,
    /// Entries of the checkpoint that it cosigned last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it did, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosigned_at: Option<Timestamp>,
}

/// How far the log is, and how far witnesses have confirmed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogStatus {
    /// The log's unique name.
    pub origin: String,
    /// Durable entries, all of them under the log's own signature.
    pub size: u64,
    /// Their Merkle root, in base64 as checkpoints write it.
    pub root: String,
    /// Witnesses that must agree before a checkpoint is final; 0 if the log has no witnesses.
    pub quorum: u32,
    /// Entries of the last final checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_size: Option<u64>,
    /// When its quorum was complete, by the witnesses' clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_at: Option<Timestamp>,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
}

/// `GET /log/checkpoint/final`: get the last final checkpoint.
#[derive(Debug)]
pub struct LogFinalGet;

impl Endpoint for LogFinalGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/checkpoint/final";
    const ID: &'static str = "log_final_get";
    const SUMMARY: &'static str = "Get the last final checkpoint";
    const DESCRIPTION: &'static str = "The newest checkpoint that enough witnesses have cosigned (C2SP tlog-cosignature), with their lines.";
    const PERMISSION: Permission = Permission::Public;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::Text;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Raw;
}

/// `GET /log/status`: get how far the log and its witnesses are.
#[derive(Debug)]
pub struct LogStatusGet;

impl Endpoint for LogStatusGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/status";
    const ID: &'static str = "log_status_get";
    const SUMMARY: &'static str = "Get how far the log and its witnesses are";
    const PERMISSION: Permission = Permission::Public;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = LogStatus;
}
