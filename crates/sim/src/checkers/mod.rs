//! What must hold, computed from the log alone wherever possible and never with the kernel's own
//! code: a checker that shared the code under test would share its mistakes.

mod acknowledged;
mod history;
mod liveness;
mod merkle;
mod money;

pub use acknowledged::Acknowledged;
pub use history::History;
pub use liveness::feasible;
pub use merkle::{consistent, whole_log};
pub use money::Money;

use kernel::{Entry, audit::Auditor};

use crate::platform::Platform;

/// All checkers that follow the log entry by entry.
#[derive(Debug, Default)]
pub struct Checkers {
    seen: usize,
    history: History,
    money: Money,
    acknowledged: Acknowledged,
}

impl Checkers {
    /// Follows the log to its present end.
    ///
    /// # Errors
    /// The first violation, in plain words.
    pub fn follow(&mut self, platform: &Platform) -> Result<(), String> {
        for leaf in platform.log().leaves().iter().skip(self.seen) {
            let seq = u64::try_from(self.seen).unwrap_or(u64::MAX);
            let entry = Entry::from_leaf(leaf).map_err(|error| format!("leaf {seq}: {error}"))?;
            let named =
                |message: String| format!("entry {seq} ({}): {message}", entry.event.kind());
            self.history.entry(&entry).map_err(named)?;
            self.money.entry(&entry).map_err(named)?;
            self.acknowledged.entry(seq, &entry).map_err(named)?;
            self.seen = self.seen.saturating_add(1);
        }
        Ok(())
    }

    /// Compares what was followed with the state.
    ///
    /// # Errors
    /// The first difference, in plain words.
    pub fn compare(&self, platform: &Platform) -> Result<(), String> {
        self.history.compare(platform.state())?;
        self.money.compare(platform.state())
    }

    /// The answers that clients got so far.
    pub fn acknowledged(&mut self) -> &mut Acknowledged {
        &mut self.acknowledged
    }

    /// The slow ones: the state's own check, and a whole audit, which is also a whole replay.
    ///
    /// # Errors
    /// The first violation, in plain words.
    pub fn deep(&self, platform: &Platform) -> Result<(), String> {
        if let Some(broken) = platform.state().check().first() {
            return Err(format!("state: {broken}"));
        }
        let mut auditor = Auditor::new();
        for leaf in platform.log().leaves() {
            auditor.feed(leaf);
        }
        let audit = auditor.finish();
        if let Some(finding) = audit.findings.first() {
            return Err(format!("audit: entry {}: {}", finding.seq, finding.message));
        }
        if audit.state_hash != platform.state().hash() {
            return Err("a whole replay does not give the live state".to_owned());
        }
        self.acknowledged.all_present()
    }
}
