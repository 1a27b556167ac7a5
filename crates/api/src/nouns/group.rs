//! Groups: users who are given roles together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{
    endpoint::{Endpoint, Method, Nothing, Permission},
    nouns::common::{IdPath, Page},
    problem::Code,
    reference::Ref,
    text::{IdText, NameText, Timestamp},
};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    /// Its id.
    #[schemars(with = "IdText<kinds::Group>")]
    pub id: Id<kinds::Group>,
    /// The organisation it belongs to; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<IdText<kinds::Organisation>>")]
    pub organisation: Option<Id<kinds::Organisation>>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
    /// Its users, by id.
    #[schemars(with = "Vec<IdText<kinds::User>>")]
    pub members: Vec<Id<kinds::User>>,
    /// Grows with every change; the value for `If-Match`.
    pub version: u64,
    /// Log sequence number as of which this is true; after a change, that of its entry.
    pub seq: u64,
    /// When it was created.
    pub created_at: Timestamp,
}

/// What a group is created from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupNew {
    /// The organisation it belongs to; absent for those who run the platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Unique there.
    #[schemars(with = "NameText")]
    pub name: Name,
}

/// Who joins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupMember {
    /// A user of the same organisation.
    #[schemars(with = "IdText<kinds::User>")]
    pub user: Id<kinds::User>,
}

/// A member in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPath {
    /// The group.
    #[schemars(with = "IdText<kinds::Group>")]
    pub id: Id<kinds::Group>,
    /// The user.
    #[schemars(with = "IdText<kinds::User>")]
    pub user: Id<kinds::User>,
}

/// Which groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupQuery {
    /// Only those of this organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Ref<kinds::Organisation>>,
    /// Only those of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<NameText>")]
    pub name: Option<Name>,
    /// Items on a page, 1 to 500; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// `next_page_token` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// `POST /api/v1/groups`: create an empty group.
#[derive(Debug)]
pub struct GroupCreate;

impl Endpoint for GroupCreate {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/groups";
    const ID: &'static str = "group_create";
    const SUMMARY: &'static str = "Create an empty group";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound, Code::NameTaken];
    const STATUS: u16 = 201;
    type Path = Nothing;
    type Query = Nothing;
    type Body = GroupNew;
    type Response = Group;
}

/// `GET /api/v1/groups`: list groups.
#[derive(Debug)]
pub struct GroupList;

impl Endpoint for GroupList {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/groups";
    const ID: &'static str = "group_list";
    const SUMMARY: &'static str = "List groups";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = Nothing;
    type Query = GroupQuery;
    type Body = Nothing;
    type Response = Page<Group>;
}

/// `GET /api/v1/groups/{id}`: get a group.
#[derive(Debug)]
pub struct GroupGet;

impl Endpoint for GroupGet {
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/groups/{id}";
    const ID: &'static str = "group_get";
    const SUMMARY: &'static str = "Get a group";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Group>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Group;
}

/// `DELETE /api/v1/groups/{id}`: delete a group with the roles given to it.
#[derive(Debug)]
pub struct GroupDelete;

impl Endpoint for GroupDelete {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/groups/{id}";
    const ID: &'static str = "group_delete";
    const SUMMARY: &'static str = "Delete a group with the roles given to it";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Group>;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Group;
}

/// `POST /api/v1/groups/{id}/members`: add a user to a group.
#[derive(Debug)]
pub struct GroupMemberAdd;

impl Endpoint for GroupMemberAdd {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/groups/{id}/members";
    const ID: &'static str = "group_member_add";
    const SUMMARY: &'static str = "Add a user to a group";
    const DESCRIPTION: &'static str =
        "Refused if the group has more than the caller: joining gives it all.";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = IdPath<kinds::Group>;
    type Query = Nothing;
    type Body = GroupMember;
    type Response = Group;
}

/// `DELETE /api/v1/groups/{id}/members/{user}`: remove a user from a group.
#[derive(Debug)]
pub struct GroupMemberRemove;

impl Endpoint for GroupMemberRemove {
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/v1/groups/{id}/members/{user}";
    const ID: &'static str = "group_member_remove";
    const SUMMARY: &'static str = "Remove a user from a group";
    const PERMISSION: Permission = Permission::Administrator;
    const ERRORS: &'static [Code] = &[Code::NotFound];
    type Path = MemberPath;
    type Query = Nothing;
    type Body = Nothing;
    type Response = Group;
}
