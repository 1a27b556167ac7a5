//! Capture of payloads: whether what a project's keys ask and are answered is kept, where, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Bytes, DataClass, Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::IdPath,
    problem::Code,
    reference::{ArtefactRef, Ref},
    text::{ClassText, IdText, Timestamp},
};

/// What was captured and is in no version yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureWaiting {
    /// Questions with their answers.
    pub n_records: u64,
    /// Their bytes.
    #[schemars(with = "u64")]
    pub bytes: Bytes,
    /// When the oldest of them was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Those that should have been kept and could not be, since the gateway started.
    pub n_dropped: u64,
}

/// What is captured of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capture {
    /// The project, whose keys ask.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// True while questions and answers are kept. False without a setting, and once its dataset is erased.
    pub is_on: bool,
    /// Where they go; absent without a setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Dataset>>")]
    pub dataset: Option<Id<kinds::Dataset>>,
    /// The same as `project/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ArtefactRef>,
    /// Its class: requests to endpoints of a higher one are not captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ClassText>")]
    pub class: Option<DataClass>,
    /// Of a thousand requests so many are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permille: Option<u16>,
    /// Days for which a text stays in that dataset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u16>,
    /// What is in no version yet.
    pub waiting: CaptureWaiting,
    /// The project's version; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
}

/// What is to be captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaptureNew {
    /// A dataset of the project, of origin `captured`, by name or id.
    pub dataset: Ref<kinds::Dataset>,
    /// Of a thousand requests so many are kept, which ones follows from their ids: 1 to 1000.
    pub permille: u16,
    /// Days for which a text stays: 1 to 365. It holds for what lies there already, too.
    pub keep_days: u16,
}

/// What a close made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptureClosed {
    /// The number of the version; absent if nothing waited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}

/// `GET /api/v1/projects/{id}/capture`: what is captured of a project.
#[derive(Debug)]
pub struct CaptureGet;

impl Endpoint for CaptureGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/projects/{id}/capture";
    const ID: &'static str = "capture_get";
    const SUMMARY: &'static str = "Get what is captured of a project";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Capture;
}

/// `PUT /api/v1/projects/{id}/capture`: capture what a project's keys ask and are answered.
#[derive(Debug)]
pub struct CaptureSet;

impl Endpoint for CaptureSet {
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/v1/projects/{id}/capture";
    const ID: &'static str = "capture_set";
    const SUMMARY: &'static str = "Capture what a project's keys ask and are answered";
    const DESCRIPTION: &'static str = "In force for the next request. The dataset takes the retention as its own and no versions by \
         hand any more. A version goes, with all that uses it stopped, when its oldest text has been there for so many days; a shorter \
         time is in force at once. Requests to endpoints of a higher class than the dataset's are not captured.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = CaptureNew;
    type Response = Capture;
}

/// `DELETE /api/v1/projects/{id}/capture`: capture nothing more.
#[derive(Debug)]
pub struct CaptureStop;

impl Endpoint for CaptureStop {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/projects/{id}/capture";
    const ID: &'static str = "capture_stop";
    const SUMMARY: &'static str = "Capture nothing more of a project";
    const DESCRIPTION: &'static str =
        "What was captured stays until its retention is over: erase its dataset to end it before.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Capture;
}

/// `POST /api/v1/projects/{id}/capture/close`: make a version of what waits, now.
#[derive(Debug)]
pub struct CaptureClose;

impl Endpoint for CaptureClose {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/projects/{id}/capture/close";
    const ID: &'static str = "capture_close";
    const SUMMARY: &'static str = "Make a version of what was captured, now";
    const DESCRIPTION: &'static str =
        "Otherwise one is made once a day, or when enough has come together.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::Unavailable];
    type Path = IdPath<kinds::Project>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = CaptureClosed;
}
