//! The order of service: ladders, outlooks against their definition, history, keys, and sets against
//! exhaustive search.

use proptest::prelude::*;

use super::outlook::Outlook;
use super::tally::{Hazards, ONE};
use super::*;

const HOUR: u64 = 3_600_000_000;

#[test]
fn a_rung_starts_where_the_one_before_ends() {
    assert_eq!(rung_of(0), 0);
    for rung in 1..RUNGS {
        assert_eq!(rung_of(rung_start(rung)), rung);
        assert_eq!(rung_of(rung_start(rung) - 1), rung - 1);
    }
    assert_eq!(rung_of(u64::MAX), RUNGS - 1);
}

/// The least mean service per end over all stretches that start on a rung, by trying each.
fn least_effort(hazards: &Hazards, from: usize) -> f64 {
    let (mut alive, mut ends, mut service, mut least) = (1.0, 0.0, 0.0, f64::MAX);
    for (rung, hazard) in hazards.iter().enumerate().skip(from) {
        let hazard = *hazard as f64 / ONE as f64;
        let chance = (2.0 * hazard / (2.0 + hazard)).min(1.0);
        let width = rung_start(rung.max(1)) as f64;
        ends += alive * chance;
        service += alive * width * (1.0 - chance / 2.0);
        alive *= 1.0 - chance;
        least = f64::min(least, service / ends);
    }
    least
}

proptest! {
    #[test]
    fn an_outlook_is_the_least_effort_of_any_stretch(
        hazards in prop::array::uniform32(100..3 * ONE),
    ) {
        let outlook = Outlook::new(&hazards);
        for rung in 0..RUNGS {
            let effort = outlook.effort(rung_start(rung)) as f64;
            let least = least_effort(&hazards, rung).min(u64::MAX as f64);
            prop_assert!((effort - least).abs() <= least * 0.001, "{rung}: {effort} {least}");
        }
    }

    #[test]
    fn equal_stamps_mean_equal_outlooks(
        steps in prop::collection::vec((0u64..3, 0usize..12, 0u64..40, any::<bool>()), 1..40),
    ) {
        let mut history = History::default();
        let mut members: Vec<(Member, Stamp, Outlook)> = Vec::new();
        for (group, which, doublings, ends) in steps {
            if members.len() < 12 {
                let member = history.admit(GroupId(group));
                let seen = (member, history.stamp(member), history.outlook(member));
                members.push(seen);
            }
            let (member, ..) = members[which % members.len()];
            let service = 1u64 << doublings;
            if ends { history.ended(member, service) } else { history.attained(member, service) }
            for (member, stamp, outlook) in &mut members {
                let now = (history.stamp(*member), history.outlook(*member));
                prop_assert!(now.0 != *stamp || now.1 == *outlook);
                (*stamp, *outlook) = now;
            }
        }
    }

    #[test]
    fn the_best_set_beats_every_other(
        jobs in prop::collection::vec((1u32..9, 1u64..1_000_000_000), 0..10),
        capacity in 0u32..20,
    ) {
        let jobs: Vec<Candidate> =
            jobs.into_iter().map(|(gpus, service)| Candidate { gpus, service }).collect();
        let gpus = |set: &[usize]| set.iter().map(|at| jobs[*at].gpus).sum::<u32>();
        let worth = |set: &[usize]| -> f64 {
            set.iter().map(|at| f64::from(jobs[*at].gpus) / jobs[*at].service as f64).sum()
        };
        let best = best_set(&jobs, capacity);
        prop_assert!(gpus(&best) <= capacity);
        prop_assert!(best.is_sorted());
        for mask in 0u32..1 << jobs.len() {
            let other: Vec<usize> = (0..jobs.len()).filter(|at| mask >> at & 1 == 1).collect();
            if gpus(&other) <= capacity {
                prop_assert!(worth(&other) <= worth(&best) * 1.000_001, "{other:?} {best:?}");
            }
        }
    }
}

#[test]
fn without_history_the_least_attained_offers_the_least_effort() {
    let mut history = History::default();
    let member = history.admit(GroupId(1));
    let outlook = history.outlook(member);
    let efforts: Vec<u64> = (0..RUNGS).map(|rung| outlook.effort(rung_start(rung))).collect();
    assert!(efforts.is_sorted(), "{efforts:?}");
    let rises = outlook.rises_above(0, efforts[4]).map(rung_of);
    assert_eq!(rises, efforts.iter().position(|effort| *effort > efforts[4]));
    assert_eq!(outlook.rises_above(0, u64::MAX), None);
}

#[test]
fn a_kind_that_always_takes_a_day_is_served_on_once_it_has_begun() {
    let mut history = History::default();
    for _ in 0..40 {
        let member = history.admit(GroupId(1));
        history.ended(member, 24 * HOUR);
    }
    let member = history.admit(GroupId(1));
    let outlook = history.outlook(member);
    assert!(outlook.effort(20 * HOUR) < outlook.effort(0), "it is nearer to its end");
    assert!(outlook.effort(200 * HOUR) > outlook.effort(0), "it has outlived its kind");
}

