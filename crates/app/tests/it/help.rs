//! Help texts: one snapshot of all of them, so that a change to the command line is seen in review.

use expect_test::expect_file;

use crate::{Home, Ran};

/// Every verb, walked from the help texts themselves.
fn walk(home: &Home, path: &[String], text: &mut String, n_verbs: &mut usize) {
    let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
    arguments.push("--help");
    let ran: Ran = home.run(&arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{path:?}");
    *n_verbs += 1;
    text.push_str(&format!("$ cocarde {}\n", arguments.join(" ")));
    // The flags that every command takes are shown once, with the first command.
    let own = match ran.stdout.split_once("\nConnection:\n") {
        Some((before, after)) if !path.is_empty() => {
            let examples = after.split_once("\nExamples:\n").map(|(_, examples)| examples);
            format!("{before}{}", examples.map_or(String::new(), |e| format!("\nExamples:\n{e}")))
        }
        _ => ran.stdout.clone(),
    };
    text.push_str(own.trim_end());
    text.push_str("\n\n");
    for verb in verbs(&ran.stdout) {
        let mut path = path.to_vec();
        path.push(verb);
        walk(home, &path, text, n_verbs);
    }
}

/// The verbs that a help text lists.
fn verbs(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("\nCommands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented further.
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn every_verb_has_its_help() {
    let home = Home::new();
    let (mut text, mut n_verbs) = (String::new(), 0);
    walk(&home, &[], &mut text, &mut n_verbs);
    assert!(n_verbs > 60, "only {n_verbs} verbs were found");
    for verb in ["up", "demo", "apply", "logs", "dataset add-version", "audit receipt", "lm train"]
    {
        assert!(text.contains(&format!("$ cocarde {verb} --help\n")), "{verb}");
    }
    assert!(!text.contains("__shim"), "hidden commands stay hidden");
    expect_file!["help.txt"].assert_eq(&text);
}

#[test]
fn version_and_completions_are_data() {
    let home = Home::new();
    let version = home.run(&["--version"]);
    assert_eq!(version.stdout, format!("cocarde {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        let ran = home.run(&["completions", shell]);
        ran.check(0, &[]);
        assert!(ran.stdout.contains("cocarde") && ran.stderr.is_empty(), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut command = home.command(&["completions", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    let output = command.output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
