//! `cargo xtask fuzz`: coverage-guided fuzzing of the gateway, on the stable compiler of `rust-toolchain.toml`.
//!
//! The crate in `fuzz/` stands outside the workspace and is built into a folder of its own, with counters at every
//! edge that the compiler sees (LLVM's SanitizerCoverage, as libFuzzer's documentation names the flags). What a run
//! found new is kept under `target/fuzz/corpus`; only what somebody chooses goes into `fuzz/corpus`, which every
//! `cargo test` replays.

use std::path::PathBuf;

use crate::command::{Failure, Outcome, cargo, output, root, run, target};

/// Seconds for each target, unless the command line says so.
const SECONDS: u32 = 60;
/// Longest time for one input, in seconds.
const INPUT_SECONDS: u32 = 10;
/// What the compiler adds to the code, for libFuzzer to see where an input leads.
const COVERAGE: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    targets: Vec<String>,
    seconds: u32,
}

/// Runs the targets one after the other; a fault ends it, with the file that repeats it.
pub(super) fn fuzz(rest: &[String]) -> Outcome {
    let Asked { targets, seconds } = asked(rest, &targets()?)?;
    let program = build()?;
    for name in targets {
        let found = target().join("fuzz/corpus").join(&name);
        let faults = target().join("fuzz/faults").join(&name);
        for folder in [&found, &faults] {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::found(format!("`{}`: {error}", folder.display())))?;
        }
        let mut command = std::process::Command::new(&program);
        command.env("FUZZ_TARGET", &name).arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-timeout={INPUT_SECONDS}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", faults.display()));
        println!("\n== {name}: {seconds} s; what breaks it goes to {}", faults.display());
        run(command.arg(found).arg(corpora().join(&name)))?;
    }
    Ok(())
}

fn corpora() -> PathBuf {
    root().join("fuzz/corpus")
}

/// The targets are the folders of the corpora; a test of `gateway` compares them with its table.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = corpora();
    let entries = std::fs::read_dir(&folder);
    let entries =
        entries.map_err(|error| Failure::found(format!("`{}`: {error}", folder.display())))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    Ok(names)
}

fn asked(rest: &[String], known: &[String]) -> Result<Asked, Failure> {
    let mut asked = Asked { targets: Vec::new(), seconds: SECONDS };
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        if word == "--seconds" {
            let seconds = words.next().and_then(|word| word.parse().ok()).filter(|n| *n > 0);
            let message = "`--seconds` needs a whole number, 1 or more";
            asked.seconds = seconds.ok_or_else(|| Failure::Usage(message.into()))?;
        } else if known.contains(word) {
            asked.targets.push(word.clone());
        } else {
            let message = format!("`{word}` is no target: {}", known.join(", "));
            return Err(Failure::Usage(message));
        }
    }
    if asked.targets.is_empty() {
        asked.targets = known.to_vec();
    }
    Ok(asked)
}

/// Builds the one program that has all targets.
fn build() -> Result<PathBuf, Failure> {
    // Named, so that the flags are for the program and not for what builds it.
    let told = output(std::process::Command::new("rustc").arg("-vV").current_dir(root()))?;
    let told = String::from_utf8_lossy(&told);
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::found("`rustc -vV` names no host"))?;
    let folder = target().join("fuzz");
    // Not `--locked`: what the gateway has come to need since joins the lock file of `fuzz/`.
    let mut command = cargo(["build", "--release", "--target", host]);
    command.arg("--manifest-path").arg(root().join("fuzz/Cargo.toml"));
    command.arg("--target-dir").arg(&folder).env("RUSTFLAGS", COVERAGE.join(" "));
    run(&mut command)?;
    Ok(folder.join(host).join("release/fuzz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_and_seconds_come_in_any_order() {
        let known = ["a".to_owned(), "b".to_owned()];
        let asked = |line: &str| {
            asked(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>(), &known)
        };
        assert_eq!(asked("").unwrap(), Asked { targets: known.to_vec(), seconds: SECONDS });
        let one = Asked { targets: vec!["b".into()], seconds: 5 };
        assert_eq!(asked("--seconds 5 b").unwrap(), one);
        assert_eq!(asked("b --seconds 5").unwrap(), one);
        for wrong in ["c", "--seconds", "--seconds 0", "--seconds x", "--runs"] {
            assert!(matches!(asked(wrong), Err(Failure::Usage(_))), "{wrong}");
        }
    }
}
