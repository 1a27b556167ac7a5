//! The verbs: one table, at most thirteen lines. Each calls cargo, or plain Rust beside this file.

mod fuzz;

use std::process::Command;

use crate::command::{Failure, Outcome, cargo, output, root, run, run_piped, target};
use crate::{python, tidy};

/// One verb of `cargo xtask`.
pub(crate) struct Verb {
    /// As typed.
    pub(crate) name: &'static str,
    /// What may follow it.
    pub(crate) arguments: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Does it.
    pub(crate) run: fn(&[String]) -> Outcome,
}

/// All of them, in the order of a working day.
pub(crate) static VERBS: &[Verb] = &[
    verb("check", "[CARGO-OPTION…]", "Type-checks everything, tests included.", check),
    verb("test", "[CARGO-OPTION…]", "Runs every test, to the end even when one fails.", test),
    verb("lint", "[--deny]", "Clippy with warnings as errors; --deny: cargo-deny instead.", lint),
    verb("fmt", "[--check]", "Formats all Rust code, or says what is not formatted.", fmt),
    verb("tidy", "", "Checks the house rules: edges, lengths, words, documents.", tidy_all),
    verb("sim", "[SEED]", "Runs the simulation tests, slow ones too; SEED repeats one run.", sim),
    verb(
        "fuzz",
        "[TARGET…] [--seconds N]",
        "Fuzzes the gateway, guided by coverage; N seconds for each target.",
        fuzz::fuzz,
    ),
    verb(
        "openapi",
        "[--check]",
        "Writes openapi/v1.json, or says that it is out of date.",
        openapi,
    ),
    verb("docs", "", "Builds the API documentation with warnings as errors.", docs),
    verb("interop", "[DATA-DIR]", "Other people's tools against a live platform.", interop),
    verb("bench", "[CARGO-OPTION…]", "Runs the benchmarks; see docs/benchmarks.", bench),
    verb("demo", "[DATA-DIR]", "Runs the demo in a pipe, as a script would.", demo),
    verb("ci", "", "Everything that a change must pass, in the order of cost.", ci),
];

const fn verb(
    name: &'static str,
    arguments: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> Outcome,
) -> Verb {
    Verb { name, arguments, summary, run }
}

