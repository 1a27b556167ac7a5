//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.
//!
//! It must never write to stdout and never more than a line every two seconds to a pipe.

use std::{
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use units::Bytes;

use super::{human, say};

/// Time between two lines in a pipe.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Work whose size is known, in bytes.
#[derive(Debug)]
pub(crate) struct Progress {
    label: &'static str,
    done: u64,
    total: u64,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl Progress {
    /// Starts at nothing.
    pub(crate) fn start(label: &'static str, total: Bytes) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total.0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template(
                "{prefix} [{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec}",
            );
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_prefix(label);
            bar
        });
        Self { label, done: 0, total: total.0, bar, said: Instant::now() }
    }

    /// Some more is done.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.said.elapsed() >= LINE_INTERVAL {
            self.said = Instant::now();
            let (done, total) = (human::size(Bytes(self.done)), human::size(Bytes(self.total)));
            say(&format!("{} {done} of {total}", self.label));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
