//! Every checker is shown something wrong: a check that cannot fail is a defect.

use units::DurationMicros;

use super::{Bounds, Checks, Findings, Rule};
use crate::twin::{
    Time,
    events::{Ending, Event, Observer, Part, Preemption, Share},
    first_fit::tests::{SMALL, fleet_of, jobs_of},
    fleet::{FeederIdx, Fleet, NodeIdx, SiteIdx},
    workload::{JobIdx, Prepared},
};

/// Jobs 0 to 7 of the tests.
const JOBS: &str = "job,tenant,submit_s,duration_s,nodes,gpus_per_node,gpu_milli,cpu_milli,within,segment,classes,after\n\
    pair,a,0,10,2,4,,,,,,\n\
    segments,a,0,10,4,4,,,,2,,\n\
    close,a,0,10,2,4,,,require:rack,,,\n\
    part,a,0,10,1,1,600,,,,,\n\
    many,org-1,0,10,6,4,,,,,,\n\
    later,a,0,10,1,1,,,,,,pair\n\
    cpu,a,0,10,1,0,,40000,,,,\n\
    single,a,0,10,1,1,,,,,,\n";

const GOOD: [&str; 8] = ["pair", "segments", "close", "part", "many", "later", "cpu", "single"];

fn whole(node: u32, gpus: u32) -> Share {
    Share { node: NodeIdx(node), gpus, part: None }
}

fn part(node: u32, gpu: u32) -> Share {
    Share { node: NodeIdx(node), gpus: 0, part: Some(Part { gpu, milli: 600 }) }
}

struct Bench<'a> {
    checks: Checks<'a>,
    now: Time,
}

impl<'a> Bench<'a> {
    fn new(fleet: &'a Fleet, jobs: &'a Prepared, bounds: Bounds) -> Self {
        let mut bench = Self { checks: Checks::new(fleet, jobs, bounds), now: Time::ZERO };
        for (job, _) in jobs.jobs() {
            bench.tell(&Event::Submitted { job });
        }
        bench
    }

    fn tell(&mut self, event: &Event<'_>) {
        self.checks.observe(self.now, event);
    }

    fn start(&mut self, job: u32, shares: &[Share]) {
        self.tell(&Event::Started { job: JobIdx(job), shares });
    }

    fn end(&mut self, job: u32) {
        self.tell(&Event::Ended { job: JobIdx(job), how: Ending::Finished });
    }
}