#[test]
fn neighbours_speak_louder_than_the_rest_of_the_group() {
    let mut history = History::default();
    let mut burst = |service: u64| {
        let members: Vec<Member> = (0..20).map(|_| history.admit(GroupId(7))).collect();
        for member in members.iter().filter(|member| **member != members[10]) {
            history.ended(*member, service);
        }
        members[10]
    };
    let (short, long) = (burst(HOUR / 60), burst(240 * HOUR));
    let effort = |member| history.outlook(member).effort(0);
    assert!(effort(short) * 10 < effort(long), "{} {}", effort(short), effort(long));
}

#[test]
fn work_that_still_runs_teaches_without_an_end() {
    let mut history = History::default();
    let (running, waiting) = (history.admit(GroupId(1)), history.admit(GroupId(1)));
    let (stamp, before) = (history.stamp(waiting), history.outlook(waiting).effort(0));
    history.attained(running, 100 * HOUR);
    assert_ne!(history.stamp(waiting), stamp);
    assert!(history.outlook(waiting).effort(0) > before);
    assert_eq!(history.typical(GroupId(1)), None, "nothing has ended");
    // A service that falls, or goes on after the end, is a caller's mistake and changes nothing.
    let stamp = history.stamp(waiting);
    history.attained(running, HOUR);
    assert_eq!(history.stamp(waiting), stamp);
}

#[test]
fn a_typical_service_is_a_geometric_mean_drawn_towards_all() {
    let mut history = History::default();
    for service in [HOUR, 16 * HOUR] {
        let member = history.admit(GroupId(1));
        history.ended(member, service);
    }
    let typical = history.typical(GroupId(1)).unwrap();
    assert!((3 * HOUR..5 * HOUR).contains(&typical), "{typical}");
    assert_eq!(history.typical(GroupId(2)), Some(typical), "an unknown group is like all");
    for _ in 0..16 {
        let member = history.admit(GroupId(2));
        history.ended(member, HOUR / 60);
    }
    assert!(history.typical(GroupId(2)).unwrap() < HOUR / 40);
    assert!(history.typical(GroupId(1)).unwrap() > HOUR / 2, "its own two count for most");
}

#[test]
fn history_stays_bounded() {
    let mut history = History::default();
    let first = history.admit(GroupId(0));
    for _ in 0..MEMBERS_MAX {
        let member = history.admit(GroupId(0));
        history.ended(member, HOUR);
    }
    let forgotten = history.outlook(first);
    history.ended(first, 1_000 * HOUR);
    assert_eq!(history.outlook(first), forgotten, "who is forgotten teaches its place nothing");
    for group in 0..u64::try_from(GROUPS_MAX).unwrap() + 10 {
        history.admit(GroupId(group));
    }
    let (one, other) = (history.admit(GroupId(1 << 40)), history.admit(GroupId(1 << 41)));
    assert_eq!(history.outlook(one), history.outlook(other), "further groups share one");
}

#[test]
fn disciplines_order_as_they_say() {
    let waiting = Standing {
        submitted: 5,
        attained: 3 * HOUR,
        remaining: Some(HOUR),
        predicted: Some(9 * HOUR),
        running: false,
    };
    let running = Standing { submitted: 6, running: true, ..waiting };
    let before = |discipline: Discipline, one: &Standing, other: &Standing| {
        discipline.key(one) < discipline.key(other)
    };
    assert!(before(Discipline::Fifo, &waiting, &running));
    for discipline in
        [Discipline::ShortestService, Discipline::LeastAttained, Discipline::Predicted]
    {
        assert!(
            before(discipline, &running, &waiting),
            "{discipline:?}: of equals, who runs stays"
        );
    }
    let shorter = Standing { remaining: Some(HOUR - 1), ..waiting };
    assert!(before(Discipline::ShortestService, &shorter, &running));
    let newer = Standing { attained: HOUR, ..waiting };
    assert!(before(Discipline::LeastAttained, &newer, &running));
    let slightly = Standing { predicted: Some(7 * HOUR), ..waiting };
    assert!(!before(Discipline::Predicted, &slightly, &running), "too small a gain for a restart");
    let clearly = Standing { predicted: Some(5 * HOUR), ..waiting };
    assert!(before(Discipline::Predicted, &clearly, &running));
    let unknown = Standing { predicted: None, remaining: None, ..waiting };
    assert_eq!(
        Discipline::Predicted.key(&unknown).service,
        Discipline::LeastAttained.key(&unknown).service
    );
}

#[test]
fn a_set_fills_what_a_large_job_leaves() {
    let job = |gpus, service| Candidate { gpus, service };
    // In order of service the second goes first and leaves four GPUs that nobody can use.
    let jobs = [job(8, 100), job(4, 90), job(8, 100)];
    assert_eq!(best_set(&jobs, 8), [0]);
    assert_eq!(best_set(&jobs, 12), [0, 1]);
    assert_eq!(best_set(&jobs, 3), [0usize; 0]);
    assert_eq!(
        best_set(&[job(0, 1), job(1, 0)], 1),
        [1],
        "a job without GPUs is not for this pool"
    );
}
