//! What the scheduler remembers changes no plan: following changes, with reasons or without, again
//! and again, it decides as one does that was told the same, never planned, and tries each job. And
//! a promise holds the first instant that fits.

use proptest::prelude::*;

use super::job;
use crate::cycle::{self, Mode};
use crate::power::{
    CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, Grid, GridSpec, NodePower,
};
use crate::{
    Amounts, ClassIdx, ClassSet, Fleet, Gate, Job, JobIdx, Level, Micros, Node, NodeIdx, NodeState,
    Part, Plan, Problem, Reclaim, Reservation, ReservationIdx, Running, Scheduler, Settings,
    SiteIdx, SiteMask, Topology, plan,
    share::{QueueIdx, QueueSpec, Tree},
};

/// Something that happens to a scheduler.
#[derive(Debug, Clone)]
enum Act {
    /// One of few shapes, so that some are alike: with a queue, a priority and a limit.
    Submit(usize, u32, i32, Option<u64>),
    Withdraw(usize),
    /// The plan comes true, this part of it.
    Follow(usize),
    Finish(usize),
    Saved(usize),
    State(u32, NodeState),
    Reserve(Reservation),
    Cancel(u32),
    Gate(usize, bool),
    /// So many watts above idle are allowed.
    Allow(u64),
}

fn limits() -> impl Strategy<Value = Option<u64>> {
    prop::option::weighted(0.8, prop_oneof![Just(3u64), Just(9), 1u64..60])
}

fn shape() -> impl Strategy<Value = Job> {
    let nodes = (1u32..5, 0u32..3, 0u32..3, 1u64..4, prop::bool::weighted(0.2));
    let levels = prop_oneof![Just(Level::Rack), Just(Level::Group), Just(Level::Site)];
    let place = (1u64..4, levels, 1u32..3, prop::collection::vec(0u32..2, 1..3));
    let turn = (0u32..3, -1i32..3, limits(), 0u64..2);
    let part = (prop::option::weighted(0.2, 1u32..4), 0u32..3);
    (nodes, place, turn, part).prop_map(
        |(
            (nodes_min, more, gpus, cpu_milli, exclusive),
            (classes, within, segment, sites),
            (queue, priority, limit_us, guaranteed),
            (quarters, power_class),
        )| Job {
            // Queue 0 is the root of the others, so some stand in no leaf.
            queue: QueueIdx(queue),
            priority,
            nodes_min,
            nodes_max: nodes_min + more,
            need: Amounts {
                gpus: if quarters.is_some() { 0 } else { gpus },
                memory_bytes: 1,
                cpu_milli,
            },
            part: quarters.map(|quarters| Part::Share { milli: quarters * 250 }),
            power_class,
            exclusive,
            classes: ClassSet(classes),
            topology: Topology { within, segment },
            allowed_sites: sites.into_iter().map(SiteIdx).collect::<SiteMask>(),
            limit_us,
            guaranteed_us: guaranteed * 5,
            ..job(1, 0)
        },
    )
}

fn acts() -> impl Strategy<Value = Act> {
    let states = prop_oneof![
        4 => Just(NodeState::Ready),
        1 => Just(NodeState::Suspect),
        1 => Just(NodeState::Cordoned),
        1 => Just(NodeState::Down),
    ];
    let reservation = (0u32..3, prop::option::of(1u32..3), 0u32..8, 0i64..40, 1i64..40);
    prop_oneof![
        8 => (0usize..3, 0u32..3, -1i32..3, limits())
            .prop_map(|(shape, queue, priority, limit)| Act::Submit(shape, queue, priority, limit)),
        1 => (0usize..9).prop_map(Act::Withdraw),
        8 => (1usize..9).prop_map(Act::Follow),
        4 => (0usize..9).prop_map(Act::Finish),
        1 => (0usize..9).prop_map(Act::Saved),
        4 => (0u32..6, states).prop_map(|(node, state)| Act::State(node, state)),
        1 => reservation.prop_map(|(id, holder, node, from_us, length)| Act::Reserve(Reservation {
            id: ReservationIdx(id),
            holder: holder.map(QueueIdx),
            nodes: vec![NodeIdx(node), NodeIdx(node + 1)],
            from_us,
            until_us: from_us + length,
        })),
        1 => (0u32..3).prop_map(Act::Cancel),
        1 => (0usize..9, any::<bool>()).prop_map(|(at, is_open)| Act::Gate(at, is_open)),
        1 => (0u64..9).prop_map(|gpus| Act::Allow(gpus * 100)),
    ]
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let site = prop_oneof![4 => Just(0u32), 1 => Just(1)];
    let class = prop_oneof![4 => Just(0u32), 1 => Just(1)];
    let node = (site, 0u32..2, 0u32..3, class, 1u32..4, 2u64..6);
    prop::collection::vec(node, 1..9).prop_map(|nodes| {
        let of = |(site, group, rack, class, gpus, cpu_milli)| Node {
            site: SiteIdx(site),
            group,
            rack,
            state: NodeState::Ready,
            class: Some(ClassIdx(class)),
            total: Amounts { gpus, memory_bytes: 8, cpu_milli },
        };
        nodes.into_iter().map(of).collect()
    })
}

