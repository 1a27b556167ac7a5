//! What is asked: may this project's data of this class be used in this way at this site?
//!
//! Must stay plain data: everything a policy can see is in here, so a decision can be re-checked
//! years later from the record alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use units::{Country, DataClass, Digest};

use crate::category::Category;
use crate::ownership::UNKNOWN_COUNTRY;

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
    /// What the register of entities says of it.
    pub legal: LegalFacts,
}

/// Who stands behind a site, as computed from the register of legal entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalFacts {
    /// Id text of the operating entity; empty if none is named.
    pub operator: String,
    /// Jurisdiction that controls it; [`UNKNOWN_COUNTRY`] if nobody can say.
    pub operator_jurisdiction: String,
    /// Id text of the owning entity; empty if none is named.
    pub owner: String,
    /// Jurisdiction that controls it; [`UNKNOWN_COUNTRY`] if nobody can say.
    pub owner_jurisdiction: String,
    /// True if the operator is known to meet SecNumCloud 3.2 §19.6.
    pub ownership_met: bool,
}

impl Default for LegalFacts {
    /// Nobody is named, so nothing is known.
    fn default() -> Self {
        let unknown = || UNKNOWN_COUNTRY.to_owned();
        Self {
            operator: String::new(),
            operator_jurisdiction: unknown(),
            owner: String::new(),
            owner_jurisdiction: unknown(),
            ownership_met: false,
        }
    }
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
    /// What the data is by origin.
    pub category: Category,
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
    /// What the data is by origin.
    pub category: Category,
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
            category: self.category,
            residency: self.residency.clone(),
            site,
        }
    }
}

impl Question {
    /// SHA-256 over what is asked, the site by its id only: each part with its length (eight bytes,
    /// big endian) in front; the residency list is preceded by its length, absent is `none`.
    #[must_use]
    pub fn request_digest(&self) -> Digest {
        let mut parts = Parts::default();
        parts.add(self.action.as_str());
        parts.add(&self.organisation);
        parts.add(&self.project);
        parts.add(self.class.as_str());
        parts.add(self.category.as_str());
        match &self.residency {
            None => parts.add("none"),
            Some(countries) => parts.list(countries.iter().map(Country::as_str)),
        }
        parts.add(&self.site.id);
        parts.digest()
    }

    /// SHA-256 over everything that policies can see of the site, in the order of its fields.
    #[must_use]
    pub fn entities_digest(&self) -> Digest {
        let (site, mut parts) = (&self.site, Parts::default());
        let country = site.country.to_string();
        let declared = site.operator_country.to_string();
        for part in [&site.id, &site.name, &country, &site.operator, &declared] {
            parts.add(part);
        }
        parts.list(site.certifications.iter().map(String::as_str));
        let legal = &site.legal;
        for part in
            [&legal.operator, &legal.operator_jurisdiction, &legal.owner, &legal.owner_jurisdiction]
        {
            parts.add(part);
        }
        parts.add(if legal.ownership_met { "met" } else { "not met" });
        parts.digest()
    }
}

/// Texts with their lengths in front, so that no two lists of parts give the same bytes.
#[derive(Default)]
struct Parts(Sha256);

impl Parts {
    fn add(&mut self, part: &str) {
        self.0.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(part.as_bytes());
    }

    fn list<'a>(&mut self, parts: impl ExactSizeIterator<Item = &'a str>) {
        self.add(&parts.len().to_string());
        parts.for_each(|part| self.add(part));
    }

    fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}
