//! Cosignatures: a real checkpoint that four public witnesses cosigned, what is refused, and the quorum.

use super::*;
use crate::testing::{SampleLog, flip, sample_key};
use crate::witness::AddCheckpoint;

/// A checkpoint of a public staging log of Certificate Transparency (TrustFabric), of May 2026, as it
/// was served, with the cosignatures of four witnesses of other operators.
const PUBLIC: &str = "arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
";

const PUBLIC_LOG: &str =
    "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";

const PUBLIC_WITNESSES: [&str; 4] = [
    "transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM",
    "witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO",
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    "witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv",
];

fn public_witnesses() -> Vec<CosignerKey> {
    PUBLIC_WITNESSES.iter().map(|text| text.parse().unwrap()).collect()
}

fn witness(number: u8) -> CosigningKey {
    CosigningKey::from_seed(&format!("witness.example/w{number}"), [number; 32]).unwrap()
}

/// The sample log's checkpoint with cosignatures at these times.
fn cosigned(log: &SampleLog, witnesses: &[(u8, u64)]) -> SignedNote {
    let mut note = AddCheckpoint::of_note(0, &log.checkpoint).unwrap().note;
    for (number, time_s) in witnesses {
        let line = witness(*number).cosign(note.text(), *time_s);
        note.add_signature(line).unwrap();
    }
    note
}

#[test]
fn cosignatures_of_public_witnesses_hold() {
    let note = SignedNote::parse(PUBLIC.as_bytes()).unwrap();
    assert_eq!(note.to_string(), PUBLIC);
    note.verify(&PUBLIC_LOG.parse().unwrap()).unwrap();
    for (key, text) in public_witnesses().iter().zip(PUBLIC_WITNESSES) {
        assert_eq!(key.verify(&note), Ok(1_779_573_024), "{text}");
        assert_eq!(key.to_string(), text);
    }
    let tally = Quorum::new(public_witnesses(), 3).unwrap().tally(&note);
    assert!(tally.is_final() && tally.broken.is_empty() && tally.cosignatures.len() == 4);
    assert_eq!(tally.final_time_s(), Some(1_779_573_024));
}

#[test]
fn every_flipped_bit_of_a_public_cosignature_is_found() {
    let start = PUBLIC.find("— remora").unwrap();
    let end = start + PUBLIC[start..].find('\n').unwrap();
    let key = &public_witnesses()[2];
    let body = 0..PUBLIC.find("\n\n").unwrap();
    for bit in body.chain(start..end).flat_map(|byte| byte * 8..byte * 8 + 8) {
        let mut bytes = PUBLIC.as_bytes().to_vec();
        flip(&mut bytes, bit);
        let holds = SignedNote::parse(&bytes).is_ok_and(|note| key.verify(&note).is_ok());
        assert!(!holds, "bit {bit}");
    }
}

#[test]
fn keys_of_witnesses_and_of_logs_are_not_mixed_up() {
    let log = sample_key();
    assert!(log.verifier().to_string().parse::<CosignerKey>().is_err());
    let key = witness(1);
    let text = key.public().to_string();
    assert_eq!(text.parse::<CosignerKey>().unwrap(), *key.public());
    assert!(text.parse::<crate::VerifierKey>().is_err());
    for bit in 0..text.len() * 8 {
        let mut bytes = text.as_bytes().to_vec();
        flip(&mut bytes, bit);
        assert!(String::from_utf8_lossy(&bytes).parse::<CosignerKey>().is_err(), "bit {bit}");
    }
    let shown = format!("{key:?}");
    assert!(shown.contains("secret not shown"), "{shown}");
    // The same seed as a log's key: the message differs, so a checkpoint's signature is no cosignature.
    let same = CosigningKey::from_seed(log.name(), [7; 32]).unwrap();
    let sample = SampleLog::new(3);
    let mut note = SignedNote::parse(sample.checkpoint.as_bytes()).unwrap();
    let name = log.name().to_owned();
    assert_eq!(same.public().verify(&note), Err(NoteError::NotSignedBy { name: name.clone() }));
    let mut line = note.signatures()[0].clone();
    line.key_id = same.cosign("x\n", 1).key_id;
    line.signature = [1_u64.to_be_bytes().to_vec(), line.signature].concat();
    note.add_signature(line).unwrap();
    assert_eq!(same.public().verify(&note), Err(NoteError::BadSignature { name }));
}

