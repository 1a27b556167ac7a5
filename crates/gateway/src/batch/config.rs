//! How much is kept, for how long, and how hard batches may press.

use std::path::PathBuf;
use std::time::Duration;

/// Bounds of files and batches. The figures for files and lines are OpenAI's own.
#[derive(Debug, Clone)]
pub struct BatchConfig {
    /// Where everything lies, sealed; one folder for each project.
    pub folder: PathBuf,
    /// Largest file in bytes; more is answered with 413.
    pub file_bytes_max: u64,
    /// Most lines of a batch.
    pub lines_max: u32,
    /// Longest line in bytes.
    pub line_bytes_max: usize,
    /// Most files of a project, results among them.
    pub files_max: usize,
    /// Most bytes that a project keeps.
    pub project_bytes_max: u64,
    /// Bytes of answers from which on a batch asks no more lines.
    pub answers_bytes_max: u64,
    /// Most batches of a project that are not done.
    pub open_max: usize,
    /// Most batches of a project that are kept, done or not.
    pub batches_max: usize,
    /// How long files and batches are kept.
    pub kept: Duration,
    /// Uploads at once, of all projects.
    pub uploads_max: usize,
    /// Uploads at once, of one project.
    pub uploads_max_per_project: usize,
    /// Lines of one batch asked at once.
    pub lines_at_once: usize,
    /// Lines asked at once, of all batches.
    pub lines_at_once_in_all: usize,
    /// How often a line is asked whose model failed; one that is refused for now waits and does not count.
    pub attempts_max: u32,
    /// First pause before a line is asked again; doubles up to `retry_max`.
    pub retry_min: Duration,
    /// Longest pause between two attempts, whatever was answered.
    pub retry_max: Duration,
    /// How often what has expired is removed, and what could not go on is tried again.
    pub look_again: Duration,
}

impl BatchConfig {
    /// The defaults for a folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            file_bytes_max: 200 << 20,
            lines_max: 50_000,
            line_bytes_max: 16 << 20,
            files_max: 1_000,
            project_bytes_max: 8 << 30,
            answers_bytes_max: 2 << 30,
            open_max: 16,
            batches_max: 1_000,
            kept: Duration::from_secs(30 * 86_400),
            uploads_max: 16,
            uploads_max_per_project: 4,
            lines_at_once: 8,
            lines_at_once_in_all: 32,
            attempts_max: 3,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            look_again: Duration::from_secs(60),
        }
    }

    /// The same as seconds.
    pub(super) fn kept_s(&self) -> i64 {
        i64::try_from(self.kept.as_secs()).unwrap_or(i64::MAX)
    }
}
