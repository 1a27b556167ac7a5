//! Batches: every line once, through whatever happens to the process, its key or its window.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::bench::{Bench, Total, eventually};
use crate::keeping::{
    ask, begin, content, get, line, names, on_disk, resume, rows, start, until, until_as,
    until_that, upload,
};
use crate::upstream::Upstream;

fn path(id: &str) -> String {
    format!("/v1/batches/{id}")
}

async fn cancel(bench: &Bench, id: &str) -> (u16, Value) {
    ask(bench, "key-1", (Method::POST, &format!("/v1/batches/{id}/cancel")), Value::Null).await
}

/// How often each line's own text was asked.
fn asked(upstream: &Upstream) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for (_, body) in upstream.shared.seen.lock().unwrap().iter() {
        let text = body["messages"][0]["content"].as_str().unwrap().to_owned();
        *counts.entry(text).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn a_batch_answers_every_line_once_and_is_billed_so() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, _| {}).await;
    let mut lines: String = (0..20).map(|n| line(&format!("good {n}"), "pub/plain")).collect();
    lines += "\r\n";
    lines += &line("bad", "pub/strict");
    lines += line("unknown", "nobody").trim_end();
    let id = begin(&bench, &lines).await;
    let batch = until(&bench, &path(&id), "completed").await;
    assert_eq!(batch["request_counts"], json!({"total": 22, "completed": 20, "failed": 2}));
    assert_eq!((&batch["object"], &batch["completion_window"]), (&json!("batch"), &json!("24h")));
    assert_eq!(batch["metadata"], json!({"for": "tests"}));
    for since in ["in_progress_at", "finalizing_at", "completed_at"] {
        assert!(batch[since].as_i64() >= batch["created_at"].as_i64(), "{since}: {batch}");
    }
    let good = rows(&bench, &batch["output_file_id"]).await;
    let mut wanted: Vec<String> = (0..20).map(|n| format!("good {n}")).collect();
    wanted.sort_unstable();
    assert_eq!(names(&good), wanted, "each once");
    for row in &good {
        assert_eq!((&row["response"]["status_code"], &row["error"]), (&json!(200), &Value::Null));
        assert_eq!(row["response"]["body"]["model"], "pub/plain");
        assert!(row["response"]["request_id"].as_str().unwrap().starts_with("req_"), "{row}");
    }
    let bad = rows(&bench, &batch["error_file_id"]).await;
    let status = |row: &Value| row["response"]["status_code"].as_i64().unwrap();
    let bad: BTreeMap<_, _> =
        bad.iter().map(|row| (row["custom_id"].clone().to_string(), status(row))).collect();
    assert_eq!(bad, [("\"bad\"".into(), 400), ("\"unknown\"".into(), 404)].into());
    // The one that the engine refused is a request without tokens.
    let total = Total {
        requests: 21,
        errors: 1,
        prompt_tokens: 220,
        completion_tokens: 60,
        estimated: false,
    };
    assert_eq!(bench.total().await, total);
    assert_eq!(bench.world.rollups.lock().unwrap()[0].key, units::Id::from_bytes([1; 16]));
    let files = get(&bench, "/v1/files?purpose=batch_output").await.1;
    assert_eq!(files["data"].as_array().unwrap().len(), 2);
    assert_eq!(get(&bench, "/v1/batches").await.1["data"], json!([batch]));
    assert_eq!(on_disk(&bench, "good 1").0, 0, "what is kept lies sealed");
    assert_eq!(cancel(&bench, &id).await.0, 409);
}

