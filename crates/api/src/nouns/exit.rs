//! Leaving with everything, and arriving with it (Regulation (EU) 2023/2854, Articles 25, 26, 30).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Content, Endpoint, Method, Nothing, Permission, Raw},
    nouns::{common::IdPath, storage::ToQuery},
    problem::Code,
    text::{IdText, NameText},
};

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// The organisation, under the id that it had.
    #[schemars(with = "IdText<kinds::Organisation>")]
    pub organisation: Id<kinds::Organisation>,
    /// Its name.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// The name of the log that it comes from.
    pub origin: String,
    /// Parts of its configuration: projects, roles, groups, service accounts, bindings, policies,
    /// quotas, budgets, datasets, models, versions.
    pub n_items: u64,
    /// People with their personal data.
    pub n_people: u64,
    /// Stored contents.
    pub n_blobs: u64,
    /// What did not come in, with its reason: what the file says was left behind, and what could not
    /// be taken in here.
    pub left_out: Vec<LeftOut>,
    /// A key of an administrator of the organisation for those whose it is, if it was shut to those
    /// who run the platform it comes from: shown once, valid for seven days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator_key: Option<String>,
    /// Log sequence number of the last entry about it.
    pub seq: u64,
}

/// Something that an organisation left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeftOut {
    /// Its id, which says what it is.
    pub id: String,
    /// Why, and what to do.
    pub reason: String,
}

/// `GET /api/v1/organisations/{id}/export`: everything of an organisation, as one tar file.
#[derive(Debug)]
pub struct OrganisationExport;

impl Endpoint for OrganisationExport {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/organisations/{id}/export";
    const ID: &'static str = "organisation_export";
    const SUMMARY: &'static str = "Stream everything of an organisation";
    const DESCRIPTION: &'static str = "Data, configuration, people, history and its own log entries with proofs; `README.md` inside says how \
         each file is to be read. Another installation takes it in. Policy is asked whether it may go to the \
         place of storage, and the answer is in the log before the first byte.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] =
        &[Code::NotFound, Code::InvalidField, Code::StateConflict, Code::ForbiddenByPolicy];
    const RESPONSE: Content = Content::Tar;
    type Path = IdPath<kinds::Organisation>;
    type Query = ToQuery;
    type Body = Nothing;
    type Response = Raw;
}

/// `POST /api/v1/organisations/import`: take in what another installation exported.
#[derive(Debug)]
pub struct OrganisationImport;

impl Endpoint for OrganisationImport {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/organisations/import";
    const ID: &'static str = "organisation_import";
    const SUMMARY: &'static str = "Take in an organisation that another installation exported";
    const DESCRIPTION: &'static str =
        "Ids stay as they were. The same file once more goes on where it stopped.";
    const PERMISSION: Permission = Permission::Operator;
    const ERRORS: &'static [Code] = &[
        Code::NameTaken,
        Code::StateConflict,
        Code::DigestMismatch,
        Code::InvalidBody,
        Code::PayloadTooLarge,
    ];
    const STATUS: u16 = 201;
    const REQUEST: Content = Content::Tar;
    type Path = Nothing;
    type Query = Nothing;
    type Body = Raw;
    type Response = Imported;
}
