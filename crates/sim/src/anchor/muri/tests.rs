//! Muri's experiment on the two lists that the repository keeps, and on broken ones.

use std::path::{Path, PathBuf};

use super::job::{Job, overhead_us};
use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/muri")
}

fn options(traces: PathBuf) -> Options {
    Options { traces, lists: Vec::new(), clock_ns: None }
}

#[test]
fn published_policies_give_the_published_figures() {
    let policies = [Policy::Srtf, Policy::Srsf, Policy::Tiresias];
    let report = run_policies(&options(fixtures()), &policies).unwrap();
    assert_eq!(report.runs.len(), 6);
    for run in &report.runs {
        assert_eq!(report.equals(run), Some(true), "{run:?}");
    }
    let text = report.markdown();
    assert!(text.contains("| trace3 | Tiresias | 347213.248 | 347213.248 |"), "{text}");
    assert!(!text.contains("**no**"), "{text}");
}

fn report_of(list: &str, policy: Policy) -> (Report, Run) {
    let options = Options { lists: vec![list.to_owned()], ..options(fixtures()) };
    let report = run_policies(&options, &[policy]).unwrap();
    let run = report.run(list, policy).unwrap().clone();
    assert_eq!(run.outcome.jobs, 992);
    assert_eq!(report.equals(&run), None, "ours was not published");
    (report, run)
}

#[test]
fn learning_beats_those_who_know_nothing_when_jobs_arrive() {
    let (report, run) = report_of("trace3", Policy::Learned);
    assert!(report.part_of(&run, "Tiresias").unwrap() < 9_000, "{run:?}");
    assert!(report.part_of(&run, "Themis").unwrap() < 9_000, "{run:?}");
}

#[test]
fn learning_beats_those_who_know_nothing_when_all_jobs_are_there() {
    let (report, run) = report_of("trace3_pr", Policy::Learned);
    assert!(report.part_of(&run, "Tiresias").unwrap() < 9_000, "{run:?}");
    assert!(report.part_of(&run, "Themis").unwrap() < 9_000, "{run:?}");
}

#[test]
fn the_best_set_beats_those_who_know_as_much() {
    for list in ["trace3", "trace3_pr"] {
        let (report, run) = report_of(list, Policy::Declared);
        assert!(report.part_of(&run, "SRSF").unwrap() < 10_000, "{run:?}");
    }
}

/// A job whose length nobody may look at before it has ended.
fn job(position: u32, gpus: u32, work_us: u64) -> Job {
    Job { position, gpus, submitted_us: 0, work_us, overhead_us: 1_000_000 }
}

#[test]
fn a_policy_that_is_told_nothing_does_not_know_who_is_short() {
    // Sixteen jobs of one kind, room for eight: one is short, and it came last.
    let mut jobs: Vec<Job> = (0..15).map(|position| job(position, 8, 7_200_000_000)).collect();
    jobs.push(job(15, 8, 1_000_000));
    let sum_us = |policy: Policy| policy.simulate(&jobs).completion_us;
    // Declared work lets it go first at once; learning must first see eight others run on.
    let waited_us = sum_us(Policy::Learned).saturating_sub(sum_us(Policy::Declared));
    assert!(waited_us > 60_000_000, "{waited_us}");
}

#[test]
fn each_event_costs_every_running_job_its_overhead() {
    let late = Job { submitted_us: 10_000_000, ..job(1, 1, 5_000_000) };
    let outcome = Policy::Declared.simulate(&[job(0, 1, 20_000_000), late]);
    // 20 s of work; the arrival at 10 s costs 1 s, and so does the end of the other at 15 s.
    assert_eq!(outcome.makespan_us, 22_000_000);
    assert_eq!((outcome.events, outcome.preemptions), (4, 0));
    assert_eq!(Policy::Srsf.simulate(&[job(0, 1, 20_000_000), late]).makespan_us, 22_000_000);
}

#[test]
fn overheads_are_those_profiled() {
    assert_eq!(overhead_us("a2c", 8), Some(46_000_000));
    assert_eq!(overhead_us("unheard-of", 2), Some(10_000_000));
    assert_eq!(overhead_us("vgg16", 3), None);
}

#[test]
fn broken_lists_are_refused_with_line_and_field() {
    const HEADER: &str = "job_id,num_gpu,submit_time,iterations,model_name,iteration_time";
    let refused = |lines: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("trace1.csv"), lines).unwrap();
        run(&options(folder.path().to_path_buf())).unwrap_err().to_string()
    };
    let says = |lines: &str, parts: &[&str]| {
        let message = refused(lines);
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    says(&format!("{HEADER}\n0,1,0,100,bert,178\n1,8,5"), &["line 3", "3 fields instead of 6"]);
    says(&format!("{HEADER}\n0,1,-5,100,bert,178\n"), &["line 2", "`submit_time`", "`-5`"]);
    says(&format!("{HEADER}\n0,1,0,100,bert,-1\n"), &["line 2", "`iteration_time`", "`-1`"]);
    says(&format!("{HEADER}\n0,1,0,,bert,178\n"), &["line 2", "`iterations`", "empty"]);
    says(&format!("{HEADER}\n0,3,0,1,bert,178\n"), &["line 2", "`num_gpu`", "`3`", "32"]);
    says(&format!("{HEADER}\n0,64,0,1,bert,178\n"), &["line 2", "`num_gpu`", "`64`"]);
    let far = format!("{HEADER}\n0,1,0,999999999999,bert,9999999999\n");
    says(&far, &["line 2", "`iterations`", "thousand years"]);
    says("job_id,num_gpu\n0,1\n", &["no column `submit_time`"]);
    says(&format!("{HEADER}\n"), &["has no job at all"]);
    let nowhere = run(&options(PathBuf::from("/nowhere"))).unwrap_err().to_string();
    assert!(nowhere.contains("`/nowhere`") && nowhere.contains("trace1.csv"), "{nowhere}");
    let folder = tempfile::tempdir().unwrap();
    let packed = std::fs::read(fixtures().join("trace3.csv.gz")).unwrap();
    std::fs::write(folder.path().join("trace3.csv.gz"), &packed[..packed.len() / 2]).unwrap();
    let cut = run(&options(folder.path().to_path_buf())).unwrap_err().to_string();
    assert!(cut.contains("trace3.csv.gz"), "{cut}");
}