/// The verb of this name.
pub(crate) fn find(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

/// What `--help` prints.
pub(crate) fn help() -> String {
    let mut text = String::from("usage: cargo xtask VERB [--help]\n\n");
    for verb in VERBS {
        text.push_str(&format!("  {:8} {:23} {}\n", verb.name, verb.arguments, verb.summary));
    }
    text.push_str("\nexit codes: 0 all is well, 1 a check found something, 2 wrong command line\n");
    text
}

fn check(rest: &[String]) -> Outcome {
    run(cargo(["check", "--workspace", "--all-targets"]).args(rest))
}

fn test(rest: &[String]) -> Outcome {
    run(cargo(["test", "--workspace", "--no-fail-fast"]).args(rest))
}

fn lint(rest: &[String]) -> Outcome {
    if flag(rest, "--deny")? {
        return run(&mut cargo(["deny", "--all-features", "check"]));
    }
    // After `--`, so that the dependencies are not built a second time for other flags.
    run(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn fmt(rest: &[String]) -> Outcome {
    let mut command = cargo(["fmt", "--all"]);
    run(if flag(rest, "--check")? { command.arg("--check") } else { &mut command })
}

fn tidy_all(rest: &[String]) -> Outcome {
    nothing(rest)?;
    let findings = tidy::check(&root());
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: nothing found");
            Ok(())
        }
        count => Err(Failure::found(format!("tidy: {count} found"))),
    }
}

fn sim(rest: &[String]) -> Outcome {
    let mut command = cargo(["test", "--package", "sim"]);
    match rest {
        [] => {}
        [seed] if seed.parse::<u64>().is_ok() => {
            command.env("SIM_SEED", seed);
        }
        _ => return Err(Failure::Usage("a seed is a whole number".into())),
    }
    run(command.env("SLOW_TESTS", "1"))
}

fn openapi(rest: &[String]) -> Outcome {
    let check = flag(rest, "--check")?;
    let made = output(&mut cargo(["run", "--quiet", "--package", "api", "--example", "openapi"]))?;
    let path = root().join("openapi/v1.json");
    if !check {
        return std::fs::write(&path, made)
            .map_err(|error| Failure::found(format!("`{}`: {error}", path.display())));
    }
    match std::fs::read(&path) {
        Ok(kept) if kept == made => Ok(()),
        _ => {
            Err(Failure::found("openapi/v1.json is not what the code says: `cargo xtask openapi`"))
        }
    }
}

fn docs(rest: &[String]) -> Outcome {
    nothing(rest)?;
    let mut command = cargo(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn bench(rest: &[String]) -> Outcome {
    run(cargo(["bench", "--workspace", "--benches"]).args(rest))
}

fn demo(rest: &[String]) -> Outcome {
    let data = data_dir(rest, "demo")?;
    run(&mut cargo(["build", "--release", "--package", "app"]))?;
    // A demo starts from nothing; only the default folder is ours to empty.
    if rest.is_empty() && data.exists() {
        std::fs::remove_dir_all(&data)
            .map_err(|error| Failure::found(format!("`{}`: {error}", data.display())))?;
    }
    run_piped(Command::new(target().join("release/cocarde")).arg("demo").arg("--data").arg(data))
}

fn interop(rest: &[String]) -> Outcome {
    let data = data_dir(rest, "demo")?;
    if rest.is_empty() {
        demo(&[])?;
    }
    let (python, clients) = (python::environment()?, python::clients()?);
    run(&mut cargo(["build", "--release", "--package", "app"]))?;
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg(root().join("interop/run.py")).arg(target().join("release/cocarde")).arg(data);
    run(command.arg(root().join("openapi/v1.json")).arg(clients))
}

fn ci(rest: &[String]) -> Outcome {
    nothing(rest)?;
    let kept = target().join("demo").to_string_lossy().into_owned();
    let steps: [(&str, Vec<String>); 7] = [
        ("fmt", vec!["--check".into()]),
        ("tidy", vec![]),
        ("test", vec![]),
        ("lint", vec![]),
        ("openapi", vec!["--check".into()]),
        ("demo", vec![]),
        ("interop", vec![kept]),
    ];
    let mut failed = Vec::new();
    for (name, arguments) in &steps {
        println!("\n== {name} {}", arguments.join(" "));
        let started = std::time::Instant::now();
        let outcome = find(name).map_or(Ok(()), |verb| (verb.run)(arguments));
        if let Err(Failure::Usage(message) | Failure::Found(message)) = outcome {
            println!("error: {message}");
            failed.push(*name);
        }
        println!("== {name}: {} s", started.elapsed().as_secs());
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::found(format!("failed: {}", failed.join(" "))))
    }
}

/// True when the flag is there; anything else on the line is an error.
fn flag(rest: &[String], name: &str) -> Result<bool, Failure> {
    match rest {
        [] => Ok(false),
        [only] if only == name => Ok(true),
        _ => Err(Failure::Usage(format!("only `{name}` may follow"))),
    }
}

fn nothing(rest: &[String]) -> Outcome {
    if rest.is_empty() { Ok(()) } else { Err(Failure::Usage("nothing may follow".into())) }
}

fn data_dir(rest: &[String], default: &str) -> Result<std::path::PathBuf, Failure> {
    match rest {
        [] => Ok(target().join(default)),
        [dir] if !dir.starts_with('-') => Ok(dir.into()),
        _ => Err(Failure::Usage("only a folder may follow".into())),
    }
}

#[cfg(test)]
mod tests;
