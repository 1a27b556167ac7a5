//! What the published experiments share: a folder of lists, a clock, and an answer in Markdown.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Instant,
};

use super::markdown;
use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::Format,
};

/// A published list that an experiment cannot do without.
pub(super) struct Wanted {
    /// Its name in the folder; it may also end in `.gz`.
    pub(super) file: &'static str,
    /// What it holds.
    pub(super) what: &'static str,
    /// Where it is public.
    pub(super) source: &'static str,
}

impl Wanted {
    /// Refuses a folder that does not have it.
    pub(super) fn require(&self, folder: &Path) -> Result<(), Failure> {
        let Self { file, what, source } = self;
        let fetch = format!("fetch it from {source}, and name the folder with `--traces DIR`");
        if !folder.is_dir() {
            let message =
                format!("`{}` is no folder: it should hold `{file}`, {what}", folder.display());
            return Err(Failure::new(Exit::NotFound, message).remedy(fetch));
        }
        let plain = folder.join(file);
        let packed = folder.join(format!("{file}.gz"));
        if plain.is_file() || packed.is_file() {
            return Ok(());
        }
        let message = format!("`{}` has no `{file}` and no `{file}.gz`: {what}", folder.display());
        Err(Failure::new(Exit::NotFound, message).remedy(fetch))
    }

    /// A list that is there and cannot be used.
    pub(super) fn unusable(&self, error: impl ToString) -> Failure {
        let remedy = format!("the lists are public at {}", self.source);
        Failure::invalid(error.to_string()).remedy(remedy)
    }
}

/// Where the lists are.
#[derive(Debug, clap::Args)]
pub(crate) struct Traces {
    /// Folder with the published lists
    #[arg(long, value_name = "DIR")]
    pub(super) traces: PathBuf,
}

/// Shows an experiment's tables: as Markdown, or as data.
pub(super) fn show(session: &Session, text: &str) -> Result<Exit, Failure> {
    match session.output.format() {
        Format::Table => session.output.text(text)?,
        Format::Json | Format::Yaml => {
            session.output.show(&markdown::data(text), crate::output::table::Table::fields)?;
        }
    }
    Ok(Exit::Ok)
}

/// Nanoseconds since the first call, for the times in a report.
pub(super) fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}
