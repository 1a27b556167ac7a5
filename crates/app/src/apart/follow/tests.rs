//! How long what was told last is served from.

use std::time::SystemTime;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// A gateway that starts while the control plane is away, and may serve for half an hour; the file of what was
/// told last is from a time.
fn started(written: SystemTime) -> Control {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("control.json")).unwrap();
    serde_json::to_writer(&file, &GatewaySnapshot { number: 1, ..Default::default() }).unwrap();
    file.set_modified(written).unwrap();
    let client = Client::new("http://127.0.0.1:9", Some("cck_x")).unwrap();
    let remotes = Remotes::new(&[]).unwrap();
    Control::open((client, remotes), folder.path(), (Some(HOUR / 2), Recorder::new(0).0)).unwrap()
}

#[test]
fn a_restart_makes_what_was_told_no_younger() {
    let now = SystemTime::now();
    let fresh = started(now);
    assert!(fresh.knows_something());
    assert_eq!(fresh.require_fresh(), Ok(()));
    assert_eq!(started(now - HOUR).require_fresh(), Err(Refusal::NoReplica));
    // The clock was set back in between: as if it were from now, and not open for ever.
    let ahead = started(now + HOUR);
    assert_eq!(ahead.require_fresh(), Ok(()));
    assert!(ahead.silent_for() < HOUR / 2);
}

#[test]
fn nobody_waits_for_what_cannot_be_started() {
    let (fresh, old) = (started(SystemTime::now()), started(SystemTime::now() - HOUR / 60));
    let waits = |control: &Control| control.silent_for() <= WAKES_FOR;
    assert!(waits(&fresh) && !waits(&old));
}
