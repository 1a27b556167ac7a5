//! How sessions begin, end and survive.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const START: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn after(hours: u64) -> UnixMicros {
    START.plus(DurationMicros::from_secs(hours * 3_600))
}

fn user(n: u8) -> Principal {
    Principal::User(Id::from_parts(1, [n; 10]))
}

fn open(folder: &Path, now: UnixMicros) -> Sessions {
    Sessions::open(folder, now).unwrap()
}

fn begin(sessions: &Sessions, now: UnixMicros, principal: Principal) -> (Session, String) {
    sessions.begin(now, principal, Means::Password, Device::Browser).unwrap()
}

#[test]
fn each_sign_in_has_a_secret_of_its_own_and_only_its_hash_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = open(folder.path(), START);
    let (first, one) = begin(&sessions, START, user(1));
    let (second, two) = begin(&sessions, START, user(1));
    assert!(one != two && first.handle != second.handle);
    assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 43);
    assert_eq!(sessions.find(START, &one).unwrap().handle, first.handle);
    for wrong in
        ["", "ccs_", &one[..one.len() - 1], &first.handle, &format!("ccs_{}", first.handle)]
    {
        assert!(sessions.find(START, wrong).is_none(), "{wrong}");
    }
    let path = folder.path().join("sessions.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&one) && !text.contains(&one[PREFIX.len()..]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_session_ends_when_idle_and_when_old() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = open(folder.path(), START);
    let (_, idle) = begin(&sessions, START, user(1));
    assert!(sessions.find(after(8), &idle).is_none(), "eight hours without use");
    let (_, busy) = begin(&sessions, START, user(2));
    for hour in (7..24).step_by(7) {
        assert!(sessions.find(after(hour), &busy).is_some(), "in use at {hour}");
    }
    assert!(sessions.find(after(24), &busy).is_none(), "a day is the end in any case");
    let (_, cli) = sessions.begin(START, user(3), Means::Key, Device::CommandLine).unwrap();
    assert!(sessions.find(after(7 * 24 - 1), &cli).is_some());
    assert!(sessions.find(after(30 * 24), &cli).is_none());
    // A clock that goes back gives nobody more time.
    let (_, back) = begin(&sessions, after(10), user(4));
    assert!(sessions.find(START, &back).is_some());
    assert!(sessions.find(after(18), &back).is_none());
}

#[test]
fn a_restart_signs_nobody_out_and_brings_nobody_back() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = open(folder.path(), START);
    let (_, kept) = begin(&sessions, START, user(1));
    let (gone, ended) = begin(&sessions, START, user(1));
    let (_, old) = begin(&sessions, START, user(2));
    assert!(sessions.find(after(5), &kept).is_some());
    assert!(!sessions.end(user(2), &gone.handle).unwrap(), "another's session is not mine to end");
    assert!(sessions.end(user(1), &gone.handle).unwrap());
    assert!(!sessions.end(user(1), &gone.handle).unwrap());
    drop(sessions);
    let sessions = open(folder.path(), after(9));
    assert!(sessions.find(after(9), &kept).is_some(), "its use at five hours was written");
    assert!(sessions.find(after(9), &ended).is_none());
    assert!(sessions.find(after(9), &old).is_none());
    assert_eq!(sessions.of(after(9), user(1)).len(), 1);
    assert_eq!(sessions.end_all(user(1)).unwrap(), 1);
    drop(sessions);
    assert!(open(folder.path(), after(9)).find(after(9), &kept).is_none());
}

#[test]
fn a_torn_line_is_nothing_and_a_damaged_one_signs_everybody_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.jsonl");
    let sessions = open(folder.path(), START);
    let (_, secret) = begin(&sessions, START, user(1));
    drop(sessions);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&whole[..], b"{\"ended\":\"sha2"].concat()).unwrap();
    assert!(open(folder.path(), START).find(START, &secret).is_some());
    let mut damaged = [&whole[..], &whole[..]].concat();
    damaged[whole.len() + 3] = b'\xff';
    std::fs::write(&path, [&damaged[..], &whole[..]].concat()).unwrap();
    assert!(open(folder.path(), START).find(START, &secret).is_none());
}

#[test]
fn counts_are_bounded_and_the_file_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = open(folder.path(), START);
    let (_, first) = begin(&sessions, START, user(1));
    let (_, other) = begin(&sessions, START, user(2));
    for minute in 1..=PER_PRINCIPAL_MAX as u64 {
        begin(&sessions, START.plus(DurationMicros::from_secs(minute * 60)), user(1));
    }
    assert_eq!(sessions.of(START, user(1)).len(), PER_PRINCIPAL_MAX);
    assert!(sessions.find(START, &first).is_none(), "the one used longest ago has ended");
    assert!(sessions.find(START, &other).is_some(), "others are left alone");
    // Uses alone make the file long; it is cut to what is open.
    let mut inner = sessions.0.lock().unwrap();
    let line = Line::Seen(hash(&other), START);
    for _ in 0..SESSIONS_MAX {
        inner.write(&line, false).unwrap();
    }
    assert!(!inner.file.is_long(inner.by_hash.len() + 1));
    drop(inner);
    drop(sessions);
    assert!(open(folder.path(), START).find(START, &other).is_some());
}
