//! Files: kept for one project, sealed, within bounds, until their day comes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use gateway::GatewayConfig;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bench::{Bench, eventually};
use crate::keeping::{ask, content, form, get, on_disk, send_form, start, upload};

const PURPOSE: (&str, &str) = ("purpose", "batch");

async fn keeper() -> Bench {
    start("127.0.0.1:9", |_, _| {}).await
}

#[tokio::test]
async fn what_is_uploaded_is_listed_read_and_removed() {
    let bench = keeper().await;
    // More than two pieces, and no end of its last line.
    let text = "{\"secret\":\"framboise\"}\n".repeat(30_000) + "\n{\"last\":1}";
    for file_first in [false, true] {
        let sent = form(&[PURPOSE], Some(text.as_bytes()), file_first);
        let (status, file) = send_form(&bench, "key-1", sent).await;
        assert_eq!(status, 200, "{file}");
        let id = file["id"].as_str().unwrap();
        assert_eq!(file["object"], "file");
        assert_eq!(file["bytes"], text.len());
        assert_eq!(file["num_lines"], 30_001);
        assert_eq!(file["filename"], "in.jsonl");
        assert_eq!((&file["purpose"], &file["status"]), (&json!("batch"), &json!("processed")));
        let kept_s = file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap();
        assert_eq!(kept_s, 30 * 86_400);
        assert_eq!(get(&bench, &format!("/v1/files/{id}")).await, (200, file.clone()));
        let (status, bytes) = content(&bench, "key-1", id).await;
        assert!(status == 200 && bytes == text.as_bytes(), "{status} {}", bytes.len());
        assert_eq!(get(&bench, "/v1/files").await.1["data"], json!([file]));
        assert_eq!(on_disk(&bench, "framboise").0, 0, "it lies sealed");
        assert_eq!(on_disk(&bench, "in.jsonl").0, 0, "and so does its name");
        let path = format!("/v1/files/{id}");
        let gone = ask(&bench, "key-1", (Method::DELETE, &path), Value::Null).await;
        assert_eq!(gone, (200, json!({"id": id, "object": "file", "deleted": true})));
        assert_eq!(get(&bench, &format!("/v1/files/{id}")).await.0, 404);
        assert_eq!(on_disk(&bench, "|").1, 0, "nothing is left of it");
    }
}

#[tokio::test]
async fn nobody_sees_what_another_keeps() {
    let bench = keeper().await;
    let id = upload(&bench, "key-1", b"{}").await;
    let path = format!("/v1/files/{id}");
    for method in [Method::GET, Method::DELETE] {
        let (status, error) = ask(&bench, "key-3", (method, &path), Value::Null).await;
        assert_eq!((status, &error["error"]["code"]), (404, &json!("not_found")));
    }
    assert_eq!(content(&bench, "key-3", &id).await.0, 404);
    let listed = ask(&bench, "key-3", (Method::GET, "/v1/files"), Value::Null).await;
    assert_eq!(listed.1["data"], json!([]));
    let batch =
        json!({"input_file_id": id, "endpoint": "/v1/completions", "completion_window": "24h"});
    let (status, error) = ask(&bench, "key-3", (Method::POST, "/v1/batches"), batch).await;
    assert_eq!((status, &error["error"]["param"]), (404, &json!("input_file_id")), "{error}");
    assert_eq!(get(&bench, &path).await.0, 200, "and it is still there");
}

#[tokio::test]
async fn who_may_not_keep_files_hears_why() {
    let bench = keeper().await;
    for (key, status) in [("wrong", 401), ("key-2", 403), ("key-0", 403)] {
        let sent = form(&[PURPOSE], Some(b"{}"), false);
        let (said, error) = send_form(&bench, key, sent).await;
        assert_eq!(said, status, "{key}: {error}");
        assert_eq!(ask(&bench, key, (Method::GET, "/v1/batches"), Value::Null).await.0, status);
    }
    let elsewhere = Bench::start(&[], GatewayConfig::default()).await;
    for path in ["/v1/files", "/v1/files/x/content", "/v1/batches/x", "/v1/batch/jobs"] {
        let (status, error) = get(&elsewhere, path).await;
        assert_eq!((status, &error["error"]["code"]), (501, &json!("not_kept_here")), "{error}");
    }
    assert_eq!(get(&bench, "/v1/files/x/url").await.0, 404);
}

