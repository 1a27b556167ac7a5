//! A request that a replica is busy with, counted in tokens for as long as it is.
//!
//! Must never stay counted when it is over: dropping it is its end.

use std::sync::Arc;
use std::time::Duration;

use units::{Id, kinds};

use super::fleet::{Fleet, State};
use crate::directory::Replica;
use crate::load::{Load, Loads};

/// One outstanding request at a replica; counted until dropped.
#[derive(Debug)]
pub struct Outstanding {
    /// Whose replica it is.
    pub endpoint: Id<kinds::Endpoint>,
    /// The replica.
    pub replica: Replica,
    /// Tokens of the prompt that the replica has yet to read.
    pub(super) prompt_tokens: u64,
    /// Tokens that the answer is expected to have.
    pub(super) answer_tokens: u64,
    pub(super) is_trial: bool,
    pub(super) state: Arc<State>,
    pub(super) fleet: Arc<Fleet>,
    /// Counted for the number of replicas.
    pub(super) load: Option<Load>,
}

impl Outstanding {
    /// The replica answered, whatever it answered.
    pub(crate) fn answered(&self) {
        self.state.health().succeeded();
    }

    /// It could not be reached, or broke off, or did not answer in time.
    pub(crate) fn failed(&self, now: Duration) {
        self.state.health().failed(now);
        self.blame();
    }

    /// Counts it for the number of replicas as well.
    pub(crate) fn count_in(&mut self, loads: &Loads) {
        self.load = Some(loads.begin(self.endpoint, &self.replica.address, self.tokens()));
    }

    /// The replica failed the request, in whatever way.
    pub(crate) fn blame(&self) {
        if let Some(load) = &self.load {
            load.failed();
        }
    }

    /// The answer has begun, so the prompt is read and keeps nobody waiting any more.
    pub fn begun(&mut self) {
        let read = std::mem::take(&mut self.prompt_tokens);
        if read > 0 {
            self.state.less(read);
        }
    }

    fn tokens(&self) -> u64 {
        self.prompt_tokens.saturating_add(self.answer_tokens)
    }

    /// The answer had so many tokens: the next ones are expected to be as long.
    pub fn learn(&self, completion_tokens: u64) {
        self.fleet.finished(completion_tokens);
    }

    /// What learns how long answers are.
    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        self.state.end(self.tokens());
        if self.is_trial {
            self.state.health().give_up_trial();
        }
    }
}
