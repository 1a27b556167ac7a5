//! The generators against what their files say, and whole runs against the bound.

use std::collections::BTreeSet;

use super::{
    Anywhere, Generator, Outcome, Place, Preemption, RackCount, Topology, WorkloadSet,
    lower_bound_ms, simulate,
};

fn run(generator: &Generator, preemption: Preemption) -> Outcome {
    simulate(generator, preemption, &mut Anywhere).expect("the quotas fit")
}

/// One cohort of the file: all cohorts are alike and share nothing.
fn one_cohort(generator: Generator) -> Generator {
    Generator { n_cohorts: 1, ..generator }
}

#[test]
fn workloads_are_those_of_the_files() {
    let check = |generator: Generator, count: usize, last_created_ms: u64, cpu_s_per_queue: u64| {
        let workloads = generator.workloads();
        assert_eq!(workloads.len(), count, "{}", generator.name);
        assert_eq!(workloads.last().map(|w| w.created_ms), Some(last_created_ms));
        assert!(workloads.is_sorted());
        let queues: BTreeSet<u32> = workloads.iter().map(|w| w.queue).collect();
        assert_eq!(queues.len(), usize::try_from(generator.n_queues()).unwrap());
        let work: u64 = generator
            .sets
            .iter()
            .map(|set| u64::from(set.count) * set.need_milli() * set.runtime_ms)
            .sum();
        assert_eq!(work / 1_000_000, cpu_s_per_queue, "{}", generator.name);
    };
    check(Generator::baseline(), 15_000, 60_000, 1_320);
    check(Generator::tas(), 15_000, 20_400, 1_320);
    check(Generator::large_scale(), 50_000, 3_300, 80);
}

/// For the baseline: of the 66 s of work of each queue 0.36 s is created before the first large
/// workload at 1.2 s, and all else cannot start earlier: 1.2 + 65.64 s. Checked with a script that
/// tries every instant.
#[test]
fn bounds_are_what_quota_and_creation_allow() {
    assert_eq!(lower_bound_ms(&Generator::baseline()), 66_840);
    assert_eq!(lower_bound_ms(&Generator::tas()), 66_380);
    assert_eq!(lower_bound_ms(&Generator::large_scale()), 4_470);
}

#[test]
fn a_cohort_of_the_baseline_ends_close_to_the_bound() {
    let generator = one_cohort(Generator::baseline());
    let bound_ms = lower_bound_ms(&generator);
    // Preempted workloads start from nothing, so the end moves by the work that is lost.
    for (preemption, percent_max) in [(Preemption::Off, 101), (Preemption::AsConfigured, 120)] {
        let outcome = run(&generator, preemption);
        assert!(outcome.makespan_ms >= bound_ms);
        assert!(outcome.makespan_ms * 100 <= bound_ms * percent_max, "{outcome:?}");
        assert_eq!(outcome.classes.values().map(|class| class.count).sum::<u64>(), 3_000);
        let useful = outcome.used_milli_ms - outcome.lost_milli_ms;
        assert_eq!(useful, 6 * 1_320_000_000, "work is done once");
        assert_eq!(outcome.n_admissions, 3_000 + outcome.n_preemptions());
        assert_eq!(outcome, run(&generator, preemption), "two runs agree");
    }
    assert_eq!(run(&generator, Preemption::Off).n_preemptions(), 0);
}

/// A queue alone with two classes: the second has the higher priority.
fn small_file(nominal_milli: u64, queues_per_cohort: u32) -> Generator {
    let set = |class, priority, pod_milli, interval_ms, runtime_ms| WorkloadSet {
        class,
        count: 1,
        interval_ms,
        runtime_ms,
        priority,
        pods: 1,
        pod_milli,
        topology: Topology::Any,
    };
    Generator {
        n_cohorts: 1,
        queues_per_cohort,
        nominal_milli,
        sets: vec![set("first", 1, 10_000, 100, 1_000), set("second", 2, 10_000, 500, 1_000)],
        ..Generator::baseline()
    }
}

#[test]
fn a_higher_priority_ends_a_lower_one_of_its_queue() {
    let outcome = run(&small_file(10_000, 1), Preemption::AsConfigured);
    // From 100 to 500 the first runs for nothing; the second until 1,500, then the first again.
    assert_eq!(outcome.makespan_ms, 2_500);
    assert_eq!(outcome.lost_milli_ms, 10_000 * 400);
    assert_eq!(outcome.classes["first"].wait_ms_sum, 1_400);
    assert_eq!(outcome.classes["second"].wait_ms_sum, 0);
    assert_eq!(outcome.usage_milli(10_000), 960);
    let patient = run(&small_file(10_000, 1), Preemption::Off);
    assert_eq!((patient.makespan_ms, patient.lost_milli_ms), (2_100, 0));
    assert_eq!(patient.classes["second"].wait_ms_mean(), 600);
}

#[test]
fn what_was_borrowed_comes_back() {
    // Two queues of 10 CPUs. Both firsts run on their own quota; the seconds need it too.
    let outcome = run(&small_file(10_000, 2), Preemption::AsConfigured);
    assert_eq!((outcome.n_preemptions(), outcome.makespan_ms), (2, 2_500));
    // With 20 CPUs each nobody has to end anybody.
    let roomy = run(&small_file(20_000, 2), Preemption::AsConfigured);
    assert_eq!((roomy.n_preemptions(), roomy.makespan_ms), (0, 1_500));
}

#[test]
fn racks_are_counted() {
    let set = |topology| WorkloadSet {
        class: "gang",
        count: 1,
        interval_ms: 1,
        runtime_ms: 1,
        priority: 0,
        pods: 4,
        pod_milli: 2,
        topology,
    };
    let mut racks = RackCount::new(2, 7);
    assert_eq!(racks.place(&set(Topology::RequiredRack)), None);
    assert_eq!(racks.place(&set(Topology::Slices { pods: 2 })), Some(vec![(0, 4), (1, 4)]));
    assert_eq!(racks.place(&set(Topology::Slices { pods: 2 })), None);
    racks.release(&vec![(0, 4), (1, 4)]);
    let spread = racks.place(&set(Topology::PreferredRack)).expect("there is room");
    assert_eq!(spread, [(0, 2), (0, 2), (0, 2), (1, 2)]);
    racks.release(&spread);
    let mut wide = RackCount::new(2, 9);
    assert_eq!(wide.place(&set(Topology::PreferredRack)), Some(vec![(0, 8)]));
    // Three pods in a slice leave one for the last.
    assert_eq!(wide.place(&set(Topology::Slices { pods: 3 })), Some(vec![(1, 6), (1, 2)]));
}
