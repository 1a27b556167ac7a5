//! Courses: a roster of students, each with a project, a budget and a quota of their own, and an end.
//! States: open → closed. Closing stops the work, takes roles, keys and quotas back, and keeps what
//! the students made.
//!
//! Who the people are is sealed beside the log; a course knows ids.

mod apply;
mod decide;

pub(crate) use apply::apply;
pub(crate) use decide::decide;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use units::{Allowance, Id, MicroEuro, Name, UnixMicros, kinds};

use crate::{
    Meta, Subject,
    quota::{Class, Milli},
};

/// Most students of a course: all are named in the entries of its closing.
pub const STUDENTS_MAX: usize = 500;

/// Most teachers of a course.
pub const TEACHERS_MAX: usize = 8;

/// What each student gets, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// When the course closes.
    pub ends_at: UnixMicros,
    /// What each student may spend; `None` for no budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<MicroEuro>,
    /// What each student may use up in other measures, each at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowances: Vec<Allowance>,
    /// What each student is promised of a class of GPU or of cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<(Class, Milli)>,
}

/// What somebody is in a course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Runs it and sees all work.
    Teacher,
    /// Works in a project of their own.
    Student,
}

/// A course.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Its id.
    pub id: Id<kinds::Course>,
    /// Whose it is.
    pub organisation: Id<kinds::Organisation>,
    /// Its own project, whose public and internal datasets every student reads and none changes.
    pub project: Id<kinds::Project>,
    /// Unique among the organisation's courses and projects.
    pub name: Name,
    /// What each student gets.
    pub terms: Terms,
    /// Who runs it.
    pub teachers: BTreeSet<Id<kinds::User>>,
    /// Its students, each with their project.
    pub students: BTreeMap<Id<kinds::User>, Id<kinds::Project>>,
    /// Since when it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<UnixMicros>,
    /// Version and times.
    pub meta: Meta,
}

impl Course {
    /// All of its projects, its own first.
    pub fn projects(&self) -> impl Iterator<Item = Id<kinds::Project>> + '_ {
        std::iter::once(self.project).chain(self.students.values().copied())
    }
}

/// What can be asked about courses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one with a project of its name.
    Create {
        /// Whose it is.
        organisation: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
        /// What each student gets.
        terms: Terms,
    },
    /// Takes somebody of the organisation in.
    Enrol {
        /// The course.
        id: Id<kinds::Course>,
        /// Who.
        user: Id<kinds::User>,
        /// As what.
        part: Part,
    },
    /// Ends it.
    Close {
        /// The course.
        id: Id<kinds::Course>,
    },
}

/// What can happen to courses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Course>,
        /// Whose it is.
        organisation: Id<kinds::Organisation>,
        /// Its own project.
        project: Id<kinds::Project>,
        /// Its name.
        name: Name,
        /// What each student gets.
        terms: Terms,
    },
    /// Somebody was taken in.
    Enrolled {
        /// The course.
        id: Id<kinds::Course>,
        /// Who.
        user: Id<kinds::User>,
        /// As what.
        part: Part,
        /// The student's project, the course's for a teacher.
        project: Id<kinds::Project>,
    },
    /// It ended.
    Closed {
        /// The course.
        id: Id<kinds::Course>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "course.created",
            Self::Enrolled { .. } => "course.enrolled",
            Self::Closed { .. } => "course.closed",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        self.id().into()
    }

    /// Which course it is about.
    #[must_use]
    pub const fn id(&self) -> Id<kinds::Course> {
        match self {
            Self::Created { id, .. } | Self::Enrolled { id, .. } | Self::Closed { id } => *id,
        }
    }
}

pub(crate) const fn target(command: &Command) -> Option<Id<kinds::Course>> {
    match command {
        Command::Create { .. } => None,
        Command::Enrol { id, .. } | Command::Close { id } => Some(*id),
    }
}
