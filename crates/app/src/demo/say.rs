//! The demo's voice: a numbered heading and one or two lines per step; a progress bar on a
//! terminal, plain lines in a pipe.

use std::{
    io::{IsTerminal as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Lines of progress in a pipe, about this often.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Writes to standard output.
pub(super) struct Voice {
    number: u32,
    started: Instant,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self { number: 0, started: Instant::now() }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.number = self.number.saturating_add(1);
        let elapsed = self.started.elapsed().as_secs_f32();
        self.write(&format!("\n{:>2}. {title}  [{elapsed:.0} s]", self.number));
    }

    /// One line of a step.
    pub(super) fn line(&self, text: &str) {
        self.write(&format!("    {text}"));
    }

    /// Ends the demo.
    pub(super) fn end(&self, elapsed: Duration, data: Option<&Path>) {
        self.write(&format!("\nall {} steps hold; {:.0} s", self.number, elapsed.as_secs_f32()));
        if let Some(data) = data {
            let data = data.display();
            self.write(&format!("the data stays in {data}: cocarde up --data {data}"));
        }
    }

    fn write(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // Whoever reads may have gone; the exit code still tells how it went.
        let _ = writeln!(out, "{text}");
        let _ = out.flush();
    }

    /// A progress display of so many steps.
    pub(super) fn progress(&self, total: u64) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { bar: None, last: Instant::now() };
        }
        let style = ProgressStyle::with_template("    {bar:32} {pos}/{len} {msg}");
        let bar = ProgressBar::new(total);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Progress { bar: Some(bar), last: Instant::now() }
    }
}

/// A progress bar, or plain lines now and then.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Progress {
    /// Shows where it stands.
    pub(super) fn at(&mut self, voice: &Voice, position: u64, total: u64, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(position);
                bar.set_message(message.to_owned());
            }
            None if self.last.elapsed() >= PLAIN_EVERY => {
                self.last = Instant::now();
                voice.line(&format!("{position}/{total} {message}"));
            }
            None => {}
        }
    }

    /// Removes the bar.
    pub(super) fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
