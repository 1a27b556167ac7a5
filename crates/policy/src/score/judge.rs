//! Whether one criterion is met, and if not, why.
//!
//! Must never let more evidence make a criterion worse, nor less evidence make it better.

use std::fmt;

use units::{Id, kinds};

use super::{
    criteria::Criterion,
    facts::{Check, Facts, Finding, Kind, PieceState},
};

/// Where a criterion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Shown, and nothing speaks against it.
    Met,
    /// The platform's own state says no.
    NotSo,
    /// Nobody has shown it.
    NotShown,
    /// What showed it is over or was taken back.
    Lapsed,
    /// What is shown is of a kind that is not enough.
    TooWeak,
    /// A fact speaks against it, whatever is recorded.
    Refuted,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Met, Self::NotSo, Self::NotShown, Self::Lapsed, Self::TooWeak, Self::Refuted];

    /// The stable text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotSo => "not_so",
            Self::NotShown => "not_shown",
            Self::Lapsed => "lapsed",
            Self::TooWeak => "too_weak",
            Self::Refuted => "refuted",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A criterion with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'a> {
    /// What was asked.
    pub criterion: &'a Criterion,
    /// The answer.
    pub standing: Standing,
    /// Why, in one sentence without a full stop.
    pub because: String,
    /// What stands in the way, one line each.
    pub things: Vec<String>,
    /// Evidence that the answer rests on: what counts, or what would have counted.
    pub evidence: Vec<Id<kinds::Evidence>>,
    /// Ids of what the platform looked at.
    pub subjects: Vec<String>,
}

impl Judged<'_> {
    /// True if it is met.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.standing == Standing::Met
    }
}

/// Judges one criterion.
pub(super) fn judge<'a>(criterion: &'a Criterion, facts: &Facts) -> Judged<'a> {
    match criterion.computed {
        Some(Check::BuiltIn) => built_in(criterion),
        Some(check) => computed(criterion, check, facts),
        None => shown(criterion, facts),
    }
}

fn built_in(criterion: &Criterion) -> Judged<'_> {
    let by = criterion.by.as_deref().unwrap_or_default();
    let because = match criterion.requirement {
        Some(number) => format!("this software does it: {by} (docs/requirements.md, no. {number})"),
        None => format!("this software does it: {by}"),
    };
    Judged {
        criterion,
        standing: Standing::Met,
        because,
        things: Vec::new(),
        evidence: Vec::new(),
        subjects: Vec::new(),
    }
}

fn computed<'a>(criterion: &'a Criterion, check: Check, facts: &Facts) -> Judged<'a> {
    let finding = facts.checks.get(&check).cloned().unwrap_or_else(|| Finding {
        met: false,
        because: format!("nobody looked at `{}`", check.as_str()),
        things: Vec::new(),
        subjects: Vec::new(),
    });
    Judged {
        criterion,
        standing: if finding.met { Standing::Met } else { Standing::NotSo },
        because: finding.because,
        things: finding.things,
        evidence: Vec::new(),
        subjects: finding.subjects,
    }
}

/// Judges by evidence, and by facts that speak against it.
fn shown<'a>(criterion: &'a Criterion, facts: &Facts) -> Judged<'a> {
    let of_it = || facts.evidence.iter().filter(|piece| piece.criterion == criterion.id);
    let valid = || of_it().filter(|piece| piece.state == PieceState::Valid);
    let enough = |piece: &&super::Piece| facts.counts_as(piece) >= criterion.needs;
    let counting: Vec<Id<kinds::Evidence>> = valid().filter(enough).map(|one| one.id).collect();
    let needs = criterion.needs.as_str();
    let (standing, because, evidence) = if !counting.is_empty() {
        (Standing::Met, "shown by valid evidence".to_owned(), counting)
    } else if valid().next().is_some() {
        let because = format!(
            "what is recorded is not enough: it needs evidence of kind `{needs}`{}",
            if needs == "certificate" {
                ", not issued by an operator or owner of a site"
            } else {
                ""
            }
        );
        (Standing::TooWeak, because, valid().map(|one| one.id).collect())
    } else if of_it().next().is_some() {
        let because = "evidence for it expired or was withdrawn".to_owned();
        (Standing::Lapsed, because, of_it().map(|one| one.id).collect())
    } else {
        let or_better = match criterion.needs {
            Kind::Declared | Kind::Measured => " or better",
            Kind::Certificate => "",
        };
        let because = format!("no evidence is recorded; it needs kind `{needs}`{or_better}");
        (Standing::NotShown, because, Vec::new())
    };
    let mut judged =
        Judged { criterion, standing, because, things: Vec::new(), evidence, subjects: Vec::new() };
    for check in &criterion.broken_by {
        match facts.checks.get(check) {
            Some(finding) if finding.met => {}
            Some(finding) => {
                judged.standing = Standing::Refuted;
                finding.because.clone_into(&mut judged.because);
                judged.things.extend(finding.things.iter().cloned());
                judged.subjects.extend(finding.subjects.iter().cloned());
            }
            None => {
                judged.standing = Standing::Refuted;
                judged.because = format!("nobody looked at `{}`", check.as_str());
            }
        }
    }
    judged
}
