//! Scenarios: text files of commands with the transcript that they must give.
//!
//! A command starts in the first column; what it answers stands below it, indented by two spaces.
//! `#` begins a comment line. Ids appear as names, so that a transcript reads like a story and stays
//! the same when ids change. An unknown command or option is an error with file and line.
//!
//! ```text
//! organisation bank
//!   organisation.created bank
//! ```

mod args;
mod budgets;
mod build;
mod capacity;
mod capture;
mod identity;
mod leaving;
mod names;
mod power;
mod scaling;
mod sovereign;
mod upstreams;
mod views;
mod work;
mod world;

use std::path::Path;

use crate::platform::Platform;

/// A file that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {message}")]
pub struct Error {
    /// The file.
    pub file: String,
    /// Line from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Lines of one file; a longer one is a program and belongs into a test.
const LINES_MAX: usize = 2_000;

/// Runs the commands of a text and gives it back with the transcript that they really give.
///
/// # Errors
/// [`Error`] for a command that does not exist or is written wrongly. A command that the platform
/// refuses is no error: the refusal is its transcript.
pub fn run_text(file: &str, text: &str) -> Result<String, Error> {
    play(file, text).map(|(_, result)| result)
}

/// Runs a text and keeps the platform as it ends, too.
pub(crate) fn play(file: &str, text: &str) -> Result<(Platform, String), Error> {
    let at = |line, message| Error { file: file.to_owned(), line, message };
    if text.lines().count() > LINES_MAX {
        return Err(at(0, format!("has more than {LINES_MAX} lines: split it")));
    }
    let mut world = world::World::new().map_err(|message| at(0, message))?;
    let mut result = String::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        if line.starts_with("  ") {
            // The transcript of an earlier run: written anew below its command.
            continue;
        }
        result.push_str(line.trim_end());
        result.push('\n');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        for answer in world.run(line).map_err(|message| at(number, message))? {
            result.push_str("  ");
            result.push_str(answer.trim_end());
            result.push('\n');
        }
    }
    Ok((world.into_platform(), result))
}

/// Runs a file; the answer is the text as it should be, to be compared or written back.
///
/// # Errors
/// [`Error`] if the file cannot be read or run.
pub fn run_file(path: &Path) -> Result<String, Error> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Error {
        file: file.clone(),
        line: 0,
        message: format!("cannot be read: {error}"),
    })?;
    run_text(&file, &text)
}
