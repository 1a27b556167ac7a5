//! Trying policies before they are in force: check, test, explain, diff.
//!
//! Nothing here changes anything: drafts come in bodies and are forgotten.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Country, DataClass, Digest, Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::residency::{DataCategory, ResidencyRule},
    problem::Code,
    reference::{PolicyScope, ProjectRef, Ref},
    text::{ClassText, CountryText, DigestText, IdText, NameText, Timestamp},
};

/// What would happen to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyAction {
    /// Work that reads or writes it runs at the site.
    Place,
    /// It is copied to the site.
    Move,
    /// Requests that carry it are answered by the site.
    Serve,
}

/// A draft to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// Cedar policies.
    pub text: String,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyChecked {
    /// True if the text could come into force.
    pub ok: bool,
    /// What is wrong and what to do about it; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The line of it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Ids of the policies in it, in the order of the text.
    pub policies: Vec<String>,
}

/// `POST /api/v1/policies/check`: say whether a text could come into force.
#[derive(Debug)]
pub struct PolicyCheck;

impl Endpoint for PolicyCheck {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/policies/check";
    const ID: &'static str = "policy_check";
    const SUMMARY: &'static str = "Say whether a policy could come into force";
    const PERMISSION: Permission = Permission::Viewer;
    type Path = Nothing;
    type Query = Nothing;
    type Body = PolicyDraft;
    type Response = PolicyChecked;
}

/// A site as policies see it, for a question about one that need not exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteDraft {
    /// Its name.
    pub name: String,
    /// Where it stands.
    #[schemars(with = "CountryText")]
    pub country: Country,
    /// Who runs it.
    #[serde(default)]
    pub operator: String,
    /// The jurisdiction of the operator's ultimate owner.
    #[schemars(with = "CountryText")]
    pub operator_country: Country,
    /// The jurisdiction that controls the operating entity; `ZZ` if nobody can say.
    #[serde(default)]
    pub operator_jurisdiction: String,
    /// The jurisdiction that controls the owner; `ZZ` if nobody can say.
    #[serde(default)]
    pub owner_jurisdiction: String,
    /// True if the operator is known to keep SecNumCloud 3.2 §19.6.
    #[serde(default)]
    pub ownership_met: bool,
    /// Certifications held.
    #[serde(default)]
    pub certifications: Vec<String>,
}

/// One question with the answer that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyCase {
    /// What it is called in the result.
    pub name: String,
    /// What would happen.
    pub action: PolicyAction,
    /// The class of the data.
    #[schemars(with = "ClassText")]
    pub class: DataClass,
    /// What the data is by origin.
    #[serde(default)]
    pub category: DataCategory,
    /// The asker's own tightening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<CountryText>>")]
    pub residency: Option<Vec<Country>>,
    /// Id text of the organisation that asks.
    #[serde(default)]
    pub organisation: String,
    /// Id text of the project that asks.
    #[serde(default)]
    pub project: String,
    /// Where.
    pub site: SiteDraft,
    /// True if it is to be allowed; absent if the answer is only asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<bool>,
    /// The policies that are to decide, by their own ids; absent if any may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Vec<String>>,
}

/// Cases for a draft, or for what is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyTestNew {
    /// The draft, after the base layer and those in force for the scope; absent to test those alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whose layers come before the draft; absent for the base layer alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<PolicyScope>,
    /// At most 1,000 cases.
    pub cases: Vec<PolicyCase>,
}

/// The answer to one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyCaseResult {
    /// The case.
    pub name: String,
    /// True if the answer is the expected one, or none was expected.
    pub ok: bool,
    /// The answer.
    pub allowed: bool,
    /// Policies that decided, as `source/policy`.
    pub determining: Vec<String>,
    /// What could not be evaluated; any of it refuses.
    pub errors: Vec<String>,
}

/// The answers to all cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyTested {
    /// True if every answer is the expected one.
    pub ok: bool,
    /// SHA-256 of the set of policies that was asked.
    #[schemars(with = "DigestText")]
    pub policy_set: Digest,
    /// In the order of the cases.
    pub results: Vec<PolicyCaseResult>,
}

/// `POST /api/v1/policies/test`: ask a draft about cases.
#[derive(Debug)]
pub struct PolicyTest;

