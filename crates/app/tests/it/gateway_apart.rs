//! A gateway in a process of its own: it follows the platform, goes on without it, and whatever is killed
//! in between, every acknowledged answer is counted once and no budget is exceeded by more than one answer.

use std::{
    fs,
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    checker::Checker,
    platform::{PATIENCE, Platform},
    serving::{Answered, chat, send},
};

/// Kills in a usual run; `SLOW_TESTS=1` makes more.
const N_KILLS: u64 = 6;
const N_KILLS_SLOW: u64 = 60;

/// A running `cocarde gateway`.
pub(crate) struct Apart {
    process: Child,
    pub(crate) url: String,
}

impl Apart {
    pub(crate) fn start(platform: &Platform, listen: &str) -> Self {
        let ready = platform.path("gateway-ready");
        let _ = fs::remove_file(&ready);
        let control = platform.url();
        let mut command = platform.command(&["gateway", "--control", &control]);
        command.args(["--token-file", "token", "--data", "apart", "--listen", listen]);
        command.args(["--ready-file", "gateway-ready"]);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut apart = Self { process, url: String::new() };
        let deadline = Instant::now() + PATIENCE;
        while apart.url.is_empty() {
            apart.url = fs::read_to_string(&ready).unwrap_or_default().trim().to_owned();
            assert!(apart.process.try_wait().unwrap().is_none(), "the gateway ended");
            assert!(Instant::now() < deadline, "the gateway is not ready");
            thread::yield_now();
        }
        apart
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM, on which it hands in what it has counted.
    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        assert!(self.process.wait().unwrap().success());
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Tokens read and written that an answer tells of itself.
pub(crate) fn usage(answered: &Answered) -> (u64, u64) {
    let usage = answered.json()["usage"].clone();
    let number = |name: &str| usage[name].as_u64().unwrap();
    (number("prompt_tokens"), number("completion_tokens"))
}

/// Requests, tokens read and tokens written that the log has.
pub(crate) fn recorded(platform: &Platform) -> (u64, u64, u64) {
    // A bill is of now: whoever asks for one closes the minute of the platform's own gateway.
    platform.good(&["cost"]);
    let (mut sum, mut after) = ((0, 0, 0), 0);
    loop {
        let from = after.to_string();
        let page = platform.good(&["events", "--limit", "1000", "--after", &from]);
        let items = page["items"].as_array().unwrap();
        let Some(last) = items.last() else { return sum };
        after = last["seq"].as_u64().unwrap();
        for event in items {
            let tokens = &event["data"]["usage"]["tokens"];
            if !tokens.is_null() {
                let number = |name: &str| tokens[name].as_u64().unwrap();
                sum.0 += number("requests");
                sum.1 += number("tokens_in");
                sum.2 += number("tokens_out");
            }
        }
    }
}

pub(crate) fn eventually(what: &str, patience: Duration, mut predicate: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !predicate() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        thread::yield_now();
    }
}

#[test]
fn it_serves_on_without_the_platform_and_hands_in_what_it_counted() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let spare = platform.good(&["key", "create", "spare", "--role", "inference"]);
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let first = chat(&gateway.url, &secret, "chat", "", false);
    assert_eq!(first.status, 200, "{}", first.text());
    let head = format!("GET /v1/files HTTP/1.0\r\nauthorization: Bearer {secret}\r\n");
    let files = send(&gateway.url, &head, b"");
    assert_eq!(files.status, 501, "files are kept by the platform itself: {}", files.text());
    // A key that is revoked is dead within two seconds.
    let spare_secret = spare["secret"].as_str().unwrap();
    assert_eq!(chat(&gateway.url, spare_secret, "chat", "", false).status, 200);
    platform.good(&["key", "revoke", spare["key"]["id"].as_str().unwrap()]);
    eventually("the revoked key is refused", Duration::from_secs(2), || {
        chat(&gateway.url, spare_secret, "chat", "", false).status == 401
    });
    // A capability token has its budget in one place: here it is refused, and says where to go.
    let token = platform.good(&["--token", &secret, "key", "capability"]);
    let carried = chat(&gateway.url, token["token"].as_str().unwrap(), "chat", "", false);
    assert_eq!((carried.status, &carried.json()["error"]["code"]), (403, &json!("wrong_gateway")));
    // The platform is gone: what was allowed last goes on, and a gateway starts from what it kept.
    platform.kill();
    let mut answers = vec![chat(&gateway.url, &secret, "chat", "", false)];
    let listen = gateway.address().to_owned();
    let mut gateway = gateway;
    gateway.kill();
    let gateway = Apart::start(&platform, &listen);
    answers.push(chat(&gateway.url, &secret, "chat", "", false));
    answers.push(chat(&gateway.url, &secret, "chat", "", true));
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(chat(&gateway.url, "cck_wrong", "chat", "", false).status, 401);
    platform.resume();
    gateway.stop();
    let (read, written) = usage(&answers[0]);
    let (requests, tokens_in, tokens_out) = recorded(&platform);
    // The revoked key's answers before it was refused come on top of the four.
    assert!(requests >= 5 && tokens_in == requests * read, "{requests} {tokens_in}");
    assert!(tokens_out >= written, "{tokens_out}");
}

