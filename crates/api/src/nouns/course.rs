//! Courses: a roster, what each student gets, an end, and a report.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, MicroEuro, Name, kinds};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    nouns::{
        common::{IdPath, NamedQuery, Page},
        storage::ToQuery,
    },
    problem::Code,
    reference::Ref,
    text::{AllowanceText, EuroText, IdText, NameText, Timestamp},
};

/// A course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Course {
    /// Its id.
    #[schemars(with = "IdText<kinds::Course>")]
    pub id: Id<kinds::Course>,
    /// Its organisation.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// Its own project: public and internal datasets in it are read by every student.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// When it closes by itself.
    pub ends_at: Timestamp,
    /// Since when it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// What each student may spend, in micro-euro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<i64>")]
    pub budget_microeuro: Option<MicroEuro>,
    /// What each student may use up in other measures, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowances: Vec<String>,
    /// The class that each student is promised something of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_class: Option<String>,
    /// How much, in thousandths of a GPU or core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_milli: Option<u64>,
    /// Its teachers.
    pub n_teachers: u64,
    /// Its students.
    pub n_students: u64,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a course is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CourseNew {
    /// The organisation.
    pub organisation: Ref<kinds::Organisation>,
    /// Unique among the organisation's projects.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// When it closes by itself.
    pub ends_at: Timestamp,
    /// What each student may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<EuroText>,
    /// What each student may use up in other measures, such as `20 GPUh` or `2 M tokens`; each measure at
    /// most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowances: Vec<AllowanceText>,
    /// `cpu` or a model of GPU that each student is promised something of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_class: Option<String>,
    /// How much, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota_milli: Option<u64>,
}

/// What somebody is in a course.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CoursePart {
    /// Works in a project of their own.
    #[default]
    Student,
    /// Runs it and sees all work.
    Teacher,
}

/// A line of a roster. It goes to the vault; the log has ids.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RosterLine {
    /// Their address, by which they are found again.
    pub email: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What they are.
    #[serde(default)]
    pub part: CoursePart,
}

impl std::fmt::Debug for RosterLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never with anything of the person.
        f.debug_struct("RosterLine").field("part", &self.part).finish_non_exhaustive()
    }
}

/// A roster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// At most 500 at once.
    pub people: Vec<RosterLine>,
}

/// What a roster did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RosterTaken {
    /// People that the platform did not know before.
    pub n_new_people: u64,
    /// People who are in the course now and were not before.
    pub n_enrolled: u64,
    /// Log sequence number as of which this is true.
    pub seq: u64,
}

/// One student's use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StudentReport {
    /// The student's id; who it is, is in the vault.
    #[schemars(with = "IdText<kinds::User>")]
    pub user: Id<kinds::User>,
    /// Name and address, unless they were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Their project.
    #[schemars(with = "IdText<kinds::Project>")]
    pub project: Id<kinds::Project>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub project_name: Name,
    /// Jobs and services that they ran.
    pub n_workloads: u64,
    /// Those that succeeded.
    pub n_succeeded: u64,
    /// Datasets that they made.
    pub n_datasets: u64,
    /// Models that they made.
    pub n_models: u64,
    /// What they spent, in micro-euro.
    #[schemars(with = "i64")]
    pub spent_microeuro: MicroEuro,
}

/// The report to the teacher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CourseReport {
    /// The course.
    pub course: Course,
    /// Each student.
    pub students: Vec<StudentReport>,
}

/// `POST /api/v1/courses`: create a course.
#[derive(Debug)]
pub struct CourseCreate;

impl Endpoint for CourseCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/courses";
    const ID: &'static str = "course_create";
    const SUMMARY: &'static str = "Create a course";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken, Code::StateConflict];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = CourseNew;
    type Response = Course;
}

/// `GET /api/v1/courses`: list courses.
#[derive(Debug)]
pub struct CourseList;

impl Endpoint for CourseList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/courses";
    const ID: &'static str = "course_list";
    const SUMMARY: &'static str = "List courses";
    const PERMISSION: Permission = Permission::Teacher;
    type Path = Nothing;
    type Query = NamedQuery;
    type Body = Nothing;
    type Response = Page<Course>;
}

/// `GET /api/v1/courses/{id}`: get a course.
#[derive(Debug)]
pub struct CourseGet;

impl Endpoint for CourseGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/courses/{id}";
    const ID: &'static str = "course_get";
    const SUMMARY: &'static str = "Get a course";
    const PERMISSION: Permission = Permission::Teacher;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Course>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Course;
}

/// `POST /api/v1/courses/{id}/roster`: take people in.
#[derive(Debug)]
pub struct CourseEnrol;

impl Endpoint for CourseEnrol {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/courses/{id}/roster";
    const ID: &'static str = "course_enrol";
    const SUMMARY: &'static str = "Take people into a course";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::StateConflict, Code::QuotaExceeded];
    type Path = IdPath<kinds::Course>;
    type Query = Nothing;
    type Body = Roster;
    type Response = RosterTaken;
}

/// `GET /api/v1/courses/{id}/report`: what each student did and spent.
#[derive(Debug)]
pub struct CourseReportGet;

impl Endpoint for CourseReportGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/courses/{id}/report";
    const ID: &'static str = "course_report_get";
    const SUMMARY: &'static str = "Report what each student did and spent";
    const PERMISSION: Permission = Permission::Teacher;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Course>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = CourseReport;
}

/// `GET /api/v1/courses/{id}/export`: the report and each student's work, as one tar file.
#[derive(Debug)]
pub struct CourseExport;

impl Endpoint for CourseExport {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/courses/{id}/export";
    const ID: &'static str = "course_export";
    const SUMMARY: &'static str = "Stream each student's work";
    const DESCRIPTION: &'static str = "Policy is asked whether it may go to the place of storage, and the \
         answer is in the log before the first byte.";
    const PERMISSION: Permission = Permission::Teacher;
    const ERRORS: &'static [Code] =
        &[Code::NotFound, Code::InvalidField, Code::StateConflict, Code::ForbiddenByPolicy];
    const RESPONSE: Content = Content::Tar;
    type Path = IdPath<kinds::Course>;
    type Query = ToQuery;
    type Body = Nothing;
    type Response = Raw;
}

/// `POST /api/v1/courses/{id}/close`: end a course.
#[derive(Debug)]
pub struct CourseClose;

impl Endpoint for CourseClose {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/courses/{id}/close";
    const ID: &'static str = "course_close";
    const SUMMARY: &'static str = "End a course";
    const PERMISSION: Permission = Permission::Teacher;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Course>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Course;
}
