//! The verbs on small inputs, in a folder that goes away.

use std::fs;

use clap::Parser;

use super::{Verb, inputs::Load, run};
use crate::{
    cli::{
        exit::Exit,
        session::{Global, Session},
    },
    output::Format,
};

#[derive(Debug, Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

fn session() -> Session {
    Session::new(Global { format: Some(Format::Json), ..Global::default() })
}

fn simulate(words: &[&str]) -> Result<Exit, String> {
    let line = ["simulate"].iter().chain(words);
    let verb = Line::try_parse_from(line).map_err(|error| error.to_string())?.verb;
    run(verb, &session()).map_err(|failure| failure.text())
}

const FLEET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/fleets/laptop.toml");

#[test]
fn loads_are_read_as_people_write_them() {
    for (text, value) in [("0.85", Some(850)), ("1", Some(1_000)), ("2.5", Some(2_500))] {
        assert_eq!(text.parse().ok(), value.map(Load));
    }
    for text in ["", "0", "-1", "0.1234", ".5", "1e3", "101"] {
        assert!(text.parse::<Load>().unwrap_err().contains("is no load"), "{text}");
    }
}

#[test]
fn a_generated_list_runs_and_its_files_repeat() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let list = path("jobs.csv");
    let make = ["generate", "--fleet", FLEET, "--jobs", "40", "--horizon", "2d", "--out", &list];
    assert_eq!(simulate(&make), Ok(Exit::Ok));
    for out in ["one", "two"] {
        let out = path(out);
        let words = ["run", "--fleet", FLEET, "--workload", &list, "--failures", "--out", &out];
        let policies = ["--policy", "first-fit", "--policy", "first-fit-skip"];
        assert_eq!(simulate(&[&words[..], &policies[..]].concat()), Ok(Exit::Ok));
    }
    for file in ["results.json", "jobs.csv", "series.csv", "cdf.csv", "report.html"] {
        let read = |out: &str| fs::read(folder.path().join(out).join(file)).unwrap();
        assert_eq!(read("one"), read("two"), "{file}");
        assert!(!read("one").is_empty(), "{file}");
    }
}

#[test]
fn what_is_wrong_with_an_input_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(folder.path().join("bad.csv"), "job,submit_s,duration_s\na,-1,5\n").unwrap();
    let (list, out) = (path("bad.csv"), path("out"));
    let words = ["run", "--fleet", FLEET, "--workload", &list, "--out", &out];
    let text = simulate(&words).unwrap_err();
    assert!(text.starts_with("error: bad.csv, line 2, field `submit_s`, value `-1`"), "{text}");
    fs::write(folder.path().join("large.csv"), "job,submit_s,duration_s,gpus\na,1,5,9\n").unwrap();
    let list = path("large.csv");
    let words = ["run", "--fleet", FLEET, "--workload", &list, "--out", &out];
    let text = simulate(&words).unwrap_err();
    assert!(text.contains("line 2") && text.contains("--skip-impossible"), "{text}");
}