#[test]
fn it_checks_what_the_project_wants_and_serves_nothing_unchecked() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let mut gateway = Apart::start(&platform, "127.0.0.1:0");
    let status = |url: &str| chat(url, &secret, "chat", "", false).status;
    assert_eq!(status(&gateway.url), 200);
    let rule = ["guardrail", "add", "nothing", "--bytes-max", "1", "--on", "question"];
    platform.good(&[&rule[..], &["--action", "refuse"]].concat());
    assert_eq!(status(&platform.url()), 400);
    eventually("the guardrail is heard", Duration::from_secs(2), || status(&gateway.url) == 400);
    // Without the platform it holds on to what it was told, over a start of its own too.
    platform.kill();
    let listen = gateway.address().to_owned();
    gateway.kill();
    let mut gateway = Apart::start(&platform, &listen);
    let refused = chat(&gateway.url, &secret, "chat", "", false);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("content_filter")));
    // A platform of an earlier version does not say what is checked.
    gateway.kill();
    let path = platform.path("apart/control.json");
    let mut told: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for model in told["models"].as_array_mut().unwrap() {
        assert!(model["route"].as_object_mut().unwrap().remove("guardrails").is_some());
    }
    fs::write(&path, told.to_string()).unwrap();
    let gateway = Apart::start(&platform, &listen);
    let refused = chat(&gateway.url, &secret, "chat", "", false);
    let code = &refused.json()["error"]["code"];
    assert_eq!((refused.status, code), (503, &json!("guardrails_unknown")));
    // Once it is heard again, it is known again.
    platform.resume();
    eventually("the platform is heard", PATIENCE, || status(&gateway.url) == 400);
}

#[test]
fn a_service_is_asked_by_both_gateways_and_nothing_passes_without_it() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let site = platform.good(&["site", "list"])["items"][0]["name"].as_str().unwrap().to_owned();
    let checker = Checker::start();
    let register = ["upstream", "create", "moderator", "--site", &site, "--url", &checker.url];
    let more = ["--model", "none", "--probe", "none", "--private", "--key"];
    let made = platform.run_with(&[&register[..], &more].concat(), b"checker-secret\n");
    made.check(0, &[]);
    let add = ["guardrail", "add", "watch", "--checker", "moderator", "--action", "refuse"];
    let set = platform.good(&add);
    assert_eq!(set["guardrails"][0]["checker"]["timeout_ms"], 1_000, "{set}");
    assert_eq!(set["guardrails"][0]["checker"]["unanswered"], "refuse", "{set}");
    assert!(platform.run(&["guardrail", "list"]).stdout.contains("within 1000 ms, else refuse"));
    platform.run(&["upstream", "delete", "moderator"]).check(5, &["guardrail"]);
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let ask = |url: &str| chat(url, &secret, "chat", "", false);
    eventually("the service answers", PATIENCE, || {
        ask(&platform.url()).status == 200 && ask(&gateway.url).status == 200
    });
    assert!(checker.seen().contains("authorization: bearer checker-secret"));
    checker.say(r#"{"verdict":"refuse","reason":"no.reason"}"#);
    for url in [platform.url(), gateway.url.clone()] {
        let refused = ask(&url);
        assert_eq!(
            (refused.status, &refused.json()["error"]["code"]),
            (400, &json!("content_filter"))
        );
        assert!(refused.json()["error"]["message"].as_str().unwrap().ends_with("no.reason"));
    }
    checker.say("nothing of the contract");
    for url in [platform.url(), gateway.url.clone()] {
        let refused = ask(&url);
        let code = &refused.json()["error"]["code"];
        assert_eq!((refused.status, code), (503, &json!("guardrail_unavailable")));
    }
    platform.good(&["guardrail", "remove", "watch"]);
    let lax = ["--unanswered", "pass", "--timeout-ms", "500", "--window", "64"];
    platform.good(&[&add[..], &lax].concat());
    assert_eq!(ask(&platform.url()).status, 200);
    platform
        .run(&["guardrail", "add", "two", "--checker", "moderator", "--pattern", "x"])
        .check(2, &[]);
    platform.good(&["guardrail", "remove", "watch"]);
    platform.run(&["upstream", "delete", "moderator"]).check(0, &[]);
}

