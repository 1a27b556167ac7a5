//! The clock is set while the loop runs: what was changed a moment ago neither seems old nor still to come.

use super::*;

const HOUR: i64 = 3_600_000_000;
const SECOND: i64 = 1_000_000;

fn standing(replicas: u32, resized_at: i64) -> Standing {
    Standing { replicas, ready: replicas, resized_at: Some(UnixMicros(resized_at)) }
}

/// What is wanted a while after a change that was made when the log's clock stood at `recorded`.
fn wanted_after(seconds: i64, recorded: i64) -> Option<u32> {
    let scaling = Scaling { target_tokens: Some(100), ..Scaling::within(1, 8) };
    let (mut known, start) = (Known::default(), 10 * HOUR);
    let id = Id::from_bytes([1; 16]);
    let sample = Sample { tokens: 800, ..Sample::default() };
    known.steadily(standing(1, start - HOUR), (UnixMicros(start), UnixMicros(start)));
    let mut asked = None;
    for second in 1..=seconds {
        let steady = UnixMicros(start + second * SECOND);
        let now = UnixMicros(recorded);
        let standing = known.steadily(standing(2, recorded), (now, steady));
        asked = known.resize(id, (&scaling, standing), sample, steady);
    }
    match asked {
        Some(endpoint::Command::Resize { replicas, .. }) => Some(replicas),
        _ => None,
    }
}

#[test]
fn the_pause_after_a_change_is_the_same_whichever_way_the_clock_was_set() {
    for set in [-HOUR, 0, HOUR] {
        // Up after ten seconds, of which the first is the change itself.
        assert_eq!(wanted_after(10, 10 * HOUR + set), None, "{set}");
        assert_eq!(wanted_after(11, 10 * HOUR + set), Some(8), "{set}");
    }
}

#[test]
fn of_a_change_before_the_start_the_log_says_how_long_ago_it_was() {
    let (now, steady) = (UnixMicros(10 * HOUR), UnixMicros(9 * HOUR));
    let seen = Known::default().steadily(standing(1, 10 * HOUR - 7), (now, steady));
    assert_eq!(seen.resized_at, Some(UnixMicros(9 * HOUR - 7)));
    let ahead = Known::default().steadily(standing(1, 11 * HOUR), (now, steady));
    assert_eq!(ahead.resized_at, Some(steady), "not still to come");
}
