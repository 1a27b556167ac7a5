//! Small fleets whose plan can be read at a glance.

use expect_test::expect;

use super::{GIB, check, job, node};
use crate::{
    Amounts, ClassIdx, ClassSet, Gate, Job, Node, NodeState, Plan, Problem, Reason, Resource,
    SITES_MAX, SiteIdx, SiteMask, Topology, plan,
};

#[test]
fn nothing_gives_nothing() {
    assert_eq!(plan(&Problem::default()), Plan::default());
}

#[test]
fn priority_then_submission_then_position() {
    let first = Job { submitted_order: 1, ..job(1, 4) };
    let same = first.clone();
    let later_but_important = Job { priority: 5, submitted_order: 9, ..job(1, 4) };
    let earlier = Job { submitted_order: 0, ..job(1, 4) };
    check(
        vec![node(0, 0, 4), node(0, 0, 4), node(0, 0, 4)],
        vec![first, same, later_but_important, earlier],
        expect![[r#"
            job 2 on [0]
            job 3 on [1]
            job 0 on [2]
            job 1 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        "#]],
    );
}

#[test]
fn a_large_job_does_not_block_small_ones() {
    check(
        vec![node(0, 0, 4), node(0, 0, 2)],
        vec![Job { priority: 9, ..job(2, 4) }, job(1, 4), job(1, 2), job(1, 1)],
        expect![[r#"
            job 1 on [0]
            job 2 on [1]
            job 0 waits: The job needs 2 nodes in one site, but no allowed site has more than 1 that are large enough.
            job 3 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
        "#]],
    );
}

#[test]
fn gangs_stay_in_one_site_and_few_racks() {
    check(
        vec![
            node(0, 0, 4),
            node(0, 1, 4),
            node(0, 1, 4),
            node(0, 2, 4),
            node(0, 2, 4),
            node(0, 2, 4),
            node(1, 0, 4),
            node(1, 0, 4),
            node(1, 0, 4),
        ],
        // Two fill rack 1 exactly, three fill site 1's or rack 2; seven exist in no site.
        vec![job(2, 4), job(3, 4), job(3, 4), job(2, 4), job(7, 4)],
        expect![[r#"
            job 0 on [1, 2]
            job 1 on [3, 4, 5]
            job 2 on [6, 7, 8]
            job 3 waits: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
            job 4 waits: The job needs 7 nodes in one site, but no allowed site has more than 6 that are large enough.
        "#]],
    );
}

#[test]
fn best_fit_keeps_large_nodes_whole() {
    check(
        vec![node(0, 0, 8), node(0, 0, 0), node(0, 0, 4), node(0, 0, 2)],
        vec![job(1, 2), job(1, 0), job(1, 3), job(1, 8), job(1, 1)],
        expect![[r#"
            job 0 on [3]
            job 1 on [1]
            job 2 on [2]
            job 3 on [0]
            job 4 on [2]
        "#]],
    );
}

#[test]
fn elastic_jobs_take_what_fits_now() {
    let elastic = |min, max| Job { nodes_min: min, nodes_max: max, ..job(min, 4) };
    check(
        vec![node(0, 0, 4), node(0, 0, 4), node(1, 0, 4), node(1, 0, 4), node(1, 0, 4)],
        vec![elastic(1, 8), elastic(1, 1), elastic(2, 3), elastic(1, u32::MAX)],
        expect![[r#"
            job 0 on [2, 3, 4]
            job 1 on [0]
            job 3 on [1]
            job 2 waits: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 1 has it now.
        "#]],
    );
}

fn needs(memory_bytes: u64, cpu_milli: u64, job: Job) -> Job {
    let need = Amounts { memory_bytes, cpu_milli, ..job.need };
    Job { need, ..job }
}

#[test]
fn every_reason_has_its_sentence() {
    let down = Node { state: NodeState::Down, ..node(1, 0, 8) };
    let small_memory =
        Node { total: Amounts { memory_bytes: 2 * GIB, ..node(0, 1, 4).total }, ..node(0, 1, 4) };
    let mask = |site| [SiteIdx(site)].into_iter().collect::<SiteMask>();
    let jobs = vec![
        job(0, 1),
        Job { nodes_max: 1, ..job(2, 1) },
        Job { gate: Gate::Budget, ..job(1, 1) },
        Job { gate: Gate::Dependency { unfinished: 2 }, ..job(1, 1) },
        Job { gate: Gate::ArrayLimit { limit: 1 }, ..job(1, 1) },
        Job { gate: Gate::NotBefore { at_us: 9 }, ..job(1, 1) },
        Job { topology: Topology { segment: 3, ..Topology::default() }, ..job(4, 1) },
        Job { allowed_sites: SiteMask::none(), ..job(1, 1) },
        Job { allowed_sites: mask(2), ..job(1, 1) },
        Job { classes: ClassSet::one(ClassIdx(3)), ..job(1, 1) },
        job(1, 16),
        needs(130 * GIB, 1_000, job(1, 8)),
        needs(GIB, 64_500, job(1, 8)),
        job(4, 4),
        job(1, 8),
        needs(40 * GIB, 1_000, job(2, 4)),
        job(1, 3),
        Job { allowed_sites: mask(0), ..job(1, 4) },
    ];
    check(
        vec![node(0, 0, 4), small_memory, down],
        jobs,
        expect![[r#"
            job 16 on [0]
            job 17 on [1]
            job 0 waits: The job asks for no nodes; ask for at least one.
            job 1 waits: The job's largest number of nodes is below its smallest.
            job 2 waits: A budget over it is used up.
            job 3 waits: Waiting for 2 other jobs to end.
            job 4 waits: 1 task of its array run, as many as it allows.
            job 5 waits: It is not to start yet.
            job 6 waits: The job's segment divides none of the numbers of nodes that it accepts.
            job 7 waits: Policy allows the job at no site.
            job 8 waits: The sites where the job is allowed have no nodes.
            job 9 waits: No allowed site has GPUs of the model asked for.
            job 10 waits: No node of an allowed site is large enough: the job needs 16 GPUs on one node, the largest has 8 GPUs.
            job 11 waits: No node of an allowed site is large enough: the job needs 130.0 GiB of memory on one node, the largest has 128.0 GiB of memory.
            job 12 waits: No node of an allowed site is large enough: the job needs 64.500 processor cores on one node, the largest has 64.000 processor cores.
            job 13 waits: The job needs 4 nodes in one site, but no allowed site has more than 2 that are large enough.
            job 14 waits: Only 0 of 1 large enough nodes can take work now; the others are cordoned, draining or down.
            job 15 waits: The job needs 2 nodes in one site, but no allowed site has more than 1 that are large enough.
        "#]],
    );
}

#[test]
fn a_class_without_gpus_means_nothing() {
    check(
        vec![node(0, 0, 0), node(0, 0, 4), Node { class: Some(ClassIdx(2)), ..node(0, 0, 4) }],
        vec![
            Job { classes: ClassSet::one(ClassIdx(9)), ..job(1, 0) },
            Job { classes: ClassSet::one(ClassIdx(2)), ..job(1, 1) },
        ],
        expect![[r#"
            job 0 on [0]
            job 1 on [2]
        "#]],
    );
}

#[test]
fn masks_hold_their_sites_and_no_more() {
    let mask: SiteMask = [0, 63, 64, 65_535].map(SiteIdx).into_iter().collect();
    for (site, allowed) in
        [(0, true), (1, false), (63, true), (64, true), (65, false), (65_535, true)]
    {
        assert_eq!(mask.allows(SiteIdx(site)), allowed, "{site}");
    }
    let beyond: SiteMask = [SITES_MAX, u32::MAX].map(SiteIdx).into_iter().collect();
    assert_eq!(beyond, SiteMask::none());
    assert!(!SiteMask::all(u32::MAX).allows(SiteIdx(SITES_MAX)));
}

#[test]
fn reasons_are_recorded_as_written() {
    let reason =
        Reason::WaitingForCapacity { short_of: Resource::Gpu, need_nodes: 4, fit_nodes: 1 };
    let text = serde_json::to_string(&[reason.clone(), Reason::BudgetExhausted]).unwrap();
    expect![[r#"[{"kind":"waiting_for_capacity","short_of":"gpu","need_nodes":4,"fit_nodes":1},{"kind":"budget_exhausted"}]"#]].assert_eq(&text);
    assert_eq!(serde_json::from_str::<Vec<Reason>>(&text).unwrap()[0], reason);
}
