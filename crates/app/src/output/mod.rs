//! Where data and talk go: data to stdout in the form asked for, talk to stderr.
//!
//! It must never colour a pipe, and a reader that goes away is not an error.

pub(crate) mod human;
pub(crate) mod progress;
pub(crate) mod table;

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::cli::{exit::Exit, failure::Failure};
use table::Table;

/// The form of the data on stdout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// JSON, as the API answers.
    Json,
    /// The same as YAML.
    Yaml,
}

/// How to write what a command found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    colour: bool,
}

impl Output {
    /// Colours only on a terminal, and only if nobody objects (<https://no-color.org>).
    pub(crate) fn new(format: Format) -> Self {
        let objection = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { format, colour: io::stdout().is_terminal() && !objection && !dumb }
    }

    /// The form asked for.
    pub(crate) const fn format(self) -> Format {
        self.format
    }

    /// Writes a value: as it is in JSON or YAML, or as the table made of it.
    pub(crate) fn show<T: Serialize>(
        self,
        value: &T,
        table: impl FnOnce() -> Table,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&table().render(self.colour)),
            Format::Json => {
                let text = serde_json::to_string_pretty(value).map_err(|e| unwritable(&e))?;
                self.text(&format!("{text}\n"))
            }
            Format::Yaml => {
                let text = serde_norway::to_string(value).map_err(|e| unwritable(&e))?;
                self.text(&text)
            }
        }
    }

    /// Writes one value of a stream: a line of JSON, a document of YAML, or a line for people.
    pub(crate) fn stream<T: Serialize>(
        self,
        value: &T,
        line: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.text(&format!("{}\n", table::printable(&line()))),
            Format::Json => {
                let text = serde_json::to_string(value).map_err(|e| unwritable(&e))?;
                self.text(&format!("{text}\n"))
            }
            Format::Yaml => {
                let text = serde_norway::to_string(value).map_err(|e| unwritable(&e))?;
                self.text(&format!("---\n{text}"))
            }
        }
    }

    /// Writes text as it is.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        write_bytes(text.as_bytes())
    }
}

/// Writes bytes to stdout at once.
pub(crate) fn write_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        // The reader has seen enough, as in `cocarde ps | head -1`.
        io::ErrorKind::BrokenPipe => Failure { silent: true, ..Failure::new(Exit::Ok, "") },
        _ => Failure::new(Exit::Failed, format!("cannot write to standard output: {error}")),
    })
}

/// Says something to the person; data never goes this way.
pub(crate) fn say(text: &str) {
    // Without a reader of stderr there is nobody to say it to.
    let _ = writeln!(io::stderr(), "{text}");
}

fn unwritable(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, format!("the answer cannot be written: {error}"))
}