fn tree(deserved: u64) -> Tree {
    let queue = |parent, deserved: u64| QueueSpec {
        parent,
        weight: 1,
        deserved: vec![deserved; 4],
        ..QueueSpec::default()
    };
    let leaf = |deserved| queue(Some(QueueIdx(0)), deserved);
    Tree::new(4, &[queue(None, 40_000), leaf(deserved), leaf(4_000)]).unwrap()
}

/// One budget for all: a GPU draws 100 W more than when idle, a host nothing.
fn grid(fleet: &Fleet, watts: u64) -> Grid {
    let node = NodePower { feeder: Some(FeederIdx(0)), idle_mw: 0, host_range_mw: 0 };
    let caps = vec![CapStep { limit_mw: 60_000, slowdown_permille: 200 }];
    let class = |cost| ClassPower { utilisation_permille: 1_000, cost };
    let spec = GridSpec {
        feeders: vec![FeederSpec {
            parent: None,
            contracted_mw: 10_000_000,
            allowed_mw: watts * 1_000,
        }],
        nodes: vec![node; fleet.n_nodes()],
        gpus: vec![GpuPower::new(0, 100_000, caps).unwrap(); 2],
        classes: vec![class(1), class(2), class(3)],
    };
    Grid::new(spec, fleet).unwrap()
}

/// A scheduler under test, and what was done to it.
struct Bench {
    scheduler: Scheduler,
    shapes: Vec<Job>,
    now_us: Micros,
    n_jobs: u32,
}

impl Bench {
    fn waiting(&self, at: usize) -> Option<JobIdx> {
        self.scheduler.waiting.keys().nth(at).copied()
    }

    fn running(&self, at: usize) -> Option<JobIdx> {
        self.scheduler.running.keys().nth(at).copied()
    }

    fn act(&mut self, act: &Act, plan: &Plan) {
        let now_us = self.now_us;
        match act {
            Act::Submit(shape, queue, priority, limit_us) => {
                let job = Job {
                    queue: QueueIdx(*queue),
                    priority: *priority,
                    limit_us: *limit_us,
                    submitted_order: u64::from(self.n_jobs),
                    submitted_us: now_us,
                    ..self.shapes[*shape].clone()
                };
                self.scheduler.submit(JobIdx(self.n_jobs), job);
                self.n_jobs += 1;
            }
            Act::Withdraw(at) => {
                self.waiting(*at).map(|job| self.scheduler.withdraw(job));
            }
            Act::Follow(n) => {
                for placement in plan.placements.iter().take(*n) {
                    self.scheduler.start_at(placement.clone(), now_us);
                }
                for preemption in plan.preemptions.iter().take(*n) {
                    for victim in &preemption.victims {
                        self.scheduler.stopping(*victim, now_us + 3, Some(preemption.job));
                    }
                }
            }
            Act::Finish(at) => {
                self.running(*at).map(|job| self.scheduler.finish(job));
            }
            Act::Saved(at) => {
                if let Some(job) = self.running(*at) {
                    self.scheduler.saved(job, now_us);
                }
            }
            Act::State(node, state) => self.scheduler.set_node_state(NodeIdx(*node), *state),
            Act::Allow(watts) => {
                self.scheduler.set_allowed(FeederIdx(0), watts * 1_000);
            }
            Act::Reserve(reservation) => self.scheduler.reserve(reservation.clone()),
            Act::Cancel(id) => self.scheduler.cancel_reservation(ReservationIdx(*id)),
            Act::Gate(at, is_open) => {
                let gate = if *is_open { Gate::Open } else { Gate::Budget };
                if let Some(job) = self.waiting(*at) {
                    self.scheduler.set_gate(job, gate);
                }
            }
        }
        self.now_us += 2;
    }
}