#[test]
fn a_quorum_counts_each_witness_once() {
    let log = SampleLog::new(5);
    let keys: Vec<CosignerKey> = (1..=3).map(|n| witness(n).public().clone()).collect();
    let quorum = Quorum::new(keys.clone(), 2).unwrap();
    for (witnesses, is_final) in [
        (&[][..], false),
        (&[(1, 10)], false),
        // Twice the same, and one who is not known.
        (&[(1, 10), (1, 20)], false),
        (&[(1, 10), (9, 20)], false),
        (&[(1, 10), (3, 20)], true),
        (&[(3, 30), (2, 20), (1, 10)], true),
    ] {
        let tally = quorum.tally(&cosigned(&log, witnesses));
        assert_eq!(tally.is_final(), is_final, "{witnesses:?}");
    }
    let all = quorum.tally(&cosigned(&log, &[(3, 30), (2, 20), (1, 10)]));
    assert_eq!(all.final_time_s(), Some(20));
    let late = quorum.tally(&cosigned(&log, &[(1, u64::MAX)]));
    assert_eq!(late.cosignatures[0].time_s, TIMESTAMP_MAX);
    // One that does not hold is named, and the others still count.
    let other = cosigned(&SampleLog::new(6), &[(1, 10)]);
    let mut mixed = cosigned(&log, &[(2, 20), (3, 30)]);
    mixed.add_signature(other.signatures()[1].clone()).unwrap();
    let tally = quorum.tally(&mixed);
    assert!(tally.is_final());
    assert_eq!(tally.broken, ["witness.example/w1"]);
}

#[test]
fn impossible_quorums_are_refused() {
    let keys: Vec<CosignerKey> = (1..=3).map(|n| witness(n).public().clone()).collect();
    for needed in [0, 4] {
        let error = QuorumError::Needed { needed, known: 3 };
        assert_eq!(Quorum::new(keys.clone(), needed), Err(error));
    }
    let name = "witness.example/w1".to_owned();
    let twice = vec![keys[0].clone(), keys[0].clone()];
    assert_eq!(Quorum::new(twice, 1), Err(QuorumError::Twice { name }));
    // One key under two names is one witness.
    let alias = CosigningKey::from_seed("other.example", [1; 32]).unwrap().public().clone();
    let name = "other.example".to_owned();
    let aliased = vec![keys[0].clone(), alias];
    assert_eq!(Quorum::new(aliased, 1), Err(QuorumError::Twice { name }));
    assert!(
        !Quorum::new(Vec::new(), 0).unwrap().tally(&cosigned(&SampleLog::new(1), &[])).is_final()
    );
    let many = (0..33).map(|n| witness(n).public().clone()).collect();
    assert_eq!(Quorum::new(many, 1), Err(QuorumError::TooMany { count: 33 }));
}

#[test]
fn a_policy_file_names_logs_witnesses_and_the_quorum() {
    let [a, b, c, d] = PUBLIC_WITNESSES;
    let text = format!(
        "# who must agree\nlog {PUBLIC_LOG} https://log.example\n\n  witness\tA {a} http://a.example/ \n\
         witness B {b}\nwitness C {c}\nwitness D {d}\ngroup three 2 A B C\nquorum three\n"
    );
    let policy = TrustPolicy::parse(&text).unwrap();
    assert_eq!(policy.logs.len(), 1);
    assert_eq!(policy.quorum, Quorum::new(public_witnesses()[..3].to_vec(), 2).unwrap());
    assert_eq!(policy.urls, [Some("http://a.example/".to_owned()), None, None]);
    let note = SignedNote::parse(PUBLIC.as_bytes()).unwrap();
    assert!(policy.quorum.tally(&note).is_final());
    let single = TrustPolicy::parse(&format!("witness A {a}\nquorum A\n")).unwrap();
    assert_eq!(single.quorum.needed(), 1);
    let none = TrustPolicy::parse(&format!("log {PUBLIC_LOG}\nquorum none\n")).unwrap();
    assert_eq!((none.quorum.needed(), none.logs.len()), (0, 1));
    for (bad, line) in [
        (format!("witness A {a}\nwitness A {b}\nquorum A\n"), 2),
        (format!("witness A {a}\nwitness B {a}\nquorum A\n"), 2),
        (format!("witness none {a}\nquorum none\n"), 1),
        (format!("witness A {a}\ngroup g 2 A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g 0 A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g any A A\nquorum g\n"), 2),
        (format!("witness A {a}\ngroup g any A\ngroup h all g\nquorum h\n"), 3),
        (format!("group g any A\nwitness A {a}\nquorum g\n"), 1),
        ("quorum A\n".to_owned(), 1),
        ("quorum none\nquorum none\n".to_owned(), 2),
        (format!("log {a}\nquorum none\n"), 1),
        (format!("log {PUBLIC_LOG}\nlog {PUBLIC_LOG}\nquorum none\n"), 2),
        (format!("witness A {PUBLIC_LOG}\nquorum A\n"), 1),
        (format!("witness A {a} http://x more\nquorum A\n"), 1),
        ("trust everyone\n".to_owned(), 1),
    ] {
        let error = TrustPolicy::parse(&bad).unwrap_err();
        assert!(
            matches!(error, PolicyError::Line { line: at, .. } if at == line),
            "{bad}: {error}"
        );
    }
    assert_eq!(TrustPolicy::parse(""), Err(PolicyError::NoQuorum));
    let large = "#".repeat(POLICY_BYTES_MAX + 1);
    assert!(matches!(TrustPolicy::parse(&large), Err(PolicyError::TooLarge { .. })));
}
