//! Files and batches of tenants: where they lie, what seals them, and who may keep some.
//!
//! They lie beside the log and are named in no entry. Their keys are records of the vault, one for each project, so
//! that whoever erases an organisation erases them too.

use std::path::PathBuf;

use kernel::{
    access::{self, Grants, Principal, Role, Scope},
    erasure,
};
use store::{
    VaultError,
    vault::{ContentKey, Tenant},
};
use units::{Id, kinds};

use super::{CallRefused, Platform};

/// The folder, below the data folder.
const FOLDER: &str = "content";

/// Why the content of a project cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// There is no such project, or its organisation has ended.
    #[error("the project is closed")]
    Closed,
    /// The vault does not give its key.
    #[error("its key cannot be read now: {0}")]
    Vault(#[from] VaultError),
}

impl Platform {
    /// Where the content of all projects lies, a folder for each.
    #[must_use]
    pub fn content_folder(&self) -> PathBuf {
        self.data_dir().join(FOLDER)
    }

    /// Whether a key may keep files in a project: whoever may ask its models.
    ///
    /// # Errors
    /// [`CallRefused::Forbidden`].
    pub fn may_keep_content(
        &self,
        key: Id<kinds::Key>,
        project: Id<kinds::Project>,
    ) -> Result<(), CallRefused> {
        let now = self.now();
        self.read(|state| {
            let grants = Grants::of(state, Principal::Key(key), now);
            let scope = Scope::Project(project);
            // No consent opens what tenants ask of models.
            match access::basis(state, &grants, Role::Inference.into(), scope) {
                Ok(None) if !erasure::project_is_closed(state, project) => Ok(()),
                Ok(_) | Err(_) => Err(CallRefused::Forbidden),
            }
        })
    }

    /// What seals the content of a project; blocks.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn content_key(&self, project: Id<kinds::Project>) -> Result<ContentKey, ContentError> {
        let organisation = self.read(|state| {
            let found = state.projects.get(&project)?;
            Some(found.organisation).filter(|_| !erasure::project_is_closed(state, project))
        });
        let tenant = Tenant::Organisation(organisation.ok_or(ContentError::Closed)?);
        Ok(self.vault().content_key(tenant, &project.to_string())?)
    }
}