fn without_reasons(plan: &Plan) -> Plan {
    Plan { unplaced: vec![], ..plan.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn memory_changes_no_plan(
        nodes in nodes(),
        shapes in prop::collection::vec(shape(), 3),
        acts in prop::collection::vec(acts(), 1..40),
        deserved in prop_oneof![Just(0u64), Just(3_000)],
        (depth, all) in (0u32..4, any::<bool>()),
        watts in prop::option::weighted(0.3, 1u64..12),
    ) {
        let settings = Settings {
            backfill_depth_max: depth,
            patience_us: 1,
            reclaim: if all { Reclaim::Shares } else { Reclaim::Deserved },
            ..Settings::default()
        };
        let new = || {
            let mut scheduler = Scheduler::new(Fleet::new(&nodes), tree(deserved), settings);
            let grid = watts.map(|gpus| grid(scheduler.fleet(), gpus * 100));
            scheduler.set_grid(grid);
            scheduler
        };
        // One decides after each change; the other hears of changes alone.
        let shapes = || shapes.clone();
        let mut bench = Bench { scheduler: new(), shapes: shapes(), now_us: 0, n_jobs: 0 };
        let mut untried = Bench { scheduler: new(), shapes: shapes(), now_us: 0, n_jobs: 0 };
        let mut decided = Plan::default();
        for act in &acts {
            bench.act(act, &decided);
            untried.act(act, &decided);
            decided = bench.scheduler.decide(bench.now_us);
            prop_assert_eq!(&decided, &bench.scheduler.decide(bench.now_us));
            let mut fresh = untried.scheduler.clone();
            let tried = cycle::run(&mut fresh, untried.now_us, Mode::Forgetful);
            prop_assert_eq!(&decided, &without_reasons(&tried), "after {:?}", act);
            let explained = bench.scheduler.plan(bench.now_us);
            prop_assert_eq!(&decided, &without_reasons(&explained));
            prop_assert_eq!(&explained, &untried.scheduler.clone().plan(untried.now_us));
            let n = explained.placements.len() + explained.unplaced.len();
            prop_assert_eq!(n, bench.scheduler.n_waiting());
        }
    }

    #[test]
    fn a_promise_is_the_first_instant_that_fits(
        nodes in nodes(),
        running in prop::collection::vec((shape(), prop::collection::vec(0u32..12, 1..4)), 0..8),
        (window, is_held) in ((0i64..40, 1i64..40), any::<bool>()),
        asked in shape(),
    ) {
        let mut fleet = Scheduler::new(Fleet::new(&nodes), Tree::default(), Settings::default());
        // Work that fits where it is put, with a limit.
        let mut held = Vec::new();
        for (index, (job, at)) in (100..).map(JobIdx).zip(running) {
            let at: std::collections::BTreeSet<u32> = at.into_iter().collect();
            let at: Vec<NodeIdx> = at.into_iter().map(NodeIdx).collect();
            let has_room = |node: &NodeIdx| {
                let free = fleet.fleet().free_of(*node);
                free.covers(&job.need) && !(job.exclusive && free != nodes[node.0 as usize].total)
            };
            let is_whole = job.part.is_none();
            if is_whole && at.iter().all(|node| (node.0 as usize) < nodes.len() && has_room(node)) {
                let limit_us = Some(job.limit_us.unwrap_or(7));
                let job = Job { limit_us, preemptible: false, ..job };
                let started =
                    Running { job, nodes: at, seats: vec![], started_us: 0, saved_us: 0, gone_by_us: None };
                fleet.adopt(index, started.clone());
                held.push((index, started));
            }
        }
        let reservation = Reservation {
            id: ReservationIdx(0),
            holder: None,
            nodes: (0..3).map(NodeIdx).collect(),
            from_us: window.0,
            until_us: window.0 + window.1,
        };
        let problem = |now_us: Micros| Problem {
            now_us,
            nodes: nodes.clone(),
            waiting: vec![(JobIdx(0), asked.clone())],
            running: held.iter().filter(|(_, r)| r.ends_by_us() > Some(now_us)).cloned().collect(),
            reservations: if is_held { vec![reservation.clone()] } else { vec![] },
            ..Problem::default()
        };
        let planned = plan(&problem(0));
        let Some(waits) = planned.unplaced.first() else { return Ok(()) };
        let mut instants: Vec<Micros> = held.iter().filter_map(|(_, r)| r.ends_by_us()).collect();
        instants.extend(is_held.then_some(reservation.until_us));
        instants.sort_unstable();
        let first = instants.into_iter().find(|at| plan(&problem(*at)).placements.len() == 1);
        let promised = planned.promises.first().map(|promise| promise.from_us);
        if waits.reason.is_about_time() {
            prop_assert_eq!(promised, first, "{}", waits.reason);
        } else {
            prop_assert_eq!(promised, None);
        }
    }
}
