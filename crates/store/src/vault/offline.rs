//! Work on the vault of a folder that no platform uses.

use std::path::Path;

use super::{KeyEncryption, Vault, VaultError};
use crate::folder::{self, FolderError};

/// Wraps every data key of a folder's vault anew, while no platform uses the folder.
///
/// # Errors
/// As [`Vault::rotate`], and if the folder is in use or not ours.
pub fn rotate_folder(
    dir: &Path,
    from: Box<dyn KeyEncryption>,
    to: Box<dyn KeyEncryption>,
) -> Result<u64, VaultError> {
    let failed = |error: FolderError| VaultError::Database {
        action: "take the data folder",
        reason: error.to_string(),
    };
    folder::read_format(dir).map_err(failed)?;
    let _lock = folder::lock(dir).map_err(failed)?;
    Vault::open(dir, from)?.rotate(to)
}
