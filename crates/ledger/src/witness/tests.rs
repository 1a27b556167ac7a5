//! The witness: every refusal of the specification by its status, and raw bodies that must never panic.

use proptest::prelude::*;

use super::*;
use crate::note::SigningKey;
use crate::testing::{ORIGIN, SampleLog, sample_hashes, sample_key, sign};
use crate::tree::Tree;
use crate::{CosignerKey, Hash, SignedNote};

/// The example of `tlog-witness` §add-checkpoint.
const EXAMPLE: &str = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";

/// A log that can be looked at in any of its sizes.
struct Log(Tree);

impl Log {
    fn new(size: u64) -> Self {
        Self(sample_hashes(size).into_iter().collect())
    }

    /// The same log up to leaf 4, then another history.
    fn forked(size: u64) -> Self {
        let mut hashes = sample_hashes(size);
        for hash in hashes.iter_mut().skip(5) {
            hash.0[0] ^= 1;
        }
        Self(hashes.into_iter().collect())
    }

    fn note(&self, size: u64) -> String {
        sign(TreeHead { size, root: self.0.root_at(size).unwrap() })
    }

    fn request(&self, old: u64, size: u64) -> AddCheckpoint {
        let mut request = AddCheckpoint::of_note(old, &self.note(size)).unwrap();
        request.proof = proof::consistency(&self.0, old, size).unwrap();
        request
    }
}

fn witness() -> Witness {
    let mut witness = Witness::new();
    witness.trust(ORIGIN, sample_key().verifier().clone());
    witness
}

fn key() -> CosigningKey {
    CosigningKey::from_seed("witness.example/w1", [3; 32]).unwrap()
}

/// Judges, records, and checks the cosignature as the log would.
fn accept(witness: &mut Witness, request: &AddCheckpoint) {
    let accepted = witness.judge(request.to_string().as_bytes()).unwrap();
    witness.record(&accepted);
    let answer = format!("{}\n", accepted.cosign(&key(), 1_700_000_000));
    let mut note = request.note.clone();
    for line in read_cosignatures(answer.as_bytes()).unwrap() {
        note.add_signature(line).unwrap();
    }
    let public: CosignerKey = key().public().clone();
    assert_eq!(public.verify(&note), Ok(1_700_000_000));
}

fn refused(witness: &Witness, body: &str) -> (u16, Refusal) {
    let refusal = witness.judge(body.as_bytes()).unwrap_err();
    (refusal.status(), refusal)
}

#[test]
fn the_example_of_the_specification_is_read_and_written() {
    let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
    assert_eq!((request.old, request.proof.len()), (20_852_014, 4));
    assert_eq!(request.to_string(), EXAMPLE);
    let origin = "example.com/behind-the-sofa".to_owned();
    assert_eq!(refused(&witness(), EXAMPLE), (404, Refusal::UnknownLog { origin }));
}

#[test]
fn a_log_that_grows_is_cosigned_at_each_size() {
    let log = Log::new(70);
    let mut witness = witness();
    assert_eq!(witness.logs().collect::<Vec<_>>(), [(ORIGIN, None)]);
    accept(&mut witness, &log.request(0, 0));
    for pair in [0_u64, 1, 2, 3, 5, 8, 8, 33, 64, 70].windows(2) {
        accept(&mut witness, &log.request(pair[0], pair[1]));
    }
    assert_eq!(witness.logs().next().unwrap().1, Some(log.0.head()));
}

#[test]
fn every_refusal_has_its_status() {
    let (log, fork) = (Log::new(40), Log::forked(40));
    let mut witness = witness();
    // The first checkpoint needs no proof and may have none.
    let mut first = log.request(0, 10);
    first.proof = vec![log.0.root()];
    assert_eq!(refused(&witness, &first.to_string()).0, 422);
    accept(&mut witness, &log.request(0, 10));

    let stranger = SigningKey::from_seed(ORIGIN, [8; 32]).unwrap();
    let head = TreeHead { size: 12, root: log.0.root_at(12).unwrap() };
    let unsigned = Checkpoint::new(ORIGIN, head).unwrap().sign(&stranger).unwrap();
    let origin = ORIGIN.to_owned();
    let body = format!("old 10\n\n{unsigned}");
    assert_eq!(refused(&witness, &body), (403, Refusal::NotSigned { origin }));

    // Rollback and replay: the witness names its own size, and goes on from there.
    let conflict = (409, Refusal::OtherSize { size: 10 });
    for (old, size) in [(0, 10), (0, 30), (9, 30), (5, 9), (20, 30)] {
        assert_eq!(refused(&witness, &log.request(old, size).to_string()), conflict);
    }
    let reversed = format!("old 10\n\n{}", log.note(9));
    assert_eq!(refused(&witness, &reversed), (400, Refusal::SizesReversed { old: 10, size: 9 }));

    // Two histories: of the same size, and of a larger one.
    let other = format!("old 10\n\n{}", fork.note(10));
    assert_eq!(refused(&witness, &other), (409, Refusal::OtherRoot { size: 10 }));
    let (status, refusal) = refused(&witness, &fork.request(10, 40).to_string());
    assert!(status == 422 && refusal.is_evidence(), "{refusal}");
    let mut spoiled = log.request(10, 40);
    spoiled.proof[0] = Hash([0; 32]);
    assert_eq!(refused(&witness, &spoiled.to_string()).0, 422);
    spoiled.proof.clear();
    assert_eq!(refused(&witness, &spoiled.to_string()).0, 422);
    // Nothing of this was recorded.
    accept(&mut witness, &log.request(10, 40));
}

