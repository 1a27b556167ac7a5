//! The example files as jobs: each workload type runs for real on a platform of its own. Only the
//! lengths are cut, so that the test takes seconds.

use std::{fs, path::PathBuf};

use crate::platform::Platform;

impl Platform {
    /// Applies an example with some of its text replaced; answers the file it wrote.
    fn apply(&self, name: &str, changes: &[(&str, &str)]) -> PathBuf {
        let path = crate::repository().join("examples").join(name);
        let mut text = fs::read_to_string(path).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{name} does not say `{from}`");
            text = text.replace(from, to);
        }
        let copy = self.path(name);
        fs::write(&copy, text).unwrap();
        self.good(&["apply", "-f", name]);
        copy
    }

    fn succeeds(&self, job: &str) {
        let ran = self.run(&["wait", job, "--timeout", "180s"]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stderr, self.run(&["logs", job]).stdout);
    }

    fn says(&self, job: &str, words: &str) {
        let log = self.run(&["logs", job]);
        log.check(0, &[]);
        assert!(log.stdout.contains(words), "`{words}` is missing in: {}", log.stdout);
    }

    /// Waits until a model version is registered, by its exit code.
    fn registered(&self, model: &str, count: usize) {
        for _ in 0..600 {
            let versions = self.good(&["model", "versions", model]);
            if versions["items"].as_array().is_some_and(|items| items.len() >= count) {
                return;
            }
            // The importer works in the background; each look is a whole process and takes a while.
            std::thread::yield_now();
        }
        panic!("{model} has not {count} versions");
    }
}

#[test]
fn every_example_runs() {
    let platform = Platform::start();
    let policy = crate::repository().join("examples/policy.cedar");
    fs::copy(policy, platform.path("policy.cedar")).unwrap();
    platform.good(&["policy", "set", "fr", "-f", "policy.cedar", "--scope", "example"]);

    platform.apply("batch.yaml", &[]);
    platform.apply("after.yaml", &[]);
    platform.succeeds("make-numbers");
    platform.succeeds("count-numbers");

    platform.apply("array.yaml", &[]);
    platform.succeeds("sweep");
    platform.says("sweep[2]", "task 2 of sweep");
    platform.run(&["logs", "sweep"]).check(5, &["its tasks do"]);
    let tasks = platform.good(&["ps", "--tasks", "sweep"]);
    assert_eq!(tasks["items"].as_array().map(Vec::len), Some(4));
    let whole = platform.good(&["ps", "-a"]);
    let sweeps = whole["items"].as_array().unwrap().iter().filter(|one| one["name"] == "sweep");
    assert_eq!(sweeps.map(|one| one["tasks"]["succeeded"].clone()).collect::<Vec<_>>(), [4]);

    platform.apply("gang.yaml", &[]);
    platform.succeeds("gang");
    platform.says("gang", "rank 0 of 1");

    platform.good(&["lm", "dataset", "--out", "data", "--seed", "1"]);
    platform.good(&["dataset", "create", "numbers", "--class", "restricted"]);
    platform.good(&["dataset", "add-version", "numbers", "data"]);

    platform.apply("train.yaml", &[("--steps 400", "--steps 4")]);
    platform.succeeds("numbers");
    platform.registered("numbers", 1);

    platform.apply("eval.yaml", &[]);
    platform.succeeds("numbers-eval");

    platform.apply("finetune.yaml", &[("--steps 100", "--steps 2")]);
    platform.succeeds("numbers-tuned");
    platform.registered("numbers-tuned", 1);

    platform.apply("service.yaml", &[]);
    platform.run(&["wait", "numbers-service", "--timeout", "60s"]).check(0, &[]);
    platform.good(&["stop", "numbers-service"]);

    platform.apply("dev.yaml", &[]);
    platform.run(&["wait", "look-around", "--for", "running", "--timeout", "60s"]).check(0, &[]);
    platform.good(&["stop", "look-around"]);
    for job in ["numbers-service", "look-around"] {
        let ran = platform.run(&["wait", job, "--timeout", "60s", "-o", "json"]);
        assert!(ran.stdout.contains("\"stopped\""), "{job}: {}", ran.stdout);
    }
}
