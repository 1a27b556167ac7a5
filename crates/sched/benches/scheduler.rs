//! How fast the scheduler decides on 36,000 GPUs: `cargo bench -p sched --bench scheduler`.
//!
//! One thread. Prints a Markdown table with medians, tails and decisions per second of processor
//! time; it asserts what was decided, never how fast. Each subject is a whole decision as the
//! platform makes it: submitted, planned, started, and given back.

#![expect(clippy::disallowed_methods, reason = "a bench needs a clock")]
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may panic")]

use std::time::{Duration, Instant};

use sched::{
    Amounts, ClassIdx, ClassSet, Fleet, Gate, Job, JobIdx, Level, Node, NodeIdx, NodeState, Part,
    Plan, Running, Scheduler, Settings, SiteIdx, SiteMask, Topology,
    power::{ClassPower, FeederIdx, FeederSpec, GpuPower, Grid, GridSpec, NodePower},
    share::{QueueIdx, QueueSpec, Tree},
};

const GIB: u64 = 1 << 30;
const TRAYS_PER_RACK: u32 = 18;
const RACKS_PER_GROUP: u32 = 8;
const HOUR: u64 = 3_600_000_000;

/// A fleet of trays of `gpus` GPUs, 144 cores and 1,700 GiB.
fn fleet(trays: u32, gpus: u32) -> Fleet {
    let nodes: Vec<Node> = (0..trays)
        .map(|tray| {
            let rack = tray / TRAYS_PER_RACK;
            Node {
                site: SiteIdx(0),
                group: rack / RACKS_PER_GROUP,
                rack,
                state: NodeState::Ready,
                class: Some(ClassIdx(0)),
                total: Amounts { gpus, memory_bytes: 1_700 * GIB, cpu_milli: 144_000 },
            }
        })
        .collect();
    Fleet::new(&nodes)
}

fn job(order: u64, nodes: u32, gpus: u32) -> Job {
    Job {
        queue: QueueIdx(0),
        priority: 0,
        submitted_order: order,
        submitted_us: 0,
        nodes_min: nodes,
        nodes_max: nodes,
        need: Amounts { gpus, memory_bytes: 16 * GIB, cpu_milli: 4_000 },
        part: None,
        exclusive: false,
        classes: ClassSet::ANY,
        topology: Topology::default(),
        allowed_sites: SiteMask::all(1),
        limit_us: Some(HOUR),
        predicted_us: None,
        preemptible: true,
        guaranteed_us: 0,
        gate: Gate::Open,
        power_class: 0,
        deferral: None,
    }
}

/// Times of single decisions.
struct Times(Vec<Duration>);

impl Times {
    fn row(mut self, subject: &str, wanted: &str, decisions: u32) {
        self.0.sort_unstable();
        let at = |q: usize| self.0[(self.0.len() - 1) * q / 100];
        let total: Duration = self.0.iter().sum();
        let rate = f64::from(u32::try_from(self.0.len()).unwrap()) * f64::from(decisions)
            / total.as_secs_f64();
        println!(
            "| {subject} | {wanted} | {:.3?} | {:.3?} | {:.3?} | {rate:.0} / s |",
            at(50),
            at(99),
            self.0.last().unwrap()
        );
    }
}

fn start_all(scheduler: &mut Scheduler, plan: Plan) {
    for placement in plan.placements {
        scheduler.start(placement.job, placement.nodes, 0);
    }
}

/// Fills the fleet tray by tray, in plans of 250 jobs; the time of each plan with its changes.
fn trays(gpus: u32) -> Times {
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut scheduler = Scheduler::new(fleet(9_000, 4), Tree::default(), Settings::default());
        let n = 9_000 * 4 / gpus;
        for batch in 0..n / 250 {
            let from = Instant::now();
            for index in batch * 250..(batch + 1) * 250 {
                scheduler.submit(JobIdx(index), job(u64::from(index), 1, gpus));
            }
            let plan = scheduler.plan(0);
            assert_eq!(plan.placements.len(), 250);
            start_all(&mut scheduler, plan);
            times.push(from.elapsed());
        }
    }
    Times(times)
}

