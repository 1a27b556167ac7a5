//! The one binary `cocarde`: read the command line, set up messages, run one verb.
//!
//! It must never go on after a panic: any task's panic ends the process, which then replays.

mod apart;
mod cli;
mod config;
mod demo;
mod kek;
mod lm_command;
mod load;
mod messages;
mod output;
mod up;

use std::{io::Write as _, process::ExitCode};

use cli::exit::Exit;

fn main() -> ExitCode {
    end_on_panic();
    let cli = cli::parse();
    messages::start(&cli);
    cli::run(cli)
}

/// A panic in any thread or task is a fault of ours; half a process would hide it.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|info| {
        let trace = std::backtrace::Backtrace::capture();
        // Nothing is left to do if even this cannot be written.
        let _ = writeln!(
            std::io::stderr(),
            "error: a fault in cocarde {}: {info}\n  remedy: please report it with the lines above; \
             nothing acknowledged is lost\n{trace}",
            env!("CARGO_PKG_VERSION")
        );
        std::process::exit(i32::from(Exit::Internal.code()));
    }));
}
