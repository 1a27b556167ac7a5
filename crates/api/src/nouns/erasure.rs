//! Erasures: what must go, when, and that it went.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, Digest, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page, PageQuery},
    problem::Code,
    reference::ArtefactRef,
    text::{DigestText, IdText, Timestamp},
};

/// What is to go: exactly one of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureTarget {
    /// A user's personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::User>>")]
    pub user: Option<Id<kinds::User>>,
    /// The content of a dataset, in all versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Dataset>>")]
    pub dataset: Option<Id<kinds::Dataset>>,
    /// Only the dataset's versions up to this number go, since its retention is over. In answers only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions_through: Option<u32>,
    /// Everything of an organisation, after its notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
}

/// The clocks of a switch to another provider, in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchDays {
    /// Notice, at most 59.
    pub notice_days: u64,
    /// Transition, at most 30.
    pub transition_days: u64,
    /// Retrieval after the transition, at least 30.
    pub retrieval_days: u64,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureNew {
    /// What is to go.
    pub target: ErasureTarget,
    /// Only of an organisation that switches to another provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<SwitchDays>,
}

/// Where an erasure stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErasureState {
    /// The notice runs; it can be taken back.
    Notice,
    /// The transition of a switch.
    Transition,
    /// Everything can still be retrieved.
    Retrieval,
    /// It begins in a moment.
    Due,
    /// It has begun and cannot be taken back.
    Erasing,
    /// Everything is gone.
    Done,
    /// It was taken back.
    Cancelled,
}

/// What was destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DestroyedCounts {
    /// Sealed records.
    pub n_records: u64,
    /// Data keys.
    pub n_keys: u64,
    /// Stored contents that nobody else refers to.
    pub n_blobs: u64,
    /// Folders of workloads.
    pub n_folders: u64,
    /// Bytes of stored contents.
    #[schemars(with = "u64")]
    pub size_bytes: Bytes,
    /// SHA-256 of the list of what was destroyed, as the log has it.
    #[schemars(with = "DigestText")]
    pub list: Digest,
}

/// An erasure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erasure {
    /// Its id.
    #[schemars(with = "IdText<kinds::Erasure>")]
    pub id: Id<kinds::Erasure>,
    /// What is to go.
    pub target: ErasureTarget,
    /// Where it stands.
    pub state: ErasureState,
    /// End of the notice of a switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition_starts_at: Option<Timestamp>,
    /// End of its transition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition_ends_at: Option<Timestamp>,
    /// Until when everything can be retrieved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval_ends_at: Option<Timestamp>,
    /// When it begins at the earliest.
    pub due_at: Timestamp,
    /// When everything was gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// What was destroyed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed: Option<DestroyedCounts>,
    /// Versions that were made from an erased dataset and stay: erase them too if they must go.
    pub derived: Vec<ArtefactRef>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// `POST /api/v1/erasures`: ask for an erasure.
#[derive(Debug)]
pub struct ErasureCreate;

impl Endpoint for ErasureCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/erasures";
    const ID: &'static str = "erasure_create";
    const SUMMARY: &'static str = "Ask for an erasure";
    const DESCRIPTION: &'static str = "Of an organisation this is the notice of its contract's end: it begins after 21 whole days, or at \
         the end of a switch's retrieval, and can be taken back until then. Of a user or a dataset it begins at once.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ErasureNew;
    type Response = Erasure;
}

/// `GET /api/v1/erasures`: list erasures.
#[derive(Debug)]
pub struct ErasureList;

impl Endpoint for ErasureList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/erasures";
    const ID: &'static str = "erasure_list";
    const SUMMARY: &'static str = "List erasures";
    const PERMISSION: Permission = Permission::Administrator;
    type Path = Nothing;
    type Query = PageQuery;
    type Body = Nothing;
    type Response = Page<Erasure>;
}

/// `GET /api/v1/erasures/{id}`: get an erasure.
#[derive(Debug)]
pub struct ErasureGet;

impl Endpoint for ErasureGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/erasures/{id}";
    const ID: &'static str = "erasure_get";
    const SUMMARY: &'static str = "Get an erasure";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Erasure>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Erasure;
}

/// `POST /api/v1/erasures/{id}/cancel`: take an erasure back that has not begun.
#[derive(Debug)]
pub struct ErasureCancel;

impl Endpoint for ErasureCancel {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/erasures/{id}/cancel";
    const ID: &'static str = "erasure_cancel";
    const SUMMARY: &'static str = "Take an erasure back that has not begun";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Erasure>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Erasure;
}