/// Fills the fleet with shares, 250 in each plan, where work of whole GPUs runs on every third tray.
fn shares() -> Times {
    let mut times = Vec::new();
    for _ in 0..5 {
        let mut scheduler = Scheduler::new(fleet(9_000, 4), Tree::default(), Settings::default());
        for tray in (0..9_000).step_by(3) {
            scheduler.submit(JobIdx(1_000_000 + tray), job(0, 1, 2));
            scheduler.start(JobIdx(1_000_000 + tray), vec![NodeIdx(tray)], 0);
        }
        let sizes = [500, 250, 100, 330, 750, 50];
        for batch in 0..240 {
            let from = Instant::now();
            for index in batch * 250..(batch + 1) * 250 {
                let part = Some(Part::Share { milli: sizes[index as usize % sizes.len()] });
                scheduler.submit(JobIdx(index), Job { part, ..job(u64::from(index), 1, 0) });
            }
            let plan = scheduler.plan(0);
            assert_eq!(plan.placements.len(), 250);
            for placement in plan.placements {
                scheduler.start_at(placement, 0);
            }
            times.push(from.elapsed());
        }
    }
    Times(times)
}

/// A gang of 512 trays in segments of 16, again and again in a fleet where every seventh tray runs
/// something else.
fn gangs(site_kw: Option<u64>) -> Times {
    let mut scheduler = Scheduler::new(fleet(9_000, 4), Tree::default(), Settings::default());
    scheduler.set_grid(site_kw.map(|kw| grid(scheduler.fleet(), kw)));
    for tray in (0..9_000).step_by(21) {
        let running = Running {
            job: job(0, 1, 4),
            nodes: vec![NodeIdx(tray)],
            seats: vec![],
            started_us: 0,
            saved_us: 0,
            gone_by_us: None,
        };
        scheduler.adopt(JobIdx(1_000_000 + tray), running);
    }
    let topology = Topology { within: Level::Site, segment: 16 };
    let mut times = Vec::new();
    for round in 0..2_000 {
        let from = Instant::now();
        scheduler.submit(JobIdx(round), Job { topology, ..job(0, 512, 4) });
        let plan = scheduler.plan(0);
        times.push(from.elapsed());
        assert_eq!(plan.placements[0].nodes.len(), 512);
        start_all(&mut scheduler, plan);
        // Up to eight live at a time, so that the fleet is never the same twice.
        if round >= 8 {
            scheduler.finish(JobIdx(round - 8));
        }
    }
    Times(times)
}

/// Budgets for the fleet of trays, each of which idles at 1 kW and draws 12 kW at most: one for each
/// rack, rack group and the site.
fn grid(fleet: &Fleet, site_kw: u64) -> Grid {
    const KW: u64 = 1_000_000;
    let n_racks = u32::try_from(fleet.n_nodes()).unwrap() / TRAYS_PER_RACK;
    let n_groups = n_racks.div_ceil(RACKS_PER_GROUP);
    let spec = |parent, kw: u64| FeederSpec { parent, contracted_mw: kw * KW, allowed_mw: kw * KW };
    let mut feeders = vec![spec(None, site_kw)];
    feeders.extend((0..n_groups).map(|_| spec(Some(FeederIdx(0)), 1_800)));
    feeders.extend((0..n_racks).map(|rack| spec(Some(FeederIdx(1 + rack / RACKS_PER_GROUP)), 230)));
    let node = |tray: u32| NodePower {
        feeder: Some(FeederIdx(1 + n_groups + tray / TRAYS_PER_RACK)),
        idle_mw: KW,
        host_range_mw: KW,
    };
    let spec = GridSpec {
        feeders,
        nodes: (0..n_racks * TRAYS_PER_RACK).map(node).collect(),
        gpus: vec![GpuPower::new(KW / 10, KW * 285 / 100, vec![]).unwrap()],
        classes: vec![ClassPower { utilisation_permille: 1_000, cost: 1 }],
    };
    Grid::new(spec, fleet).unwrap()
}

/// A full cycle: 10,000 jobs of 500 tenants wait for a fleet that is nearly full.
fn cycle(settings: Settings, site_kw: Option<u64>) -> Times {
    let mut scheduler = Scheduler::new(fleet(9_000, 4), tenants(500), settings);
    scheduler.set_grid(site_kw.map(|kw| grid(scheduler.fleet(), kw)));
    for tray in 0..8_900_u32 {
        let limit_us = Some(HOUR + u64::from(tray % 977) * 1_000_000);
        let running = Running {
            job: Job { queue: leaf(tray % 500), limit_us, ..job(0, 1, 4) },
            nodes: vec![NodeIdx(tray)],
            seats: vec![],
            started_us: 0,
            saved_us: 0,
            gone_by_us: None,
        };
        scheduler.adopt(JobIdx(1_000_000 + tray), running);
    }
    for index in 0..10_000_u32 {
        let sizes = [1, 1, 1, 2, 1, 4, 1, 8, 16, 64];
        let nodes = sizes[index as usize % sizes.len()];
        let segment = if nodes >= 16 { 16 } else { 1 };
        let topology = Topology { within: Level::Site, segment };
        let limit_us = Some(HOUR * u64::from(index % 7 + 1));
        let gpus = if nodes == 1 { 1 << (index % 3) } else { 4 };
        let queue = leaf(index % 500);
        scheduler.submit(
            JobIdx(index),
            Job { queue, topology, limit_us, ..job(u64::from(index), nodes, gpus) },
        );
    }
    let mut times = Vec::new();
    for _ in 0..40 {
        let from = Instant::now();
        let plan = scheduler.plan(1);
        times.push(from.elapsed());
        assert_eq!(plan.placements.len() + plan.unplaced.len(), 10_000);
    }
    Times(times)
}

