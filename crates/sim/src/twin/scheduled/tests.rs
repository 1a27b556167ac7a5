//! The platform's scheduler under budgets that fall and series that change: nothing is found, and what
//! gives way does so in its order.

use units::DurationMicros;

use crate::twin::{
    Time,
    backend::Input,
    checkers::{Bounds, Checks, Findings},
    events::{Event, Fanout, Observer, Preemption},
    first_fit::tests::{Trace, jobs_of},
    fleet::Fleet,
    policies,
    results::{Collector, Outcome},
    workload::Prepared,
};

/// Two racks of four nodes of four GPUs: 700 W each at work, 100 W when idle. 200 W idle and 600 W busy
/// are the hosts; all of them counted busy, the racks draw 8 kW when idle and 27.2 kW at most.
const FLEET: &str = r#"name = "small"
[[gpu]]
name = "A"
memory_gib = 80
idle_watts = 100
tdp_watts = 700
limit_watts = [500, 400]
limit_slowdown_percent = [10, 25.5]
[[site]]
name = "s"
country = "FR"
pue = 1.25
eur_per_mwh_file = "price.csv"
g_per_kwh_file = "carbon.csv"
file_step = "1h"
contracted_kw = 40
[[racks]]
site = "s"
count = 2
racks_per_row = 1
nodes_per_rack = 4
nvlink_nodes = 4
gpu = "A"
gpus_per_node = 4
cpu_cores = 64
memory_gib = 512
node_idle_watts = 200
node_busy_watts = 600
"#;

fn fleet(events: &str) -> Fleet {
    let carbon: String = (0..24).map(|hour| if hour == 5 { "40\n" } else { "400\n" }).collect();
    let price: String = (0..24).map(|hour| if hour == 9 { "10\n" } else { "100\n" }).collect();
    let load = |path: &str| Ok(if path == "carbon.csv" { carbon.clone() } else { price.clone() });
    crate::twin::fleet::parse("fleet.toml", &format!("{FLEET}{events}"), &load).unwrap()
}

/// When something first happened, in seconds.
#[derive(Default)]
struct Firsts {
    started: Vec<u64>,
    capped: Vec<(u64, bool)>,
    stopped: Vec<u64>,
}

impl Observer for Firsts {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        match event {
            Event::Started { .. } => self.started.push(now.secs()),
            Event::JobCapped { to, .. } => self.capped.push((now.secs(), to.is_some())),
            Event::Preempted { why: Preemption::Power, .. } => self.stopped.push(now.secs()),
            Event::Preempted { .. }
            | Event::Submitted { .. }
            | Event::Ended { .. }
            | Event::NodeChanged { .. }
            | Event::PowerAllowed { .. }
            | Event::GpuCapped { .. }
            | Event::Sample(_) => {}
        }
    }
}

fn run(policy: &str, fleet: &Fleet, jobs: &Prepared) -> (Outcome, Findings, Firsts, Trace) {
    let bounds = Bounds { power_grace: Some(DurationMicros::from_secs(120)), ..Bounds::default() };
    let (mut firsts, mut trace) = (Firsts::default(), Trace::default());
    let mut rows = Vec::new();
    let mut checks = Checks::new(fleet, jobs, bounds);
    let mut collector = Collector::new(fleet, jobs, policy, &mut rows);
    let input = Input { fleet, jobs, seed: 1, has_failures: false, horizon: None };
    let mut backend = policies::named(policy).unwrap();
    let mut all = Fanout(vec![&mut checks, &mut collector, &mut firsts, &mut trace]);
    let end = backend.run(&input, &mut all, &mut |_| true).unwrap();
    let findings = checks.finish(end);
    let outcome = collector.finish(end, Findings::default()).unwrap();
    (outcome, findings, firsts, trace)
}

/// One-node jobs of four GPUs that come every minute: a fourth of the first eight, which fill the fleet,
/// is flexible, and all that come later.
fn jobs(fleet: &Fleet, n: u32) -> Prepared {
    let mut text = "job,submit_s,duration_s,nodes,gpus_per_node,cpu_milli,priority\n".to_owned();
    for job in 0..n {
        let priority = if job < 8 && job % 4 != 0 { 0 } else { -1 };
        text.push_str(&format!("j{job},{},7200,1,4,1000,{priority}\n", job * 60));
    }
    jobs_of(fleet, &text)
}

