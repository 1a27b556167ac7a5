//! Relief and recovery against a reference that tries every combination of limits and preemptions.

use proptest::prelude::*;

use super::{model, open, path, trees};
use crate::power::{
    FeederIdx, FeederSpec, PowerModel, PowerTree, Relief, RunningPower, recover, relief,
};

/// What became of a job: the number of its limit, or `None` when it is stopped.
type State = Option<u32>;

fn jobs(n: usize) -> impl Strategy<Value = Vec<(RunningPower, Vec<prop::sample::Index>)>> {
    let places = prop::collection::vec(any::<prop::sample::Index>(), 1..3);
    let job = (0u32..2, 0u32..3, 0u32..3, 1u32..4, 0u64..20, prop::bool::weighted(0.7), places);
    prop::collection::vec(
        job.prop_map(|(gpu, class, cap, gpus, lost_work, preemptible, places)| {
            let cap = cap.min(2 - gpu);
            let gpus_at = vec![(FeederIdx(0), gpus)];
            (RunningPower { gpu, class, cap, gpus_at, lost_work, preemptible }, places)
        }),
        0..=n,
    )
}

/// A tree with the jobs admitted, some other load, and then the budgets of the specification.
fn fallen(
    specs: &[FeederSpec],
    jobs: Vec<(RunningPower, Vec<prop::sample::Index>)>,
    other_mw: u64,
) -> (PowerTree, Vec<RunningPower>) {
    let mut tree = open(specs);
    let mut running = Vec::new();
    for (mut job, places) in jobs {
        let gpus = job.gpus_at[0].1;
        let feeders = places.iter().map(|place| FeederIdx(place.index(specs.len()) as u32));
        job.gpus_at = feeders.map(|feeder| (feeder, gpus)).collect();
        tree.admit(&model().loads(&job).unwrap()).unwrap();
        running.push(job);
    }
    tree.admit(&[(FeederIdx(0), other_mw)]).unwrap();
    for (index, spec) in specs.iter().enumerate() {
        tree.set_allowed(FeederIdx(index as u32), spec.allowed_mw).unwrap();
    }
    (tree, running)
}

fn gpu_mw(model: &PowerModel, job: &RunningPower, state: State) -> u64 {
    let Some(cap) = state else { return 0 };
    let one = RunningPower { cap, gpus_at: vec![(FeederIdx(0), 1)], ..job.clone() };
    model.loads(&one).unwrap()[0].1
}

/// Draw of the feeder in a state, from the tree's counter and the change of each job.
fn draw(
    (specs, tree): (&[FeederSpec], &PowerTree),
    running: &[RunningPower],
    states: &[State],
    feeder: FeederIdx,
) -> u64 {
    let model = model();
    let mut used = tree.used_mw(feeder) as i64;
    for (job, state) in running.iter().zip(states) {
        let below = job.gpus_at.iter().filter(|(at, _)| path(specs, *at).contains(&feeder));
        let gpus: u32 = below.map(|(_, gpus)| *gpus).sum();
        let change = gpu_mw(&model, job, *state) as i64 - gpu_mw(&model, job, Some(job.cap)) as i64;
        used += i64::from(gpus) * change;
    }
    u64::try_from(used).unwrap()
}

fn within(
    (specs, tree): (&[FeederSpec], &PowerTree),
    running: &[RunningPower],
    states: &[State],
) -> bool {
    let mut feeders = (0..specs.len()).map(|index| FeederIdx(index as u32));
    feeders.all(|feeder| {
        draw((specs, tree), running, states, feeder) <= specs[feeder.0 as usize].allowed_mw
    })
}

