//! What the fuzz does not say by itself: what a window of maintenance does, and what is refused.

use crate::twin::{
    Time,
    backend::Input,
    events::{Event, Observer, Preemption},
    first_fit::tests::{SMALL, fleet_of, jobs_of},
    policies,
    workload::JobIdx,
};

/// Starts and ends in seconds, and evictions.
#[derive(Default)]
struct Diary(Vec<(u64, u32, &'static str)>);

impl Observer for Diary {
    fn observe(&mut self, now: Time, event: &Event<'_>) {
        let (job, what) = match *event {
            Event::Started { job, .. } => (job, "starts"),
            Event::Ended { job, .. } => (job, "ends"),
            Event::Preempted { job, why: Preemption::Maintenance, .. } => (job, "makes way"),
            Event::Preempted { job, .. } => (job, "is evicted"),
            Event::Submitted { .. }
            | Event::NodeChanged { .. }
            | Event::PowerAllowed { .. }
            | Event::GpuCapped { .. }
            | Event::JobCapped { .. }
            | Event::Sample(_) => return,
        };
        let JobIdx(job) = job;
        self.0.push((now.secs(), job, what));
    }
}

fn run(fleet: &str, jobs: &str) -> Result<Vec<(u64, u32, &'static str)>, String> {
    let fleet = fleet_of(fleet);
    let jobs = jobs_of(&fleet, jobs);
    let input = Input { fleet: &fleet, jobs: &jobs, seed: 1, has_failures: false, horizon: None };
    let mut diary = Diary::default();
    let mut policy = policies::named("cocarde").unwrap();
    policy.run(&input, &mut diary, &mut |_| true)?;
    Ok(diary.0)
}

#[test]
fn maintenance_drains_ahead() {
    // All eight trays are out from the second to the third hour, which is known half an hour before.
    let window =
        "[[maintenance]]\nfeeder = \"s\"\nfrom = \"2h\"\nuntil = \"3h\"\nnotice = \"30m\"\n";
    let jobs = "job,submit_s,duration_s,nodes,gpus_per_node,limit_s\n\
        unaware,0,9000,1,4,9000\n\
        early,6000,600,1,4,1200\n\
        late,6001,600,1,4,1260\n";
    assert_eq!(
        run(&format!("{SMALL}{window}"), jobs).unwrap(),
        [
            (0, 0, "starts"),
            (6_000, 1, "starts"),
            (6_600, 1, "ends"),
            (7_200, 0, "makes way"),
            (10_800, 0, "starts"),
            (10_800, 2, "starts"),
            (11_400, 2, "ends"),
            (19_800, 0, "ends"),
        ]
    );
}

#[test]
fn a_wish_without_a_level_is_refused() {
    let fleet = SMALL.replace("nvlink_nodes = 4", "nvlink_nodes = 2");
    let jobs = "job,submit_s,duration_s,nodes,gpus_per_node,within\n\
        wide,0,10,4,4,require:rack\n";
    let error = run(&fleet, jobs).unwrap_err();
    assert!(error.starts_with("`wide` must be in one rack"), "{error}");
}
