//! Figures of small runs, reckoned by hand.

use units::{DurationMicros, MilliWatt};

use crate::twin::{
    Time,
    checkers::Findings,
    events::{Ending, Event, Observer, Part, Preemption, Share},
    first_fit::tests::{SMALL, fleet_of, jobs_of},
    fleet::{ClassIdx, Fleet, NodeIdx, SiteIdx},
    results::{Collector, Outcome, Summary},
    workload::{JobIdx, Prepared},
};

const SECOND: u64 = 1_000_000;

fn whole(node: u32, gpus: u32) -> Share {
    Share { node: NodeIdx(node), gpus, part: None }
}

/// Takes what happens at a second.
type Tell<'a> = dyn FnMut(u64, Event<'_>) + 'a;

/// Runs what is told, until a second; gives the outcome and the rows of jobs.
fn outcome(
    fleet: &Fleet,
    jobs: &Prepared,
    until: u64,
    tell: &dyn Fn(&mut Tell<'_>),
) -> (Outcome, String) {
    let mut rows = Vec::new();
    let mut collector = Collector::new(fleet, jobs, "by hand", &mut rows);
    tell(&mut |second, event| collector.observe(Time(second * SECOND), &event));
    let outcome = collector.finish(Time(until * SECOND), Findings::default()).unwrap();
    (outcome, String::from_utf8(rows).unwrap())
}

/// 8 trays of 4 GPUs; two jobs, of which the second waits for the first.
fn two_jobs() -> (Summary, String) {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(
        &fleet,
        "job,tenant,submit_s,duration_s,nodes,gpus_per_node,deadline_s\n\
         a,x/p/u,0,100,8,4,\nb,y,0,50,8,4,120\n",
    );
    let all: Vec<Share> = (0..8).map(|node| whole(node, 4)).collect();
    let (outcome, rows) = outcome(&fleet, &jobs, 200, &|tell| {
        let (a, b, how) = (JobIdx(0), JobIdx(1), Ending::Finished);
        tell(0, Event::Submitted { job: a });
        tell(0, Event::Submitted { job: b });
        tell(0, Event::Started { job: a, shares: &all });
        tell(100, Event::Ended { job: a, how });
        tell(100, Event::Started { job: b, shares: &all });
        tell(150, Event::Ended { job: b, how });
    });
    (outcome.summary, rows)
}

#[test]
fn use_waits_and_completion_are_exact() {
    let (summary, rows) = two_jobs();
    assert_eq!(summary.span_ms, 200_000);
    // 150 of 200 seconds.
    assert_eq!(
        (summary.used_ppm, summary.occupancy_ppm, summary.goodput_ppm),
        (750_000, 750_000, 750_000)
    );
    assert_eq!((summary.jobs.submitted, summary.jobs.finished, summary.jobs.late), (2, 2, 1));
    assert_eq!((summary.wait_ms.mean, summary.wait_ms.max), (50_000, 100_000));
    assert_eq!((summary.completion_ms.mean, summary.completion_ms.max), (125_000, 150_000));
    // One job waits for half of the run.
    assert_eq!((summary.waiting_jobs_mean_milli, summary.waiting_jobs_max), (500, 1));
    assert_eq!(summary.waiting_gpus_mean_milli, 16_000);
    assert_eq!(
        rows,
        "by hand,a,x/p/u,32000,8,0,0,100,0,100,100,0,finished,500\n\
         by hand,b,y,32000,8,0,100,150,100,150,50,0,finished,1800\n"
    );
}

#[test]
fn fairness_is_what_its_definition_says() {
    let (summary, _) = two_jobs();
    // x got 100 of the 100 seconds that it asked for, y 50 of 150.
    let services: Vec<Option<u64>> =
        summary.by_organisation.iter().map(|one| one.service_ppm).collect();
    assert_eq!(services, [Some(1_000_000), Some(333_333)]);
    // (1 + 1/3)² / (2 × (1 + 1/9)) = 0.8
    assert_eq!(summary.jain_ppm, 800_000);
    // Contention is 2 for 100 s, then 1. a: 100 / (100 × 2) = 0.5; b: 150 / (50 × 250/150) = 1.8.
    assert_eq!((summary.finish_times.milli.max, summary.finish_times.unfair_ppm), (1_800, 500_000));
    assert_eq!(summary.finish_times.milli.mean, 1_150);
}

#[test]
fn energy_money_and_carbon_follow_the_fleet_file() {
    let (summary, _) = two_jobs();
    // Idle: 8 × (200 + 4 × 100) W = 4,800 W. At work 8 × (600 + 4 × 700) W = 27,200 W. PUE 1.25.
    // 150 s × 34,000 W + 50 s × 6,000 W = 5.4 MJ = 1.5 kWh.
    assert_eq!(summary.energy.energy_milli_kwh, 1_500);
    assert_eq!(summary.energy.peak_mw, 34_000_000);
    assert_eq!(summary.energy.mean_mw, 27_000_000);
    // 0.10 EUR/kWh, 50 g/kWh.
    assert_eq!((summary.energy.cost_milli_eur, summary.energy.carbon_milli_g), (150, 75_000));
    // 32 GPUs × 150 s × 2 EUR/h.
    assert_eq!(summary.charged_milli_eur, 2_667);
}

#[test]
fn a_cap_lowers_what_gpus_draw_and_a_node_that_is_out_draws_nothing() {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(&fleet, "job,submit_s,duration_s,nodes,gpus_per_node\na,0,100,1,4\n");
    let shares = [whole(0, 4)];
    let (outcome, _) = outcome(&fleet, &jobs, 3_600, &|tell| {
        let (site, class) = (SiteIdx(0), ClassIdx(0));
        tell(0, Event::Submitted { job: JobIdx(0) });
        tell(0, Event::Started { job: JobIdx(0), shares: &shares });
        tell(0, Event::GpuCapped { site, class, cap: Some(MilliWatt(300_000)) });
        tell(0, Event::NodeChanged { node: NodeIdx(7), is_up: false });
    });
    // 7 × 600 W idle, and 4 × 200 W + 400 W of work, × 1.25, for an hour.
    assert_eq!(outcome.summary.energy.energy_milli_kwh, 6_750);
    assert_eq!(outcome.summary.jobs.running, 1);
    assert_eq!(outcome.summary.occupancy_ppm, 4 * 1_000_000 / 28);
}

#[test]
fn preempted_work_is_lost_and_the_wait_is_counted_to_the_first_start() {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(&fleet, "job,submit_s,duration_s,nodes,gpus_per_node\na,10,100,1,4\n");
    let shares = [whole(3, 4)];
    let (outcome, rows) = outcome(&fleet, &jobs, 200, &|tell| {
        let job = JobIdx(0);
        tell(10, Event::Submitted { job });
        tell(20, Event::Started { job, shares: &shares });
        let lost = DurationMicros(25 * SECOND);
        tell(50, Event::Preempted { job, why: Preemption::Reclaim, lost });
        tell(60, Event::Started { job, shares: &shares });
        tell(155, Event::Ended { job, how: Ending::Finished });
    });
    let summary = &outcome.summary;
    // 125 s × 4 GPUs of 200 s × 32, 25 of them lost.
    assert_eq!((summary.used_ppm, summary.goodput_ppm), (78_125, 62_500));
    assert_eq!(summary.wait_ms.max, 10_000);
    assert_eq!(summary.preemptions.get("reclaim"), Some(&1));
    assert_eq!(rows, "by hand,a,all,4000,1,10,20,155,10,145,125,1,finished,1160\n");
}

/// Fragmentation now, with these shares taken of jobs on the small fleet.
fn fragmentation(jobs: &str, taken: &[(u32, Share)]) -> u64 {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(
        &fleet,
        &format!("job,submit_s,duration_s,nodes,gpus_per_node,segment,gpu_milli\n{jobs}"),
    );
    let (outcome, _) = outcome(&fleet, &jobs, 100, &|tell| {
        for (job, share) in taken {
            tell(0, Event::Submitted { job: JobIdx(*job) });
            tell(0, Event::Started { job: JobIdx(*job), shares: &[*share] });
        }
        // Measured at most once in a second.
        tell(2, Event::Sample(crate::twin::events::Gauges::default()));
        tell(100, Event::Sample(crate::twin::events::Gauges::default()));
    });
    outcome.curves.fragmentation_ppm.points().last().unwrap().peak
}

#[test]
fn fragmentation_counts_what_jobs_cannot_use() {
    let one = |node, gpus| whole(node, gpus);
    // Half of the jobs want 4 GPUs of a node, half want 1: after one GPU of node 0 is taken, 3 of 32
    // GPUs are of no use to the first half.
    let jobs = "a,0,1,1,1,,\nb,0,1,1,4,,\n";
    assert_eq!(fragmentation(jobs, &[(0, one(0, 1))]), 3 * 500_000 / 32);
    assert_eq!(fragmentation(jobs, &[]), 0);
    // Segments of 4 trays want a whole domain of 4: one tray taken strands the other three.
    let jobs = "a,0,1,4,4,4,\nb,0,1,4,4,4,\nc,0,1,4,4,4,\nd,0,1,1,4,,\n";
    assert_eq!(fragmentation(jobs, &[(3, one(1, 4))]), 12 * 750_000 / 32);
    // 0.4 of a GPU is free for who wants a part, and of no use to who wants a whole one.
    let jobs = "a,0,1,1,1,,600\nb,0,1,1,1,,\n";
    let part = Share { node: NodeIdx(0), gpus: 0, part: Some(Part { gpu: 0, milli: 600 }) };
    assert_eq!(fragmentation(jobs, &[(0, part)]), 400 * 500_000 / 32_000);
}