impl Endpoint for PolicyTest {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/policies/test";
    const ID: &'static str = "policy_test";
    const SUMMARY: &'static str = "Ask a draft of a policy about cases";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = Nothing;
    type Body = PolicyTestNew;
    type Response = PolicyTested;
}

/// What to explain: a workload, or a wish of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyExplainQuery {
    /// A workload: its own questions at every site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Workload>>")]
    pub workload: Option<Id<kinds::Workload>>,
    /// Or a project that asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectRef>,
    /// For what class of data; internal if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<ClassText>")]
    pub class: Option<DataClass>,
    /// Only this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Ref<kinds::Site>>,
}

/// The answer to one question, and what would change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyExplained {
    /// The site.
    #[schemars(with = "IdText<kinds::Site>")]
    pub site: Id<kinds::Site>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// What would happen to the data there.
    pub action: PolicyAction,
    /// The answer.
    pub allowed: bool,
    /// Policies that decided, as `source/policy`; a source is `cocarde.base` or a policy's id.
    pub determining: Vec<String>,
    /// Why, in a sentence.
    pub reason: String,
    /// What would change the answer.
    pub would_change: Vec<String>,
    /// Sequence number of the decision on record; absent if it was asked just now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<u64>,
}

/// Answers for every site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyExplanation {
    /// By site, then by what would happen.
    pub answers: Vec<PolicyExplained>,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// `GET /api/v1/policies/explain`: which policies decide, and what would change that.
#[derive(Debug)]
pub struct PolicyExplain;

impl Endpoint for PolicyExplain {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/policies/explain";
    const ID: &'static str = "policy_explain";
    const SUMMARY: &'static str = "Say which policies decide, and what would change that";
    const PERMISSION: Permission = Permission::Viewer;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = PolicyExplainQuery;
    type Body = Nothing;
    type Response = PolicyExplanation;
}

/// A change to try: a text, or typed rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyDiffNew {
    /// Where it would apply.
    pub scope: PolicyScope,
    /// The name it would have, in place of the policy of that scope and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// Cedar policies; absent for typed rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Typed rules; empty for a text.
    #[serde(default)]
    pub rules: Vec<ResidencyRule>,
    /// Days of logged decisions to ask again, at most 400.
    #[serde(default)]
    pub days: u32,
}

/// What a change means for one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyImpact {
    /// Id of the workload, endpoint, dataset or model.
    pub subject: String,
    /// Its project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Its name.
    pub name: String,
    /// Where it is; absent for what waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Site>>")]
    pub site: Option<Id<kinds::Site>>,
    /// Sites where it is allowed now; 0 or 1 for what is somewhere.
    pub allowed_now: u32,
    /// The same after the change.
    pub allowed_then: u32,
    /// Policies that would decide against it.
    pub because: Vec<String>,
}

/// A decision of the past that would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyFlip {
    /// Sequence number of its entry.
    pub seq: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What it was about, for people.
    pub question: String,
    /// The answer on record.
    pub was: bool,
    /// The answer after the change.
    pub would_be: bool,
    /// Policies that would decide.
    pub determining: Vec<String>,
}

/// What a change would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyDiffed {
    /// Work that would go back to the queue.
    pub running: Vec<PolicyImpact>,
    /// Work that waits and would have other sites.
    pub queued: Vec<PolicyImpact>,
    /// Endpoints with routes that would close.
    pub endpoints: Vec<PolicyImpact>,
    /// Datasets and models that could not lie where they are.
    pub artefacts: Vec<PolicyImpact>,
    /// Logged decisions that were asked again.
    pub asked_again: u64,
    /// Those that would be another one, oldest first; at most 200.
    pub flips: Vec<PolicyFlip>,
    /// How many there are.
    pub n_flips: u64,
    /// Log sequence number as of which this is true.
    pub as_of: u64,
}

/// `POST /api/v1/policies/diff`: say what a change would do.
#[derive(Debug)]
pub struct PolicyDiff;

impl Endpoint for PolicyDiff {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/policies/diff";
    const ID: &'static str = "policy_diff";
    const SUMMARY: &'static str = "Say what a change of policy would do, without making it";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = Nothing;
    type Body = PolicyDiffNew;
    type Response = PolicyDiffed;
}
