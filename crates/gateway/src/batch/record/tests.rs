//! There is one way from each state to the next, and none back.

use std::collections::BTreeSet;

use units::Id;

use super::{Counts, Dialect, Record, Since, Status};
use crate::batch::id::Uuid;

const ALL: [Status; 8] = [
    Status::Validating,
    Status::Failed,
    Status::InProgress,
    Status::Finalizing,
    Status::Completed,
    Status::Expired,
    Status::Cancelling,
    Status::Cancelled,
];

pub(in crate::batch) fn record(status: Status) -> Record {
    Record {
        id: Uuid::from_bytes([1; 16]),
        dialect: Dialect::OpenAi,
        project: Id::from_bytes([2; 16]),
        key: Id::from_bytes([3; 16]),
        endpoint: "/v1/chat/completions".to_owned(),
        input_file: Uuid::from_bytes([4; 16]),
        model: None,
        metadata: None,
        created_s: 100,
        expires_s: 200,
        output_kept_s: 50,
        kept_until_s: 300,
        status,
        since: Since::default(),
        counts: Counts::default(),
        faults: Vec::new(),
        is_late: false,
        output_file: None,
        error_file: None,
    }
}

#[test]
fn every_other_way_changes_nothing() {
    let ways = [
        "validating failed",
        "validating in_progress",
        "validating cancelling",
        "in_progress finalizing",
        "in_progress cancelling",
        "in_progress failed",
        "finalizing completed",
        "finalizing expired",
        "finalizing failed",
        "cancelling cancelled",
        "cancelling failed",
    ];
    let ways: BTreeSet<String> = ways.into_iter().map(str::to_owned).collect();
    let mut found = BTreeSet::new();
    for from in ALL {
        for to in ALL {
            let mut stepped = record(from);
            if stepped.step(to, 150) {
                assert_eq!(stepped.status, to);
                found.insert(format!("{} {}", from.word(), to.word()));
            } else {
                assert_eq!(stepped, record(from));
            }
        }
    }
    assert_eq!(found, ways);
    let ends: Vec<&str> = ALL.iter().filter(|one| one.is_final()).map(|one| one.word()).collect();
    assert_eq!(ends, ["failed", "completed", "expired", "cancelled"]);
}

#[test]
fn each_state_says_since_when() {
    let mut taken = record(Status::Validating);
    for (at, to) in [(110, Status::InProgress), (120, Status::Finalizing), (130, Status::Expired)] {
        assert!(taken.step(to, at));
    }
    let since = Since {
        in_progress: Some(110),
        finalizing: Some(120),
        expired: Some(130),
        ..Since::default()
    };
    assert_eq!(taken.since, since);
    assert!(!taken.is_over(199) && taken.is_over(200));
}

#[test]
fn both_kinds_of_client_have_their_words() {
    let words: Vec<_> = ALL.iter().map(|one| one.job_word()).collect();
    let wanted = [
        "QUEUED",
        "FAILED",
        "RUNNING",
        "RUNNING",
        "SUCCESS",
        "TIMEOUT_EXCEEDED",
        "CANCELLATION_REQUESTED",
        "CANCELLED",
    ];
    assert_eq!(words, wanted);
}
