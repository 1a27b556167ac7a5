//! What a token allows, what narrowing takes away, and what is refused at the door.

use biscuit_auth::{BlockBuilder, UnverifiedBiscuit};

use super::*;

const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn root() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::open(folder.path()).unwrap();
    (folder, root)
}

fn key() -> Principal {
    Principal::Key(Id::from_parts(1, [3; 10]))
}

fn call<'a>(model: &'a str, country: &'a str) -> Asked<'a> {
    Asked { now: NOW, operation: "inference", model: Some(model), country: Some(country) }
}

fn api(operation: &str) -> Asked<'_> {
    Asked { now: NOW, operation, model: None, country: None }
}

fn nothing(_: &Digest) -> MicroEuro {
    MicroEuro(0)
}

#[test]
fn a_fresh_token_is_its_holder() {
    let (folder, root) = root();
    let token = root.issue(key()).unwrap();
    let capability = root.verify(&token).unwrap();
    assert_eq!(capability.holder, key());
    assert_eq!(capability.allow(api("workload_create"), nothing), Ok(()));
    let user = Principal::User(Id::from_parts(1, [4; 10]));
    assert_eq!(root.verify(&root.issue(user).unwrap()).unwrap().holder, user);
    // The key is kept; another platform's key is another one.
    let again = Root::open(folder.path()).unwrap();
    assert_eq!(again.public_text(), root.public_text());
    assert!(again.verify(&token).is_ok());
    let (_other, stranger) = super::tests::root();
    assert_eq!(stranger.verify(&token).unwrap_err(), Refused::Invalid);
}

#[test]
fn each_condition_takes_away_and_none_gives_back() {
    let (_folder, root) = root();
    let wide = root.issue(key()).unwrap();
    let to = Attenuation {
        models: vec!["acme-words".to_owned()],
        countries: vec!["FR".parse().unwrap(), "DE".parse().unwrap()],
        until: Some(NOW.plus(units::DurationMicros::from_secs(60))),
        ..Attenuation::default()
    };
    let narrow = attenuate(&wide, &to).unwrap();
    let check = |token: &str, asked: Asked<'_>, allowed: bool| {
        let answer = root.verify(token).unwrap().allow(asked, nothing);
        assert_eq!(answer.is_ok(), allowed, "{asked:?}: {answer:?}");
    };
    check(&narrow, call("acme-words", "FR"), true);
    check(&narrow, call("other", "FR"), false);
    check(&narrow, call("acme-words", "US"), false);
    check(&narrow, Asked { country: None, ..call("acme-words", "") }, false);
    check(&narrow, api("whoami"), false);
    let late = NOW.plus(units::DurationMicros::from_secs(60));
    check(&narrow, Asked { now: late, ..call("acme-words", "FR") }, false);
    // A second block cannot widen the first.
    let other = Attenuation { models: vec!["other".to_owned()], ..Attenuation::default() };
    let narrower = attenuate(&narrow, &other).unwrap();
    check(&narrower, call("other", "FR"), false);
    check(&narrower, call("acme-words", "FR"), false);
    let refused = root.verify(&narrow).unwrap().allow(call("other", "FR"), nothing);
    assert!(refused.unwrap_err().to_string().contains("acme-words"), "the condition is named");
    let only = Attenuation { operations: vec!["whoami".to_owned()], ..Attenuation::default() };
    let only = attenuate(&wide, &only).unwrap();
    check(&only, api("whoami"), true);
    check(&only, api("key_list"), false);
}

#[test]
fn a_budget_is_of_the_block_and_of_all_that_was_made_from_it() {
    let (_folder, root) = root();
    let budget = |euro: i64| Attenuation {
        budget: Some(MicroEuro(euro * 1_000_000)),
        ..Attenuation::default()
    };
    let five = attenuate(&root.issue(key()).unwrap(), &budget(5)).unwrap();
    let (one, two) = (attenuate(&five, &budget(1)).unwrap(), attenuate(&five, &budget(2)).unwrap());
    let five = root.verify(&five).unwrap();
    let [one, two] = [&one, &two].map(|token| root.verify(token).unwrap());
    assert_eq!(one.revocation_ids[..2], five.revocation_ids[..]);
    assert_ne!(one.revocation_ids[2], two.revocation_ids[2]);
    let parent = five.revocation_ids[1];
    let spent = |own: i64, all: i64| {
        move |id: &Digest| MicroEuro(if *id == parent { all } else { own } * 1_000_000)
    };
    assert_eq!(five.allow(call("m", "FR"), spent(0, 4)), Ok(()));
    assert!(five.allow(call("m", "FR"), spent(0, 5)).is_err());
    assert_eq!(one.allow(call("m", "FR"), spent(0, 4)), Ok(()));
    assert!(one.allow(call("m", "FR"), spent(1, 4)).is_err(), "its own euro is spent");
    assert!(two.allow(call("m", "FR"), spent(0, 5)).is_err(), "its parent's are");
    assert!(two.allow(api("workload_create"), spent(0, 0)).is_err(), "jobs are not charged to it");
}

