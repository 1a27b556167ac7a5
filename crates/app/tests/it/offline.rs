//! What works without a platform: doctor, audit of a folder, restore, language models.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::{Home, nobody};

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn doctor_looks_at_this_machine() {
    let home = Home::new();
    let server = nobody();
    let common = ["doctor", "--listen", "127.0.0.1:0", "--server", &server];
    let ran = home.run(&[&common[..], &["-o", "json"]].concat());
    ran.check(0, &[]);
    let report = json(&ran.stdout);
    let names: Vec<&str> =
        report["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    for name in ["processor", "memory", "sandbox", "limits", "data folder", "clock", "port"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = home.run(&["doctor", "--listen", &address, "--server", &server]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("fail") && ran.stdout.contains("→ "), "{}", ran.stdout);
}

#[test]
fn there_is_nothing_to_audit_or_restore_in_a_folder_that_is_none() {
    let home = Home::new();
    let folder = home.path("empty");
    fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    home.run(&["audit", "verify", "--data", folder]).check(3, &["is not a data folder"]);
    home.run(&["audit", "replay", "--data", folder]).check(3, &["is not a data folder"]);
    home.run(&["backup", "--data", folder, "--to", "b.tar"]).check(3, &["is not a data folder"]);
    assert!(!home.path("b.tar").exists());
    home.run(&["restore", "--from", "missing.tar", "--data", "d"]).check(3, &["missing.tar"]);
    fs::write(home.path("junk.tar"), b"junk").unwrap();
    let ran = home.run(&["restore", "--from", "junk.tar", "--data", "d"]);
    assert!(ran.code != 0 && !home.path("d").exists(), "{}", ran.stderr);
    let ran = home.run(&["audit", "receipt", "--verify", "junk.tar", "--vkey", "nonsense"]);
    ran.check(2, &["is not a verifier key", "remedy: "]);
}

#[test]
fn a_simulation_holds_and_repeats() {
    let home = Home::new();
    let check = ["simulate", "check", "--seed", "7", "--steps", "20", "-o", "json"];
    let (first, second) = (home.run(&check), home.run(&check));
    first.check(0, &[]);
    assert_eq!(first.stdout, second.stdout, "same seed, same trace");
    assert_eq!(json(&first.stdout)["ok"], true);
}

/// Makes a small dataset in `data`.
fn dataset(home: &Home) {
    let small = ["--number-max", "60", "--summand-max", "5", "--heldout-per-mille", "200"];
    let ran = home.run(&[&["lm", "dataset", "--out", "data", "-o", "json"][..], &small].concat());
    ran.check(0, &[]);
    assert!(json(&ran.stdout)["train_samples"].as_u64().unwrap() > 50);
}

#[test]
fn a_model_is_made_measured_and_the_run_is_not_repeated() {
    let home = Home::new();
    dataset(&home);
    let train =
        ["lm", "train", "--data", "data", "--out", "model", "--steps", "12", "--batch", "8"];
    let train = [&train[..], &["--threads", "1", "--log-every", "4", "--seed", "3"]].concat();
    let ran = home.run(&train);
    ran.check(0, &[]);
    assert!(ran.stdout.starts_with("step 4/12 loss "), "{}", ran.stdout);
    assert!(ran.stdout.contains("tokens/s\nstep 8/12 "), "{}", ran.stdout);
    for file in ["model.safetensors", "config.json", "tokenizer.json", "metrics.jsonl"] {
        assert!(home.path("model").join(file).exists(), "{file}");
    }
    let again = home.run(&[&train[..], &["-o", "json"]].concat());
    again.check(0, &[]);
    assert_eq!((json(&again.stdout)["steps"].as_u64(), again.stderr.as_str()), (Some(12), ""));
    let ran = home.run(&["lm", "eval", "--model", "model", "--data", "data", "--out", "result"]);
    ran.check(0, &[]);
    let report = json(&fs::read_to_string(home.path("result/report.json")).unwrap());
    assert_eq!(report["metric"], "exact_match");
    assert!(report["correct"].as_u64().unwrap() <= report["total"].as_u64().unwrap());
    home.run(&["lm", "train", "--data", "data", "--out", "m", "--steps", "0"])
        .check(2, &["setting `steps`"]);
    home.run(&["lm", "eval", "--model", "nowhere", "--data", "data"]).check(3, &["nowhere"]);
}

#[test]
fn a_stopped_training_ends_143_and_goes_on_to_the_same_bytes() {
    let home = Home::new();
    dataset(&home);
    let train = |out: &'static str| {
        let fixed = ["lm", "train", "--data", "data", "--batch", "8", "--threads", "1"];
        [&fixed[..], &["--steps", "60", "--log-every", "1", "--out", out]].concat()
    };
    home.run(&train("whole")).check(0, &[]);
    let mut child = home
        .command(&train("parts"))
        .env("COCARDE_CHECKPOINT", home.path("kept"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("step 1/60 "));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(lines.count() < 60);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(fs::read_dir(home.path("kept")).unwrap().count() > 0, "a checkpoint was written");
    let output = home
        .command(&train("parts"))
        .env("COCARDE_CHECKPOINT", home.path("kept"))
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8(output.stdout).unwrap().starts_with("step 1/60 "), "it went on");
    let weights = |out: &str| fs::read(home.path(out).join("model.safetensors")).unwrap();
    assert_eq!(weights("whole"), weights("parts"));
    assert_eq!(fs::read_dir(home.path("kept")).unwrap().count(), 0, "nothing is left over");
}

#[test]
fn a_capability_token_is_narrowed_without_a_platform() {
    let platform = crate::platform::Platform::start();
    let token = platform.good(&["key", "capability"])["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("ccc_"), "{token}");
    let home = Home::new();
    let narrow = ["key", "attenuate", "--model", "acme-words", "--budget", "5 EUR"];
    let narrow = [&narrow[..], &["--country", "FR", "--until", "2099-01-31"]].concat();
    let narrowed = home.run_with(&narrow, token.as_bytes());
    narrowed.check(0, &[]);
    let narrowed = narrowed.stdout.trim().to_owned();
    let shown = home.run(&["key", "show", &narrowed]);
    shown.check(0, &["only the platform knows"]);
    for part in ["holder", "acme-words", "spent_1", "5000000", "FR", "2099-01-31"] {
        assert!(shown.stdout.contains(part), "{part} is missing in {}", shown.stdout);
    }
    home.run(&["key", "attenuate", &token]).check(7, &["nothing is narrowed"]);
    home.run(&["key", "attenuate", "cck_x", "--model", "a"]).check(7, &["cocarde key capability"]);
    // The platform takes it for what it is now: no more than calls of one model.
    let refused = platform.run(&["key", "whoami", "--token", &narrowed]);
    refused.check(4, &["does not allow"]);
    platform.good(&["key", "whoami", "--token", &token]);
}
