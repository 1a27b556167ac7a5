//! The text of a published list, packed or not.
//!
//! Must stay bounded: [`BYTES_MAX`] unpacked bytes of each file.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::rows::BYTES_MAX;

/// Reads a file whole, unpacked if its name ends in `.gz`.
///
/// # Errors
/// If it cannot be read, is no UTF-8, or is longer than [`BYTES_MAX`].
pub fn read(path: &Path) -> io::Result<String> {
    let file = File::open(path)?;
    if path.extension().is_some_and(|end| end == "gz") {
        return bounded(flate2::read::MultiGzDecoder::new(file));
    }
    bounded(file)
}

fn bounded(source: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let n = source.take(BYTES_MAX.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(n).is_ok_and(|n| n > BYTES_MAX) {
        return Err(io::Error::other(format!("it unpacks to more than {BYTES_MAX} bytes")));
    }
    Ok(text)
}
