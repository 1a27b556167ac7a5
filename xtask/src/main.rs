//! `cargo xtask VERB`: the one door to everything that a change must pass.
//!
//! Each verb calls cargo or plain Rust; `.ci/run` calls the same verbs and nothing else. Standard
//! library only, so that the door opens in seconds. Must never hold logic of the platform itself.
//!
//! Exit codes: 0 all is well, 1 a check found something, 2 the command line is wrong.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks there")]

mod command;
mod python;
mod tidy;
mod verbs;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = arguments.split_first() else {
        eprint!("{}", verbs::help());
        return ExitCode::from(2);
    };
    if matches!(verb.as_str(), "--help" | "-h" | "help") {
        print!("{}", verbs::help());
        return ExitCode::SUCCESS;
    }
    let Some(verb) = verbs::find(verb) else {
        eprintln!("error: `{verb}` is no verb of xtask\n\n{}", verbs::help());
        return ExitCode::from(2);
    };
    if rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("cargo xtask {} {}\n\n{}", verb.name, verb.arguments, verb.summary);
        return ExitCode::SUCCESS;
    }
    match (verb.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(command::Failure::Usage(message)) => {
            eprintln!("error: {message}\nusage: cargo xtask {} {}", verb.name, verb.arguments);
            ExitCode::from(2)
        }
        Err(command::Failure::Found(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(1)
        }
    }
}
