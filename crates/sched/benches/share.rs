//! Speed of the shares: a whole pass over 10,000 jobs, and single calls.
//! Run with `cargo bench -p sched --bench share`; as a test (`cargo test --benches`) it is tiny.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sched::share::{Claim, Decay, QueueIdx, QueueSpec, Table, Tree, Turns, Usage};

/// Two GPU classes in thousandths, processor in thousandths, memory in bytes.
const N_RESOURCES: usize = 4;
/// 36,000 GPUs, half of each class.
const CAPACITY: [u64; N_RESOURCES] = [18_000_000, 18_000_000, 1_296_000_000, 9 << 50];

/// A site, organisations, projects, users.
struct Levels {
    organisations: u32,
    projects: u32,
    users: u32,
}

struct Site {
    tree: Tree,
    leaves: Vec<QueueIdx>,
    demand: Table,
    n_jobs: usize,
}

/// Full size when measured (cargo passes `--bench`), a hundredth when only run once as a test.
fn scale() -> u32 {
    if std::env::args().any(|argument| argument == "--bench") { 1 } else { 100 }
}

fn node(parent: Option<u32>, parts: u64, number: u32) -> QueueSpec {
    QueueSpec {
        parent: parent.map(QueueIdx),
        band: 0,
        weight: number % 7 + 1,
        deserved: CAPACITY.iter().map(|amount| amount / parts).collect(),
        ..QueueSpec::default()
    }
}

fn site(levels: &Levels) -> Site {
    let mut specs = vec![node(None, 1, 0)];
    let next = |specs: &Vec<QueueSpec>| u32::try_from(specs.len()).unwrap_or(u32::MAX);
    let mut parts = 1;
    let mut above = vec![0];
    for width in [levels.organisations, levels.projects, levels.users] {
        parts *= u64::from(width);
        let mut below = Vec::new();
        for parent in above {
            for number in 0..width {
                below.push(next(&specs));
                specs.push(node(Some(parent), parts, number));
            }
        }
        above = below;
    }
    let tree = Tree::new(N_RESOURCES, &specs).expect("the parts of a site add up to it");
    let leaves: Vec<QueueIdx> = above.into_iter().map(QueueIdx).collect();
    let n_jobs = usize::try_from(10_000 / scale()).unwrap_or(100);
    let mut demand = tree.table();
    for job in 0..n_jobs {
        demand.add(leaf(&leaves, job), &amounts(job));
    }
    Site { tree, leaves, demand, n_jobs }
}

fn leaf(leaves: &[QueueIdx], job: usize) -> QueueIdx {
    leaves[job.wrapping_mul(7_919) % leaves.len()]
}

/// 1, 2 or 4 GPUs of one class with their processors and memory.
fn amounts(job: usize) -> [u64; N_RESOURCES] {
    let gpus = 1_u64 << (job % 3);
    let mut amounts = [0, 0, gpus * 36_000, gpus << 38];
    amounts[job % 2] = gpus * 1_000;
    amounts
}

/// The jobs of each queue in order of submission.
fn jobs_by_queue(site: &Site) -> Vec<Vec<usize>> {
    let mut jobs = vec![Vec::new(); site.tree.n_queues()];
    for job in 0..site.n_jobs {
        let queue = usize::try_from(leaf(&site.leaves, job).0).unwrap_or(0);
        jobs[queue].push(job);
    }
    jobs
}

/// Looks at every job once in order of service; returns how many were admitted.
fn pass(site: &Site, tree: &mut Tree, jobs: &[Vec<usize>], capacity: &[u64]) -> usize {
    let fair = tree.fair_shares(capacity, &site.demand, None);
    let number = |job: usize| u64::try_from(job).unwrap_or(u64::MAX);
    let mut heads = Vec::new();
    for queue in &site.leaves {
        let first = jobs.get(queue.0 as usize).and_then(|jobs| jobs.first());
        heads.extend(first.map(|job| (*queue, number(*job))));
    }
    let mut turns = Turns::new(tree, fair, &heads);
    let mut positions = vec![0; jobs.len()];
    let mut admitted = 0;
    while let Some(queue) = turns.next(tree) {
        let at = queue.0 as usize;
        let need = amounts(jobs[at][positions[at]]);
        positions[at] += 1;
        let next = jobs[at].get(positions[at]).copied().map(number);
        if tree.admit(queue, &need).is_ok() {
            turns.served(tree, queue, &need, next).expect("leaves take charges");
            admitted += 1;
        } else {
            turns.set_head(tree, queue, next);
        }
    }
    admitted
}

fn whole_pass(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pass_over_10000_jobs");
    group.sample_size(20).throughput(Throughput::Elements(10_000));
    let shapes = [
        ("500_users", Levels { organisations: 50, projects: 5, users: 2 }),
        ("500_organisations", Levels { organisations: 500, projects: 3, users: 3 }),
    ];
    for (name, levels) in shapes {
        let site = site(&levels);
        let jobs = jobs_by_queue(&site);
        // All fit; then only a hundredth of the site is left, and most are refused.
        let rest = CAPACITY.map(|amount| amount / 100 / u64::from(scale()));
        for (load, capacity) in [("all_admitted", CAPACITY), ("most_refused", rest)] {
            let mut empty = site.tree.clone();
            if load == "most_refused" {
                let taken = std::array::from_fn::<u64, N_RESOURCES, _>(|r| CAPACITY[r] - rest[r]);
                empty.charge(site.leaves[0], &taken).expect("leaves take charges");
            }
            let admitted = pass(&site, &mut empty.clone(), &jobs, &capacity);
            assert_eq!(admitted == site.n_jobs, load == "all_admitted", "{name} {admitted}");
            group.bench_function(BenchmarkId::new(name, load), |bencher| {
                bencher.iter_batched(
                    || empty.clone(),
                    |mut tree| pass(&site, &mut tree, &jobs, &capacity),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn single_calls(criterion: &mut Criterion) {
    let mut site = site(&Levels { organisations: 50, projects: 5, users: 2 });
    let (first, second) = (site.leaves[0], site.leaves[site.leaves.len() - 1]);
    let need = amounts(3);
    let borrower: Vec<u64> = CAPACITY.iter().map(|amount| amount / 4).collect();
    site.tree.charge(second, &borrower).expect("leaves take charges");
    let mut usage = Usage::new(site.tree.n_queues(), N_RESOURCES, 10_080);
    usage.advance(&site.tree, 500);
    criterion.bench_function("fair_shares/500_users", |bencher| {
        let decay = Some(Decay { usage: &usage, strength_milli: 1_000 });
        let few = CAPACITY.map(|amount| amount / 10);
        bencher.iter(|| site.tree.fair_shares(black_box(&few), &site.demand, decay));
    });
    criterion.bench_function("admit", |bencher| {
        bencher.iter(|| site.tree.admit(black_box(first), &need).is_ok());
    });
    criterion.bench_function("may_reclaim", |bencher| {
        let claim = Claim { queue: first, need: &need, missing: &need };
        bencher.iter(|| site.tree.may_reclaim(black_box(&claim), second, &need));
    });
    criterion.bench_function("charge_and_discharge", |bencher| {
        bencher.iter(|| {
            let charged = site.tree.charge(black_box(first), &need);
            (charged, site.tree.discharge(first, &need))
        });
    });
    criterion.bench_function("usage_advance/500_users", |bencher| {
        bencher.iter(|| usage.advance(&site.tree, black_box(1)));
    });
}

criterion_group!(benches, whole_pass, single_calls);
criterion_main!(benches);
