//! A key-encryption key from a file or a text: 32 bytes as 64 hexadecimal digits or as base64. It must
//! never make a new key for data that was wrapped by another, nor use a file that others may read.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::Vault;
use super::key::{KeyError, LocalKey, Secret};
use crate::{clock, folder};

/// The key file of a data folder for which nothing else was chosen.
pub const KEK_FILE: &str = "vault.kek";

/// Most bytes of a key file.
const KEY_FILE_BYTES_MAX: u64 = 4_096;

/// Reads a key-encryption key from a file for the vault of `dir`, and makes the file if it is missing
/// and the vault holds nothing yet. For its owner only.
///
/// # Errors
/// [`KeyError::Unusable`], saying what to do.
pub fn file_key(file: &Path, dir: &Path) -> Result<LocalKey, KeyError> {
    let place = format!("file `{}`", file.display());
    let unusable = |reason: String| KeyError::Unusable { place: place.clone(), reason };
    match File::open(file) {
        Ok(opened) => {
            let mode = opened.metadata().map_or(0, |found| found.permissions().mode());
            if mode & 0o077 != 0 {
                let reason = format!("may be read by others: chmod 600 '{}'", file.display());
                return Err(unusable(reason));
            }
            let mut text = Zeroizing::new(String::new());
            let read = opened.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| unusable(format!("cannot be read: {error}")))?;
            text_key(&text, &place)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let held = Vault::inspect(dir).map_err(|error| unusable(error.to_string()))?;
            if held.is_some_and(|held| held.tenants > 0) {
                let reason = "is missing and the vault holds data under it: bring it back, or name \
                              the right one with `--kek`";
                return Err(unusable(reason.to_owned()));
            }
            make(file, &place)
        }
        Err(error) => Err(unusable(format!("cannot be read: {error}"))),
    }
}

/// Reads a key-encryption key from a text; `place` says to people where it is from.
///
/// # Errors
/// [`KeyError::Unusable`] if it is not 32 bytes in one of the two forms.
pub fn text_key(text: &str, place: &str) -> Result<LocalKey, KeyError> {
    let secret = parse(text.trim()).ok_or_else(|| KeyError::Unusable {
        place: place.to_owned(),
        reason: "is not 32 bytes as 64 hexadecimal digits or base64: make one with \
                 `openssl rand -hex 32`"
            .to_owned(),
    })?;
    Ok(LocalKey::new(&secret, place))
}

fn make(file: &Path, place: &str) -> Result<LocalKey, KeyError> {
    let unusable = |reason: String| KeyError::Unusable { place: place.to_owned(), reason };
    let mut secret: Secret = Zeroizing::new([0_u8; 32]);
    clock::fill(&mut *secret).map_err(|error| unusable(error.to_string()))?;
    let text = Zeroizing::new(format!("{}\n", units::Digest(*secret).hex()));
    if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = fs::create_dir_all(parent);
        made.map_err(|error| unusable(format!("cannot be made: {error}")))?;
    }
    let written = folder::write_whole(file, text.as_bytes(), 0o600);
    written.map_err(|error| unusable(format!("cannot be made: {error}")))?;
    Ok(LocalKey::new(&secret, place))
}

fn parse(text: &str) -> Option<Secret> {
    if text.len() == 64 {
        let text = Zeroizing::new(format!("sha256:{}", text.to_ascii_lowercase()));
        return text.parse::<units::Digest>().ok().map(|bytes| Zeroizing::new(bytes.0));
    }
    let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
    let decoded = engines.iter().find_map(|engine| engine.decode(text).ok())?;
    let decoded = Zeroizing::new(decoded);
    decoded.as_slice().try_into().ok().map(Zeroizing::new)
}
