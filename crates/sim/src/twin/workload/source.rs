//! Where a list comes from: bytes, packed or not, in a format that is named or recognised.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::{
    Builder, Format, Workload, gaia, gavel, muri, openb, own, philly, platform, pollux, sacct, swf,
};
use crate::twin::error::InputError;

/// Bytes looked at to recognise a format.
const LOOK_BYTES: usize = 64 << 10;
/// First bytes of a gzip file (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Lines that can be read again from their first one.
pub(super) type Lines = Box<dyn BufRead>;

/// Reads a list of jobs. `file` is what errors call it; without `format` it is recognised.
///
/// # Errors
/// [`InputError`] with line, field and value for anything that is no such list.
pub fn read(
    file: &str,
    source: Box<dyn Read>,
    format: Option<Format>,
) -> Result<Workload, InputError> {
    let mut lines = unpacked(source).map_err(|error| unreadable(file, None, &error))?;
    let format = match format {
        Some(format) => format,
        None => recognise(file, &mut lines)?,
    };
    let mut builder = Builder::new(file, format);
    match format {
        Format::Cocarde => own::read(&mut builder, lines)?,
        Format::Openb => openb::read(&mut builder, lines)?,
        Format::Philly => philly::read(&mut builder, lines)?,
        Format::Muri | Format::Tiresias => muri::read(&mut builder, lines, format)?,
        Format::Gavel => gavel::read(&mut builder, lines)?,
        Format::Pollux => pollux::read(&mut builder, lines)?,
        Format::Gaia => gaia::read(&mut builder, lines)?,
        Format::Swf => swf::read(&mut builder, lines)?,
        Format::Sacct => sacct::read(&mut builder, lines)?,
        Format::Log => platform::read(&mut builder, lines)?,
    }
    builder.finish()
}

/// Unpacks gzip, which its first two bytes show.
fn unpacked(source: Box<dyn Read>) -> io::Result<Lines> {
    let mut reader = BufReader::with_capacity(LOOK_BYTES, source);
    if reader.fill_buf()?.starts_with(&GZIP_MAGIC) {
        return Ok(Box::new(BufReader::with_capacity(LOOK_BYTES, MultiGzDecoder::new(reader))));
    }
    Ok(Box::new(reader))
}

fn recognise(file: &str, lines: &mut Lines) -> Result<Format, InputError> {
    let start = lines.fill_buf().map_err(|error| unreadable(file, None, &error))?;
    if start.is_empty() {
        return Err(InputError::file(file, "is empty"));
    }
    let text = String::from_utf8_lossy(start);
    Format::detect(&text).ok_or_else(|| {
        let first = text.lines().next().unwrap_or_default();
        InputError::file(file, "is in no format that is known: name one with `--format`")
            .at(1)
            .value(first)
    })
}

/// A source that ends early or is damaged.
pub(super) fn unreadable(file: &str, line: Option<u64>, error: &io::Error) -> InputError {
    let kind = error.kind();
    let is_damaged = kind == io::ErrorKind::InvalidInput || kind == io::ErrorKind::InvalidData;
    let message = if kind == io::ErrorKind::UnexpectedEof {
        "ends in the middle of its compressed data: it is cut off; fetch it again".to_owned()
    } else if is_damaged {
        format!("is damaged: {error}; fetch it again")
    } else {
        format!("cannot be read: {error}")
    };
    let found = InputError::file(file, message);
    match line {
        Some(line) => found.at(line),
        None => found,
    }
}

/// Goes through the lines that are not empty, with their numbers from 1.
pub(super) fn each_line(
    file: &str,
    lines: Lines,
    act: &mut dyn FnMut(u64, &str) -> Result<(), InputError>,
) -> Result<(), InputError> {
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(|error| unreadable(file, Some(number), &error))?;
        if !line.trim().is_empty() {
            act(number, &line)?;
        }
    }
    Ok(())
}
