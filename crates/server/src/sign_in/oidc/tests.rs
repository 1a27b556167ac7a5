//! What is refused before any provider is asked; the flows are tested through the console.

use super::*;

#[test]
fn paths_lead_nowhere_else() {
    for own in ["/", "/workloads", "/workloads?limit=1#top", "/%2f%2fevil.test"] {
        assert_eq!(safe_path(own), own);
    }
    let long = format!("/{}", "x".repeat(600));
    for foreign in [
        "",
        "workloads",
        "//evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "https://evil.test",
        "/\t/evil.test",
        "/ /evil.test",
        "/a\\b",
        "/a\r\nSet-Cookie: x",
        "javascript:alert(1)",
        &long,
        "/é",
    ] {
        assert_eq!(safe_path(foreign), "/", "{foreign}");
    }
}

#[test]
fn issuers_are_https_or_this_machine() {
    for good in [
        "https://sso.example.fr",
        "https://sso.example.fr/realms/a",
        "http://127.0.0.1:1",
        "http://[::1]:9/x",
        "http://localhost:8080",
    ] {
        assert!(issuer_url(good).is_ok(), "{good}");
    }
    for bad in [
        "http://sso.example.fr",
        "ftp://a.test",
        "file:///etc/passwd",
        "https://a.test?x=1",
        "https://a.test#x",
        "https://user:secret@a.test",
        "",
        "sso",
        "http://127.0.0.1.evil.test",
        "http://localhost.evil.test",
    ] {
        assert!(issuer_url(bad).is_err(), "{bad}");
    }
}
