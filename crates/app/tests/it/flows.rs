//! The inventory of data flows, compared with what a live platform speaks to.

use std::{fs, net::TcpListener, time::Instant};

use serde_json::Value;

use crate::{
    Ran,
    platform::{PATIENCE, Platform},
    serving::chat,
    witnesses::Cloud,
};

fn shown(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stderr))
}

/// Requirement 12.
#[test]
fn what_is_spoken_to_without_being_declared_is_found() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    assert_eq!(chat(&platform.url(), &secret, "chat", "", false).status, 200);

    let inventory = platform.good(&["audit", "flows"]);
    let items = inventory["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{inventory}");
    assert_eq!(
        (&items[0]["purpose"], &items[0]["data"]),
        (&"inference".into(), &"customer".into())
    );
    assert_eq!(items[0]["country"], "FR");
    let replica = items[0]["destination"].as_str().unwrap().to_owned();

    let live = ["audit", "flows", "--live", "-o", "json"];
    let quiet = platform.run(&live);
    quiet.check(0, &[]);
    let quiet = shown(&quiet);
    assert_eq!(quiet["undeclared"], Value::Array(Vec::new()));
    assert!(quiet["processes"].as_u64().unwrap() >= 3, "platform, supervisor, service: {quiet}");

    // Work that speaks to somebody outside the platform's own processes.
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = elsewhere.local_addr().unwrap();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}; sleep 600", address.port());
    platform.good(&["run", "--name", "leak", "--", "bash", "-c", &script]);
    let (held, _) = elsewhere.accept().unwrap();
    let found = platform.run(&live);
    found.check(1, &[]);
    let undeclared = shown(&found)["undeclared"].clone();
    assert_eq!(undeclared[0]["destination"], address.to_string().as_str(), "{undeclared}");
    assert!(undeclared[0]["pid"].as_i64().unwrap() > 1, "{undeclared}");
    assert_eq!(undeclared.as_array().unwrap().len(), 1, "{undeclared}");
    drop(held);
    platform.good(&["stop", "leak"]);
    let deadline = Instant::now() + PATIENCE;
    while platform.run(&live).code != 0 {
        assert!(Instant::now() < deadline, "a connection that is gone is still found");
    }

    captures(&platform, &replica);
}

/// A platform speaks to its witnesses, as it was told to.
#[test]
fn declared_destinations_are_no_finding() {
    let cloud = Cloud::new();
    let inventory = cloud.good(&["audit", "flows"]);
    let items = inventory["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{inventory}");
    assert!(items.iter().all(|one| one["purpose"] == "witness" && one["data"] == "provider"));
    let deadline = Instant::now() + PATIENCE;
    loop {
        // Each change of the log is sent to the witnesses.
        let name = format!("org{}", deadline.saturating_duration_since(Instant::now()).as_nanos());
        cloud.good(&["org", "create", &name]);
        let seen = cloud.good(&["audit", "flows", "--live"]);
        assert_eq!(seen["undeclared"], Value::Array(Vec::new()));
        if seen["observed"].as_u64().unwrap() > 0 {
            break;
        }
        assert!(Instant::now() < deadline, "it never spoke to a witness: {seen}");
    }
}

/// What somebody else has captured is compared in the same way.
fn captures(platform: &Platform, replica: &str) {
    let check = |text: &str, code: i32| {
        fs::write(platform.path("seen.txt"), text).unwrap();
        let ran = platform.run(&["audit", "flows", "--observed", "seen.txt"]);
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        ran.stdout
    };
    check(&format!("{replica}\n"), 0);
    check(&format!("State Recv-Q Send-Q Local Peer\nESTAB 0 0 127.0.0.1:9 {replica}\n"), 0);
    let found = check("ESTAB 0 0 10.0.0.1:9 192.0.2.1:443 users:((\"curl\",pid=7,fd=3))\n", 1);
    assert!(found.contains("undeclared: 192.0.2.1:443 by curl (7)"), "{found}");
    check("nonsense here\n", 7);
}