/// KAI's reclaim: nodes of 8 GPUs full of one-GPU jobs of a queue that deserves nothing; a gang of a
/// tenth of the nodes in a queue that deserves everything.
fn reclaim(nodes: u32) -> Times {
    let mut scheduler = Scheduler::new(fleet(nodes, 8), two_queues(nodes), Settings::default());
    for index in 0..nodes * 8 {
        let running = Running {
            job: Job { queue: leaf(0), ..job(0, 1, 1) },
            nodes: vec![NodeIdx(index / 8)],
            seats: vec![],
            started_us: 0,
            saved_us: 0,
            gone_by_us: None,
        };
        scheduler.adopt(JobIdx(1_000_000 + index), running);
    }
    let gang = nodes / 10;
    scheduler.submit(JobIdx(0), Job { queue: leaf(1), ..job(0, gang, 8) });
    let mut times = Vec::new();
    for _ in 0..10 {
        let from = Instant::now();
        let plan = scheduler.plan(1);
        times.push(from.elapsed());
        assert_eq!(plan.preemptions[0].victims.len(), gang as usize * 8);
    }
    Times(times)
}

/// The queue of a tenant: the root is 0.
fn leaf(tenant: u32) -> QueueIdx {
    QueueIdx(tenant + 1)
}

fn queue(parent: Option<u32>, gpus: u64) -> QueueSpec {
    QueueSpec {
        parent: parent.map(QueueIdx),
        weight: 1,
        deserved: vec![gpus * 1_000, gpus * 36_000, gpus * 425 * GIB],
        ..QueueSpec::default()
    }
}

/// Tenants who share a fleet of 36,000 GPUs and each deserve a part of half of it.
fn tenants(n: u32) -> Tree {
    let each = 18_000 / u64::from(n);
    let leaves = (0..n).map(|_| queue(Some(0), each));
    let specs: Vec<QueueSpec> = [queue(None, 36_000)].into_iter().chain(leaves).collect();
    Tree::new(3, &specs).unwrap()
}

/// A queue that deserves nothing and one that deserves everything.
fn two_queues(nodes: u32) -> Tree {
    let all = u64::from(nodes) * 8;
    Tree::new(3, &[queue(None, all), queue(Some(0), 0), queue(Some(0), all)]).unwrap()
}

fn main() {
    println!("| subject | wanted | p50 | p99 | max | decisions |");
    println!("|---|---|---|---|---|---|");
    trays(4).row("250 whole trays, 9,000 trays", "≥ 100,000 / s", 250);
    trays(1).row("250 one-GPU jobs, 9,000 trays", "", 250);
    shares().row("250 shares of GPUs, 9,000 trays", "", 250);
    gangs(None).row("gang of 512 trays in segments of 16", "p99 < 1 ms", 1);
    gangs(Some(110_000)).row("the same with 564 budgets of power", "", 1);
    cycle(Settings::default(), None).row("cycle, 10,000 waiting, 500 tenants", "< 50 ms", 10_000);
    cycle(Settings::default(), Some(110_000)).row("the same with power for all", "", 10_000);
    // What runs leaves 200 kW: less than the waiting could draw.
    let short = 9_000 + 8_900 * 11 + 200;
    cycle(Settings::default(), Some(short)).row("the same with power for some", "", 10_000);
    let deep = Settings { backfill_depth_max: 100, ..Settings::default() };
    cycle(deep, None).row("the same with 100 promises", "", 10_000);
    for nodes in [500, 1_000, 2_000, 4_500, 9_000] {
        reclaim(nodes).row(&format!("reclaim, {nodes} nodes of 8"), "4,500 < 100 ms", 1);
    }
}
