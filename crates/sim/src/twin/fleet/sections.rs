//! Cuts a TOML file into its tables, so that an error in one of them is reported with its own line:
//! the TOML reader knows lines of wrong syntax, but not of unknown or missing fields.
//!
//! Only what fleet files use: `[table]` and `[[table]]` headers on lines of their own.

use serde::de::DeserializeOwned;

use crate::twin::error::InputError;

/// One table with its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::twin) struct Section<'a> {
    /// Its name; empty for what stands before the first header.
    pub(in crate::twin) name: &'a str,
    /// True for `[[name]]`.
    pub(in crate::twin) is_array: bool,
    /// Line of the header, from 1.
    pub(in crate::twin) line: u64,
    /// What stands below the header.
    body: &'a str,
}

/// The tables of a text, in order.
pub(in crate::twin) fn split(text: &str) -> Vec<Section<'_>> {
    let mut sections = Vec::new();
    let mut current = Section { name: "", is_array: false, line: 0, body: "" };
    let (mut body_start, mut at, mut depth) = (0_usize, 0_usize, 0_i32);
    for (number, line) in (1_u64..).zip(text.split_inclusive('\n')) {
        let trimmed = line.trim();
        if depth == 0 && trimmed.starts_with('[') {
            current.body = text.get(body_start..at).unwrap_or_default();
            sections.push(current);
            current = header(trimmed, number);
            body_start = at.saturating_add(line.len());
        } else {
            depth = depth.saturating_add(opened(line));
        }
        at = at.saturating_add(line.len());
    }
    current.body = text.get(body_start..).unwrap_or_default();
    sections.push(current);
    sections
}

fn header(line: &str, number: u64) -> Section<'_> {
    let is_array = line.starts_with("[[");
    let inside = line.trim_start_matches('[');
    let name = inside.split(']').next().unwrap_or_default().trim();
    Section { name, is_array, line: number, body: "" }
}

/// Brackets opened less those closed on a line, outside of texts and comments.
fn opened(line: &str) -> i32 {
    let (mut depth, mut quote) = (0_i32, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '#') => break,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, _) => {}
        }
    }
    depth
}

impl Section<'_> {
    /// Reads the table.
    pub(in crate::twin) fn read<T: DeserializeOwned>(&self, file: &str) -> Result<T, InputError> {
        basic_toml::from_str(self.body).map_err(|error| self.error(file, &error))
    }

    /// The line of a key, else of the header.
    pub(in crate::twin) fn line_of(&self, key: &str) -> u64 {
        let is_key = |line: &str| {
            let rest = line.trim_start().strip_prefix(key).map(str::trim_start);
            rest.is_some_and(|rest| rest.starts_with('='))
        };
        let found = (1_u64..).zip(self.body.lines()).find(|(_, line)| is_key(line));
        found.map_or(self.line.max(1), |(number, _)| self.line.saturating_add(number))
    }

    fn error(&self, file: &str, error: &basic_toml::Error) -> InputError {
        let text = error.to_string();
        let message = text.split(" at line ").next().unwrap_or(&text);
        let named = |before: &str| {
            let (_, rest) = message.split_once(before)?;
            rest.split('`').next().map(ToOwned::to_owned)
        };
        let table = if self.name.is_empty() { "the top" } else { self.name };
        let plain = message.split(" for key `").next().unwrap_or(message);
        if let Some(field) = named("unknown field `") {
            let known = plain.split_once(", ").map_or("", |(_, rest)| rest);
            let message = format!("is not a field of `{table}`: {known}");
            return InputError::file(file, message).at(self.line_of(&field)).field(&field);
        }
        if let Some(field) = named("missing field `") {
            let message = format!("`{table}` needs it");
            return InputError::file(file, message).at(self.line.max(1)).field(&field);
        }
        if let Some(field) = named(" for key `") {
            return InputError::file(file, plain).at(self.line_of(&field)).field(&field);
        }
        let line = error.line_col().map_or(0, |(line, _)| u64::try_from(line).unwrap_or(0));
        InputError::file(file, plain).at(self.line.saturating_add(line).saturating_add(1))
    }
}
