//! Lists of jobs as they are published: CSV with a header, plain or compressed, one job a line.
//!
//! Must refuse what is cut off or out of range with the file, the line and the field, and must stay
//! bounded: [`BYTES_MAX`] unpacked bytes of each file.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Unpacked bytes that are read of a file; a longer one is refused.
pub const BYTES_MAX: u64 = 1 << 28;

/// What can be wrong with a list.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read.
    #[error("cannot read `{}`: {why}; give the folder that holds it", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// A file is longer than is read.
    #[error("`{}` unpacks to more than {BYTES_MAX} bytes: give a shorter list", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// A line is no record of the table, for instance because the file was cut off in it.
    #[error("`{}` line {line}: {why}; fetch the file again, it may be cut off", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line of the unpacked file, from 1.
        line: u64,
        /// What the reader says.
        why: String,
    },
    /// A column is missing.
    #[error("`{}` has no column `{field}`: its first line must name it", path.display())]
    NoField {
        /// The file.
        path: PathBuf,
        /// The column.
        field: &'static str,
    },
    /// A value is of the wrong kind or out of range.
    #[error("`{}` line {line}, field `{field}`: `{value}` {why}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line of the unpacked file, from 1.
        line: u64,
        /// The column.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What should stand there.
        why: &'static str,
    },
    /// A file has no job that the experiment could run.
    #[error("`{}` has no job {what}: give another list", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// Which jobs were looked for.
        what: &'static str,
    },
}

/// All lines of a file.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    fields: Vec<String>,
    records: Vec<(u64, csv::StringRecord)>,
}

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    rows: &'a Rows,
    line: u64,
    cells: &'a csv::StringRecord,
}

impl Rows {
    /// Reads a file, or the same with `.gz` behind its name if only that is there.
    ///
    /// # Errors
    /// [`Error`] if there is no such file, or it is too long, cut off, or no table.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        let path = if !path.exists() && packed.exists() { packed.as_path() } else { path };
        let unreadable = |why: std::io::Error| Error::Unreadable {
            path: path.to_path_buf(),
            why: why.to_string(),
        };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let packed = path.extension().is_some_and(|end| end == "gz");
        let stream: Box<dyn Read> =
            if packed { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
        stream.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if u64::try_from(bytes.len()).map_or(true, |length| length > BYTES_MAX) {
            return Err(Error::TooLong { path: path.to_path_buf() });
        }
        Self::parse(path, &bytes)
    }

    /// Reads a table from memory; the path only names it in errors.
    ///
    /// # Errors
    /// [`Error::Malformed`] if a line is no record.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |line: u64, why: &csv::Error| Error::Malformed {
            path: path.to_path_buf(),
            line: why.position().map_or(line, csv::Position::line),
            why: reason(why),
        };
        let mut reader = csv::Reader::from_reader(Cursor::new(bytes));
        let header = reader.headers().map_err(|why| malformed(1, &why))?;
        let fields = header.iter().map(|field| field.trim().to_owned()).collect();
        let mut records = Vec::new();
        for record in reader.records() {
            let next = records.last().map_or(2, |(line, _): &(u64, _)| line + 1);
            let record = record.map_err(|why| malformed(next, &why))?;
            records.push((record.position().map_or(next, csv::Position::line), record));
        }
        Ok(Self { path: path.to_path_buf(), fields, records })
    }

    /// The lines in their order.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.records.iter().map(|(line, cells)| Row { rows: self, line: *line, cells })
    }

    /// The position of a column, to be looked up once.
    ///
    /// # Errors
    /// [`Error::NoField`] if the header does not name it.
    pub fn field(&self, field: &'static str) -> Result<Field, Error> {
        let at = self.fields.iter().position(|known| known == field);
        let at = at.ok_or_else(|| Error::NoField { path: self.path.clone(), field })?;
        Ok(Field { name: field, at })
    }

    /// The error that no line has what is looked for.
    #[must_use]
    pub fn empty(&self, what: &'static str) -> Error {
        Error::Empty { path: self.path.clone(), what }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    name: &'static str,
    at: usize,
}

impl<'a> Row<'a> {
    /// The cell of a column.
    ///
    /// # Errors
    /// [`Error::Value`] if the line is too short.
    pub fn text(self, field: Field) -> Result<&'a str, Error> {
        let cell = self.cells.get(field.at).map(str::trim).filter(|text| !text.is_empty());
        cell.ok_or_else(|| self.wrong(field, "", "must not be empty"))
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// [`Error::Value`] if it is negative, no whole number, or out of range.
    pub fn number<T: FromStr + PartialOrd>(
        self,
        field: Field,
        range: std::ops::RangeInclusive<T>,
        why: &'static str,
    ) -> Result<T, Error> {
        let text = self.text(field)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.wrong(field, text, why))
    }

    /// The error that a value is not what it should be.
    #[must_use]
    pub fn wrong(self, field: Field, value: &str, why: &'static str) -> Error {
        let Self { rows, line, .. } = self;
        let (path, value) = (rows.path.clone(), value.to_owned());
        Error::Value { path, line, field: field.name, value, why }
    }
}

/// The reader's reason without the position, which the error has already.
fn reason(why: &csv::Error) -> String {
    if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = why.kind() {
        return format!("has {len} fields instead of {expected_len}");
    }
    why.to_string()
}
