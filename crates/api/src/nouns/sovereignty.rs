//! Criteria of sovereignty, and the report of how far the platform meets them.
//!
//! Every reader may see both: who is to trust the platform must be able to see where it stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use super::evidence::{Evidence, EvidenceKind};
use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    text::{IdText, Timestamp},
};

/// How a framework rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScoreScale {
    /// A level for each part, and a weighted score of all.
    Seal,
    /// One level for all parts together.
    Levels,
    /// Each part is met, partly met or not met.
    Checklist,
}

/// All criteria of this version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Criteria {
    /// The frameworks, in the order of the report.
    pub frameworks: Vec<CriteriaFramework>,
}

/// A framework of criteria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CriteriaFramework {
    /// Short and stable, such as `eu-csf`.
    pub id: String,
    /// The version of the text that the criteria follow.
    pub version: String,
    /// For people.
    pub title: String,
    /// Who published what, when.
    pub source: String,
    /// What of it is our reading.
    pub reading: String,
    /// How it rates.
    pub scale: ScoreScale,
    /// Objectives, levels or requirements.
    pub parts: Vec<CriteriaPart>,
}

/// A part of a framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CriteriaPart {
    /// As the framework calls it, such as `SOV-5`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Share of the score in percent; 0 where there is no score.
    pub weight_percent: u32,
    /// What it asks for.
    pub criteria: Vec<Criterion>,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Criterion {
    /// Unique in all frameworks, such as `csf.sov-5.seal-4.1`.
    pub id: String,
    /// The level that needs it, 1 to 4; 0 on a checklist.
    pub level: u32,
    /// What it counts for in the score.
    pub points: u32,
    /// What it asks for.
    pub says: String,
    /// The check by which the platform answers it itself; absent if it needs evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
    /// The weakest kind of evidence that counts; absent if it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<EvidenceKind>,
    /// Checks that keep it unmet, whatever is recorded, while they fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken_by: Vec<String>,
}

/// Where a criterion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CriterionStanding {
    /// Shown, and nothing speaks against it.
    Met,
    /// The platform's own state says no.
    NotSo,
    /// Nobody has shown it.
    NotShown,
    /// What showed it expired or was withdrawn.
    Lapsed,
    /// What is shown is of a kind that is not enough.
    TooWeak,
    /// A fact speaks against it, whatever is recorded.
    Refuted,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartStanding {
    /// All of its criteria are met.
    Met,
    /// Some are.
    Partly,
    /// None is.
    NotMet,
}

/// How far the platform meets the criteria, at one position of its log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SovereigntyReport {
    /// When it was computed; evidence counts as of then.
    pub computed_at: Timestamp,
    /// Name and version of the software.
    pub software: String,
    /// The log's name.
    pub origin: String,
    /// Size of the log that it was computed at.
    pub as_of: u64,
    /// The log's root at that size, in base64.
    pub root: String,
    /// Size up to which witnesses had agreed; absent without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_size: Option<u64>,
    /// One result for each framework.
    pub frameworks: Vec<FrameworkResult>,
    /// Checks of the platform's own state, by name.
    pub checks: Vec<CheckResult>,
    /// All evidence on record, valid or not.
    pub evidence: Vec<Evidence>,
    /// Operators and owners of sites: their certificates count as declarations.
    #[schemars(with = "Vec<IdText<kinds::Entity>>")]
    pub own_entities: Vec<Id<kinds::Entity>>,
}

/// The result of one framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkResult {
    /// Short and stable, such as `eu-csf`.
    pub id: String,
    /// The version of the text that the criteria follow.
    pub version: String,
    /// For people.
    pub title: String,
    /// Who published what, when.
    pub source: String,
    /// What of it is our reading.
    pub reading: String,
    /// How it rates.
    pub scale: ScoreScale,
    /// The level of the lowest part, or of all parts together; absent on a checklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Weighted score in hundredths of a percent, rounded down; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_bp: Option<u32>,
    /// Parts of which all criteria are met.
    pub n_met: u32,
    /// Parts of which some are.
    pub n_partly: u32,
    /// Parts of which none is.
    pub n_not_met: u32,
    /// Ids of criteria that keep it down: what no evidence can change first, then what the next level
    /// lacks.
    pub kept_down_by: Vec<String>,
    /// The parts.
    pub parts: Vec<PartResult>,
}

/// The result of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartResult {
    /// As the framework calls it.
    pub id: String,
    /// For people.
    pub title: String,
    /// Share of the score in percent; 0 where there is no score.
    pub weight_percent: u32,
    /// Its level; absent where parts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
    /// Points that it has.
    pub points: u32,
    /// The most it could have.
    pub points_max: u32,
    /// How much of it is met.
    pub standing: PartStanding,
    /// Its criteria.
    pub criteria: Vec<CriterionResult>,
}

/// The answer to one criterion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CriterionResult {
    /// Unique in all frameworks.
    pub id: String,
    /// The level that needs it; 0 on a checklist.
    pub level: u32,
    /// What it counts for.
    pub points: u32,
    /// What it asks for.
    pub says: String,
    /// The check that answers it; absent if evidence does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub computed: Option<String>,
    /// The weakest kind of evidence that counts; absent if it is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<EvidenceKind>,
    /// The answer.
    pub standing: CriterionStanding,
    /// Why.
    pub because: String,
    /// What stands in the way, such as machines by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub things: Vec<String>,
    /// Evidence that the answer rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<IdText<kinds::Evidence>>")]
    pub evidence: Vec<Id<kinds::Evidence>>,
    /// Sequence numbers, from 1, of the log entries that the answer rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<u64>,
}

/// What a check of the platform's own state found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// Its name, as criteria have it.
    pub check: String,
    /// The outcome.
    pub met: bool,
    /// Why.
    pub because: String,
}

/// `GET /api/v1/sovereignty/criteria`: list the criteria of sovereignty.
#[derive(Debug)]
pub struct SovereigntyCriteriaGet;

impl Endpoint for SovereigntyCriteriaGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sovereignty/criteria";
    const ID: &'static str = "sovereignty_criteria";
    const SUMMARY: &'static str = "List the criteria of sovereignty";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Criteria;
}

/// `GET /api/v1/sovereignty/report`: say how far the platform meets the criteria.
#[derive(Debug)]
pub struct SovereigntyReportGet;

impl Endpoint for SovereigntyReportGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/sovereignty/report";
    const ID: &'static str = "sovereignty_report";
    const SUMMARY: &'static str = "Say how far the platform meets the criteria of sovereignty";
    const DESCRIPTION: &'static str = "Computed from evidence on record and from the platform's own state; what nobody has shown is not met. Nothing in it is about a tenant.";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Nothing;
    type Response = SovereigntyReport;
}
