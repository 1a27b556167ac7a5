//! What is wrong with an input: always which file and, where there is one, which line, field and value.

use std::fmt;

/// Longest part of a foreign text that a message repeats, in characters.
const VALUE_CHARS_MAX: usize = 80;

/// Why an input cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    /// The file, as its reader was told to call it.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The field, column or key.
    pub field: Option<String>,
    /// What stands there, cut to 80 characters.
    pub value: Option<String>,
    /// What is wrong and what to do; lower case, without a full stop.
    pub message: String,
}

impl InputError {
    /// About a file as a whole.
    pub fn file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            field: None,
            value: None,
            message: message.into(),
        }
    }

    /// About a line.
    #[must_use]
    pub fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// About a field.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    /// About a value.
    #[must_use]
    pub fn value(mut self, value: &str) -> Self {
        self.value = Some(value.chars().take(VALUE_CHARS_MAX).collect());
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", field `{field}`")?;
        }
        if let Some(value) = &self.value {
            write!(f, ", value `{value}`")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for InputError {}

/// The same without the place, which the reader of the lines adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) field: String,
    pub(crate) value: Option<String>,
    pub(crate) message: String,
}

impl Bad {
    pub(crate) fn new(field: &str, value: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: Some(value.to_owned()), message: message.into() }
    }

    /// A field that is not there at all.
    pub(crate) fn missing(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: None, message: message.into() }
    }

    pub(crate) fn at(self, file: &str, line: u64) -> InputError {
        let error = InputError::file(file, self.message).at(line).field(&self.field);
        match self.value {
            Some(value) => error.value(&value),
            None => error,
        }
    }
}