/// What clients have seen.
#[derive(Default)]
struct Seen {
    asked: AtomicU64,
    answered: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

#[test]
fn every_acknowledged_answer_is_counted_once_whatever_is_killed() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let (url, listen) = (gateway.url.clone(), gateway.address().to_owned());
    let (seen, stop) = (Seen::default(), AtomicBool::new(false));
    let kills = if std::env::var_os("SLOW_TESTS").is_some() { N_KILLS_SLOW } else { N_KILLS };
    let mut gateway = gateway;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // A gateway that is away is asked again; a request that broke was not acknowledged.
                    let asked = std::panic::catch_unwind(|| chat(&url, &secret, "chat", "", false));
                    seen.asked.fetch_add(1, Ordering::Relaxed);
                    let Ok(answered) = asked else { continue };
                    let whole = serde_json::from_slice::<Value>(&answered.body).is_ok();
                    if answered.status == 200 && whole {
                        let (read, written) = usage(&answered);
                        seen.answered.fetch_add(1, Ordering::Relaxed);
                        seen.read.fetch_add(read, Ordering::Relaxed);
                        seen.written.fetch_add(written, Ordering::Relaxed);
                    }
                }
            });
        }
        for number in 0..kills {
            let before = seen.answered.load(Ordering::Relaxed);
            eventually("more is answered", PATIENCE, || {
                seen.answered.load(Ordering::Relaxed) > before + 20
            });
            if number % 2 == 0 {
                gateway.kill();
                gateway = Apart::start(&platform, &listen);
            } else {
                platform.kill();
                let before = seen.answered.load(Ordering::Relaxed);
                eventually("it is answered without the platform", PATIENCE, || {
                    seen.answered.load(Ordering::Relaxed) > before + 5
                });
                platform.resume();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    gateway.stop();
    let sum = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (asked, answered) = (sum(&seen.asked), sum(&seen.answered));
    let (requests, tokens_in, tokens_out) = recorded(&platform);
    // Requests that the client saw break may or may not have been counted, once each.
    assert!(answered <= requests && requests <= asked, "{answered} {requests} {asked}");
    let (read, written) = (sum(&seen.read), sum(&seen.written));
    let each = read / answered;
    assert_eq!(read, each * answered, "every prompt is the same");
    assert!(tokens_in >= read && tokens_in <= each * requests, "{tokens_in} {read} {requests}");
    let spare = 4 * (requests - answered);
    assert!(tokens_out >= written && tokens_out <= written + spare, "{tokens_out} {written}");
}

#[test]
fn a_gateway_that_is_stopped_gives_its_share_of_a_budget_back() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    platform.good(&["budget", "create", "calls", "--limit", "400 tokens"]);
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    assert_eq!(chat(&gateway.url, &secret, "chat", "", false).status, 200);
    gateway.stop();
    // What it gave back it does not use, even if nobody is there to tell it so.
    platform.kill();
    let mut gateway = Apart::start(&platform, "127.0.0.1:0");
    assert_eq!(chat(&gateway.url, &secret, "chat", "", false).status, 429);
    gateway.kill();
    platform.resume();
    loop {
        let answered = chat(&platform.url(), &secret, "chat", "", false);
        match answered.status {
            200 => {}
            // Used up; 429 would say that somebody else has a part of it.
            402 => break,
            other => panic!("{other}: {}", answered.text()),
        }
    }
    let (_, tokens_in, tokens_out) = recorded(&platform);
    assert!(tokens_in + tokens_out >= 400, "{tokens_in} {tokens_out}");
}

#[test]
fn no_budget_is_exceeded_by_more_than_one_answer_over_two_gateways() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let limit = 400;
    platform.good(&["budget", "create", "calls", "--limit", &format!("{limit} tokens")]);
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let urls = [platform.url(), gateway.url.clone()];
    let largest = AtomicU64::new(0);
    let statuses = Mutex::new(std::collections::BTreeMap::<u16, u64>::new());
    thread::scope(|scope| {
        for number in 0..8 {
            let (urls, secret, largest, statuses) = (&urls, &secret, &largest, &statuses);
            scope.spawn(move || {
                for round in 0..30 {
                    let url = &urls[(number + round) % 2];
                    let answered = chat(url, secret, "chat", "", false);
                    *statuses.lock().unwrap().entry(answered.status).or_default() += 1;
                    if answered.status == 200 {
                        let (read, written) = usage(&answered);
                        largest.fetch_max(read + written, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    gateway.stop();
    let (_, tokens_in, tokens_out) = recorded(&platform);
    let (used, largest) = (tokens_in + tokens_out, largest.load(Ordering::Relaxed));
    let statuses = statuses.into_inner().unwrap();
    assert!(statuses.keys().all(|status| [200, 402, 429].contains(status)), "{statuses:?}");
    assert!(used < limit + largest, "{used} of {limit}, one answer is {largest}: {statuses:?}");
    assert!(used > 0 && statuses.len() > 1, "{statuses:?}");
    let budget = platform.good(&["budget", "get", "calls"]);
    assert_eq!(budget["spent_base"], json!(used), "the log says the same");
}
