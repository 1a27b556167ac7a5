//! Receipts of single answers, from a live gateway to an offline verdict.

use std::fs;

use serde_json::Value;

use crate::{
    platform::Platform,
    serving::{Answered, chat},
};

pub(crate) fn id_of(answered: &Answered) -> String {
    answered.header("x-cocarde-receipt").unwrap_or_else(|| panic!("{}", answered.text())).to_owned()
}

/// Requirement 6.
#[test]
fn an_answer_has_a_receipt_that_verifies_offline() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let (url, secret) = (platform.url(), platform.caller_key());
    let whole = chat(&url, &secret, "chat", "x-cocarde-receipt: 1\r\n", false);
    let stream = chat(&url, &secret, "chat", "x-cocarde-receipt: 1\r\n", true);
    let plain = chat(&url, &secret, "chat", "", false);
    assert_eq!((whole.status, stream.status, plain.status), (200, 200, 200), "{}", whole.text());
    assert_eq!(whole.json()["id"], id_of(&whole).as_str());
    assert!(stream.text().contains(&format!("\"id\":\"{}\"", id_of(&stream))));
    assert_eq!(plain.header("x-cocarde-receipt"), None);
    let ids = [id_of(&whole), id_of(&stream), plain.json()["id"].as_str().unwrap().to_owned()];

    let key = platform.path("data/log.vkey");
    let key = key.to_str().unwrap();
    let receipt = |id: &str| platform.run(&["audit", "receipt", id, "--out", "receipt.json"]);
    receipt(&ids[0]).check(3, &["is not closed yet", "receipt-pending"]);
    // A bill is of now: whoever asks for one closes the minute.
    platform.good(&["cost"]);
    for (id, body) in ids.iter().zip([&whole.body, &stream.body, &plain.body]) {
        receipt(id).check(0, &[]);
        fs::write(platform.path("answer"), body).unwrap();
        let verify =
            ["audit", "verify-receipt", "receipt.json", "--vkey", key, "--answer", "answer"];
        let ran = platform.run(&[&verify[..], &["-o", "json"]].concat());
        ran.check(0, &[]);
        let proven: Value = serde_json::from_str(&ran.stdout).unwrap();
        let answer = &proven["answer"];
        assert_eq!(
            (&answer["leaf"]["id"], &answer["leaf"]["complete"]),
            (&id.as_str().into(), &true.into())
        );
        assert_eq!(
            (&answer["country"], &answer["operator"]),
            (&"FR".into(), &"local operator".into())
        );
        assert!(answer["model_digest"].as_str().unwrap().starts_with("sha256:"), "{answer}");
        assert_eq!(answer["leaf"]["bytes"], body.len());
        let shown = platform.run(&verify);
        assert!(shown.stdout.contains("in FR, run by local operator"), "{}", shown.stdout);
        fs::write(platform.path("answer"), [body, &b" "[..]].concat()).unwrap();
        platform.run(&verify).check(1, &["is not the answer"]);
    }
    tampered(&platform, key);
    hidden(&platform, &ids[0]);
    platform.run(&["audit", "verify"]).check(0, &[]);
}

/// No change of a receipt goes through.
fn tampered(platform: &Platform, key: &str) {
    let good = fs::read_to_string(platform.path("receipt.json")).unwrap();
    let receipt: Value = serde_json::from_str(&good).unwrap();
    let changes: [&dyn Fn(&mut Value); 4] = [
        &|one| one["answer"]["index"] = 0.into(),
        &|one| one["answer"]["entry"] = 0.into(),
        &|one| one["answer"]["proof"] = Vec::<Value>::new().into(),
        &|one| one["answer"]["leaf"] = one["entries"][0]["leaf"].clone(),
    ];
    let mut bad: Vec<Value> = Vec::new();
    for change in changes {
        let mut changed = receipt.clone();
        change(&mut changed);
        bad.push(changed);
    }
    // A decision, the deployment, the model's version or the roll-up left out.
    for left_out in 0..receipt["entries"].as_array().unwrap().len() {
        let mut changed = receipt.clone();
        changed["entries"].as_array_mut().unwrap().remove(left_out);
        bad.push(changed);
    }
    for (position, changed) in bad.iter().enumerate() {
        fs::write(platform.path("bad.json"), changed.to_string()).unwrap();
        let ran = platform.run(&["audit", "verify-receipt", "bad.json", "--vkey", key]);
        assert_eq!(ran.code, 1, "change {position}: {}", ran.stdout);
    }
}

/// Who may not see the usage gets what an unknown id gets.
pub(crate) fn hidden(platform: &Platform, id: &str) {
    platform.good(&["org", "create", "rival"]);
    platform.good(&["project", "create", "rival/lab"]);
    let other = platform.good(&[
        "--project",
        "rival/lab",
        "key",
        "create",
        "spy",
        "--role",
        "administrator",
    ]);
    let token = other["secret"].as_str().unwrap();
    let unknown = id.replace("chatcmpl-0", "chatcmpl-1");
    for asked in [id, unknown.as_str()] {
        let ran = platform.run(&["--token", token, "audit", "receipt", asked]);
        ran.check(3, &[&format!("receipt `{asked}` does not exist")]);
    }
}
