//! Running other programs and saying clearly which one failed. Never a shell in between.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a verb ends badly.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command line was wrong: exit code 2.
    Usage(String),
    /// Something was checked and is not in order: exit code 1.
    Found(String),
}

/// What every verb gives.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    /// Something is not in order.
    pub(crate) fn found(message: impl fmt::Display) -> Self {
        Self::Found(message.to_string())
    }
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_path_buf()
}

/// The folder of build results, shared by all verbs.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What cargo tells a program that it runs of the program's package.
const TOLD: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];

/// Cargo with these arguments, in the repository's folder, as if called by hand: build scripts that look at
/// what cargo told this program of its own package would run again, and all that stands on them.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    let told = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in told.filter(|name| TOLD.iter().any(|begin| name.starts_with(begin))) {
        command.env_remove(name);
    }
    command
}

/// Runs a program with our own output.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    println!("$ {shown}");
    let status = command.status().map_err(|error| cannot_start(&shown, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::found(format!("`{shown}` ended with {status}")))
    }
}

/// Runs a program whose output is a pipe, as in a script, and repeats each line as it comes.
pub(crate) fn run_piped(command: &mut Command) -> Outcome {
    let shown = show(command);
    println!("$ {shown} | …");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| cannot_start(&shown, &error))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            println!("{line}");
        }
    }
    let status = child.wait().map_err(|error| cannot_start(&shown, &error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::found(format!("`{shown}` ended with {status}")))
    }
}

/// Runs a program for what it prints.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let shown = show(command);
    command.stderr(Stdio::inherit());
    let output = command.output().map_err(|error| cannot_start(&shown, &error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failure::found(format!("`{shown}` ended with {}", output.status)))
}

fn cannot_start(shown: &str, error: &std::io::Error) -> Failure {
    Failure::found(format!("`{shown}` cannot run: {error}; install the program or check its path"))
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
