//! Reservations: whole nodes for a window of time, for a project or for maintenance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::{ProjectRef, Ref},
    text::{IdText, NameText, Timestamp},
};

/// Where a reservation stands; time moves it along.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// Its window is to come.
    Booked,
    /// Its window is now.
    Active,
    /// Its window has ended.
    Over,
    /// Its nodes were given back.
    Cancelled,
}

/// A node of a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReservedNode {
    /// The node.
    #[schemars(with = "IdText<kinds::Node>")]
    pub id: Id<kinds::Node>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its rack, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
}

/// A block of nodes for a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reservation {
    /// Its id.
    #[schemars(with = "IdText<kinds::Reservation>")]
    pub id: Id<kinds::Reservation>,
    /// Unique among those that are not over.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The project whose work gets the nodes; absent for maintenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Project>>")]
    pub project: Option<Id<kinds::Project>>,
    /// True if the nodes are for nobody's work.
    pub maintenance: bool,
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// The nodes, by id.
    pub nodes: Vec<ReservedNode>,
    /// The window's first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
    /// Where it stands.
    pub state: ReservationState,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What is to be reserved: nodes by name, or a number of them that the platform chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationNew {
    /// Unique among those that are not over.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The project whose work gets the nodes; give either this or `maintenance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// True for nobody's work.
    #[serde(default)]
    pub maintenance: bool,
    /// The site; needed with `count` if there are several, and for names that several sites have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Ref<kinds::Site>>,
    /// These nodes, at most 1,500; give either this or `count`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<Ref<kinds::Node>>,
    /// So many nodes, in as few racks as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// With `count`: only nodes of this rack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub rack: Option<Name>,
    /// With `count`: all in one rack or not at all.
    #[serde(default)]
    pub one_rack: bool,
    /// With `count`: only nodes with this model of GPU, or `cpu` for nodes without GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The window's first moment; now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// The first moment after it.
    pub until: Timestamp,
}

/// Which reservations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReservationQuery {
    /// Only reservations for this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// Only the reservation of this name; over ones may have had it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// Only reservations in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ReservationState>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/reservations`: reserve nodes.
#[derive(Debug)]
pub struct ReservationCreate;

impl Endpoint for ReservationCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/reservations";
    const ID: &'static str = "reservation_create";
    const SUMMARY: &'static str = "Reserve nodes for a window of time";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] =
        &[Code::NotFound, Code::NameTaken, Code::ReservationConflict, Code::NoCapacity];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = ReservationNew;
    type Response = Reservation;
}

/// `GET /api/v1/reservations`: list reservations, the newest first.
#[derive(Debug)]
pub struct ReservationList;

impl Endpoint for ReservationList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/reservations";
    const ID: &'static str = "reservation_list";
    const SUMMARY: &'static str = "List reservations, the newest first";
    const DESCRIPTION: &'static str = "Maintenance is shown to every reader.";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = ReservationQuery;
    type Body = Nothing;
    type Response = Page<Reservation>;
}

/// `GET /api/v1/reservations/{id}`: get a reservation.
#[derive(Debug)]
pub struct ReservationGet;

impl Endpoint for ReservationGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/reservations/{id}";
    const ID: &'static str = "reservation_get";
    const SUMMARY: &'static str = "Get a reservation";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Reservation>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Reservation;
}

/// `POST /api/v1/reservations/{id}/cancel`: give the nodes back.
#[derive(Debug)]
pub struct ReservationCancel;

impl Endpoint for ReservationCancel {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/reservations/{id}/cancel";
    const ID: &'static str = "reservation_cancel";
    const SUMMARY: &'static str = "Give the nodes of a reservation back";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict];
    const IF_MATCH: bool = true;
    type Path = IdPath<kinds::Reservation>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Reservation;
}
