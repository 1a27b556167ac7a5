//! Reading and writing job files as YAML; JSON is read by the same struct through `decode::json`.

use std::str;

use super::JobFile;
use crate::{
    decode,
    problem::{Code, FieldError, Problem},
};

/// Most bytes in a file.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// Most opening brackets in a document, also within its texts: the YAML scanner's work grows with
/// the square of the nesting, and only a parser could tell which of them nest.
pub const BRACKETS_MAX: usize = 2_000;
/// Most documents in a file.
pub const DOCUMENTS_MAX: usize = 64;

/// Why a job file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{}", position(*document, *line), field_text(&field.pointer), field.message)]
pub struct JobFileError {
    /// The document, from 1; 0 for the file as a whole.
    pub document: usize,
    /// The line in the file, from 1, if known.
    pub line: Option<usize>,
    /// `unknown-field`, `invalid-body` or `payload-too-large`.
    pub code: Code,
    /// The field and what is wrong with it.
    pub field: FieldError,
}

fn position(document: usize, line: Option<usize>) -> String {
    match (document, line) {
        (0 | 1, None) => String::new(),
        (document, None) => format!("document {document}: "),
        (0 | 1, Some(line)) => format!("line {line}: "),
        (document, Some(line)) => format!("document {document}, line {line}: "),
    }
}

fn field_text(pointer: &str) -> String {
    let name =
        pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
    if name.is_empty() { String::new() } else { format!("`{name}`: ") }
}

impl From<JobFileError> for Problem {
    fn from(error: JobFileError) -> Self {
        Self::new(error.code, error.to_string()).with_errors(vec![error.field])
    }
}

fn whole_file(code: Code, message: impl Into<String>) -> JobFileError {
    JobFileError { document: 0, line: None, code, field: FieldError::new("", message) }
}

impl JobFile {
    /// Reads every document of a YAML file; documents are separated by `---`, empty ones skipped.
    ///
    /// # Errors
    /// The first thing that is wrong, with its document, line and field.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, JobFileError> {
        if bytes.len() > FILE_BYTES_MAX {
            let message =
                format!("the file has {} bytes, at most {FILE_BYTES_MAX} are read", bytes.len());
            return Err(whole_file(Code::PayloadTooLarge, message));
        }
        let text = str::from_utf8(bytes)
            .map_err(|e| whole_file(Code::InvalidBody, format!("the file is not UTF-8: {e}")))?;
        let mut jobs = Vec::new();
        for (line_before, document) in documents(text) {
            if jobs.len() == DOCUMENTS_MAX {
                let message = format!("the file has more than {DOCUMENTS_MAX} documents: split it");
                return Err(whole_file(Code::PayloadTooLarge, message));
            }
            let number = jobs.len().saturating_add(1);
            jobs.push(parse_document(document, number, line_before)?);
        }
        if jobs.is_empty() {
            return Err(whole_file(
                Code::InvalidBody,
                "the file holds no job: write at least `type`, `name` and `run`",
            ));
        }
        Ok(jobs)
    }

    /// Reads a file of exactly one document.
    ///
    /// # Errors
    /// As [`Self::parse_all`], and if there are several documents.
    pub fn parse(bytes: &[u8]) -> Result<Self, JobFileError> {
        let mut jobs = Self::parse_all(bytes)?;
        match (jobs.pop(), jobs.is_empty()) {
            (Some(job), true) => Ok(job),
            _ => Err(whole_file(Code::InvalidBody, "the file holds several jobs, one is expected")),
        }
    }

    /// Writes the file as YAML; [`Self::parse`] reads the same job from it.
    ///
    /// # Errors
    /// Never for a job that was read; the serialiser's message otherwise.
    pub fn to_yaml(&self) -> Result<String, String> {
        serde_norway::to_string(self).map_err(|error| error.to_string())
    }
}

fn parse_document(
    text: &str,
    document: usize,
    line_before: usize,
) -> Result<JobFile, JobFileError> {
    if text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > BRACKETS_MAX {
        let message =
            format!("more than {BRACKETS_MAX} opening brackets: move long texts into a file");
        let field = FieldError::new("", message);
        return Err(JobFileError { document, line: None, code: Code::InvalidBody, field });
    }
    let reader = serde_norway::Deserializer::from_str(text);
    decode::with_path(reader).map_err(|failure| {
        let line = failure.inner.location().map(|at| at.line().saturating_add(line_before));
        JobFileError { document, line, code: failure.code, field: failure.field }
    })
}

/// Documents with the number of lines before each. A line that starts with `---` always begins a
/// document, also within a block text (YAML 1.2.2 §9.1.2), so lines can be split without parsing.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut starts = vec![(0, 0)];
    let mut offset = 0usize;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let rest = line.strip_prefix("---");
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])) {
            starts.push((number, offset));
        }
        offset = offset.saturating_add(line.len());
    }
    let ends = starts.iter().skip(1).map(|(_, offset)| *offset).chain([text.len()]);
    let cut = starts.iter().zip(ends);
    cut.filter_map(|((line, start), end)| Some((*line, text.get(*start..end)?)))
        .filter(|(_, document)| !is_blank(document))
        .collect()
}

/// True if a document holds nothing but its marker, comments and white space.
fn is_blank(document: &str) -> bool {
    document.lines().all(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        line.is_empty() || line.starts_with('#') || line == "..."
    })
}
