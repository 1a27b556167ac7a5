//! The repository is tidy, and each rule finds what it is for in a bad sample.

use super::*;
use crate::command::root;

/// What a rule says of a tree of samples, one finding per line.
fn found(rule: Rule, samples: &[(&str, &str)]) -> String {
    let mut findings = Vec::new();
    rule(&Tree::of(samples), &mut findings);
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

fn finds(rule: Rule, samples: &[(&str, &str)], wanted: &str) {
    let said = found(rule, samples);
    assert!(said.contains(wanted), "wanted `{wanted}`, found:\n{said}");
}

fn finds_nothing(rule: Rule, samples: &[(&str, &str)]) {
    assert_eq!(found(rule, samples), "");
}

#[test]
fn the_repository_is_tidy() {
    let findings = check(&root());
    let shown: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    assert!(findings.is_empty(), "{shown}");
}

#[test]
fn the_tree_that_is_checked_is_the_real_one() {
    let tree = Tree::read(&root()).unwrap();
    assert!(tree.text("crates/kernel/src/lib.rs").unwrap().contains("decide"));
    assert!(
        tree.files().all(|(path, _)| !path.starts_with("target/") && !path.starts_with(".git/"))
    );
    assert!(tree.rust().count() > 100);
}

#[test]
fn an_edge_outside_the_table_is_found() {
    let bad = "[dependencies]\nserde = { workspace = true }\nstore = { workspace = true }\n";
    finds(
        manifests::edges,
        &[("crates/kernel/Cargo.toml", bad)],
        ":3: `kernel` may not depend on `store`",
    );
    let dev = "[dev-dependencies]\nserver = { workspace = true }\n";
    finds(manifests::edges, &[("crates/store/Cargo.toml", dev)], "may not depend on `server`");
    let target = "[target.'cfg(unix)'.dependencies]\nlm = { workspace = true }\n";
    finds(manifests::edges, &[("crates/units/Cargo.toml", target)], "may not depend on `lm`");
    let dotted = "[dependencies]\nexec.workspace = true\n";
    finds(manifests::edges, &[("crates/api/Cargo.toml", dotted)], "may not depend on `exec`");
    finds(manifests::edges, &[("crates/cloud/Cargo.toml", "")], "crate `cloud` is not in");
    let good = "[package]\nname = \"kernel\"\n[dependencies]\nunits = { workspace = true }\n";
    finds_nothing(manifests::edges, &[("crates/kernel/Cargo.toml", good)]);
}

#[test]
fn versions_outside_the_root_are_found() {
    for line in ["serde = \"1\"", "serde.workspace = true", "k = { path = \"../kernel\" }"] {
        let manifest = format!("[dependencies]\n{line}\n");
        finds(manifests::versions, &[("crates/lm/Cargo.toml", &manifest)], "workspace = true }");
    }
    let table = "[dependencies.serde]\nversion = \"1\"\n";
    finds(manifests::versions, &[("crates/lm/Cargo.toml", table)], "not as tables");
    let renamed =
        "[workspace.dependencies]\nk = { path = \"crates/kernel\", package = \"kernel\" }\n";
    finds(manifests::versions, &[("Cargo.toml", renamed)], "no renamed");
    let good = "[dependencies]\nserde = { workspace = true, features = [\"rc\"] }\n";
    finds_nothing(manifests::versions, &[("crates/lm/Cargo.toml", good)]);
}

#[test]
fn a_dependency_without_reason_or_use_is_found() {
    let root =
        ("Cargo.toml", "[workspace.dependencies]\nunits = { path = \"u\" }\nserde = \"1\"\n");
    let user = ("crates/lm/Cargo.toml", "[dependencies]\nserde = { workspace = true }\n");
    let told = ("docs/notes/deps.md", "# Notes\n- serde: JSON; its authors; by hand\n");
    finds_nothing(manifests::reasons, &[root, user, told]);
    finds(manifests::reasons, &[root, user], "`serde` has no line");
    finds(manifests::reasons, &[root, told], "no crate uses `serde`");
    let stale = ("docs/notes/deps.md", "- serde: x\n- rand: y\n");
    finds(manifests::reasons, &[root, user, stale], "deps.md:2: `rand` is no direct");
}

#[test]
fn a_lock_file_that_is_missing_or_grown_is_found() {
    finds(manifests::lock_size, &[], "missing or empty");
    finds(manifests::lock_size, &[("Cargo.lock", &"[[package]]\n".repeat(541))], "541 packages");
    finds_nothing(manifests::lock_size, &[("Cargo.lock", &"[[package]]\n".repeat(540))]);
}

#[test]
fn a_file_without_documentation_is_found() {
    finds(sources::module_docs, &[("a.rs", "use std::fmt;\n")], "a.rs:1: opens with");
    finds(sources::module_docs, &[("a.rs", "")], "opens with");
    finds_nothing(sources::module_docs, &[("a.rs", "//! What for.\n"), ("b.py", "x")]);
}

#[test]
fn words_that_never_ship_are_found() {
    for word in [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")] {
        finds(
            sources::words,
            &[("a.rs", &format!("// {word}: later\n"))],
            &format!("a.rs:1: `{word}`"),
        );
    }
    let samples = [
        ("fn f() { unsafe { g() } }", "`unsafe` is"),
        ("let x = dbg!(1);", "`dbg!`"),
        ("fn f() { todo!() }", "`todo!`"),
        ("fn f() { unimplemented!() }", "`unimplemented!`"),
        ("#[should_panic]\nfn f() {}", "`should_panic`"),
        ("#[test]\n#[ ignore]\nfn f() {}", "a.rs:2: a test that is never run"),
        ("#[ignore = \"slow\"]\nfn f() {}", "never run"),
    ];
    for (code, wanted) in samples {
        finds(sources::words, &[("a.rs", code)], wanted);
    }
    let good = "// unsafe code is forbidden\nlet x = \"dbg!\"; let unsafe_code = r#\"unsafe\"#;";
    finds_nothing(sources::words, &[("a.rs", good)]);
}

#[test]
fn a_pure_crate_that_knows_the_world_is_found() {
    for word in ["std::time::SystemTime", "Instant", "HashMap", "tokio::spawn", "std::env::var"] {
        let code = format!("//! Doc.\nuse {word};\n");
        finds(sources::purity, &[("crates/kernel/src/lib.rs", &code)], "lib.rs:2:");
        finds_nothing(sources::purity, &[("crates/store/src/lib.rs", &code)]);
        finds_nothing(sources::purity, &[("crates/kernel/src/tests.rs", &code)]);
    }
    finds_nothing(sources::purity, &[("crates/kernel/src/a.rs", "//! No HashMap.\n// Instant\n")]);
}

#[test]
fn long_files_are_found_and_the_list_only_shrinks() {
    let long = "//! x\n".repeat(401);
    finds(lengths::files, &[("a.rs", &long)], "a.rs: 401 lines, at most 400");
    finds_nothing(lengths::files, &[("a.rs", &long), ("xtask/long-files.txt", "a.rs 401\n")]);
    finds(lengths::files, &[("a.rs", &long), ("xtask/long-files.txt", "a.rs 400\n")], "401 lines");
    finds(lengths::files, &[("a.rs", &long), ("xtask/long-files.txt", "a.rs 402\n")], "write 401");
    finds(
        lengths::files,
        &[("a.rs", "//! x"), ("xtask/long-files.txt", "a.rs 500\n")],
        "is short now",
    );
    finds_nothing(lengths::files, &[("a.rs", &"//! x\n".repeat(400))]);
}

#[test]
fn long_functions_are_found_and_the_list_only_shrinks() {
    let function =
        |lines: usize| format!("//! x\npub fn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
    let long = function(61);
    finds(lengths::functions, &[("a.rs", &long)], "a.rs:2: 61 lines, at most 60");
    finds_nothing(lengths::functions, &[("a.rs", &function(60))]);
    let known = ("xtask/long-functions.txt", "a.rs::f 61\n");
    finds_nothing(lengths::functions, &[("a.rs", &long), known]);
    finds(lengths::functions, &[("a.rs", &function(62)), known], "62 lines");
    finds(lengths::functions, &[("a.rs", &function(3)), known], "is short now");
}

#[test]
fn functions_are_measured_by_their_braces() {
    let code = "trait T { fn a(&self); fn b(&self) -> [u8; 4] { [0; 4] } }\n\
                fn c(f: fn (u8)) where F: Fn() {\n  if x { y }\n}\nlet s = \"}\"; fn_like();\n";
    let found = lengths::functions_in(&scrub::scrub(code));
    let shown: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
    assert_eq!(shown, [("b", 1, 1), ("c", 2, 3)]);
}

#[test]
fn literals_and_comments_are_blanked_and_lifetimes_are_not() {
    let check = |text: &str, wanted: &str| assert_eq!(scrub::scrub(text), wanted, "{text}");
    check("a // b\nc", "a     \nc");
    check("a /* { /* } */ \n */ b", "a              \n    b");
    check(r#"f("}\"", 'x')"#, "f(     ,    )");
    check("r#\"a\"b\"# + var\"x\"", "         + var   ");
    check("fn f<'a>(x: &'a str) { '{'; '\\''; 'é'; }", "fn f<'a>(x: &'a str) {    ;     ;     ; }");
}

#[test]
fn a_decision_record_that_the_index_forgets_is_found() {
    let record = ("docs/adr/0001-x.md", "# X\nStatus: accepted\n");
    let index = ("docs/adr/README.md", "- [X](0001-x.md)\n");
    finds_nothing(documents::decisions, &[record, index]);
    finds(documents::decisions, &[record], "does not name `0001-x.md`");
    finds(documents::decisions, &[index], "no decision record at all");
    let gone = ("docs/adr/README.md", "- [X](0001-x.md)\n- [Y](0009-y.md)\n");
    finds(documents::decisions, &[record, gone], "README.md:2: `0009-y.md` does not exist");
    finds(documents::decisions, &[("docs/adr/0001-x.md", "# X\n"), index], "says no `Status: `");
}

#[test]
fn a_large_file_is_found() {
    finds(documents::blobs, &[("weights.bin", &"x".repeat(300_001))], "300001 bytes");
    finds_nothing(documents::blobs, &[("weights.bin", &"x".repeat(300_000))]);
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let app = ("crates/app/src/cli.rs", "//! x\nenum Verb { Demo, SitePlan(Plan) }\n");
    let readme = |line: &str| format!("# X\n```sh\n{line}\n```\n");
    for line in [
        "cargo run --release -- demo      # all of it",
        "$ cocarde site-plan --help",
        "cargo test --workspace",
        "cargo xtask tidy",
        "cocarde --help",
    ] {
        finds_nothing(documents::commands, &[app, ("README.md", &readme(line))]);
    }
    for line in ["cargo run -- fly", "cocarde fly", "cargo xtask fly", "cargo fly"] {
        finds(documents::commands, &[app, ("README.md", &readme(line))], "README.md:3: no command");
    }
    finds(documents::commands, &[app, ("README.md", "cocarde demo\n")], "shows no command");
}

#[test]
fn a_requirement_that_claims_what_is_not_there_is_found() {
    let with = |row: &str| {
        let rest = (2..=40).map(|n| format!("| {n} | x | y | | | open |\n"));
        format!("| No |\n{row}\n{}", rest.collect::<String>())
    };
    let code = ("a.rs", "fn holds() {}\n");
    let check = |row: &str, wanted: &str| {
        let text = with(row);
        finds(requirements::requirements, &[code, ("docs/requirements.md", &text)], wanted);
    };
    finds(requirements::requirements, &[], "is missing");
    check("| 1 | x | y | `b.rs` | `holds` | met |", "`b.rs` does not exist");
    check("| 1 | x | y | `a.rs` | `hold` | met |", "no test `hold`");
    check("| 1 | x | y | `a.rs` | | partly: z |", "names no file or no test");
    check("| 1 | x | y | `a.rs` | `holds` | partly |", "status `partly`");
    check("| 1 | x | y | `a.rs` | `holds` |", "5 cells");
    check("", "requirement 2 stands where 1 should");
    let good = with("| 1 | x | y | `a.rs` | `holds` | partly: z |");
    finds_nothing(requirements::requirements, &[code, ("docs/requirements.md", &good)]);
    let short = good.replace("| 40 | x | y | | | open |\n", "");
    finds(
        requirements::requirements,
        &[code, ("docs/requirements.md", &short)],
        "before requirement 40",
    );
}