#[tokio::test]
async fn forms_that_are_not_what_they_should_be_leave_nothing() {
    let bench = keeper().await;
    let refused = [
        (form(&[("purpose", "fine-tune")], Some(b"{}"), false), "purpose"),
        (form(&[], Some(b"{}"), false), "purpose"),
        (form(&[PURPOSE], None, false), "file"),
        (form(&[PURPOSE, ("expires_after[seconds]", "60")], Some(b"{}"), false), "expires_after"),
        (form(&[PURPOSE, ("expiry", "24")], Some(b"{}"), false), "expiry"),
    ];
    for (sent, param) in refused {
        let (status, error) = send_form(&bench, "key-1", sent).await;
        assert_eq!((status, &error["error"]["param"]), (400, &json!(param)), "{error}");
    }
    let cut = form(&[PURPOSE], Some(b"{\"a\":1}"), false);
    let (status, error) = send_form(&bench, "key-1", cut[..cut.len() - 12].to_vec()).await;
    assert_eq!(status, 400, "{error}");
    // A field that never says what it is must not fill the memory: it is refused although more is to come.
    let mut endless = tokio::net::TcpStream::connect(&bench.address).await.unwrap();
    let head = "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer key-1\r\ncontent-length: 99999999\r\n\
                content-type: multipart/form-data; boundary=xx\r\n\r\n--xx\r\nContent-Disposition: ";
    endless.write_all(head.as_bytes()).await.unwrap();
    // It may be refused, and closed, before all of this is written.
    let _ = endless.write_all(&vec![b'a'; 4 << 20]).await;
    let mut answer = [0; 12];
    let read = tokio::time::timeout(Duration::from_secs(10), endless.read_exact(&mut answer));
    read.await.expect("it is refused at once").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
    let one = form(&[PURPOSE], Some(b"{}"), false);
    let two = [&one[..one.len() - 8], &form(&[PURPOSE], Some(b"{}"), false)].concat();
    let (status, error) = send_form(&bench, "key-1", two).await;
    assert_eq!((status, &error["error"]["param"]), (400, &json!("file")), "{error}");
    let long = form(&[("visibility", &"a".repeat(2_000)), PURPOSE], Some(b"{}"), false);
    assert_eq!(send_form(&bench, "key-1", long).await.0, 400);
    assert_eq!(on_disk(&bench, "|").1, 0, "nothing is left of them");
    let days = form(&[PURPOSE, ("expires_after[seconds]", "3600")], Some(b"{}"), false);
    let file = send_form(&bench, "key-1", days).await.1;
    let kept_s = file["expires_at"].as_i64().unwrap() - file["created_at"].as_i64().unwrap();
    assert_eq!(kept_s, 3_600, "{file}");
}