#[test]
fn a_budget_that_falls_step_by_step_stops_admission_then_slows_then_preempts() {
    // 34 kW at the meter are drawn with all eight nodes busy: 27.2 kW × 1.25.
    let events = r#"
[[power_event]]
at = "10m"
feeder = "s"
allowed_percent = 80
[[power_event]]
at = "40m"
feeder = "s"
allowed_percent = 65
[[power_event]]
at = "60m"
feeder = "s"
allowed_percent = 40
lasts = "30m"
"#;
    let fleet = fleet(events);
    let jobs = jobs(&fleet, 14);
    let (outcome, findings, firsts, trace) = run("cocarde", &fleet, &jobs);
    assert!(findings.is_clean(), "{findings:?}");
    // The nodes are full after 8 minutes. 80 % of 40 kW are 32 kW: two kilowatts too many at once.
    assert_eq!(firsts.started.iter().filter(|at| **at < 600).count(), 8);
    let first_cap = firsts.capped.first().unwrap();
    let first_stop = firsts.stopped.first().unwrap();
    assert!(
        (600..=630).contains(&first_cap.0) && first_cap.1,
        "{firsts_capped:?}",
        firsts_capped = firsts.capped
    );
    assert!((3_600..=3_690).contains(first_stop), "{:?}", firsts.stopped);
    // Nothing starts from the first fall until the limits are lifted again.
    let lifted = firsts.capped.iter().find(|(at, is_cap)| !is_cap && *at > 5_000).unwrap();
    let between = firsts.started.iter().find(|at| (600..lifted.0).contains(*at));
    assert_eq!(between, None, "{:?}", firsts.started);
    assert_eq!(outcome.summary.jobs.finished, 14);
    let energy = &outcome.summary.energy;
    assert!(energy.over_allowed_micros > 0 && energy.over_allowed_micros <= 3 * 60_000_000);
    // Equal input, equal events.
    assert_eq!(trace.0, run("cocarde", &fleet, &jobs).3.0);
}

#[test]
fn slowed_work_takes_as_long_as_its_limit_says() {
    // Four GPUs at 400 W instead of 700 W for the whole of an hour that would be.
    let event = "[[power_event]]\nat = \"0s\"\nfeeder = \"s\"\nallowed_kw = 12.6\n";
    let before = "[[power_event]]\nat = \"1s\"\nfeeder = \"s\"\nallowed_kw = 12.0\n";
    let fleet = fleet(&format!("{event}{before}"));
    let jobs = jobs_of(&fleet, "job,submit_s,duration_s,nodes,gpus_per_node\nj,0,3600,1,4\n");
    // 8 kW × 1.25 idle and 2.4 kW × 1.25 of work are 13 kW: more than there ever is.
    let (outcome, _, firsts, _) = run("cocarde", &fleet, &jobs);
    assert_eq!((outcome.summary.jobs.finished, firsts.started.len()), (0, 0));
    let fleet = fleet_with(&[(0, 13_100), (1, 12_000)]);
    let (outcome, findings, firsts, _) = run("cocarde", &fleet, &jobs);
    assert!(findings.is_clean(), "{findings:?}");
    assert_eq!(firsts.capped.first(), Some(&(1, true)));
    // 2 kW of work at 500 W would do for 12.5 kW; 12 kW take the lower limit: 25.5 % slower.
    let expected_ms = 1_000 + 3_599_000 * 1_000 / 745;
    assert_eq!(outcome.summary.jobs.finished, 1);
    assert!(outcome.summary.span_ms.abs_diff(expected_ms) < 2_000, "{}", outcome.summary.span_ms);
}

fn fleet_with(budgets: &[(u32, u32)]) -> Fleet {
    let event = |(at, watts): &(u32, u32)| {
        let kw = format!("{}.{:03}", watts / 1_000, watts % 1_000);
        format!("[[power_event]]\nat = \"{at}s\"\nfeeder = \"s\"\nallowed_kw = {kw}\n")
    };
    fleet(&budgets.iter().map(event).collect::<String>())
}

#[test]
fn jobs_with_a_deadline_start_when_energy_is_cleanest_or_cheapest() {
    let fleet = fleet("");
    let text = "job,submit_s,duration_s,nodes,gpus_per_node,limit_s,deadline_s\n\
                night,60,3600,1,4,3600,43200\nnow,60,3600,1,4,3600,\n";
    let jobs = jobs_of(&fleet, text);
    let of = |policy: &str| {
        let (outcome, findings, firsts, _) = run(policy, &fleet, &jobs);
        assert!(findings.is_clean() && outcome.summary.jobs.late == 0);
        (firsts.started, outcome.summary.energy)
    };
    let (at_once, plain) = of("cocarde-at-once");
    let (clean, carbon) = of("cocarde");
    let (cheap, price) = of("cocarde-price");
    assert_eq!((at_once, clean, cheap), (vec![60, 60], vec![60, 18_000], vec![60, 32_400]));
    // The runs end at other times, so that idle power differs; what the work adds is what counts.
    assert!(carbon.carbon_milli_g < price.carbon_milli_g, "{carbon:?} {price:?}");
    assert!(plain.energy_milli_kwh < carbon.energy_milli_kwh, "{plain:?}");
}
