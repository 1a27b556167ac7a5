//! Reading what a person points at: a file, or `-` for standard input, never without a limit.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::failure::Failure;

/// All bytes of a file, or of standard input for `-`.
pub(crate) fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() == "-" {
        return limited(io::stdin().lock(), path, bytes_max);
    }
    let file = File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    limited(file, path, bytes_max)
}

/// The same as text.
pub(crate) fn text(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    String::from_utf8(bytes(path, bytes_max)?)
        .map_err(|error| Failure::invalid(format!("`{}` is not UTF-8: {error}", path.display())))
}

fn limited(reader: impl Read, path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    reader
        .take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file("read", path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        let message = format!("`{}` has more than {bytes_max} bytes", path.display());
        return Err(Failure::invalid(message));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "été").unwrap();
        assert_eq!(text(&path, 5).unwrap(), "été");
        assert_eq!(text(&path, 4).unwrap_err().exit, Exit::InvalidInput);
        assert_eq!(bytes(&folder.path().join("b"), 9).unwrap_err().exit, Exit::NotFound);
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(text(&path, 5).unwrap_err().exit, Exit::InvalidInput);
    }
}
