//! What the program says about itself while it works: `tracing` to stderr.
//!
//! `COCARDE_LOG` is a level or a list of `target=level`; `-v` raises the level. Nothing that a
//! person asked for goes through here: that is data and belongs to stdout.

use std::io::{IsTerminal as _, Write as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::cli::Cli;

/// Names the levels and targets to show.
const VARIABLE: &str = "COCARDE_LOG";

/// Sets up messages once, at the start.
pub(crate) fn start(cli: &Cli) {
    let asked = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let usual = level(cli.global.verbose, cli.is_server());
    let (targets, fault) = match asked.as_deref().map(str::parse::<Targets>) {
        None => (Targets::new().with_default(usual), None),
        Some(Ok(targets)) => (targets, None),
        Some(Err(fault)) => (Targets::new().with_default(usual), Some(fault)),
    };
    let stderr = std::io::stderr();
    let colour = stderr.is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colour);
    // A second start, in tests only, keeps the first one's settings.
    let _ = tracing_subscriber::registry().with(targets).with(layer).try_init();
    if let Some(fault) = fault {
        // If stderr is gone, so is the reader of this warning.
        let _ = writeln!(
            std::io::stderr(),
            "warning: {VARIABLE} is not understood ({fault}): write for example `info` or \
             `warn,exec=debug`"
        );
    }
}

/// A server tells more by itself than a command does.
fn level(verbose: u8, server: bool) -> LevelFilter {
    match verbose.saturating_add(u8::from(server)) {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_v_shows_more() {
        let levels: Vec<LevelFilter> = (0..4).map(|n| level(n, false)).collect();
        assert!(levels.is_sorted(), "{levels:?}");
        assert_eq!((level(0, true), level(u8::MAX, true)), (LevelFilter::INFO, LevelFilter::TRACE));
    }
}
