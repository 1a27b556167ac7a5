//! A CSV table with a header, plain or compressed, whose errors name the line and the field.
//!
//! Must stay bounded: a file that unpacks to more than a quarter of a GiB is cut and then
//! malformed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Error;

const UNPACKED_BYTES_MAX: u64 = 1 << 28;

/// All records of a file.
pub(super) struct Table {
    path: PathBuf,
    fields: Vec<String>,
    records: Vec<(u64, csv::StringRecord)>,
}

/// One record of a table.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    table: &'a Table,
    line: u64,
    cells: &'a csv::StringRecord,
}

impl Table {
    /// Reads the file, or the same with `.gz` behind its name.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        let unreadable = |path: &Path, why: std::io::Error| Error::Unreadable {
            path: path.to_path_buf(),
            why: why.to_string(),
        };
        if path.extension().is_some_and(|end| end == "gz") {
            let file = File::open(path).map_err(|why| unreadable(path, why))?;
            return Self::read(path, flate2::read::MultiGzDecoder::new(file));
        }
        if packed.is_file() {
            let file = File::open(&packed).map_err(|why| unreadable(&packed, why))?;
            return Self::read(&packed, flate2::read::MultiGzDecoder::new(file));
        }
        Self::read(path, File::open(path).map_err(|why| unreadable(path, why))?)
    }

    fn read(path: &Path, bytes: impl Read) -> Result<Self, Error> {
        let mut reader = csv::Reader::from_reader(bytes.take(UNPACKED_BYTES_MAX));
        let malformed = |line: u64, why: &csv::Error| Error::Malformed {
            path: path.to_path_buf(),
            line: why.position().map_or(line, csv::Position::line),
            why: why.to_string(),
        };
        let header = reader.headers().map_err(|why| malformed(1, &why))?;
        let fields = header.iter().map(|field| field.trim().to_owned()).collect();
        let mut records = Vec::new();
        for record in reader.records() {
            let last = records.last().map_or(1, |(line, _)| *line);
            let record = record.map_err(|why| malformed(last + 1, &why))?;
            let line = record.position().map_or(last + 1, csv::Position::line);
            records.push((line, record));
        }
        Ok(Self { path: path.to_path_buf(), fields, records })
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.records.iter().map(|(line, cells)| Record { table: self, line: *line, cells })
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|known| known == field)
    }

    /// The names of the columns.
    pub(super) fn fields(&self) -> &[String] {
        &self.fields
    }
}

impl<'a> Record<'a> {
    /// The cell of a column.
    pub(super) fn text(self, field: &'static str) -> Result<&'a str, Error> {
        let at = self.table.fields.iter().position(|known| known == field);
        let at = at.ok_or_else(|| Error::NoField { path: self.table.path.clone(), field })?;
        self.cells.get(at).map(str::trim).ok_or_else(|| self.bad(field, "", "is missing"))
    }

    /// The cell of a column, or nothing where the table has no such column.
    pub(super) fn optional(self, field: &'static str) -> Result<&'a str, Error> {
        if self.table.has(field) { self.text(field) } else { Ok("") }
    }

    /// A whole number that is not negative.
    pub(super) fn number<T: FromStr>(self, field: &'static str) -> Result<T, Error> {
        let text = self.text(field)?;
        text.parse().map_err(|_| self.bad(field, text, "must be a whole number from 0 on"))
    }

    /// The cell at a position.
    pub(super) fn at(self, position: usize) -> Option<&'a str> {
        self.cells.get(position).map(str::trim)
    }

    pub(super) fn bad(self, field: &'static str, value: &str, why: &'static str) -> Error {
        let path = self.table.path.clone();
        Error::Value { path, line: self.line, field, value: value.to_owned(), why }
    }
}
