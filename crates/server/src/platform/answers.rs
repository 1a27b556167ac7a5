//! Where a gateway keeps what it answered: asked when somebody wants a receipt. The gateway knows nothing of who may
//! see it, so nothing of what it tells leaves before that is decided.

use std::{future::Future, pin::Pin};

use units::{Id, kinds};

use super::Platform;

/// Asks a gateway for an answer by its id; an error is text for the platform's own log.
pub type AnswerFinder = Box<
    dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Option<KeptAnswer>, String>> + Send>>
        + Send
        + Sync,
>;

/// What a gateway has of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The key that asked.
    pub key: Id<kinds::Key>,
    /// What was asked.
    pub endpoint: Id<kinds::Endpoint>,
    /// Its place under its minute's root; `None` while the minute is not closed.
    pub rolled: Option<AnswerPath>,
}

/// The way from an answer to the root that its roll-up names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerPath {
    /// The gateway.
    pub gateway: Id<kinds::Gateway>,
    /// The roll-up.
    pub sequence: u64,
    /// The leaf's bytes.
    pub leaf: Vec<u8>,
    /// Its place in the roll-up's tree, from 0.
    pub index: u64,
    /// From the leaf's sibling up.
    pub path: Vec<[u8; 32]>,
}

impl Platform {
    /// Sets how answers are found; once, at start.
    pub fn set_answer_finder(&self, find: AnswerFinder) {
        let _ = self.answers.set(find);
    }

    /// An answer by its id; `None` if no gateway has it, or not any more.
    ///
    /// # Errors
    /// What went wrong, for the platform's own log.
    pub(crate) async fn kept_answer(&self, id: &str) -> Result<Option<KeptAnswer>, String> {
        match self.answers.get() {
            Some(find) => find(id.to_owned()).await,
            None => Ok(None),
        }
    }
}
