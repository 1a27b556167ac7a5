//! The log as events, listed or followed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission},
    text::Timestamp,
};

/// One entry of the log, as far as the key may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Its place in the log, from 1.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened, such as `workload_submitted`.
    pub kind: String,
    /// Id of what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Id of the key that caused it; absent for the platform itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The event itself; its shape depends on `kind` and grows over time.
    pub data: Value,
}

/// Events in the order of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The events.
    pub items: Vec<Event>,
    /// Pass it as `after` to read on.
    pub next_after: u64,
    /// The last sequence number when this was read.
    pub as_of: u64,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventQuery {
    /// Only events after this sequence number; from the start if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// At most so many, 1 to 1,000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// With `Accept: text/event-stream`: keep the connection and send what comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
}

/// `GET /api/v1/events`: list or follow what happened.
#[derive(Debug)]
pub struct EventList;

impl Endpoint for EventList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/events";
    const ID: &'static str = "event_list";
    const SUMMARY: &'static str = "List or follow what happened";
    const DESCRIPTION: &'static str = "As a stream, each message has the sequence number as `id`, the kind as `event` and an Event as `data`; `Last-Event-ID` resumes.";
    const PERMISSION: Permission = Permission::Viewer;
    const RESPONSE: Content = Content::JsonOrEvents;
    type Path = Nothing;
    type Query = EventQuery;
    type Body = Nothing;
    type Response = EventPage;
}