#[test]
fn a_restart_remembers_and_refuses_what_was_changed() {
    let log = Log::new(20);
    let mut first = witness();
    accept(&mut first, &log.request(0, 12));
    let accepted = first.judge(log.request(12, 20).to_string().as_bytes()).unwrap();
    first.record(&accepted);
    let mut second = witness();
    second.restore(accepted.note()).unwrap();
    assert_eq!(second.logs().next(), first.logs().next());
    assert_eq!(refused(&second, &log.request(12, 20).to_string()).0, 409);
    let changed = accepted.note().replace("\n20\n", "\n2\n");
    assert!(matches!(witness().restore(&changed), Err(Refusal::NotSigned { .. })));
}

#[test]
fn logs_are_apart_and_may_have_two_keys_and_extension_lines() {
    let mut witness = witness();
    let (old, new) = (
        SigningKey::from_seed("second.example", [1; 32]).unwrap(),
        SigningKey::from_seed("second.example/2026", [2; 32]).unwrap(),
    );
    witness.trust("second.example", old.verifier().clone());
    witness.trust("second.example", new.verifier().clone());
    let log = Log::new(9);
    accept(&mut witness, &log.request(0, 9));
    for (key, size) in [(&old, 4_u64), (&new, 9)] {
        let root = log.0.root_at(size).unwrap();
        let text = format!("second.example\n{size}\n{root}\nan extension\n");
        let note = SignedNote::sign(&text, key).unwrap();
        let mut request = log.request(if size == 4 { 0 } else { 4 }, size);
        request.note = note;
        accept(&mut witness, &request);
    }
    let empty = SignedNote::sign(&format!("second.example\n9\n{}\n\nx\n", log.0.root()), &new);
    let body = format!("old 9\n\n{}", empty.unwrap());
    assert_eq!(refused(&witness, &body).0, 400);
}

#[test]
fn what_is_not_a_request_is_400() {
    let log = SampleLog::new(9);
    let note = &log.checkpoint;
    let many = format!("old 1\n{}\n{note}", format!("{}\n", log.head.root).repeat(64));
    for body in [
        String::new(),
        note.clone(),
        format!("old 0\n{note}"),
        format!("old 00\n\n{note}"),
        format!("old +1\n\n{note}"),
        format!("old 18446744073709551616\n\n{note}"),
        format!("old 1 \n\n{note}"),
        format!("old 0\r\n\n{note}"),
        format!("old 1\nAAAA\n\n{note}"),
        format!("old 0\n\n{}", note.replace("\n9\n", "\n09\n")),
        format!("old 0\n\n{note}more"),
        many,
        "x".repeat(REQUEST_BYTES_MAX + 1),
    ] {
        let short: String = body.chars().take(60).collect();
        assert_eq!(refused(&witness(), &body).0, 400, "{short}");
    }
    let line = key().cosign("x\n", 1).to_string();
    for answer in [String::new(), "\n".to_owned(), line.clone(), format!("{line}\nx\n")] {
        assert!(read_cosignatures(answer.as_bytes()).is_err(), "{answer}");
    }
}

proptest! {
    #[test]
    fn raw_bodies_never_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(witness().judge(&body).is_err());
        let _ = read_cosignatures(&body);
    }

    #[test]
    fn a_changed_request_is_never_cosigned_as_something_else(at in 0_usize..700, byte in any::<u8>()) {
        let log = Log::new(21);
        let mut witness = witness();
        accept(&mut witness, &log.request(0, 13));
        let mut body = log.request(13, 21).to_string().into_bytes();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(accepted) = witness.judge(&body) {
            prop_assert_eq!(accepted.checkpoint().head(), log.0.head());
        }
    }
}