#[tokio::test]
async fn one_line_that_is_not_well_formed_fails_the_batch_before_anything_is_asked() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_max = 3).await;
    let good = line("a", "pub/plain");
    let wrong = [
        (format!("{good}{{\"custom_id\":\n"), "invalid_json_line", json!(2)),
        (format!("\n{good}{good}"), "duplicate_custom_id", json!(3)),
        (good.replace("chat/completions", "completions"), "mismatched_url", json!(1)),
        (good.replace("POST", "GET"), "invalid_method", json!(1)),
        (good.replace("\"a\"", "7"), "invalid_custom_id", json!(1)),
        (good.replace("messages\"", "stream\":true,\"m\""), "invalid_body", json!(1)),
        (good.replace("\"model\"", "\"modle\""), "invalid_body", json!(1)),
        (String::from("\n \n"), "empty_file", Value::Null),
        (
            "abcd".chars().map(|c| line(&c.to_string(), "pub/plain")).collect(),
            "too_many_lines",
            Value::Null,
        ),
    ];
    for (lines, code, number) in wrong {
        let id = begin(&bench, &lines).await;
        let batch = until(&bench, &path(&id), "failed").await;
        let fault = &batch["errors"]["data"][0];
        assert_eq!((&fault["code"], &fault["line"]), (&json!(code), &number), "{batch}");
        assert_eq!(batch["output_file_id"], Value::Null);
    }
    assert_eq!(upstream.requests(), 0);
}

#[tokio::test]
async fn a_batch_that_cannot_be_is_refused() {
    let bench = start("127.0.0.1:9", |_, kept| kept.open_max = 0).await;
    let file = upload(&bench, "key-1", line("a", "pub/plain").as_bytes()).await;
    let good = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"});
    let wrong = [
        ("completion_window", json!("1h"), 400),
        ("endpoint", json!("/v1/moderations"), 400),
        ("endpoint", json!("/tokenize"), 400),
        ("input_file_id", json!("00000000-0000-0000-0000-000000000000"), 404),
        ("metadata", json!({"a": "b".repeat(513)}), 400),
        ("output_expires_after", json!({"anchor": "created_at", "seconds": 1}), 400),
    ];
    for (field, value, wanted) in wrong {
        let mut body = good.clone();
        body[field] = value;
        let (status, error) = ask(&bench, "key-1", (Method::POST, "/v1/batches"), body).await;
        assert_eq!((status, &error["error"]["param"]), (wanted, &json!(field)), "{error}");
    }
    let mut unknown = good.clone();
    unknown["window"] = json!(1);
    let (status, error) = ask(&bench, "key-1", (Method::POST, "/v1/batches"), unknown).await;
    assert!(status == 400 && error.to_string().contains("`window`"), "{error}");
    assert_eq!(ask(&bench, "key-1", (Method::POST, "/v1/batches"), good).await.0, 429);
}

#[tokio::test]
async fn a_batch_goes_on_after_the_process_has_died() {
    let upstream = Upstream::start().await;
    let adjust = |_: &mut _, kept: &mut gateway::BatchConfig| kept.lines_at_once = 2;
    let bench = start(&upstream.address, adjust).await;
    let lines: String = (0..12).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    upstream.shared.gate.add_permits(5);
    let done = |n| move |shown: &Value| shown["request_counts"]["completed"] == json!(n);
    until_that(&bench, &path(&id), done(5)).await;
    eventually("two more are in flight", || upstream.requests() == 7).await;
    let (world, folder) = bench.crash().await;
    eventually("they break off", || upstream.shared.active.load(Ordering::SeqCst) == 0).await;
    let before = asked(&upstream);

    let bench = resume(world, folder, adjust).await;
    until_that(&bench, &path(&id), done(5)).await;
    upstream.shared.gate.add_permits(7);
    let batch = until(&bench, &path(&id), "completed").await;
    assert_eq!(batch["request_counts"], json!({"total": 12, "completed": 12, "failed": 0}));
    assert_eq!(batch["error_file_id"], Value::Null);
    let mut wanted: Vec<String> = (0..12).map(|n| n.to_string()).collect();
    wanted.sort_unstable();
    assert_eq!(names(&rows(&bench, &batch["output_file_id"]).await), wanted, "each once");
    // Those that had an answer were asked once; the two in flight broke off, and were asked again.
    let after = asked(&upstream);
    let again = after.iter().filter(|(_, count)| **count == 2).count();
    assert_eq!((before.len(), again, upstream.requests()), (7, 2, 14));
    let total = bench.total().await;
    assert_eq!((total.completion_tokens, total.requests - total.errors), (36, 12));
    drop(bench);
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_lets_lines_in_flight_finish() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_at_once = 2).await;
    let lines: String = (0..6).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    eventually("two are in flight", || upstream.requests() == 2).await;
    bench.stop.notify_waiters();
    let mut bench = bench;
    tokio::time::sleep(Duration::from_millis(20)).await;
    upstream.shared.gate.add_permits(2);
    bench.batches.take().unwrap().await.unwrap();
    assert_eq!(upstream.requests(), 2, "no other is asked");
    let (world, folder) = bench.crash().await;
    upstream.shared.gate.add_permits(4);
    let bench = resume(world, folder, |_, _| {}).await;
    let batch = until(&bench, &path(&id), "completed").await;
    assert_eq!(batch["request_counts"]["completed"], 6);
    assert_eq!(upstream.requests(), 6, "each was asked once");
}

