//! Evidence for sovereignty criteria: what was measured, declared or certified, by whom, until when.
//!
//! The document stays with whoever keeps it; here is its digest.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::Ref,
    text::{DigestText, IdText, NameText, Timestamp},
};

/// How a criterion is shown to be met; a later kind counts wherever an earlier one does.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// Somebody says so and answers for it.
    Declared,
    /// It was measured or tested, and the document says how.
    Measured,
    /// A third party certified it.
    Certificate,
}

/// Whether a piece of evidence counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceState {
    /// It counts.
    Valid,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Withdrawn,
}

/// A piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Its id.
    #[schemars(with = "IdText<kinds::Evidence>")]
    pub id: Id<kinds::Evidence>,
    /// Id of the criterion, such as `csf.sov-1.seal-2.1`.
    pub criterion: String,
    /// How it shows it.
    pub kind: EvidenceKind,
    /// What it counts as: a certificate that an operator or owner of a site issued is a declaration.
    pub counts_as: EvidenceKind,
    /// Whether it counts now.
    pub state: EvidenceState,
    /// The legal entity that says so, or certified it.
    #[schemars(with = "IdText<kinds::Entity>")]
    pub issuer: Id<kinds::Entity>,
    /// The name of that entity.
    #[schemars(with = "NameText")]
    pub issuer_name: Name,
    /// SHA-256 of the document.
    #[schemars(with = "DigestText")]
    pub document: Digest,
    /// From when on it no longer counts; absent for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
    /// Log sequence number of the entry that recorded it, from 1; its proof is at
    /// `/log/proof/{recorded_seq - 1}`.
    pub recorded_seq: u64,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// Evidence to record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceNew {
    /// Id of the criterion: one that needs evidence, of `GET /api/v1/sovereignty/criteria`.
    pub criterion: String,
    /// How it shows it.
    pub kind: EvidenceKind,
    /// The legal entity that says so, or certified it.
    pub issuer: Ref<kinds::Entity>,
    /// SHA-256 of the document.
    #[schemars(with = "DigestText")]
    pub document: Digest,
    /// From when on it no longer counts; absent for no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
}

/// Which evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceQuery {
    /// Only of this criterion, or of all whose id begins with it and a dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub criterion: Option<String>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/evidence`: record evidence for a criterion.
#[derive(Debug)]
pub struct EvidenceRecord;

impl Endpoint for EvidenceRecord {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/evidence";
    const ID: &'static str = "evidence_record";
    const SUMMARY: &'static str = "Record evidence for a criterion";
    const DESCRIPTION: &'static str = "Only who administers the whole platform can. The same evidence is recorded once. A criterion that the platform computes itself takes none.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = EvidenceNew;
    type Response = Evidence;
}

/// `GET /api/v1/evidence`: list evidence.
#[derive(Debug)]
pub struct EvidenceList;

impl Endpoint for EvidenceList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/evidence";
    const ID: &'static str = "evidence_list";
    const SUMMARY: &'static str = "List evidence";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = EvidenceQuery;
    type Body = Nothing;
    type Response = Page<Evidence>;
}

/// `GET /api/v1/evidence/{id}`: get a piece of evidence.
#[derive(Debug)]
pub struct EvidenceGet;

impl Endpoint for EvidenceGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/evidence/{id}";
    const ID: &'static str = "evidence_get";
    const SUMMARY: &'static str = "Get a piece of evidence";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Evidence>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Evidence;
}

/// `POST /api/v1/evidence/{id}/withdraw`: say that a piece of evidence no longer counts.
#[derive(Debug)]
pub struct EvidenceWithdraw;

impl Endpoint for EvidenceWithdraw {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/evidence/{id}/withdraw";
    const ID: &'static str = "evidence_withdraw";
    const SUMMARY: &'static str = "Say that a piece of evidence no longer counts";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Evidence>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Evidence;
}