#[test]
fn forged_and_crafted_tokens_are_refused() {
    let (_folder, root) = root();
    let good = root.issue(key()).unwrap();
    for text in ["", "ccc_", "ccc_AAAA", "cck_x", &good[4..], &good[..good.len() - 8]] {
        assert_eq!(root.verify(text).unwrap_err(), Refused::Invalid, "{text}");
    }
    let bytes = good.as_bytes();
    let mut survived = 0;
    for at in (PREFIX.len()..bytes.len()).step_by(3) {
        let mut bytes = bytes.to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        // The last base64 character may hold bits that are not read.
        survived += usize::from(root.verify(&changed).is_ok());
    }
    assert!(survived <= 1, "{survived} changed tokens were taken");
    let append = |source: &str| {
        let token = UnverifiedBiscuit::from_base64(&good[PREFIX.len()..]).unwrap();
        let block = BlockBuilder::new().code(source).unwrap();
        format!("{PREFIX}{}", token.append(block).unwrap().to_base64().unwrap())
    };
    for (source, what) in [
        ("holder(\"key_00000000000000000000000000\");", "a fact"),
        ("a(1); a(2); a(3); check if a($x), a($y);", "a fact"),
        ("operation($x) <- time($x);", "a rule"),
        ("check if [1, 2].any($x -> [1, 2].any($y -> $x == $y));", "functions"),
        (
            "check if time($a), time($b), time($c), time($d), time($e), time($f), time($g), time($h), time($i);",
            "parts",
        ),
        (&"check if time($a);".repeat(QUERIES_MAX + 1), "too many conditions"),
    ] {
        let refused = root.verify(&append(source)).unwrap_err();
        assert!(refused.to_string().contains(what), "{source}: {refused}");
    }
    let mut deep = good.clone();
    let to = Attenuation { operations: vec!["x".to_owned()], ..Attenuation::default() };
    while let Ok(next) = attenuate(&deep, &to) {
        deep = next;
    }
    assert!(root.verify(&deep).is_ok(), "as deep as may be");
}

#[test]
fn texts_are_values_and_never_language() {
    let (_folder, root) = root();
    let wide = root.issue(key()).unwrap();
    let evil = "x\"].contains(\"x\") || true; //";
    let to = Attenuation { models: vec![evil.to_owned()], ..Attenuation::default() };
    let token = root.verify(&attenuate(&wide, &to).unwrap()).unwrap();
    assert!(token.allow(call("x", "FR"), nothing).is_err());
    assert_eq!(token.allow(call(evil, "FR"), nothing), Ok(()));
    for wrong in [
        Attenuation::default(),
        Attenuation { budget: Some(MicroEuro(0)), ..Attenuation::default() },
        Attenuation { models: vec![String::new()], ..Attenuation::default() },
        Attenuation { models: (0..33).map(|n| n.to_string()).collect(), ..Attenuation::default() },
    ] {
        assert!(attenuate(&wide, &wrong).is_err(), "{wrong:?}");
    }
    let described = describe(&attenuate(&wide, &to).unwrap()).unwrap();
    assert_eq!((described.blocks.len(), described.revocation_ids.len()), (2, 2));
    assert!(described.blocks[0].contains("holder"));
}

#[test]
fn valid_tokens_hold_while_the_machine_is_busy() {
    let (_folder, root) = root();
    let to = Attenuation { models: vec!["m".to_owned()], ..Attenuation::default() };
    let token = root.verify(&attenuate(&root.issue(key()).unwrap(), &to).unwrap()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(token.allow(call("m", "FR"), nothing), Ok(()));
                }
            });
        }
    });
}

#[test]
fn spending_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Meter::open(folder.path()).unwrap();
    let (one, two) = (Digest([1; 32]), Digest([2; 32]));
    meter.add(&[one, two], MicroEuro(30)).unwrap();
    meter.add(&[one], MicroEuro(12)).unwrap();
    meter.add(&[one], MicroEuro(-100)).unwrap();
    drop(meter);
    let meter = Meter::open(folder.path()).unwrap();
    assert_eq!((meter.spent(&one), meter.spent(&two)), (MicroEuro(42), MicroEuro(30)));
    assert_eq!(meter.spent(&Digest([3; 32])), MicroEuro(0));
    assert!(meter.require_room(&one).is_ok());
}
