//! Checks the rule about addresses and what becomes of a base URL.

use std::net::IpAddr;
use std::sync::Arc;

use units::Id;

use crate::directory::{Replica, Route};

use super::{Reach, Remote, RemoteConfig, RemoteError, RemoteTimeouts, Tls};

fn config(url: &str, reach: Reach) -> RemoteConfig {
    RemoteConfig {
        id: Id::from_bytes([1; 16]),
        url: url.to_owned(),
        model: "m".to_owned(),
        key: Some("secret-key".to_owned()),
        reach,
        in_flight_max: None,
        timeouts: RemoteTimeouts::default(),
        probe: None,
        is_shared: false,
    }
}

#[test]
fn a_project_reaches_the_public_internet_and_nothing_else() {
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "3fff::1",
        "64:ff9b:1::1",
        "100::1",
    ] {
        let parsed: IpAddr = address.parse().unwrap();
        assert!(!Reach::Public.allows(parsed), "{address}");
        assert!(Reach::Private.allows(parsed), "{address}");
    }
    for address in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2a00:1450:4007::1", "::ffff:8.8.8.8"] {
        assert!(Reach::Public.allows(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn a_literal_private_address_is_refused_before_anything_is_sent() {
    let tls = Tls::new(b"").unwrap();
    for url in ["https://127.0.0.1/v1", "https://[::1]:8000/v1", "http://169.254.169.254"] {
        let refused = Remote::new(&config(url, Reach::Public), &tls).unwrap_err();
        assert!(matches!(refused, RemoteError::Address(_)), "{url}: {refused}");
        assert!(Remote::new(&config(url, Reach::Private), &tls).is_ok(), "{url}");
    }
}

#[test]
fn a_base_url_is_what_clients_of_openai_are_given() {
    let tls = Tls::new(b"").unwrap();
    for (url, path, expected) in [
        ("https://a.example/v1", "/v1/chat/completions", "/v1/chat/completions"),
        ("https://a.example", "/v1/chat/completions", "/v1/chat/completions"),
        ("https://a.example/v1/", "/v1/models", "/v1/models"),
        ("http://a.example:81/x/openai", "/v1/models", "/x/openai/models"),
        ("https://a.example/v1", "/health", "/health"),
    ] {
        let remote = Remote::new(&config(url, Reach::Private), &tls).unwrap();
        assert_eq!(remote.path(path), expected, "{url}");
    }
    for url in ["a.example/v1", "ftp://a.example", "https://", ""] {
        assert!(Remote::new(&config(url, Reach::Private), &tls).is_err(), "{url}");
    }
}

#[test]
fn a_key_shows_nowhere() {
    let config = config("https://a.example/v1", Reach::Public);
    let remote = Arc::new(Remote::new(&config, &Tls::new(b"").unwrap()).unwrap());
    let replica = crate::Replica::remote(&remote, None, 100);
    for shown in [format!("{config:?}"), format!("{remote:?}"), format!("{replica:?}")] {
        assert!(!shown.contains("secret-key"), "{shown}");
    }
    assert!(format!("{:?}", remote.authorization).contains("Sensitive"));
}

#[test]
fn who_shares_an_upstream_waits_at_one_door() {
    let mut config = config("http://models.test/v1", Reach::Private);
    config.in_flight_max = Some(8);
    let remote = Arc::new(Remote::new(&config, &Tls::new(b"").unwrap()).unwrap());
    let route = |endpoint: u8, count: usize| {
        let replicas = (0..count).map(|_| Replica::remote(&remote, None, 100)).collect();
        Route::new(Id::from_bytes([endpoint; 16]), "m".to_owned(), replicas)
    };
    assert_eq!(route(1, 1).door(256), route(2, 1).door(256), "one upstream, one line");
    assert_eq!(route(1, 1).door(256).room, 8, "what it was registered for");
    assert_eq!(route(1, 1).door(4).room, 8, "and not what is usual");
    let several = route(3, 2).door(256);
    assert_eq!((several.id, several.room), ([3; 16], 16), "several: the endpoint's own line");
}