#[tokio::test]
async fn too_much_is_refused_and_leaves_nothing() {
    let bench = start("127.0.0.1:9", |_, kept| kept.file_bytes_max = 100_000).await;
    let sent = |length: usize| form(&[PURPOSE], Some(&vec![b'a'; length]), false);
    let url = format!("http://{}/v1/files", bench.address);
    for length in [100_001, 300_000] {
        // Said beforehand, and found out on the way.
        let (status, error) = send_form(&bench, "key-1", sent(length)).await;
        assert_eq!((status, &error["error"]["code"]), (413, &json!("file_too_large")), "{error}");
        let whole = sent(length);
        let pieces =
            whole.chunks(7_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
        let pieces: Vec<_> = pieces.collect();
        let client =
            hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
        let body = axum::body::Body::from_stream(stream::iter(pieces));
        let request = http::Request::post(&url)
            .header("authorization", "Bearer key-1")
            .header("content-type", "multipart/form-data; boundary=xx")
            .body(body);
        let answer = client.build_http().request(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(on_disk(&bench, "|").1, 0, "nothing is left of them");
    assert_eq!(send_form(&bench, "key-1", sent(100_000)).await.0, 200, "as much as may be");
}

#[tokio::test]
async fn a_project_keeps_so_many_files_and_bytes_and_no_more() {
    let bench = start("127.0.0.1:9", |_, kept| kept.files_max = 2).await;
    for key in ["key-1", "key-1", "key-3"] {
        upload(&bench, key, b"{}").await;
    }
    let (status, error) = send_form(&bench, "key-1", form(&[PURPOSE], Some(b"{}"), false)).await;
    assert_eq!((status, &error["error"]["code"]), (429, &json!("too_many")), "{error}");
    let bench = start("127.0.0.1:9", |_, kept| kept.project_bytes_max = 10).await;
    upload(&bench, "key-1", &[b'a'; 50]).await;
    assert_eq!(send_form(&bench, "key-1", form(&[PURPOSE], Some(b"{}"), false)).await.0, 429);
}

#[tokio::test]
async fn who_uploads_slowly_leaves_room_for_others() {
    let bench = start("127.0.0.1:9", |_, kept| {
        kept.uploads_max = 3;
        kept.uploads_max_per_project = 2;
    })
    .await;
    let mut slow = Vec::new();
    for key in ["key-1", "key-4"] {
        let mut stream = tokio::net::TcpStream::connect(&bench.address).await.unwrap();
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 1000\r\n\
             content-type: multipart/form-data; boundary=xx\r\n\r\n--xx\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    let sent = || form(&[PURPOSE], Some(b"{}"), false);
    eventually("both are under way", || on_disk(&bench, "|").1 == 2).await;
    let (status, error) = send_form(&bench, "key-1", sent()).await;
    assert_eq!((status, &error["error"]["code"]), (429, &json!("too_many")), "{error}");
    assert_eq!(send_form(&bench, "key-3", sent()).await.0, 200, "another project's own");
    drop(slow);
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while send_form(&bench, "key-1", sent()).await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(std::time::Instant::now() < deadline, "their places never come back");
    }
}

#[tokio::test]
async fn a_file_is_gone_when_its_day_has_come() {
    // Nothing is swept yet: it is not shown any more all the same.
    let bench = start("127.0.0.1:9", |_, kept| kept.look_again = Duration::from_secs(3_600)).await;
    let id = upload(&bench, "key-1", b"{}").await;
    bench.world.ahead_s.store(30 * 86_400 + 1, Ordering::SeqCst);
    assert_eq!(get(&bench, &format!("/v1/files/{id}")).await.0, 404);
    assert_eq!(content(&bench, "key-1", &id).await.0, 404);
    assert_eq!(get(&bench, "/v1/files").await.1["data"], json!([]));
    let bench = keeper().await;
    upload(&bench, "key-1", b"{}").await;
    assert_eq!(on_disk(&bench, "|").1, 2);
    bench.world.ahead_s.store(30 * 86_400 + 1, Ordering::SeqCst);
    eventually("it is removed", || on_disk(&bench, "|").1 == 0).await;
}

#[tokio::test]
async fn lists_come_in_pages() {
    let bench = keeper().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, upload(&bench, "key-1", b"{}").await);
    }
    let shown = |list: &Value| -> Vec<String> {
        let data = list["data"].as_array().unwrap();
        data.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = get(&bench, "/v1/files?limit=2").await.1;
    assert_eq!((shown(&first), &first["has_more"]), (ids[..2].to_vec(), &json!(true)));
    let after = format!("/v1/files?limit=3&after={}", first["last_id"].as_str().unwrap());
    let rest = get(&bench, &after).await.1;
    assert_eq!((shown(&rest), &rest["has_more"]), (ids[2..].to_vec(), &json!(false)));
    let page = get(&bench, "/v1/files?page=1&page_size=2").await.1;
    assert_eq!((shown(&page), &page["total"]), (ids[2..4].to_vec(), &json!(5)));
    ids.reverse();
    assert_eq!(shown(&get(&bench, "/v1/files?order=asc").await.1), ids);
    assert_eq!(shown(&get(&bench, "/v1/files?purpose=batch_output").await.1).len(), 0);
    assert_eq!(shown(&get(&bench, "/v1/files?sample_type=batch_request").await.1).len(), 5);
    for wrong in ["limit=0", "limit=x", "after=x"] {
        assert_eq!(get(&bench, &format!("/v1/files?{wrong}")).await.0, 400, "{wrong}");
    }
}
