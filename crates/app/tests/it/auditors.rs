//! Auditors and tenants with witnesses: over HTTP, from a mirror, and offline from files.

use std::{fs, path::PathBuf};

use crate::witnesses::{Cloud, copy};

#[test]
fn an_auditor_follows_the_platform_over_http_and_finds_what_was_cut_off() {
    let mut cloud = Cloud::new();
    for name in ["one", "two", "three"] {
        cloud.grow(name);
    }
    let size = cloud.settle();
    let token = cloud.token.clone();
    let verify = |cloud: &Cloud| {
        let url = cloud.url().to_owned();
        cloud.audit(&["audit", "verify", &url, "--mirror", "mirror", "--token", &token])
    };
    let (code, report) = verify(&cloud);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        (report["entries"].as_u64(), report["final_size"].as_u64()),
        (Some(size), Some(size))
    );
    assert!(report["tiles"].as_u64() > Some(0) && report["cosignatures"].as_u64() >= Some(2));
    // The mirror and the data folder say the same without the platform.
    for folder in ["mirror", "data"] {
        let (code, offline) = cloud.audit(&["audit", "verify", folder]);
        assert_eq!((code, &offline["root"]), (0, &report["root"]), "{folder}: {offline}");
    }
    // Nobody audits without saying whose log it is, nor entries without a right to them.
    let url = cloud.url().to_owned();
    cloud.home.run(&["audit", "verify", &url]).check(2, &["verifier key is not given"]);
    let refused = cloud.home.run(&["audit", "verify", &url, "--vkey", "data/log.vkey"]);
    refused.check(refused.code, &["--token"]);
    assert_ne!(refused.code, 0);

    // An old copy under the same address: the mirror has seen more.
    cloud.platform = None;
    copy(&cloud.home.path("data"), &cloud.home.path("old"));
    cloud.up("data");
    cloud.grow("four");
    cloud.settle();
    assert_eq!(verify(&cloud).0, 0);
    cloud.up("old");
    let (code, report) = verify(&cloud);
    assert_eq!(code, 1, "{report}");
    assert!(report["findings"].to_string().contains("cut short"), "{report}");
}

#[test]
fn receipts_and_exports_verify_offline_with_witnesses_and_a_census() {
    let cloud = Cloud::new();
    cloud.grow("acme");
    cloud.grow("rival");
    cloud.good(&["project", "create", "acme/lab"]);
    cloud.good(&["project", "create", "rival/lab"]);
    let project = ["--project", "acme/lab"];
    let job =
        cloud.good(&[&project[..], &["run", "--name", "job", "--wait", "--", "true"]].concat());
    let id = job["id"].as_str().unwrap_or("job").to_owned();
    let out = ["--wait-final", "--out", "receipt.json", "--tlog-proofs", "proofs"];
    let url = cloud.url().to_owned();
    let connection = ["--server", &url, "--token", &cloud.token, "--project", "acme/lab"];
    let fetch = [&["audit", "receipt", &id][..], &out, &connection].concat();
    cloud.home.run(&fetch).check(0, &["receipt of", "proofs written"]);
    let proofs: Vec<PathBuf> = fs::read_dir(cloud.home.path("proofs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(proofs.len() >= 3, "{proofs:?}");
    let export = ["events", "export", "--organisation", "acme", "--out", "export"];
    cloud.home.run(&[&export[..], &connection].concat()).check(0, &[]);
    let export = ["events", "export", "--out", "part"];
    cloud.home.run(&[&export[..], &connection].concat()).check(0, &[]);
    cloud.home.run(&[&export[..], &connection].concat()).check(5, &["not empty"]);
    let mut cloud = cloud;
    cloud.settle();
    cloud.platform = None;

    // Everything from here on is offline.
    let (code, receipt) = cloud.audit(&["audit", "verify-receipt", "receipt.json"]);
    assert_eq!(code, 0, "{receipt}");
    assert!(receipt["witnesses"].as_array().unwrap().len() >= 2, "{receipt}");
    for proof in &proofs {
        let (code, shown) = cloud.audit(&["audit", "verify-receipt", proof.to_str().unwrap()]);
        assert_eq!(code, 0, "{shown}");
    }
    let text = fs::read_to_string(&proofs[0]).unwrap();
    let bare: String = text
        .lines()
        .filter(|line| !line.contains(" witness.example/"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(cloud.home.path("bare.tlog-proof"), bare).unwrap();
    let (code, shown) = cloud.audit(&["audit", "verify-receipt", "bare.tlog-proof"]);
    assert!(code == 1 && shown.to_string().contains("0 cosignatures"), "{shown}");

    export_is_exact(&cloud);
}

/// The export holds what a census of the whole log counts, and nothing that is changed passes.
fn export_is_exact(cloud: &Cloud) {
    let (code, found) = cloud.audit(&["audit", "verify-events", "export", "--log", "data"]);
    assert_eq!((code, found["ok"].as_bool()), (0, Some(true)), "{found}");
    assert!(found["in_log"].as_u64() > Some(5), "{found}");
    assert_eq!(cloud.audit(&["audit", "verify-events", "part", "--log", "data"]).0, 0);
    // One line less, and the manifest says so too: only the census knows.
    let lines = fs::read_to_string(cloud.home.path("export/entries.jsonl")).unwrap();
    let fewer: String = lines.lines().skip(1).map(|line| format!("{line}\n")).collect();
    fs::write(cloud.home.path("export/entries.jsonl"), fewer).unwrap();
    let (code, found) = cloud.audit(&["audit", "verify-events", "export"]);
    assert!(code == 1 && found.to_string().contains("the files say otherwise"), "{found}");
    let manifest = fs::read_to_string(cloud.home.path("export/manifest.json")).unwrap();
    let (count, less) = (lines.lines().count(), lines.lines().count() - 1);
    let manifest = manifest.replace(&format!("\"count\": {count}"), &format!("\"count\": {less}"));
    fs::write(cloud.home.path("export/manifest.json"), manifest).unwrap();
    assert_eq!(cloud.audit(&["audit", "verify-events", "export"]).0, 0);
    let (code, found) = cloud.audit(&["audit", "verify-events", "export", "--log", "data"]);
    assert_eq!((code, found["missing"].as_array().unwrap().len()), (1, 1), "{found}");
    // A changed entry is not proven.
    let spoiled = lines.replacen("\"leaf\":\"e", "\"leaf\":\"f", 1);
    fs::write(cloud.home.path("part/entries.jsonl"), spoiled).unwrap();
    let (code, found) = cloud.audit(&["audit", "verify-events", "part"]);
    assert!(code == 1 && found.to_string().contains("is not proven"), "{found}");
}
