//! Criteria as data: what each framework asks for, and how it can be shown.
//!
//! Must never hold the text of a standard: each criterion is a sentence of ours.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::facts::{Check, Kind};

/// Files of criteria by name, in the order in which they are reported.
pub const FILES: [(&str, &str); 3] = [
    ("eu-csf-1.2.1.yaml", include_str!("../../criteria/eu-csf-1.2.1.yaml")),
    ("cada-com-2026-502.yaml", include_str!("../../criteria/cada-com-2026-502.yaml")),
    ("secnumcloud-3.2.yaml", include_str!("../../criteria/secnumcloud-3.2.yaml")),
];

/// Highest level of any scale.
const LEVEL_MAX: u32 = 4;
/// Parts of one framework; with [`POINTS_MAX`] it keeps sums of fractions within 128 bits.
const WEIGHTED_PARTS_MAX: usize = 10;
/// Points of all criteria of one part.
const POINTS_MAX: u32 = 1_000;
/// Bytes of a criterion's id; the log takes no longer ones.
const ID_BYTES_MAX: usize = 64;

/// How a framework rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// A level for each part and a weighted score of all.
    Seal,
    /// One level for all parts together.
    Levels,
    /// Each part is met, partly met or not met.
    Checklist,
}

/// A framework of criteria.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
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
    pub scale: Scale,
    /// Objectives, levels or requirements.
    pub parts: Vec<Part>,
}

/// A part of a framework: an objective, a level, a requirement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// As the framework calls it, such as `SOV-5`.
    pub id: String,
    /// For people.
    pub title: String,
    /// Share of the score in percent; 0 where there is no score.
    #[serde(default)]
    pub weight: u32,
    /// What it asks for.
    pub criteria: Vec<Criterion>,
}

/// One criterion.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Unique in all frameworks, such as `csf.sov-5.seal-4.1`.
    pub id: String,
    /// The level that needs it, 1 to 4; 0 on a checklist.
    #[serde(default)]
    pub level: u32,
    /// What it counts for in the score.
    #[serde(default = "one")]
    pub points: u32,
    /// What it asks for, in our words.
    pub says: String,
    /// How the platform answers it from its own state; `None` if it needs evidence.
    #[serde(default)]
    pub computed: Option<Check>,
    /// What does it, where every installation of this software does.
    #[serde(default)]
    pub by: Option<String>,
    /// The line of `docs/requirements.md` that shows it.
    #[serde(default)]
    pub requirement: Option<u32>,
    /// The weakest kind of evidence that counts.
    #[serde(default)]
    pub needs: Kind,
    /// Facts that keep it unmet whatever is recorded.
    #[serde(default)]
    pub broken_by: Vec<Check>,
}

const fn one() -> u32 {
    1
}

/// Why criteria cannot be used: a fault of this software.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("criteria `{file}`: {fault}")]
pub struct CriteriaError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub fault: String,
}

/// All frameworks of this version.
///
/// # Errors
/// [`CriteriaError`]; a test shows that it does not happen.
pub fn frameworks() -> Result<Vec<Framework>, CriteriaError> {
    FILES.iter().map(|(file, text)| parse(file, text)).collect()
}

/// Reads one file.
///
/// # Errors
/// [`CriteriaError`] for a text of another form, or criteria that no score can be made of.
pub fn parse(file: &str, text: &str) -> Result<Framework, CriteriaError> {
    let wrong = |fault: String| CriteriaError { file: file.to_owned(), fault };
    let framework: Framework = serde_norway::from_str(text).map_err(|e| wrong(e.to_string()))?;
    framework.fault().map_or(Ok(framework), |fault| Err(wrong(fault)))
}

/// The criterion of an id, with its framework and part.
#[must_use]
pub fn find<'a>(
    frameworks: &'a [Framework],
    id: &str,
) -> Option<(&'a Framework, &'a Part, &'a Criterion)> {
    frameworks.iter().find_map(|framework| {
        framework.parts.iter().find_map(|part| {
            let found = part.criteria.iter().find(|criterion| criterion.id == id)?;
            Some((framework, part, found))
        })
    })
}

impl Framework {
    /// All criteria in order.
    pub fn criteria(&self) -> impl Iterator<Item = &Criterion> {
        self.parts.iter().flat_map(|part| &part.criteria)
    }

    /// The first thing that makes it unusable.
    fn fault(&self) -> Option<String> {
        let mut ids = BTreeSet::new();
        for criterion in self.criteria() {
            if !ids.insert(&criterion.id) {
                return Some(format!("`{}` is there twice", criterion.id));
            }
            if let Some(fault) = criterion.fault(self.scale) {
                return Some(format!("`{}` {fault}", criterion.id));
            }
        }
        if self.parts.iter().any(|part| part.criteria.is_empty() || part.points() > POINTS_MAX) {
            return Some(format!("each part needs criteria, of {POINTS_MAX} points at most"));
        }
        let levels: BTreeSet<u32> = self.criteria().map(|criterion| criterion.level).collect();
        match self.scale {
            Scale::Seal => {
                let weights = self.parts.iter().fold(0_u32, |sum, p| sum.saturating_add(p.weight));
                let is_complete = |part: &Part| {
                    (1..=LEVEL_MAX).all(|level| part.criteria.iter().any(|c| c.level == level))
                };
                if weights != 100 || self.parts.len() > WEIGHTED_PARTS_MAX {
                    Some(format!("weights are {weights} %, not 100, or there are too many parts"))
                } else {
                    // A level that asks for nothing would be reached by showing nothing.
                    let lacking = self.parts.iter().find(|part| !is_complete(part));
                    lacking.map(|part| format!("`{}` asks for nothing at some level", part.id))
                }
            }
            Scale::Levels => {
                let complete = (1..=LEVEL_MAX).all(|level| levels.contains(&level));
                (!complete).then(|| "some level asks for nothing".to_owned())
            }
            Scale::Checklist => None,
        }
    }
}

impl Part {
    /// The most points that it can give.
    #[must_use]
    pub fn points(&self) -> u32 {
        self.criteria.iter().fold(0, |sum, criterion| sum.saturating_add(criterion.points))
    }
}

impl Criterion {
    fn fault(&self, scale: Scale) -> Option<&'static str> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let leveled = (1..=LEVEL_MAX).contains(&self.level);
        if self.id.is_empty() || self.id.len() > ID_BYTES_MAX || !self.id.bytes().all(plain) {
            Some("has an id that the log does not take")
        } else if leveled == (scale == Scale::Checklist) {
            Some("has no level of its scale")
        } else if self.points == 0 {
            Some("counts for nothing")
        } else if self.by.is_some() != (self.computed == Some(Check::BuiltIn)) {
            Some("says `by` exactly if it is built in")
        } else if self.computed.is_some()
            && (self.needs != Kind::Declared || !self.broken_by.is_empty())
        {
            Some("is computed and asks for evidence")
        } else {
            None
        }
    }
}
