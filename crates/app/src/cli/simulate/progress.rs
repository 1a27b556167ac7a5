//! How far a simulation is: a bar of ended jobs on a terminal, a line now and then elsewhere.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use sim::twin::backend::Progress;

use crate::output::say;

/// Time between two lines in a pipe.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The progress of one policy.
#[derive(Debug)]
pub(super) struct JobsBar {
    policy: String,
    jobs: u64,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl JobsBar {
    /// Starts at nothing.
    pub(super) fn start(policy: &str, jobs: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(jobs), ProgressDrawTarget::stderr());
            let template = "{prefix} [{bar:30}] {human_pos}/{human_len} jobs, {msg}, {eta} left";
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(policy.to_owned());
            bar
        });
        Self { policy: policy.to_owned(), jobs, bar, said: Instant::now() }
    }

    /// It has come so far.
    pub(super) fn show(&mut self, progress: Progress) {
        if let Some(bar) = &self.bar {
            bar.set_message(progress.now.to_string());
            bar.set_position(progress.ended);
        } else if self.said.elapsed() >= LINE_INTERVAL {
            self.said = Instant::now();
            let (ended, jobs, now) = (progress.ended, self.jobs, progress.now);
            say(&format!("{}: {ended} of {jobs} jobs, {now}", self.policy));
        }
    }
}

impl Drop for JobsBar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
