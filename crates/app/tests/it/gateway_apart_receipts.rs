//! Receipts of answers that a gateway apart gave: asked for at the platform, as for those of its own.

use std::fs;

use crate::{
    answers::{hidden, id_of},
    gateway_apart::Apart,
    platform::Platform,
    serving::chat,
};

#[test]
fn an_answer_of_a_gateway_apart_has_a_receipt_that_verifies_offline() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let listen = gateway.address().to_owned();
    let asked = |stream| chat(&gateway.url, &secret, "chat", "x-cocarde-receipt: 1\r\n", stream);
    let answers = [asked(false), asked(true)];
    assert!(answers.iter().all(|answer| answer.status == 200));
    let key = platform.path("data/log.vkey");
    let key = key.to_str().unwrap();
    let receipt = |id: &str| platform.run(&["audit", "receipt", id, "--out", "receipt.json"]);
    receipt(&id_of(&answers[0])).check(3, &["is not closed yet", "receipt-pending"]);
    // Asked to stop it closes the minute; what it keeps is asked for where it is.
    gateway.stop();
    receipt(&id_of(&answers[0])).check(3, &["is not heard now", "receipt-pending"]);
    let gateway = Apart::start(&platform, &listen);
    for answer in &answers {
        receipt(&id_of(answer)).check(0, &[]);
        fs::write(platform.path("answer"), &answer.body).unwrap();
        let verify =
            ["audit", "verify-receipt", "receipt.json", "--vkey", key, "--answer", "answer"];
        let ran = platform.run(&verify);
        ran.check(0, &[]);
        assert!(ran.stdout.contains("in FR, run by local operator"), "{}", ran.stdout);
        fs::write(platform.path("answer"), [&answer.body, &b" "[..]].concat()).unwrap();
        platform.run(&verify).check(1, &["is not the answer"]);
    }
    hidden(&platform, &id_of(&answers[0]));
    platform.run(&["audit", "verify"]).check(0, &[]);
    gateway.stop();
}
