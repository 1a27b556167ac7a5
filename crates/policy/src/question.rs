//! What is asked: may this project's data of this class be used in this way at this site?
//!
//! Must stay plain data: everything a policy can see is in here, so a decision can be re-checked
//! years later from the record alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use units::{Country, DataClass};

/// What would happen to the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Work that reads or writes it runs at the site.
    Place,
    /// It, or an artefact made from it, is copied to the site.
    Move,
    /// Requests that carry it are answered by the site.
    Serve,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 3] = [Self::Place, Self::Move, Self::Serve];

    /// The stable text form, which is also the Cedar action's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Move => "move",
            Self::Serve => "serve",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a site, as recorded at the moment of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFacts {
    /// Stable id text of the site.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Where the machines stand.
    pub country: Country,
    /// Who runs the site.
    pub operator: String,
    /// Jurisdiction of the operator's ultimate owner.
    pub operator_country: Country,
    /// Certifications held, such as `SecNumCloud` or `HDS`, as the operator spells them.
    pub certifications: Vec<String>,
}

/// A question without its site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What would happen to the data.
    pub action: Action,
    /// Id text of the organisation that owns the project.
    pub organisation: String,
    /// Id text of the project that asks.
    pub project: String,
    /// The most sensitive class involved.
    pub class: DataClass,
    /// The job's or project's own tightening: only these countries; `None` for no tightening.
    pub residency: Option<Vec<Country>>,
}

/// One complete question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What would happen to the data.
    pub action: Action,
    /// Id text of the organisation that owns the project.
    pub organisation: String,
    /// Id text of the project that asks.
    pub project: String,
    /// The most sensitive class involved.
    pub class: DataClass,
    /// The job's or project's own tightening: only these countries; `None` for no tightening.
    pub residency: Option<Vec<Country>>,
    /// Where it would happen.
    pub site: SiteFacts,
}

impl Intent {
    /// The complete question for one site.
    #[must_use]
    pub fn at(&self, site: SiteFacts) -> Question {
        Question {
            action: self.action,
            organisation: self.organisation.clone(),
            project: self.project.clone(),
            class: self.class,
            residency: self.residency.clone(),
            site,
        }
    }
}
