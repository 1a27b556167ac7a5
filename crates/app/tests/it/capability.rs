//! Capability tokens that a key's holder narrows without asking anybody, at a live gateway.

use serde_json::Value;

use crate::{
    Home,
    platform::Platform,
    serving::{Answered, chat, send},
};

/// A platform with two models, its address, a key for calls, and a token with the key's rights.
struct Stage {
    platform: Platform,
    url: String,
    token: String,
    /// A home without any platform: what is narrowed there is narrowed offline.
    offline: Home,
}

impl Stage {
    fn start() -> Self {
        let platform = Platform::start();
        platform.serve(&["chat", "other"]);
        let secret = platform.caller_key();
        let made = platform.good(&["--token", &secret, "key", "capability"]);
        let token = made["token"].as_str().unwrap().to_owned();
        let url = platform.url();
        Self { platform, url, token, offline: Home::new() }
    }

    fn narrow(&self, token: &str, how: &[&str]) -> String {
        let narrow = [&["key", "attenuate", token], how, &["-o", "json"]].concat();
        let ran = self.offline.run(&narrow);
        ran.check(0, &[]);
        let narrowed: Value = serde_json::from_str(&ran.stdout).unwrap();
        narrowed["token"].as_str().unwrap().to_owned()
    }

    fn ask(&self, token: &str, model: &str) -> Answered {
        chat(&self.url, token, model, "", false)
    }

    #[track_caller]
    fn check(&self, token: &str, model: &str, status: u16) {
        let answered = self.ask(token, model);
        assert_eq!(answered.status, status, "{}", answered.text());
    }

    fn models(&self, token: &str) -> Vec<String> {
        let head = format!("GET /v1/models HTTP/1.0\r\nauthorization: Bearer {token}\r\n");
        let listed = send(&self.url, &head, b"").json();
        let models = listed["data"].as_array().unwrap().iter();
        models.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn tokens_narrowed_offline_open_just_what_they_say() {
    let stage = Stage::start();
    let whole = stage.token.clone();
    stage.check(&whole, "chat", 200);
    stage.check(&whole, "other", 200);

    let model = stage.narrow(&whole, &["--model", "chat"]);
    stage.check(&model, "chat", 200);
    stage.check(&model, "other", 403);
    assert_eq!(stage.models(&whole), ["chat", "other"]);
    assert_eq!(stage.models(&model), ["chat"], "it tells of no other model");

    let here = stage.narrow(&whole, &["--country", "FR", "--country", "DE"]);
    stage.check(&here, "chat", 200);
    stage.check(&stage.narrow(&whole, &["--country", "DE"]), "chat", 403);
    // Narrowing again takes away and never gives.
    stage.check(&stage.narrow(&here, &["--country", "DE"]), "chat", 403);
    stage.check(&stage.narrow(&model, &["--model", "other"]), "other", 403);

    stage.check(&stage.narrow(&whole, &["--until", "8h"]), "chat", 200);
    for gone in ["2020-01-01", "2026-01-01T00:00:00Z"] {
        let late = stage.narrow(&whole, &["--until", gone]);
        assert_ne!(stage.ask(&late, "chat").status, 200, "{gone}");
    }

    let rich = stage.narrow(&whole, &["--budget", "5 EUR"]);
    let poor = stage.narrow(&rich, &["--budget", "0.000001 EUR"]);
    stage.check(&poor, "chat", 200);
    // The call has cost more than that: what is asked next is refused, and not with the key itself.
    assert_ne!(stage.ask(&poor, "chat").status, 200);
    stage.check(&rich, "chat", 200);
    stage.check(&whole, "chat", 200);

    let all = ["--model", "chat", "--country", "FR", "--until", "8h", "--budget", "1 EUR"];
    let all = stage.narrow(&whole, &all);
    stage.check(&all, "chat", 200);
    stage.check(&all, "other", 403);
    let mut forged = all.clone();
    forged.truncate(all.len() - 12);
    stage.check(&forged, "chat", 401);
    // With a token for calls nothing else can be done, and its holder's other tokens are untouched.
    let ran = stage.platform.run(&["--token", &all, "key", "list"]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
}
