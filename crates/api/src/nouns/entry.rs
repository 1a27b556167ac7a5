//! A tenant's own entries of the log, each with the proof that it is in it; nobody else's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::kinds;

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    problem::Code,
    reference::{ProjectRef, Ref},
};

/// One entry as it is in the log, with its inclusion proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProvenEntry {
    /// Position in the log, from 0.
    pub index: u64,
    /// The leaf's bytes as stored and hashed, in base64.
    pub leaf: String,
    /// Inclusion proof at the checkpoint's size, from the leaf's sibling up, in base64 (RFC 6962 §2.1.1).
    pub proof: Vec<String>,
}

/// Entries in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntryPage {
    /// Id of the organisation or project whose entries these are.
    pub owner: String,
    /// The entries.
    pub items: Vec<ProvenEntry>,
    /// Entries of the checkpoint that the proofs lead to: pass it as `size` to read on.
    pub size: u64,
    /// The checkpoint, when the page begins an export; with the cosignatures that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Pass it as `after` to read on; equal to `size` at the end.
    pub next_after: u64,
}

/// One entry of a stream, with the checkpoint that its proof leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamedEntry {
    /// The entry.
    pub entry: ProvenEntry,
    /// The signed checkpoint.
    pub checkpoint: String,
}

/// Whose entries. Give one of `organisation` and `project`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryQuery {
    /// All entries of an organisation and of its projects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// The entries of one project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Only entries from this position on; from the start if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Prove at this size, which an earlier page gave; at the last final or newest checkpoint if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// `GET /api/v1/entries`: list or follow a tenant's own entries with their proofs.
#[derive(Debug)]
pub struct EntryList;

impl Endpoint for EntryList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/entries";
    const ID: &'static str = "entry_list";
    const SUMMARY: &'static str =
        "List or follow a tenant's own entries of the log with their proofs";
    const DESCRIPTION: &'static str = "Exactly the entries of one organisation or project, byte for byte, each with an inclusion proof. As a stream, each message has the position as `id` and a StreamedEntry as `data`; `Last-Event-ID` resumes.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const RESPONSE: Content = Content::JsonOrEvents;
    type Path = Nothing;
    type Query = EntryQuery;
    type Body = Nothing;
    type Response = EntryPage;
}

/// A position in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexPath {
    /// The entry's position, from 0.
    pub index: u64,
}

/// `GET /log/proof/{index}`: get the proof of one entry.
#[derive(Debug)]
pub struct EntryProofGet;

impl Endpoint for EntryProofGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/log/proof/{index}";
    const ID: &'static str = "entry_proof_get";
    const SUMMARY: &'static str = "Get the proof of one entry";
    const DESCRIPTION: &'static str = "A C2SP tlog-proof: index, inclusion proof and checkpoint, with the entry's bytes in its `extra` line. Of entries that the key may see.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const RESPONSE: Content = Content::Text;
    type Path = IndexPath;
    type Query = FinalQuery;
    type Body = Nothing;
    type Response = Raw;
}

/// Whether to wait for witnesses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinalQuery {
    /// Wait, at most half a minute, until witnesses have confirmed it; 503 if they have not by then,
    /// 409 if the log has no witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_final: Option<bool>,
}

/// What a receipt is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectPath {
    /// Its id: a workload, an answer of a model, or anything else that entries are about.
    pub id: String,
}

/// Which receipt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptQuery {
    /// Of a project: prove the use in this month, such as `2026-03`, which its invoice is made of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Wait, at most half a minute, until witnesses have confirmed it; 503 if they have not by then,
    /// 409 if the log has no witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_final: Option<bool>,
}

/// `GET /api/v1/receipts/{id}`: get the receipt of a workload, an invoice, or anything in the log.
#[derive(Debug)]
pub struct ReceiptGet;

impl Endpoint for ReceiptGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/receipts/{id}";
    const ID: &'static str = "receipt_get";
    const SUMMARY: &'static str =
        "Get the receipt of a workload, an invoice, an answer, or anything in the log";
    const DESCRIPTION: &'static str = "A file in the format cocarde-receipt/v1 that proves offline what the log says of it. Its checkpoint is the last final one if that covers every entry. Of an answer of a model, by its id `chatcmpl-…` or `cmpl-…`, it has the leaf, the way to its minute's root, and the entries that name country, operator, decision and model digest.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict, Code::ReceiptPending];
    type Path = SubjectPath;
    type Query = ReceiptQuery;
    type Body = Nothing;
    type Response = Raw;
}
