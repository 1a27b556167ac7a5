//! The key service over TLS: a certificate counts if it leads to an authority that is named, is for this name, and is
//! valid now. The authorities of the system count for nothing here.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use serde_json::{Value, json};
use store::vault::{KeyEncryption, Secret};
use zeroize::Zeroizing;

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn authority(name: &str) -> Authority {
    Authority::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

fn below(above: &Authority, name: &str) -> Authority {
    Authority::signed_by(authority_params(name), KeyPair::generate().unwrap(), above).unwrap()
}

/// What a server shows: its own certificate first.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

/// A certificate for names, changed before it is signed; by itself without an issuer.
fn shown(issuers: &[&Authority], name: &str, change: impl FnOnce(&mut CertificateParams)) -> Shown {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    change(&mut params);
    let own = match issuers.first() {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    // The root is not sent: whoever trusts it has it.
    let above = issuers.iter().take(issuers.len().saturating_sub(1));
    let chain = std::iter::once(own.der().clone()).chain(above.map(|one| one.der().clone()));
    Shown { chain: chain.collect(), key }
}

/// Answers each connection once: what is wrapped is given back as it came.
fn serve(shown: Shown) -> u16 {
    let key = PrivateKeyDer::try_from(shown.key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(shown.chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            // A client that does not trust us says so and goes.
            let _ = answer(&mut stream);
        }
    });
    port
}

fn answer(stream: &mut StreamOwned<ServerConnection, std::net::TcpStream>) -> std::io::Result<()> {
    let (mut bytes, mut piece) = (Vec::new(), [0; 1_024]);
    // The body is one JSON object and comes last.
    while !bytes.ends_with(b"}") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            n => bytes.extend_from_slice(&piece[..n]),
        }
    }
    let body = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let ask: Value = serde_json::from_slice(&bytes[body..]).unwrap();
    let given = match ask.get("plaintext") {
        Some(plain) => json!({ "key_id": "kms:1", "ciphertext": plain }),
        None => json!({ "plaintext": ask["ciphertext"] }),
    };
    let text = given.to_string();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        text.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Wraps and unwraps a key at a service, trusting one authority.
fn try_service(host: &str, port: u16, trusted: &Authority) -> Result<(), KeyError> {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, trusted.pem()).unwrap();
    let service = Service::new(&format!("https://{host}:{port}/v1"), Some(&ca), None)?;
    let key: Secret = Zeroizing::new([7; 32]);
    let wrapped = service.wrap(b"context", &key)?;
    assert_eq!(*service.unwrap(b"context", &wrapped)?, *key);
    Ok(())
}

/// Requirement 13.
#[test]
fn only_a_chain_to_a_named_authority_opens_the_key_service() {
    let (root, other) = (authority("test root"), authority("another root"));
    let middle = below(&root, "test middle");
    let usual = |_: &mut CertificateParams| {};
    let good = serve(shown(&[&root], "127.0.0.1", usual));
    try_service("127.0.0.1", good, &root).unwrap();
    let chain = serve(shown(&[&middle, &root], "127.0.0.1", usual));
    try_service("127.0.0.1", chain, &root).unwrap();

    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2400, 1, 1);
    let refused = [
        ("another authority", serve(shown(&[&other], "127.0.0.1", usual))),
        ("self-signed", serve(shown(&[], "127.0.0.1", usual))),
        ("expired", serve(shown(&[&root], "127.0.0.1", expired))),
        ("not valid yet", serve(shown(&[&root], "127.0.0.1", early))),
        ("another name", serve(shown(&[&root], "kms.example.fr", usual))),
    ];
    for (what, port) in refused {
        let error = try_service("127.0.0.1", port, &root).unwrap_err();
        assert!(matches!(error, KeyError::Unreachable { .. }), "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("certificate") && text.contains("--kek-ca"), "{what}: {text}");
    }
    let error = try_service("127.0.0.1", good, &other).unwrap_err();
    assert!(error.to_string().contains("--kek-ca"), "{error}");
}