#[tokio::test]
async fn a_batch_ends_at_once_when_it_is_cancelled() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_at_once = 3).await;
    let lines: String = (0..9).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    upstream.shared.gate.add_permits(2);
    until_that(&bench, &path(&id), |shown| shown["request_counts"]["completed"] == 2).await;
    let input = get(&bench, &path(&id)).await.1["input_file_id"].as_str().unwrap().to_owned();
    let remove = (Method::DELETE, &*format!("/v1/files/{input}"));
    assert_eq!(ask(&bench, "key-1", remove.clone(), Value::Null).await.0, 409, "it is being read");
    let (status, batch) = cancel(&bench, &id).await;
    assert_eq!((status, &batch["status"]), (200, &json!("cancelling")), "{batch}");
    let batch = until(&bench, &path(&id), "cancelled").await;
    eventually("nothing is in flight", || upstream.shared.active.load(Ordering::SeqCst) == 0).await;
    assert_eq!(batch["request_counts"], json!({"total": 9, "completed": 2, "failed": 7}));
    assert_eq!(rows(&bench, &batch["output_file_id"]).await.len(), 2);
    let rest = rows(&bench, &batch["error_file_id"]).await;
    assert!(rest.iter().all(|row| row["error"]["code"] == "batch_cancelled"), "{rest:?}");
    assert_eq!(cancel(&bench, &id).await.0, 409);
    assert_eq!(ask(&bench, "key-1", remove, Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_line_waits_while_there_is_no_room_for_it() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_at_once = 1).await;
    let id = begin(&bench, &line("a", "pub/shy")).await;
    let batch = until(&bench, &path(&id), "completed").await;
    assert_eq!(batch["request_counts"], json!({"total": 1, "completed": 1, "failed": 0}));
    assert_eq!(upstream.requests(), 3, "it was asked again");
    // What fails for good does not wait for ever.
    let id = begin(&bench, &line("a", "pub/html")).await;
    let batch = until(&bench, &path(&id), "completed").await;
    let row = &rows(&bench, &batch["error_file_id"]).await[0];
    assert_eq!(row["response"]["status_code"], 500, "{row}");
    assert!(!row.to_string().contains("secret"), "{row}");
}

#[tokio::test]
async fn batches_take_what_others_leave() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |config, kept| {
        config.outstanding_max_per_replica = 4;
        kept.lines_at_once = 8;
    })
    .await;
    let lines: String = (0..8).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    eventually("half of the room is taken", || upstream.requests() == 2).await;
    // Several attempts later it still is, and who asks for themselves is answered at once.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(upstream.requests(), 2);
    let answer = bench.chat(r#"{"model":"pub/plain","messages":[{"content":"own"}]}"#).await;
    assert_eq!(answer.status(), 200);
    upstream.shared.gate.add_permits(8);
    let batch = until(&bench, &path(&id), "completed").await;
    assert_eq!(batch["request_counts"]["completed"], 8);
}

