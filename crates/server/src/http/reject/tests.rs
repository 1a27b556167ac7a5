//! Every refusal of the state machine as a client sees it.

use expect_test::expect;
use kernel::Reject;
use units::{Allowance, Id, kinds};

use super::*;

fn id<K: units::IdKind>() -> Id<K> {
    Id::from_parts(1_700_000_000_000, [7; 10])
}

fn all() -> Vec<Reject> {
    let text = str::to_owned;
    vec![
        Reject::NotFound { kind: "dataset", id: text("ds_1") },
        Reject::NameTaken { kind: "project", name: text("nlp") },
        Reject::Invalid { field: "retry.max", message: text("at most 100") },
        Reject::LimitReached { what: "projects", limit: 3 },
        Reject::VersionConflict { expected: 1, current: 2 },
        Reject::IdempotencyMismatch { key: text("k") },
        Reject::BudgetExhausted {
            budget: id::<kinds::Budget>(),
            name: text("q1"),
            owner: text("project `orange/nlp`"),
            limit: Allowance::Tokens(5),
            spent: Allowance::Tokens(6),
            resets_at: None,
        },
        Reject::WrongState {
            kind: "workload",
            id: text("job_1"),
            state: text("ended"),
            action: "stop it",
        },
        Reject::Stale { workload: id::<kinds::Workload>(), given: 1, current: 2 },
        Reject::DoesNotFit { message: text("node `a` is full") },
        Reject::QuotaExceeded {
            organisation: text("orange"),
            class: text("H200"),
            promised_milli: 9,
            given_milli: 8,
        },
        Reject::ReservationConflict {
            node: text("n1"),
            reservation: id::<kinds::Reservation>(),
            name: text("exam"),
            until: units::UnixMicros(1_700_000_000_000_000),
        },
        Reject::EntryTooLarge { bytes: 70_000, limit: 65_535 },
    ]
}

#[test]
fn each_refusal_has_its_code_and_keeps_its_text() {
    let mut lines = String::new();
    for reject in all() {
        let fail = Fail::from(reject);
        let problem = &fail.0;
        let pointer = problem.errors.first().map_or("", |error| error.pointer.as_str());
        lines.push_str(&format!(
            "{} {} [{}] {} | {}\n",
            problem.status,
            problem.code,
            pointer,
            problem.detail,
            problem.remedy.as_deref().unwrap_or("-")
        ));
    }
    expect![[r#"
        404 not-found [] dataset `ds_1` does not exist | -
        409 name-taken [] project `nlp` exists already: choose another name | choose another name, or use what exists
        422 invalid-field [/retry/max] at most 100 | -
        422 limit-reached [] the limit of 3 projects is reached | remove what is no longer needed, or ask the operator
        409 version-conflict [] version 1 was expected, but the resource is at version 2: read it again | read it again; its version is `"2"` now
        409 idempotency-mismatch [] idempotency key `k` was used for a different command: use a fresh key | send a fresh Idempotency-Key
        402 budget-exhausted [] budget `q1` of project `orange/nlp` is used up: 6 tokens of 5 tokens spent; ask for a higher limit | ask an administrator to raise budget `q1`: `cocarde budget set bud_01hf7yat00ew3re1r70w3ge1r7 --limit AMOUNT`
        409 state-conflict [] workload `job_1` is ended: cannot stop it | -
        409 state-conflict [] generation 1 of workload `job_01hf7yat00ew3re1r70w3ge1r7` is stale: the current one is 2 | read it again, then decide
        507 no-capacity [] placement does not fit: node `a` is full | -
        409 quota-exceeded [] the projects of organisation `orange` would be promised 9 thousandths of `H200`, it has 8: raise its quota or give less | see `cocarde quota list` for what each project has
        409 reservation-conflict [] node `n1` is reserved by `exam` (rsv_01hf7yat00ew3re1r70w3ge1r7) in that window | choose other nodes, or a window from 2023-11-14T22:13:20Z on
        413 payload-too-large [] the entry would take 70000 bytes, the log holds at most 65535: pass large payloads by digest | shorten texts, or store the content as a blob and name its digest
    "#]].assert_eq(&lines);
}