/// What the checks find of what is told.
fn findings(bounds: Bounds, act: &dyn Fn(&mut Bench<'_>)) -> Findings {
    let fleet = fleet_of(SMALL);
    let jobs = jobs_of(&fleet, JOBS);
    let mut bench = Bench::new(&fleet, &jobs, bounds);
    act(&mut bench);
    let end = bench.now;
    bench.checks.finish(end)
}

fn check(rule: Rule, message: &str, act: &dyn Fn(&mut Bench<'_>)) {
    let bounds = Bounds {
        power_grace: Some(DurationMicros::from_secs(60)),
        wait_max: Some(DurationMicros::from_secs(3_600)),
        ..Bounds::default()
    };
    let found = findings(bounds, act);
    let first = found.first.first().unwrap_or_else(|| panic!("{rule:?} finds nothing"));
    assert_eq!((first.rule, first.message.as_str()), (rule, message), "{:#?}", found.first);
    assert_eq!(found.by_rule.keys().copied().collect::<Vec<_>>(), [rule], "{:#?}", found.first);
}

#[test]
fn what_is_right_is_not_found() {
    assert_eq!(GOOD.len(), 8);
    let found = findings(Bounds::default(), &|bench| {
        bench.start(0, &[whole(0, 4), whole(5, 4)]);
        bench.start(3, &[part(1, 0)]);
        bench.start(6, &[whole(1, 0)]);
        bench.now = Time(10);
        bench.end(0);
        bench.start(5, &[whole(0, 1)]);
        bench.tell(&Event::Preempted {
            job: JobIdx(5),
            why: Preemption::Priority,
            lost: DurationMicros(0),
        });
        bench.tell(&Event::NodeChanged { node: NodeIdx(0), is_up: false });
        bench.now = Time(20);
        bench.end(3);
        bench.end(6);
        bench.start(1, &[whole(1, 4), whole(2, 4), whole(4, 4), whole(5, 4)]);
    });
    assert!(found.is_clean(), "{:#?}", found.first);
    assert_eq!(found.events, 18);
}

#[test]
fn order() {
    check(Rule::Order, "it was started twice", &|bench| {
        bench.start(7, &[whole(0, 1)]);
        bench.start(7, &[whole(1, 1)]);
    });
    check(Rule::Order, "it was preempted while it did not run", &|bench| {
        let (job, why, lost) = (JobIdx(7), Preemption::Power, DurationMicros(0));
        bench.tell(&Event::Preempted { job, why, lost });
    });
    check(Rule::Order, "there is no job 99", &|bench| bench.end(99));
    check(Rule::Order, "it ended without having been submitted", &|bench| {
        bench.end(7);
        bench.end(7);
    });
    check(Rule::Order, "an event at 0d 00:00:01 after one at 0d 00:00:09", &|bench| {
        bench.now = Time(9_000_000);
        bench.end(7);
        bench.now = Time(1_000_000);
        bench.end(6);
    });
}

#[test]
fn capacity() {
    check(Rule::Capacity, "node 0: 5 of its 4 GPUs are taken", &|bench| {
        bench.start(0, &[whole(0, 4), whole(1, 4)]);
        bench.start(7, &[whole(0, 1)]);
    });
    check(Rule::Capacity, "node 0: 5 of its 4 GPUs are taken", &|bench| {
        bench.start(0, &[whole(0, 4), whole(1, 4)]);
        bench.start(3, &[part(0, 0)]);
    });
    check(Rule::Capacity, "node 0: it has only 4 GPUs", &|bench| bench.start(3, &[part(0, 4)]));
    check(Rule::Capacity, "node 9: node 9 does not exist", &|bench| {
        bench.checks.observe(Time::ZERO, &Event::Ended { job: JobIdx(6), how: Ending::Cancelled });
        bench.start(7, &[whole(9, 1)]);
    });
}

#[test]
fn gang() {
    check(Rule::Gang, "1 ranks instead of 2 to 2", &|bench| bench.start(0, &[whole(0, 4)]));
    check(Rule::Gang, "rank 2 has 3.000 GPUs instead of 4.000", &|bench| {
        bench.start(0, &[whole(0, 4), whole(1, 3)]);
    });
    check(Rule::Gang, "rank 1 has 1.000 GPUs instead of 0.600", &|bench| {
        bench.start(3, &[whole(0, 1)]);
    });
}

#[test]
fn segment_and_closeness() {
    check(Rule::Segment, "segment 2 of 2 nodes is spread over several NVLink domains", &|bench| {
        bench.start(1, &[whole(0, 4), whole(1, 4), whole(3, 4), whole(4, 4)]);
    });
    check(Rule::Closeness, "it must be in one rack and is in 2", &|bench| {
        bench.start(2, &[whole(3, 4), whole(4, 4)]);
    });
}

#[test]
fn failure() {
    check(Rule::Failure, "it was started on node 2, which does not work", &|bench| {
        bench.tell(&Event::NodeChanged { node: NodeIdx(2), is_up: false });
        bench.start(7, &[whole(2, 1)]);
        bench.end(7);
    });
    check(Rule::Failure, "1 ranks still run on node 2, which broke", &|bench| {
        bench.start(7, &[whole(2, 1)]);
        bench.tell(&Event::NodeChanged { node: NodeIdx(2), is_up: false });
        bench.now = Time(1);
        bench.end(7);
    });
}

#[test]
fn quota() {
    check(Rule::Quota, "`org-1` holds 24.000 GPUs of its 20", &|bench| {
        bench.tell(&Event::GpuCapped {
            site: SiteIdx(0),
            class: crate::twin::fleet::ClassIdx(0),
            cap: Some(units::MilliWatt(100_000)),
        });
        bench.start(4, &[0, 1, 2, 3, 4, 5].map(|node| whole(node, 4)));
    });
}

#[test]
fn power() {
    // 8 × (200 + 4 × 100) W idle; six trays at work add 6 × (4 × 600 + 400) W: 21,600 W of 20,000 W.
    check(Rule::Power, "`s/row-1` carries 21,600 W of the 20,000 W that it may", &|bench| {
        bench.start(0, &[whole(0, 4), whole(1, 4)]);
        bench.start(1, &[whole(2, 4), whole(3, 4), whole(4, 4), whole(5, 4)]);
    });
    let row = FeederIdx(1);
    check(Rule::Power, "`s/row-1` has carried more than it may since 0d 00:00:05", &|bench| {
        bench.start(0, &[whole(0, 4), whole(1, 4)]);
        bench.now = Time(5_000_000);
        let allowed = Some(units::MilliWatt(6_000_000));
        bench.tell(&Event::PowerAllowed { feeder: row, allowed });
        bench.now = Time(66_000_000);
        bench.end(0);
    });
}

#[test]
fn dependency_and_starvation() {
    check(Rule::Dependency, "it was started before `pair` had ended", &|bench| {
        bench.start(5, &[whole(0, 1)]);
    });
    check(Rule::Starvation, "it waited 1h00m01s, at most 1h00m00s", &|bench| {
        for job in [0, 1, 2, 3, 4, 6] {
            bench.end(job);
        }
        bench.end(5);
        bench.now = Time(3_601_000_000);
        bench.start(7, &[whole(0, 1)]);
    });
}

#[test]
fn a_class_that_the_job_cannot_use() {
    let two = SMALL.replace(
        "[[site]]",
        "[[gpu]]\nname = \"B\"\nmemory_gib = 1\nidle_watts = 1\ntdp_watts = 1\n[[site]]",
    );
    let two = format!(
        "{two}[[racks]]\nsite = \"s\"\ncount = 1\nnodes_per_rack = 1\ngpu = \"B\"\ngpus_per_node = 4\ncpu_cores = 64\nmemory_gib = 512\n"
    );
    let fleet = fleet_of(&two);
    let jobs = jobs_of(&fleet, "job,submit_s,duration_s,gpus,classes\na,0,10,1,B\n");
    let mut bench = Bench::new(&fleet, &jobs, Bounds::default());
    bench.start(0, &[whole(0, 1)]);
    let found = bench.checks.finish(Time::ZERO);
    assert_eq!(
        found.first[0].to_string(),
        "0d 00:00:00: class, job `a`: the GPUs of node 0 are of a class that it cannot use"
    );
}