#[tokio::test]
async fn a_revoked_key_fails_the_rest_of_its_lines() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_at_once = 2).await;
    let lines: String = (0..8).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    eventually("two are in flight", || upstream.requests() == 2).await;
    bench.world.is_revoked.store(true, Ordering::SeqCst);
    upstream.shared.gate.add_permits(8);
    // Another key of the project sees what became of it.
    let is_done = |shown: &Value| shown["status"] == "completed";
    let batch = until_as(&bench, "key-4", &path(&id), is_done).await;
    bench.world.is_revoked.store(false, Ordering::SeqCst);
    let failed = batch["request_counts"]["failed"].as_u64().unwrap();
    assert_eq!((upstream.requests(), failed), (2, 6), "{batch}");
    let rest = rows(&bench, &batch["error_file_id"]).await;
    let is_refused = |row: &Value| {
        row["response"]["status_code"] == 401
            && row["response"]["body"]["error"]["code"] == "invalid_api_key"
    };
    assert!(rest.len() == 6 && rest.iter().all(is_refused), "{rest:?}");
}

#[tokio::test]
async fn a_window_that_ends_ends_the_batch() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| kept.lines_at_once = 2).await;
    let lines: String = (0..5).map(|n| line(&format!("{n}"), "pub/held")).collect();
    let id = begin(&bench, &lines).await;
    upstream.shared.gate.add_permits(1);
    until_that(&bench, &path(&id), |shown| shown["request_counts"]["completed"] == 1).await;
    bench.world.ahead_s.store(86_401, Ordering::SeqCst);
    let batch = until(&bench, &path(&id), "expired").await;
    assert_eq!(batch["request_counts"], json!({"total": 5, "completed": 1, "failed": 4}));
    assert!(batch["expired_at"].as_i64() >= batch["expires_at"].as_i64(), "{batch}");
    let rest = rows(&bench, &batch["error_file_id"]).await;
    assert!(rest.iter().all(|row| row["error"]["code"] == "batch_expired"), "{rest:?}");
    assert_eq!(rows(&bench, &batch["output_file_id"]).await.len(), 1);
}

#[tokio::test]
async fn nobody_sees_anothers_batch() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, _| {}).await;
    let under_way = begin(&bench, &line("a", "pub/held")).await;
    until(&bench, &path(&under_way), "in_progress").await;
    let id = begin(&bench, &line("a", "pub/plain")).await;
    let batch = until(&bench, &path(&id), "completed").await;
    for (method, path) in [
        (Method::GET, path(&id)),
        (Method::POST, format!("/v1/batches/{id}/cancel")),
        (Method::GET, path(&under_way)),
        (Method::POST, format!("/v1/batches/{under_way}/cancel")),
    ] {
        let (status, error) = ask(&bench, "key-3", (method, &path), Value::Null).await;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("not_found")), "{path}");
    }
    let listed = ask(&bench, "key-3", (Method::GET, "/v1/batches"), Value::Null).await.1;
    assert_eq!(listed["data"], json!([]));
    let output = batch["output_file_id"].as_str().unwrap();
    assert_eq!(content(&bench, "key-3", output).await.0, 404);
    let still = get(&bench, &path(&under_way)).await.1;
    assert_eq!(still["status"], "in_progress", "nobody else has cancelled it");
    // A batch of one kind is none of the other.
    assert_eq!(get(&bench, "/v1/batch/jobs").await.1["data"], json!([]));
}

