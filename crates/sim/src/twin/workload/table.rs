//! Tables with a header: columns by name, and errors that name line, column and value.

use csv::{ErrorKind, ReaderBuilder, StringRecord, Terminator};

use super::{Builder, source::Lines};
use crate::twin::{
    error::{Bad, InputError},
    number,
};

/// Largest number of bytes of a row.
const LINE_BYTES_MAX: usize = 1 << 20;

/// One row with its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    header: &'a StringRecord,
    record: &'a StringRecord,
}

/// How a table is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect<'a> {
    /// Between columns.
    pub(super) separator: u8,
    /// Columns that must be there.
    pub(super) needed: &'a [&'a str],
    /// Columns that may be there; `None` is any.
    pub(super) known: Option<&'a [&'a str]>,
    /// False where a text may hold a lone quote.
    pub(super) has_quotes: bool,
}

impl Dialect<'_> {
    /// Columns between commas; others than the needed ones are skipped.
    pub(super) const fn commas<'a>(needed: &'a [&'a str]) -> Dialect<'a> {
        Dialect { separator: b',', needed, known: None, has_quotes: true }
    }
}

/// What a reader does with a row.
pub(super) type OnRow<'a> = dyn FnMut(&mut Builder, u64, &Row<'_>) -> Result<(), Failure> + 'a;

/// Why a row is refused: a field of it, or the list.
#[derive(Debug)]
pub(super) enum Failure {
    /// A field.
    Field(Bad),
    /// The list as a whole.
    List(InputError),
}

impl From<Bad> for Failure {
    fn from(bad: Bad) -> Self {
        Self::Field(bad)
    }
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::List(error)
    }
}

/// Goes through a table row by row.
pub(super) fn each_row(
    builder: &mut Builder,
    lines: Lines,
    dialect: &Dialect<'_>,
    act: &mut OnRow<'_>,
) -> Result<(), InputError> {
    let mut reader = ReaderBuilder::new()
        .delimiter(dialect.separator)
        .quoting(dialect.has_quotes)
        .terminator(Terminator::CRLF)
        .from_reader(lines);
    let header = reader.headers().map_err(|error| broken(&builder.file, &error))?.clone();
    check_header(builder, dialect, &header)?;
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| broken(&builder.file, &error))? {
        let line = record.position().map_or(0, csv::Position::line);
        if record.as_slice().len() > LINE_BYTES_MAX {
            return Err(InputError::file(&builder.file, "the line is longer than 1 MiB").at(line));
        }
        match act(builder, line, &Row { header: &header, record: &record }) {
            Ok(()) => {}
            Err(Failure::Field(bad)) => return Err(bad.at(&builder.file, line)),
            Err(Failure::List(error)) => return Err(error),
        }
    }
    Ok(())
}

fn check_header(
    builder: &Builder,
    dialect: &Dialect<'_>,
    header: &StringRecord,
) -> Result<(), InputError> {
    let has = |name: &str| header.iter().any(|column| column.trim() == name);
    if let Some(missing) = dialect.needed.iter().find(|name| !has(name)) {
        let message =
            format!("the header has no such column; it needs {}", dialect.needed.join(", "));
        return Err(InputError::file(&builder.file, message).at(1).field(missing));
    }
    let Some(known) = dialect.known else { return Ok(()) };
    match header.iter().map(str::trim).find(|column| !known.contains(column)) {
        None => Ok(()),
        Some(unknown) => {
            let message = format!("is no column of this format; it has {}", known.join(", "));
            Err(InputError::file(&builder.file, message).at(1).field(unknown))
        }
    }
}

/// What the table reader says, in our words.
fn broken(file: &str, error: &csv::Error) -> InputError {
    let line = error.position().map(csv::Position::line);
    if let ErrorKind::Io(error) = error.kind() {
        return super::source::unreadable(file, line, error);
    }
    let message = if let ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        format!("has {len} columns instead of {expected_len}: the line is cut off")
    } else if matches!(error.kind(), ErrorKind::Utf8 { .. }) {
        "is not UTF-8".to_owned()
    } else {
        error.to_string()
    };
    let found = InputError::file(file, message);
    match line {
        Some(line) => found.at(line),
        None => found,
    }
}

impl<'a> Row<'a> {
    /// The text of a column; empty if the list does not have it.
    pub(super) fn text(&self, column: &str) -> &'a str {
        let position = self.header.iter().position(|name| name.trim() == column);
        position.and_then(|at| self.record.get(at)).unwrap_or_default().trim()
    }

    /// True if the list has a column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name.trim() == column)
    }

    /// The first of some columns that the list has, with its name.
    pub(super) fn one_of(&self, columns: &[&'a str]) -> (&'a str, &'a str) {
        let name = columns.iter().copied().find(|name| self.has(name)).unwrap_or_default();
        (name, self.text(name))
    }

    /// The text of a column, which must not be empty.
    pub(super) fn needed(&self, column: &str) -> Result<&'a str, Bad> {
        match self.text(column) {
            "" => Err(Bad::missing(column, "is empty: the job needs it")),
            text => Ok(text),
        }
    }

    /// A whole number, or `None` if the column is empty.
    pub(super) fn whole(&self, column: &str) -> Result<Option<u64>, Bad> {
        match self.text(column) {
            "" => Ok(None),
            text => whole(column, text).map(Some),
        }
    }

    /// The same for a number of things that cannot be many.
    pub(super) fn small(&self, column: &str) -> Result<Option<u32>, Bad> {
        let Some(value) = self.whole(column)? else { return Ok(None) };
        let message = "is too large: at most 4,294,967,295";
        let small = u32::try_from(value);
        small.map(Some).map_err(|_| Bad::new(column, self.text(column), message))
    }

    /// A time in units of so many microseconds, or `None` if the column is empty.
    pub(super) fn micros(&self, column: &str, unit_micros: u64) -> Result<Option<u64>, Bad> {
        match self.text(column) {
            "" => Ok(None),
            text => micros(column, text, unit_micros).map(Some),
        }
    }
}

/// A whole number; decimals such as `8.0` are whole too.
pub(super) fn whole(column: &str, text: &str) -> Result<u64, Bad> {
    let bad = |message: &str| Bad::new(column, text, message);
    if text.split_once('.').is_some_and(|(_, decimals)| decimals.bytes().any(|b| b != b'0')) {
        return Err(bad("is not a whole number"));
    }
    number::fixed(text, 0).map_err(|why| bad(why.message()))
}

/// A time in units of so many microseconds, exact to nine decimals of the unit.
pub(super) fn micros(column: &str, text: &str, unit_micros: u64) -> Result<u64, Bad> {
    let nano = number::fixed_wide(text, 9).map_err(|why| Bad::new(column, text, why.message()))?;
    Ok(number::scale_wide(nano, u128::from(unit_micros), 1_000_000_000))
}
