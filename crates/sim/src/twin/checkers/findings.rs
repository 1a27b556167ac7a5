//! What was found, in bounded memory: every rule counted, the first findings kept.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::twin::time::Time;

/// Findings that are kept with their text.
const KEPT_MAX: usize = 100;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Time never goes back, and jobs go from waiting to running to ended.
    Order,
    /// Nothing is taken twice: GPUs, parts of them, processor, memory.
    Capacity,
    /// All ranks or none, each with all that it asked for.
    Gang,
    /// The ranks of a segment are in one NVLink domain.
    Segment,
    /// What must be close together is.
    Closeness,
    /// GPUs are of a class that the job can use.
    Class,
    /// Nothing runs on a node that does not work.
    Failure,
    /// No tenant holds more than its quota.
    Quota,
    /// No feeder is loaded above what it may carry.
    Power,
    /// Nothing starts before what it waits for has ended.
    Dependency,
    /// Nothing waits longer than the bound.
    Starvation,
    /// The platform's own state machine accepts what happens, where it is asked.
    Platform,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 12] = [
        Self::Order,
        Self::Capacity,
        Self::Gang,
        Self::Segment,
        Self::Closeness,
        Self::Class,
        Self::Failure,
        Self::Quota,
        Self::Power,
        Self::Dependency,
        Self::Starvation,
        Self::Platform,
    ];

    /// One word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Capacity => "capacity",
            Self::Gang => "gang",
            Self::Segment => "segment",
            Self::Closeness => "closeness",
            Self::Class => "class",
            Self::Failure => "failure",
            Self::Quota => "quota",
            Self::Power => "power",
            Self::Dependency => "dependency",
            Self::Starvation => "starvation",
            Self::Platform => "platform",
        }
    }
}

/// One thing that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// When.
    pub at: Time,
    /// What does not hold.
    pub rule: Rule,
    /// The job's name in its list, if it is about one.
    pub job: Option<String>,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.rule.as_str())?;
        if let Some(job) = &self.job {
            write!(f, ", job `{job}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Events that were checked.
    pub events: u64,
    /// Findings by rule.
    pub by_rule: BTreeMap<Rule, u64>,
    /// The first hundred.
    pub first: Vec<Finding>,
}

impl Findings {
    /// True if nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.by_rule.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_rule.values().sum()
    }

    /// Adds what another found on the same events.
    pub(in crate::twin) fn join(&mut self, other: Self) {
        for (rule, count) in other.by_rule {
            let sum = self.by_rule.entry(rule).or_default();
            *sum = sum.saturating_add(count);
        }
        let left = KEPT_MAX.saturating_sub(self.first.len());
        self.first.extend(other.first.into_iter().take(left));
    }

    pub(in crate::twin) fn push(&mut self, finding: Finding) {
        let count = self.by_rule.entry(finding.rule).or_default();
        *count = count.saturating_add(1);
        if self.first.len() < KEPT_MAX {
            self.first.push(finding);
        }
    }
}
