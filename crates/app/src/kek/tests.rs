//! The sources of a key, against a small service on loopback that can be told to withhold its key.

mod tls;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::{Value, json};
use store::vault::{Tenant, Vault, VaultError};

use super::*;

/// Wraps by turning the key around and keeping the context beside it: enough to see both travel.
#[derive(Clone, Default)]
struct Kms {
    withheld: Arc<AtomicBool>,
    calls: Arc<AtomicU32>,
}

async fn answer(State(kms): State<Kms>, Json(ask): Json<Value>) -> (StatusCode, Json<Value>) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    kms.calls.fetch_add(1, Ordering::SeqCst);
    if kms.withheld.load(Ordering::SeqCst) {
        return (StatusCode::FORBIDDEN, Json(json!({ "reason": "the owner withholds it" })));
    }
    let text = |name: &str| ask.get(name).and_then(Value::as_str).map(str::to_owned);
    let turned = |text: &str| STANDARD.decode(text).unwrap().into_iter().rev().collect::<Vec<u8>>();
    let body = match (text("plaintext"), text("ciphertext")) {
        (Some(plain), None) => {
            json!({ "key_id": "kms:1", "ciphertext": STANDARD.encode(turned(&plain)) })
        }
        (None, Some(sealed)) if text("key_id").as_deref() == Some("kms:1") => {
            json!({ "plaintext": STANDARD.encode(turned(&sealed)) })
        }
        _ => return (StatusCode::BAD_REQUEST, Json(json!({ "reason": "what?" }))),
    };
    (StatusCode::OK, Json(body))
}

fn serve(kms: Kms) -> (tokio::runtime::Runtime, SocketAddr) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/v1/keys/wrap", post(answer))
        .route("/v1/keys/unwrap", post(answer))
        .with_state(kms);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (runtime, address)
}

fn open(address: SocketAddr, data: &Path) -> Vault {
    let kek = Some(format!("http://{address}/v1/keys/").parse().unwrap());
    Vault::open(data, KekArgs { kek, kek_ca: None }.open(data).unwrap()).unwrap()
}

#[test]
fn a_key_service_that_withholds_its_key_leaves_data_unreadable() {
    let kms = Kms::default();
    let (_runtime, address) = serve(kms.clone());
    let folder = tempfile::tempdir().unwrap();
    let vault = open(address, folder.path());
    vault.put(Tenant::Platform, "usr_1", b"somebody", &[]).unwrap();
    assert_eq!(vault.get(Tenant::Platform, "usr_1").unwrap().unwrap(), b"somebody");
    assert_eq!(kms.calls.load(Ordering::SeqCst), 1, "an opened key is kept for a minute");
    drop(vault);
    kms.withheld.store(true, Ordering::SeqCst);
    let vault = open(address, folder.path());
    let refused = vault.get(Tenant::Platform, "usr_1").unwrap_err();
    assert!(matches!(refused, VaultError::Key { source: KeyError::Refused { .. }, .. }));
    assert!(refused.to_string().contains("the owner withholds it"), "{refused}");
    assert!(vault.put(Tenant::Platform, "usr_2", b"x", &[]).is_err());
    kms.withheld.store(false, Ordering::SeqCst);
    assert_eq!(vault.get(Tenant::Platform, "usr_1").unwrap().unwrap(), b"somebody");
}

#[test]
fn a_service_that_is_gone_is_told_from_one_that_refuses() {
    let (runtime, address) = serve(Kms::default());
    let folder = tempfile::tempdir().unwrap();
    let vault = open(address, folder.path());
    runtime.shutdown_background();
    let failed = vault.put(Tenant::Platform, "usr_1", b"x", &[]).unwrap_err();
    let is_unreachable =
        matches!(failed, VaultError::Key { source: KeyError::Unreachable { .. }, .. });
    assert!(is_unreachable, "{failed}");
}

#[test]
fn keys_never_cross_a_network_in_clear_or_to_unnamed_authorities() {
    let folder = tempfile::tempdir().unwrap();
    for (address, says) in [
        ("http://kms.example.fr/keys", "in clear"),
        ("http://127.0.0.1.example.fr/keys", "in clear"),
        ("http://localhost@example.fr/keys", "in clear"),
        ("http://127.0.0.1@example.fr/keys", "in clear"),
        ("http://127.0.0.1:80@example.fr/keys", "in clear"),
        ("http://[::1]@example.fr/keys", "in clear"),
        ("https://kms.example.fr/keys", "--kek-ca"),
    ] {
        let args = KekArgs { kek: Some(address.parse().unwrap()), kek_ca: None };
        let refused = args.open(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let empty = folder.path().join("ca.pem");
    std::fs::write(&empty, "no certificate").unwrap();
    let kek = Some("https://kms.example.fr/keys".parse().unwrap());
    let refused = KekArgs { kek, kek_ca: Some(empty) }.open(folder.path()).unwrap_err();
    assert!(refused.to_string().contains("holds no certificate"), "{refused}");
}

#[test]
fn sources_are_read_as_they_are_written() {
    for text in ["file:/etc/cocarde/kek", "env:COCARDE_KEK", "https://kms.example.fr/keys"] {
        assert_eq!(text.parse::<KekSource>().unwrap().to_string(), text);
    }
    for text in ["", "file:", "env:", "kek", "ftp://x"] {
        assert!(text.parse::<KekSource>().is_err(), "{text}");
    }
    let args = KekArgs { kek: Some("env:COCARDE_TEST_UNSET".parse().unwrap()), kek_ca: None };
    let refused = args.open(Path::new(".")).unwrap_err().to_string();
    assert!(refused.contains("is not set"), "{refused}");
}
