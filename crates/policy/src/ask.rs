//! Answers that are remembered, so that Cedar is asked once for each distinct question and never on
//! the path of a placement or a request.
//!
//! An [`Ask`] is a question in ids: what it means to policies follows from the state at the time.
//! Whoever keeps a [`Table`] must forget what a change of policies, sites or entities touches; an
//! answer that is not here must be asked for, never assumed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Country, DataClass, Id, kinds};

use crate::category::Category;
use crate::decide::Decision;
use crate::question::{Action, Question};

/// A question in ids. The site comes last, so that the sites of one wish lie beside each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ask {
    /// Who asks; `None` for the platform itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<Id<kinds::Project>>,
    /// What would happen to the data.
    pub action: Action,
    /// The most sensitive class involved.
    pub class: DataClass,
    /// What the data is by origin.
    pub category: Category,
    /// The asker's own tightening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residency: Option<Vec<Country>>,
    /// Where.
    pub site: Id<kinds::Site>,
}

/// Id text of the platform where it asks for itself, as project and as organisation.
pub const PLATFORM: &str = "platform";

impl Ask {
    /// The ids of a question; nothing if they are not ids.
    #[must_use]
    pub fn of(question: &Question) -> Option<Self> {
        let project = match question.project.as_str() {
            PLATFORM => None,
            other => Some(other.parse().ok()?),
        };
        Some(Self {
            project,
            action: question.action,
            class: question.class,
            category: question.category,
            residency: question.residency.clone(),
            site: question.site.id.parse().ok()?,
        })
    }

    /// True if both ask the same of two sites.
    fn is_same_wish(&self, other: &Self) -> bool {
        let wish = |ask: &Self| (ask.project, ask.action, ask.class, ask.category);
        wish(self) == wish(other) && self.residency == other.residency
    }
}

/// An answer on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// What was asked.
    pub ask: Ask,
    /// The answer.
    pub decision: Decision,
}

/// Answers on record that still hold, by their position in the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<u64, Recorded>", into = "BTreeMap<u64, Recorded>")]
pub struct Table {
    by_seq: BTreeMap<u64, Recorded>,
    by_ask: BTreeMap<Ask, u64>,
}

impl From<BTreeMap<u64, Recorded>> for Table {
    fn from(by_seq: BTreeMap<u64, Recorded>) -> Self {
        let by_ask = by_seq.iter().map(|(seq, one)| (one.ask.clone(), *seq)).collect();
        Self { by_seq, by_ask }
    }
}

impl From<Table> for BTreeMap<u64, Recorded> {
    fn from(table: Table) -> Self {
        table.by_seq
    }
}

impl Table {
    /// True if nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_seq.is_empty()
    }

    /// Answers remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_seq.len()
    }

    /// The answer and its position in the log.
    #[must_use]
    pub fn find(&self, ask: &Ask) -> Option<(u64, &Decision)> {
        let seq = self.by_ask.get(ask)?;
        self.by_seq.get(seq).map(|one| (*seq, &one.decision))
    }

    /// True only if a yes is on record.
    #[must_use]
    pub fn allows(&self, ask: &Ask) -> bool {
        self.find(ask).is_some_and(|(_, decision)| decision.allowed)
    }

    /// Sites for which a yes to the same wish is on record, whatever the site named.
    pub fn allowed_sites(&self, ask: &Ask) -> impl Iterator<Item = Id<kinds::Site>> + '_ {
        let first = Ask { site: Id::from_parts(0, [0; 10]), ..ask.clone() };
        let wish = ask.clone();
        self.by_ask
            .range(first..)
            .take_while(move |(found, _)| found.is_same_wish(&wish))
            .filter(|(_, seq)| self.by_seq.get(seq).is_some_and(|one| one.decision.allowed))
            .map(|(found, _)| found.site)
    }

    /// Remembers an answer in place of an older one. Above `kept` the oldest that is no route of
    /// inference is forgotten: a route that is forgotten would be closed.
    pub fn record(&mut self, seq: u64, one: Recorded, kept: usize) {
        if let Some(older) = self.by_ask.insert(one.ask.clone(), seq) {
            self.by_seq.remove(&older);
        }
        self.by_seq.insert(seq, one);
        if self.by_seq.len() > kept {
            let oldest = self.by_seq.iter().find(|(at, one)| {
                **at != seq && (one.ask.action != Action::Serve || !one.decision.allowed)
            });
            if let Some((at, one)) = oldest.map(|(at, one)| (*at, one.ask.clone())) {
                self.by_seq.remove(&at);
                self.by_ask.remove(&one);
            }
        }
    }

    /// Forgets every answer to a question of this kind.
    pub fn forget(&mut self, mut touched: impl FnMut(&Ask) -> bool) {
        self.by_ask.retain(|ask, seq| {
            let keep = !touched(ask);
            if !keep {
                self.by_seq.remove(seq);
            }
            keep
        });
    }

    /// Answers by their position in the log.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Recorded)> {
        self.by_seq.iter().map(|(seq, one)| (*seq, one))
    }
}
