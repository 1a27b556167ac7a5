//! The table of verbs and what may follow them.

use super::*;

#[test]
fn there_are_at_most_thirteen_verbs_and_each_is_told_apart() {
    assert!((1..=13).contains(&VERBS.len()));
    for verb in VERBS {
        assert!(std::ptr::eq(find(verb.name).unwrap(), verb), "{} is there twice", verb.name);
        assert!(help().contains(verb.summary));
    }
    assert!(find("shell").is_none());
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let wrong = [String::from("--no-such-thing")];
    for name in ["lint", "fmt", "tidy", "sim", "fuzz", "openapi", "docs", "interop", "demo", "ci"] {
        let outcome = (find(name).unwrap().run)(&wrong);
        assert!(matches!(outcome, Err(Failure::Usage(_))), "{name}: {outcome:?}");
    }
}
