//! Whose business an entry is, so that a tenant gets exactly its own: live from the state, and again by an
//! auditor who folds the whole log and never saw the live one.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kernel::{
    Entry, Event, State, Subject,
    access::{Scope, covers},
};
use store::{LogView, Row, ViewError};
use units::{Id, kinds};

use crate::http::visible::place_of;

/// Kinds that are most of a log. What they are about is never removed from the state, so that nothing need
/// be remembered of them.
const BULK: [&str; 2] = ["workload.", "usage."];

/// Owners of what was in the state once: an event about something that is gone is still its owner's.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    next: u64,
    scopes: BTreeMap<Subject, Scope>,
}

impl Owners {
    /// Reads on up to a position; the first call reads the log from its start. Blocks.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub(crate) fn read_up_to(
        &self,
        log: &LogView,
        end: u64,
        state_of: impl Fn(&Event) -> Option<Scope>,
    ) -> Result<(), ViewError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let start = known.next;
        if start >= end {
            return Ok(());
        }
        let mut found = Vec::new();
        log.scan(start, end, |row| {
            if BULK.iter().any(|prefix| row.kind.starts_with(prefix)) {
                return;
            }
            let Ok(entry) = Entry::from_leaf(&row.leaf) else { return };
            if let Some(scope) = state_of(&entry.event) {
                found.push((entry.event.subject(), scope));
            }
        })?;
        for (subject, scope) in found {
            // The first that is known of something, its creation, says whose it is.
            known.scopes.entry(subject).or_insert(scope);
        }
        known.next = end;
        Ok(())
    }

    /// Whose entry a row is; `None` for the platform's own.
    pub(crate) fn scope_of(&self, state: &State, row: &Row) -> Option<Scope> {
        let entry = Entry::from_leaf(&row.leaf).ok()?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let scope = place_of(state, &entry.event).0;
        scope.or_else(|| known.scopes.get(&entry.event.subject()).copied())
    }
}

/// Counts a tenant's entries over a whole log, as an auditor does who has all of it.
#[derive(Debug)]
pub struct Census {
    owner: Scope,
    state: State,
    indices: Vec<u64>,
}

/// A text that names no tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the id of an organisation or project")]
pub struct NotATenant(pub String);

impl Census {
    /// A census of an organisation or project, by its id.
    ///
    /// # Errors
    /// [`NotATenant`].
    pub fn of(id: &str) -> Result<Self, NotATenant> {
        let organisation = id.parse::<Id<kinds::Organisation>>().map(Scope::Organisation);
        let project = || id.parse::<Id<kinds::Project>>().map(Scope::Project);
        let shown = || NotATenant(id.chars().take(80).collect());
        let owner = organisation.or_else(|_| project()).map_err(|_| shown())?;
        Ok(Self { owner, state: State::default(), indices: Vec::new() })
    }

    /// Takes the next entry, from the log's first on.
    pub fn feed(&mut self, leaf: &[u8]) {
        let index = self.state.size;
        let Ok(entry) = Entry::from_leaf(leaf) else {
            // An audit reports it; the position is taken all the same.
            self.state.size = index.saturating_add(1);
            return;
        };
        // Before it happens: what it removes is still there.
        let before = place_of(&self.state, &entry.event).0;
        self.state.apply(&entry);
        let scope = before.or_else(|| place_of(&self.state, &entry.event).0);
        if scope.is_some_and(|scope| covers(&self.state, self.owner, scope)) {
            self.indices.push(index);
        }
    }

    /// The positions of the tenant's entries.
    #[must_use]
    pub fn finish(self) -> Vec<u64> {
        self.indices
    }
}