/// Every combination of what may become of the jobs.
fn combinations(running: &[RunningPower]) -> Vec<Vec<State>> {
    let mut all = vec![Vec::new()];
    for job in running {
        let n_caps = 2 - job.gpu;
        let mut choices: Vec<State> = (job.cap..=n_caps).map(Some).collect();
        choices.extend(job.preemptible.then_some(None));
        let extend = |states: &Vec<State>| {
            let choices = choices.iter();
            let longer = choices.map(|choice| [states.as_slice(), &[*choice]].concat());
            longer.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(extend).collect();
    }
    all
}

fn outcome(running: &[RunningPower], relief: &Relief) -> Vec<State> {
    let mut states: Vec<State> = running.iter().map(|job| Some(job.cap)).collect();
    for change in &relief.caps {
        assert_eq!(states[change.job], Some(change.from));
        assert!(change.to > change.from);
        states[change.job] = Some(change.to);
    }
    for preemption in &relief.preemptions {
        assert!(running[preemption.job].preemptible);
        assert_eq!(running[preemption.job].lost_work, preemption.lost_work);
        states[preemption.job] = None;
    }
    states
}

/// One step back for one job: from stopped to its lowest limit, or one limit higher that is felt.
fn steps_back(running: &[RunningPower], states: &[State]) -> Vec<Vec<State>> {
    let model = model();
    let mut steps = Vec::new();
    for (index, (job, state)) in running.iter().zip(states).enumerate() {
        let back = match state {
            None => Some(2 - job.gpu),
            Some(cap) => (job.cap..*cap)
                .rev()
                .find(|higher| gpu_mw(&model, job, Some(*higher)) > gpu_mw(&model, job, *state)),
        };
        if let Some(back) = back {
            let mut after = states.to_vec();
            after[index] = Some(back);
            steps.push(after);
        }
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn relief_is_found_wherever_there_is_one_and_takes_no_more(
        specs in trees(5),
        jobs in jobs(5),
        other_mw in 0u64..30,
    ) {
        let (mut tree, running) = fallen(&specs, jobs, other_mw);
        let at = (specs.as_slice(), &tree);
        let answer = relief(&tree, &model(), &running).unwrap();
        prop_assert_eq!(&answer, &relief(&tree, &model(), &running).unwrap());
        let states = outcome(&running, &answer);

        let close: Vec<_> = tree.shortfalls().map(|shortfall| shortfall.feeder).collect();
        prop_assert_eq!(&answer.close, &close);

        // Whether there is a way at all, and whether there is one without preempting.
        let ways = combinations(&running);
        let good: Vec<_> = ways.iter().filter(|states| within(at, &running, states)).collect();
        prop_assert_eq!(answer.unresolved.is_empty(), !good.is_empty());
        if good.iter().any(|states| states.iter().all(Option::is_some)) {
            prop_assert!(answer.preemptions.is_empty());
        }

        // Exactly the feeders that are still over are named, with what is missing there.
        let still: Vec<_> = (0..specs.len())
            .map(|index| FeederIdx(index as u32))
            .map(|feeder| (feeder, draw(at, &running, &states, feeder)))
            .filter(|(feeder, mw)| *mw > specs[feeder.0 as usize].allowed_mw)
            .map(|(feeder, mw)| (feeder, mw - specs[feeder.0 as usize].allowed_mw))
            .collect();
        let named = answer.unresolved.iter().map(|u| (u.feeder, u.short_mw));
        prop_assert_eq!(named.collect::<Vec<_>>(), still);
        for unresolved in &answer.unresolved {
            let draw = draw(at, &running, &states, unresolved.feeder);
            prop_assert_eq!(unresolved.protected_mw + unresolved.other_mw, draw);
        }

        // No single step can be given back.
        if answer.unresolved.is_empty() {
            for back in steps_back(&running, &states) {
                prop_assert!(!within(at, &running, &back), "{:?} from {:?}", back, states);
            }
        }

        tree.release(&answer.freed).unwrap();
        prop_assert_eq!(tree.shortfalls().count(), answer.unresolved.len());
    }

    #[test]
    fn recovery_lifts_all_that_fits_and_nothing_more(
        specs in trees(5),
        jobs in jobs(5),
        other_mw in 0u64..30,
    ) {
        let (mut tree, running) = fallen(&specs, jobs, other_mw);
        let over_before: Vec<_> = tree.shortfalls().collect();
        let answer = recover(&tree, &model(), &running).unwrap();
        let mut after = running.clone();
        for change in &answer.caps {
            prop_assert!(change.from == after[change.job].cap && change.to < change.from);
            after[change.job].cap = change.to;
        }
        for feeder in 0..specs.len() {
            tree.set_closed(FeederIdx(feeder as u32), true).unwrap();
        }
        tree.admit_running(&answer.added).unwrap();
        prop_assert_eq!(tree.shortfalls().collect::<Vec<_>>(), over_before);
        for job in after.iter().filter(|job| job.cap > 0) {
            let higher = RunningPower { cap: job.cap - 1, ..job.clone() };
            let loads = model().loads(&higher).unwrap();
            let less = model().loads(job).unwrap();
            let more: Vec<_> = loads.iter().zip(less).map(|(a, b)| (a.0, a.1 - b.1)).collect();
            prop_assert!(tree.admit_running(&more).is_err());
        }
    }
}
