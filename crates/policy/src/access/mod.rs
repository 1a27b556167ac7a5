//! Who may do what: roles, groups of permissions, and masks that say at once what Cedar would say.
//!
//! The texts `schema.cedarschema` and `roles.cedar` are the truth. A [`Mask`] is derived from them
//! once for each role, because asking Cedar takes some fifty microseconds and a request asks often;
//! a test compares the two for every role, action and relation of scopes. Nothing here knows a
//! tenant, a clock or a log: where and until when somebody has a role is the caller's business.

mod cedar;
mod mask;
mod table;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use cedar::{Grant, Question, Where, permits, role_policy};
pub use mask::{Action, Mask, Operation};

/// The Cedar schema of access.
pub const SCHEMA: &str = include_str!("schema.cedarschema");

/// The Cedar templates of the built-in roles.
pub const ROLES: &str = include_str!("roles.cedar");

/// A role that every tenant has; also the role of a key. The names of the first five stand in logs
/// since the first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Calls models through the gateway and nothing else.
    Inference,
    /// Reads.
    Viewer,
    /// Reads, runs workloads, registers artefacts, calls models.
    Member,
    /// Everything inside a tenant: also people, keys, budgets and policies.
    Administrator,
    /// Runs the platform: sites, nodes, prices, tenants.
    Operator,
    /// Sees what happened and how things are set, and no content.
    Auditor,
    /// Sees money and use, sets budgets.
    Billing,
    /// A member who runs courses.
    Teacher,
    /// Works inside a project that somebody else set up.
    Student,
}

/// A group of permissions: a Cedar action that others are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// See configuration and state.
    Read,
    /// Run jobs, make artefacts.
    Work,
    /// Call models.
    Infer,
    /// People, keys, policies, budgets, projects.
    Administer,
    /// The fleet.
    Operate,
    /// What happened and how things are set, without content.
    Audit,
    /// Money and use.
    Bill,
    /// Courses.
    Teach,
    /// Own work inside a project.
    Study,
    /// Across the others: what shows, uses or changes a tenant's own data.
    Content,
}

/// A text that names no role or permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {what}: use one of {known}")]
pub struct UnknownName {
    /// What was given, cut to 64 characters.
    pub given: String,
    /// What it should have been.
    pub what: &'static str,
    /// What there is.
    pub known: String,
}

impl Role {
    /// All built-in roles.
    pub const ALL: [Self; 9] = [
        Self::Inference,
        Self::Viewer,
        Self::Member,
        Self::Administrator,
        Self::Operator,
        Self::Auditor,
        Self::Billing,
        Self::Teacher,
        Self::Student,
    ];

    /// The stable text form, which is also the id of its template.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inference => "inference",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Billing => "billing",
            Self::Teacher => "teacher",
            Self::Student => "student",
        }
    }

    /// The group that a check for this role asks for.
    #[must_use]
    pub const fn group(self) -> Group {
        match self {
            Self::Inference => Group::Infer,
            Self::Viewer => Group::Read,
            Self::Member => Group::Work,
            Self::Administrator => Group::Administer,
            Self::Operator => Group::Operate,
            Self::Auditor => Group::Audit,
            Self::Billing => Group::Bill,
            Self::Teacher => Group::Teach,
            Self::Student => Group::Study,
        }
    }

    /// True if the role may be given on the whole platform: only what runs it, sees it or bills it.
    #[must_use]
    pub const fn is_of_fleet(self) -> bool {
        match self {
            Self::Operator | Self::Viewer | Self::Auditor | Self::Billing => true,
            Self::Inference
            | Self::Member
            | Self::Administrator
            | Self::Teacher
            | Self::Student => false,
        }
    }

    /// True if the role may be given in an organisation or a project.
    #[must_use]
    pub const fn is_of_tenant(self) -> bool {
        !matches!(self, Self::Operator)
    }

    /// What it permits.
    #[must_use]
    pub fn mask(self) -> Mask {
        table::TABLE.of_role(self)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let text = if text == "admin" { "administrator" } else { text };
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| unknown(text, "role", &Self::ALL.map(Self::as_str)))
    }
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Work,
        Self::Infer,
        Self::Administer,
        Self::Operate,
        Self::Audit,
        Self::Bill,
        Self::Teach,
        Self::Study,
        Self::Content,
    ];

    /// The stable text form, which is also the Cedar action's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Work => "work",
            Self::Infer => "infer",
            Self::Administer => "administer",
            Self::Operate => "operate",
            Self::Audit => "audit",
            Self::Bill => "bill",
            Self::Teach => "teach",
            Self::Study => "study",
            Self::Content => "content",
        }
    }

    fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == text)
    }
}

/// What a name in a custom role permits: a group with everything in it, or one operation.
///
/// # Errors
/// [`UnknownName`] for a name that is neither.
pub fn permission(name: &str) -> Result<Mask, UnknownName> {
    let found = match Group::named(name) {
        // It cuts across the others and gives nothing by itself.
        Some(Group::Content) => None,
        Some(group) => Some(table::TABLE.of_group(group)),
        None => Operation::named(name).map(Mask::one),
    };
    let groups = Group::ALL.map(Group::as_str);
    found.ok_or_else(|| unknown(name, "group of permissions and no operation of the API", &groups))
}

/// What a set of names permits together; a name that is not known any more permits nothing.
pub fn permissions<'a>(names: impl IntoIterator<Item = &'a str>) -> Mask {
    let masks = names.into_iter().filter_map(|name| permission(name).ok());
    masks.fold(Mask::NOTHING, Mask::or)
}

/// What shows, uses or changes what is a tenant's own, or says who may.
#[must_use]
pub fn own() -> Mask {
    table::TABLE.of_group(Group::Content)
}

/// Every operation of the API that somebody may be permitted, sorted, each with its groups.
pub fn operations() -> impl Iterator<Item = (&'static str, Vec<Group>)> {
    table::TABLE.operations()
}

fn unknown(given: &str, what: &'static str, known: &[&str]) -> UnknownName {
    UnknownName { given: given.chars().take(64).collect(), what, known: known.join(", ") }
}
