//! Mistakes of people: each has its exit code, says what is wrong and what to do.

use std::fs;

use crate::{Home, nobody};

const SMALL: &str = "type: batch\nname: a\nproject: o/p\nrun: 'true'\n";

#[test]
fn a_wrong_command_line_is_code_2() {
    let home = Home::new();
    for (arguments, part) in [
        (&["frobnicate"][..], "unrecognized subcommand"),
        (&["aply", "-f", "x"], "apply"),
        (&["ps", "--al"], "--all"),
        (&["ps", "-o", "xml"], "table, json, yaml"),
        (&["--project", "nlp", "ps"], "organisation/project"),
        (&["org", "create", "Not A Name"], "is not a name"),
        (&["budget", "create", "a", "--limit", "-1"], "limit"),
        (&["price", "set", "cpu_hour"], "UNIT=EUR"),
        (&["run", "--project", "o/p"], "COMMAND"),
        (&["apply"], "--file"),
        (&["audit", "receipt", "--verify", "x"], "--vkey"),
        (&["model", "get", "a@v0"], "is not a version"),
        (&["wait", "a", "--timeout", "5"], "is not a duration"),
    ] {
        let ran = home.run(arguments);
        ran.check(2, &[part]);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_job_file_with_a_mistake_names_it_before_anything_is_sent() {
    let home = Home::new();
    let server = nobody();
    let apply = |text: &str| {
        fs::write(home.path("job.yaml"), text).unwrap();
        home.run(&["--server", &server, "apply", "-f", "job.yaml"])
    };
    apply(&format!("{SMALL}resorces: {{ cpu: 1 }}\n")).check(
        7,
        &[
            "error: job.yaml: line 5",
            "did you mean `resources`?",
            "see: docs/problems/unknown-field",
        ],
    );
    apply(&format!("{SMALL}resources: {{ cpu: many }}\n"))
        .check(7, &["field: /resources/cpu", "write for example `4`"]);
    apply(&format!("{SMALL}---\n{SMALL}---\ntype: batch\n")).check(7, &["document 3"]);
    apply("").check(7, &["holds no job"]);
    home.run(&["apply", "-f", "missing.yaml"]).check(3, &["cannot read `missing.yaml`"]);
    home.run_with(&["apply", "-f", "-"], &[b'x'; 300_000]).check(7, &["more than 262144 bytes"]);
    home.run_with(&["plan", "-f", "-"], b"type: batch\nname: a\nrun: x\n")
        .check(7, &["/project", "cocarde use"]);
    home.run_with(&["plan", "-f", "-"], b"\xff\xfe").check(7, &["not UTF-8"]);
}

#[test]
fn nobody_there_is_code_6_with_a_hint() {
    let home = Home::new();
    let server = nobody();
    fs::write(home.path("job.yaml"), SMALL).unwrap();
    for arguments in [
        &["ps"][..],
        &["apply", "-f", "job.yaml"],
        &["plan", "-f", "job.yaml"],
        &["logs", "a"],
        &["logs", "-f", "a"],
        &["wait", "a"],
        &["events", "-f"],
        &["org", "list"],
        &["--project", "o/p", "cost"],
        &["--project", "o/p", "run", "--", "true"],
        &["audit", "verify"],
        &["backup", "--to", "b.tar"],
        &["login", "--token", "x"],
    ] {
        let mut all = vec!["--server", &server];
        all.extend(arguments);
        if arguments[0] == "login" {
            all.insert(3, &server);
        }
        let ran = home.run(&all);
        ran.check(6, &["nothing listens at", "is `cocarde up` running?", "remedy: "]);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    assert!(!home.path("b.tar").exists() && !home.path("b.tar.partial").exists());
    assert!(!home.path(".config").exists(), "nothing was remembered");
}

#[test]
fn with_json_the_last_line_is_a_problem_document() {
    let home = Home::new();
    let ran = home.run(&["--server", &nobody(), "ps", "-o", "json"]);
    ran.check(6, &["error: "]);
    let last = ran.stderr.lines().last().unwrap();
    let problem: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(problem["exit_code"], 6);
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("nothing listens")));
}

#[test]
fn an_address_that_is_none_is_a_mistake_of_the_command_line() {
    let home = Home::new();
    home.run(&["--server", "localhost:1", "ps"]).check(2, &["is not an address"]);
    home.run(&["login", "ftp://x", "--token", "t"]).check(2, &["is not an address"]);
    home.run(&["--project", "o/p", "--server", &nobody(), "run", "--cpu", "x", "--", "true"])
        .check(7, &["field: /resources/cpu"]);
    home.run(&["run", "--", "true"]).check(2, &["no project is chosen", "remedy: "]);
}
