//! What files and batches ask the application: who may keep them, who a key is now, and what seals them.

use std::fmt;
use std::sync::Arc;

use units::{Id, kinds};

use crate::directory::{Caller, Refusal};

/// The application's side of files and batches.
pub trait Safe: Send + Sync + 'static {
    /// Whether a caller may keep files in its project and ask models about them. From memory.
    ///
    /// # Errors
    /// The refusal to answer with.
    fn may_keep(&self, caller: &Caller) -> Result<(), Refusal>;

    /// Who a key is now, without its secret: the lines of a batch are asked as the key that made it. From
    /// memory.
    ///
    /// # Errors
    /// [`Refusal::InvalidKey`] once the key is expired or revoked.
    fn holder(&self, key: Id<kinds::Key>) -> Result<Caller, Refusal>;

    /// What seals the content of a project. It may block, and is asked off the path of calls.
    ///
    /// # Errors
    /// When the tenant's key is withheld or destroyed.
    fn seal_of(&self, project: Id<kinds::Project>) -> Result<Arc<dyn Seal>, SafeError>;
}

/// Seals what one project gave. What was sealed for one place opens nowhere else.
pub trait Seal: Send + Sync + fmt::Debug {
    /// Seals bytes for a place.
    ///
    /// # Errors
    /// [`SafeError`].
    fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SafeError>;

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// When it was changed, moved, or sealed under another key.
    fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SafeError>;
}

/// Why content cannot be sealed or opened; the text names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SafeError {
    /// What went wrong.
    pub detail: String,
}
