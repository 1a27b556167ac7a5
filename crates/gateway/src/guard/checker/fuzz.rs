//! What a service answers, be it what it may: it allows, refuses with a code, or gives texts for those it was asked
//! about, and nothing else comes of it.

use std::sync::{Arc, LazyLock};

use super::super::{CheckKind, CheckSpec};
use super::*;
use crate::fuzzing::Nobody;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context {
    directory: Arc::new(Nobody),
    metrics: Arc::default(),
    request_id: HeaderValue::from_static("r"),
    endpoint: Id::from_bytes([1; 16]),
    model: "m".into(),
});

pub(in crate::guard) fn run(bytes: &[u8]) {
    let told = |bytes| serde_json::from_slice::<Told>(bytes).ok();
    let given = [told(bytes), told(bytes)];
    for (action, given) in [CheckAction::Redact, CheckAction::Report].into_iter().zip(given) {
        let before = ["one", ""].map(|text| Text { text: text.into(), ..Text::default() });
        let mut after = ["one", ""].map(|text| Text { text: text.into(), ..Text::default() });
        let fresh = match &given {
            Some(Told::Redact { texts }) => texts.clone(),
            Some(Told::Allow {} | Told::Refuse { .. }) | None => Vec::new(),
        };
        let is_none = given.is_none();
        let mut hits = Hits::default();
        let taken = check(action).take(given, &mut after, &mut hits, (question::WHAT, &CONTEXT));
        match taken {
            Err(Stopped::Refused(Refused { reason, .. })) => {
                assert!(
                    action != CheckAction::Report && reason.is_none_or(|reason| is_code(&reason))
                );
            }
            Err(Stopped::Unavailable(_)) => assert!(is_none && action != CheckAction::Report),
            Ok(changed) => {
                let differ = |(one, two): (&Text, &Text)| one.text != two.text;
                assert_eq!(before.iter().zip(&after).any(differ), changed);
                assert!(!changed || action != CheckAction::Report, "a rule that reports changes");
                for (place, (one, two)) in before.iter().zip(&after).enumerate() {
                    let fresh = fresh.get(place).cloned().flatten();
                    assert!(two.text == one.text || Some(&two.text) == fresh.as_ref());
                }
            }
        }
    }
}

fn check(action: CheckAction) -> Check {
    let asked = CheckerSpec {
        project: Id::from_bytes([2; 16]),
        upstream: Id::from_bytes([3; 16]),
        is_allowed: true,
        timeout: Duration::from_secs(1),
        unanswered: Unanswered::Refuse,
        window_chars: 8,
    };
    let kind = CheckKind::Checker(asked);
    Check::compile(CheckSpec { name: "r".into(), on_question: true, on_answer: true, action, kind })
}
