//! The Philly experiment on the two virtual clusters that the repository keeps, and small worlds.

use std::path::{Path, PathBuf};

use super::*;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/philly")
}

fn options(traces: PathBuf) -> Options {
    Options { traces, pools: vec![10], orders: 3, whole_nodes: 0, clock_ns: None }
}

fn job(position: u32, submitted_s: u64, duration_s: u64, gpus: u32, tenant: u32) -> Job {
    Job { position, submitted_s, duration_s, gpus, tenant }
}

#[test]
fn private_clusters_give_the_reference_values() {
    let report = run(&options(fixtures())).unwrap();
    let names: Vec<&str> = report.private.iter().map(|one| one.tenant.name.as_str()).collect();
    assert_eq!(names, ["6214e9", "2869ce", "103959"], "the first with the window's first job only");
    for Private { tenant, sums } in report.private.iter().skip(1) {
        let reference = report.published(&tenant.name, tenant.nodes, "FIFO").unwrap();
        assert_eq!(sums.mean_completion_cs(), reference.completion_cs, "{tenant:?}");
        assert_eq!(sums.mean_wait_cs(), reference.wait_cs, "{tenant:?}");
    }
    let text = report.markdown();
    assert!(text.contains("| 2869ce | 16 | FIFO | 97749.20 / 11343.37 |"), "{text}");
}

#[test]
fn every_job_runs_in_a_pool_under_every_policy() {
    let report = run(&options(fixtures())).unwrap();
    let [pool] = report.pools.as_slice() else { panic!("one pool was asked for") };
    assert_eq!(report.jobs, 1_766);
    assert_eq!(pool.fifo.jobs, 1_766);
    assert_eq!(pool.fifo.ran_s, pool.ours.ran_s);
    assert!(pool.sjf.waited_s < pool.fifo.waited_s, "{pool:?}");
    assert_eq!(pool.orders.len(), 3);
    assert!(pool.orders.iter().any(|order| order.fifo_wait_cs != pool.fifo.mean_wait_cs()));
}

#[test]
fn quotas_are_whole_nodes_that_add_up() {
    let tenants = published::tenants().unwrap();
    assert_eq!(published::quotas(&tenants, 80), [15, 7, 4, 14, 14, 4, 7, 4, 2, 2, 7]);
    for nodes in [0, 1, 72, 88, 351, 352] {
        assert_eq!(published::quotas(&tenants, nodes).iter().sum::<u32>(), nodes);
    }
}

#[test]
fn a_blocked_head_blocks_and_sjf_reorders() {
    // Two nodes. The second job needs both and waits for the first; the third could start.
    let jobs = [job(0, 0, 100, 8, 0), job(1, 1, 10, 16, 0), job(2, 2, 5, 1, 0)];
    let waits = |head| head::simulate(&jobs, 2, head).sums(&jobs, |_| true);
    assert_eq!(waits(Head::Fifo).waited_s, 99 + 108);
    assert_eq!(waits(Head::ShortestJob).waited_s, 99, "the third is the shortest and goes ahead");
}

#[test]
fn placement_follows_the_rules_of_the_experiment() {
    let mut pool = pool::Pool::new(3);
    assert!(pool.place(5, 0, 0).is_some());
    assert!(pool.place(3, 1, 0).is_some(), "on the fullest node that fits");
    assert_eq!(pool.idle(), 2);
    let twelve = pool.place(12, 2, 0).unwrap();
    assert_eq!(pool.idle(), 0);
    assert!(pool.place(5, 3, 0).is_none());
    assert!(pool.place(4, 3, 0).is_some(), "beside the remainder");
    pool.release(&twelve, 2, 0);
    assert_eq!(pool.idle(), 1);
    assert!(pool.place(16, 4, 0).is_none());
    pool.fence(3);
    assert!(pool.place(1, 5, 0).is_none(), "everything is behind a fence");
    pool.open();
    assert!(pool.place(8, 5, 0).is_some());
}

#[test]
fn who_is_below_its_guarantee_goes_before_borrowers() {
    // Two nodes, one for each tenant. Tenant 0 fills both; then both ask for eight GPUs.
    let jobs =
        [job(0, 0, 100, 8, 0), job(1, 0, 200, 8, 0), job(2, 10, 50, 8, 0), job(3, 20, 50, 8, 1)];
    let guarantees = guarantees(&[1, 1]);
    let waits = share::simulate(&jobs, 2, &guarantees);
    let of = |position| waits.sums(&jobs, |job| job.position == position).waited_s;
    assert_eq!(of(3), 80, "the guaranteed one gets the first node that ends");
    assert_eq!(of(2), 140, "the borrower waits for it, though it came first");
}

#[test]
fn a_gang_below_its_guarantee_is_not_starved_by_small_jobs() {
    // Two nodes of tenant 1, which asks for both; small jobs of tenant 0 come for ever.
    let mut jobs = vec![job(0, 0, 1_000, 1, 0), job(1, 1, 10, 16, 1)];
    jobs.extend((2..202).map(|position| job(position, u64::from(position) * 10, 500, 1, 0)));
    let guarantees = Guarantees::from([(1, 16)]);
    let waits = share::simulate(&jobs, 2, &guarantees);
    let gang = waits.sums(&jobs, |job| job.gpus == 16);
    assert_eq!(gang.waited_s, 999, "both nodes are kept free for it from the moment it came");
}

#[test]
fn a_borrower_that_waited_a_week_is_served() {
    // One node, guaranteed to tenant 0, which always has a job waiting; tenant 1 may only borrow.
    let week = 7 * 86_400;
    let mut jobs = vec![job(0, 0, week, 8, 0), job(1, 1, 10, 8, 1)];
    jobs.extend((2..40).map(|position| job(position, 2, 86_400, 8, 0)));
    let waits = share::simulate(&jobs, 1, &Guarantees::from([(0, 8)]));
    let borrower = waits.sums(&jobs, |job| job.tenant == 1);
    assert!(borrower.waited_s < week + 3 * 86_400, "{borrower:?}");
}

#[test]
fn broken_lists_are_refused_with_line_and_field() {
    const HEADER: &str = "submit_time,duration_s,num_gpus,vc";
    let says = |lines: &str, parts: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LIST), lines).unwrap();
        let message = run(&options(folder.path().to_path_buf())).unwrap_err().to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    };
    let line = |line: &str| format!("{HEADER}\n2017-10-01 00:00:00,1,1,103959\n{line}\n");
    says(&line("2017-10-01 00:00:01,5"), &["line 3", "2 fields instead of 4"]);
    says(&line("2017-10-01 00:00:01,-5,1,103959"), &["line 3", "`duration_s`", "`-5`"]);
    says(&line("2017-10-01 00:00:01,5,0,103959"), &["line 3", "`num_gpus`", "`0`"]);
    says(&line("2017-02-30 00:00:01,5,1,103959"), &["line 3", "`submit_time`", "2017-02-30"]);
    says(&line("-1,5,1,103959"), &["line 3", "`submit_time`", "`-1`"]);
    says(&line("2017-10-01 00:00:01,5,1,"), &["line 3", "`vc`", "empty"]);
    says("submit_time,duration_s,num_gpus\n", &["no column `vc`"]);
    says(&format!("{HEADER}\n"), &["has no job at all"]);
    let unknown = format!("{HEADER}\n2017-10-01 00:00:00,1,1,nobody\n");
    says(&unknown, &["known virtual cluster in October"]);
    let nowhere = run(&options(PathBuf::from("/nowhere"))).unwrap_err().to_string();
    assert!(nowhere.contains("/nowhere/philly_jobs.csv"), "{nowhere}");
}
