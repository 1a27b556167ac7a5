//! Energy series: what a kilowatt-hour costs at a site by time, in carbon and in money.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    problem::Code,
    text::{IdText, Timestamp},
};

/// What a series measures.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EnergyMeasure {
    /// Milligrams of CO2e per kWh.
    Carbon,
    /// Micro-euro per kWh, which may be below zero; the same number in thousandths of a euro per MWh.
    Price,
}

/// The series of a site for a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnergySeries {
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// What it measures.
    pub measure: EnergyMeasure,
    /// Start of the first slot.
    pub start: Timestamp,
    /// The first moment after the last slot.
    pub end: Timestamp,
    /// Length of a slot, in seconds.
    pub step_s: u32,
    /// The values, in the measure's unit.
    pub values: Vec<i32>,
    /// Where they are from.
    pub source: String,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When the site first had one.
    pub created_at: Timestamp,
}

/// What a series is set to; it replaces the one of the same site and measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnergySeriesNew {
    /// Start of the first slot, a whole second.
    pub start: Timestamp,
    /// Length of a slot, in seconds: 60 to 86,400.
    pub step_s: u32,
    /// 1 to 4,096 values, in the measure's unit, within ±9,999,999.
    pub values: Vec<i32>,
    /// Where they are from: who published them, when, for what.
    pub source: String,
}

/// A site and a measure in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnergySeriesPath {
    /// The site's id.
    #[schemars(with = "IdText<kinds::Site>")]
    pub id: Id<kinds::Site>,
    /// What it measures.
    pub measure: EnergyMeasure,
}

/// `POST /api/v1/sites/{id}/series/{measure}`: set a series.
#[derive(Debug)]
pub struct EnergySeriesSet;

impl Endpoint for EnergySeriesSet {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/sites/{id}/series/{measure}";
    const ID: &'static str = "energy_series_set";
    const SUMMARY: &'static str = "Set what energy costs at a site by time";
    const DESCRIPTION: &'static str = "Jobs with `deferrable` start when the mean over their run is \
        least, within their deadline; without a series that covers the wait they start at once.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = EnergySeriesPath;
    type Query = Nothing;
    type Body = EnergySeriesNew;
    type Response = EnergySeries;
}

/// `GET /api/v1/sites/{id}/series/{measure}`: get a series.
#[derive(Debug)]
pub struct EnergySeriesGet;

impl Endpoint for EnergySeriesGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sites/{id}/series/{measure}";
    const ID: &'static str = "energy_series_get";
    const SUMMARY: &'static str = "Get what energy costs at a site by time";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = EnergySeriesPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = EnergySeries;
}

/// `DELETE /api/v1/sites/{id}/series/{measure}`: take a series out of force.
#[derive(Debug)]
pub struct EnergySeriesDelete;

impl Endpoint for EnergySeriesDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/sites/{id}/series/{measure}";
    const ID: &'static str = "energy_series_delete";
    const SUMMARY: &'static str = "Take a series out of force";
    const DESCRIPTION: &'static str = "Answers what it was.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    const IF_MATCH: bool = true;
    type Path = EnergySeriesPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = EnergySeries;
}