#[tokio::test]
async fn a_job_says_the_same_in_mistrals_words() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, _| {}).await;
    let body = json!({"messages": [{"role": "user", "content": "x"}], "random_seed": 7});
    let request = json!({"custom_id": "first", "body": body});
    let unnamed = json!({"body": body});
    let file = upload(&bench, "key-1", format!("{request}\n{unnamed}").as_bytes()).await;
    let jobs = "/v1/batch/jobs";
    let make = |inputs: Value| {
        let mut job =
            json!({"endpoint": "/v1/chat/completions", "model": "pub/plain", "timeout_hours": 2});
        job.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
        job
    };
    for inputs in [json!({"input_files": [file]}), json!({"requests": [request, unnamed]})] {
        let (status, job) = ask(&bench, "key-1", (Method::POST, jobs), make(inputs)).await;
        assert_eq!((status, &job["status"]), (200, &json!("QUEUED")), "{job}");
        let id = job["id"].as_str().unwrap();
        let job = until(&bench, &format!("{jobs}/{id}"), "SUCCESS").await;
        assert_eq!((&job["object"], &job["model"]), (&json!("batch"), &json!("pub/plain")));
        for (count, wanted) in [("total", 2), ("completed", 2), ("succeeded", 2), ("failed", 0)] {
            assert_eq!(job[format!("{count}_requests")], wanted, "{job}");
        }
        let good = rows(&bench, &job["output_file"]).await;
        assert_eq!(names(&good), ["2", "first"]);
        let file =
            get(&bench, &format!("/v1/files/{}", job["output_file"].as_str().unwrap())).await.1;
        assert_eq!(
            (&file["purpose"], &file["sample_type"]),
            (&json!("batch"), &json!("batch_result"))
        );
        let cancel = (Method::POST, &*format!("{jobs}/{id}/cancel"));
        assert_eq!(ask(&bench, "key-1", cancel, Value::Null).await.0, 409);
        assert_eq!(
            ask(&bench, "key-3", (Method::GET, &*format!("{jobs}/{id}")), Value::Null).await.0,
            404
        );
    }
    assert_eq!(upstream.last().1["seed"], 7, "it is asked as any request");
    let listed = get(&bench, "/v1/batch/jobs?page=0&page_size=1&status=SUCCESS").await.1;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["total"]), (1, &json!(2)));
    assert_eq!(get(&bench, "/v1/batch/jobs?status=FAILED").await.1["total"], 0);
    let held = make(json!({"requests": [request], "model": "pub/held"}));
    let id =
        ask(&bench, "key-1", (Method::POST, jobs), held).await.1["id"].as_str().unwrap().to_owned();
    until(&bench, &format!("{jobs}/{id}"), "RUNNING").await;
    ask(&bench, "key-1", (Method::POST, &*format!("{jobs}/{id}/cancel")), Value::Null).await;
    let job = until(&bench, &format!("{jobs}/{id}"), "CANCELLED").await;
    assert_eq!(job["output_file"], Value::Null);
    for wrong in [
        json!({}),
        json!({"input_files": []}),
        json!({"agent_id": "a", "requests": []}),
        json!({"timeout_hours": 0, "requests": []}),
    ] {
        let (status, error) = ask(&bench, "key-1", (Method::POST, jobs), make(wrong)).await;
        assert_eq!(status, 400, "{error}");
    }
}

#[tokio::test]
async fn answers_for_which_there_is_no_room_are_not_asked_for() {
    let upstream = Upstream::start().await;
    let bench = start(&upstream.address, |_, kept| {
        kept.lines_at_once = 1;
        kept.answers_bytes_max = 500;
    })
    .await;
    let lines: String = (0..30).map(|n| line(&format!("{n}"), "pub/plain")).collect();
    let id = begin(&bench, &lines).await;
    let batch = until(&bench, &path(&id), "completed").await;
    let good = batch["request_counts"]["completed"].as_u64().unwrap();
    assert!(
        (1..5).contains(&good) && u64::try_from(upstream.requests()).unwrap() == good,
        "{batch}"
    );
    let rest = rows(&bench, &batch["error_file_id"]).await;
    assert_eq!(rest.len(), 30 - usize::try_from(good).unwrap());
    assert!(rest.iter().all(|row| row["error"]["code"] == "answers_too_large"), "{rest:?}");
}
