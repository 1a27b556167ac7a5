//! Random sequences against a reference that keeps a book of every GPU.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::job;
use crate::{
    Amounts, ClassIdx, ClassSet, Job, JobIdx, Node, NodeIdx, NodeState, Part, Placement, Problem,
    SiteIdx,
    mig::{A30_24GB, Geometry, H100_80GB, ProfileName},
};

const PROFILES: [&str; 7] =
    ["1g.10gb", "1g.10gb+me", "1g.20gb", "3g.40gb", "4g.40gb", "2g.12gb", "1g.6gb"];

/// Class 0 cannot be cut.
fn geometry(class: Option<ClassIdx>) -> Option<&'static Geometry> {
    match class {
        Some(ClassIdx(1)) => Some(&H100_80GB),
        Some(ClassIdx(2)) => Some(&A30_24GB),
        Some(_) | None => None,
    }
}

fn nodes() -> impl Strategy<Value = Node> {
    let states = prop_oneof![5 => Just(NodeState::Ready), 1 => Just(NodeState::Suspect)];
    let sizes = prop_oneof![3 => Just(1u32), 1 => 0u32..4];
    (0u32..2, 0u32..2, prop::option::weighted(0.9, 0u32..3), sizes, 1u64..8, states).prop_map(
        |(site, rack, class, gpus, amount, state)| Node {
            site: SiteIdx(site),
            group: 0,
            rack,
            state,
            class: class.map(ClassIdx),
            total: Amounts {
                gpus: class.map_or(0, |_| gpus),
                memory_bytes: amount,
                cpu_milli: 9 - amount,
            },
        },
    )
}

fn parts() -> impl Strategy<Value = (u32, Option<Part>)> {
    // Shares that fill a GPU to the last thousandth are the ones to be missed.
    let share = prop_oneof![4 => Just(500), 2 => Just(250), 1 => Just(999), 1 => 1u32..1_000];
    let profile = prop::sample::select(&PROFILES[..]);
    let profile = profile.prop_map(|name| ProfileName::parse(name).unwrap());
    prop_oneof![
        1 => Just((0, None)),
        2 => (1u32..4).prop_map(|gpus| (gpus, None)),
        3 => share.prop_map(|milli| (0, Some(Part::Share { milli }))),
        3 => profile.prop_map(|profile| (0, Some(Part::Mig { profile }))),
    ]
}

/// A job of one or two nodes that come, or the end of one that runs.
#[derive(Debug, Clone)]
enum Step {
    Come(Box<Job>),
    Go(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let shape = (parts(), 1u32..3, 1u64..3, 1u64..3, 1u64..8, prop::bool::weighted(0.1));
    let come = shape.prop_map(|((gpus, part), nodes, memory_bytes, cpu_milli, set, exclusive)| {
        Step::Come(Box::new(Job {
            need: Amounts { gpus, memory_bytes, cpu_milli },
            part,
            exclusive,
            classes: ClassSet(set),
            ..job(nodes, 0)
        }))
    });
    let step = prop_oneof![3 => come, 1 => (0usize..8).prop_map(Step::Go)];
    prop::collection::vec(step, 1..24)
}

/// What lies on one GPU: thousandths, and runs of slices with the media engines as slice 8.
#[derive(Debug, Clone, Default)]
struct Gpu {
    milli: u32,
    slices: Vec<u8>,
}

/// The book of one node.
#[derive(Debug, Clone)]
struct Book {
    node: Node,
    memory_bytes: u64,
    cpu_milli: u64,
    whole: u32,
    gpus: BTreeMap<u32, Gpu>,
    n_jobs: u32,
    alone: bool,
}

fn slices(geometry: &Geometry, name: ProfileName, start: u8) -> Option<Vec<u8>> {
    let profile = geometry.profiles.iter().find(|profile| profile.name == name.as_str())?;
    let media = profile.media.then_some(8);
    let run = start..start + profile.memory_slices;
    profile.starts.contains(&start).then(|| run.chain(media).collect())
}

impl Book {
    fn new(node: &Node) -> Self {
        let gpus = BTreeMap::new();
        let (memory_bytes, cpu_milli, whole, n_jobs, alone) = (0, 0, 0, 0, false);
        Self { node: *node, memory_bytes, cpu_milli, whole, gpus, n_jobs, alone }
    }

    /// Whole GPUs that nobody has anything of.
    fn untouched(&self) -> u32 {
        let opened = u32::try_from(self.gpus.len()).unwrap();
        self.node.total.gpus.checked_sub(self.whole + opened).expect("more GPUs than there are")
    }

    fn fits(&self, job: &Job) -> bool {
        let open = match self.node.state {
            NodeState::Ready => true,
            NodeState::Suspect => job.nodes_max == 1,
            NodeState::Cordoned | NodeState::Draining | NodeState::Down => false,
        };
        let uses = job.need.gpus > 0 || job.part.is_some();
        open && self.node.total.memory_bytes - self.memory_bytes >= job.need.memory_bytes
            && self.node.total.cpu_milli - self.cpu_milli >= job.need.cpu_milli
            && self.untouched() >= job.need.gpus
            && !self.alone
            && (!job.exclusive || self.n_jobs == 0)
            && (!uses || self.node.class.is_some_and(|class| job.classes.has(class)))
            && job.part.is_none_or(|part| self.has_place(part))
    }

    fn has_place(&self, part: Part) -> bool {
        match part {
            Part::Share { milli } => {
                let mut shared = self.gpus.values().filter(|gpu| gpu.slices.is_empty());
                self.untouched() > 0 || shared.any(|gpu| gpu.milli + milli <= 1_000)
            }
            Part::Mig { profile } => {
                let Some(geometry) = geometry(self.node.class) else { return false };
                let legal: Vec<Vec<u8>> =
                    (0..8).filter_map(|start| slices(geometry, profile, start)).collect();
                let fits = |gpu: &Gpu| {
                    gpu.milli == 0
                        && legal.iter().any(|run| run.iter().all(|s| !gpu.slices.contains(s)))
                };
                !legal.is_empty() && (self.untouched() > 0 || self.gpus.values().any(fits))
            }
        }
    }

    /// Writes a rank in; fails where it does not lie beside what is there.
    fn take(&mut self, job: &Job, placement: &Placement, rank: usize) {
        assert!(self.fits(job), "{job:?} does not fit {self:?}");
        self.memory_bytes += job.need.memory_bytes;
        self.cpu_milli += job.need.cpu_milli;
        self.whole += job.need.gpus;
        self.n_jobs += 1;
        self.alone |= job.exclusive;
        let Some(part) = job.part else {
            assert!(placement.seats.is_empty());
            return;
        };
        let seat = placement.seats[rank];
        assert!(seat.gpu < self.node.total.gpus, "{seat:?}");
        let gpu = self.gpus.entry(seat.gpu).or_default();
        match part {
            Part::Share { milli } => {
                gpu.milli += milli;
                assert!(gpu.milli <= 1_000 && gpu.slices.is_empty(), "{gpu:?}");
            }
            Part::Mig { profile } => {
                let run = slices(geometry(self.node.class).unwrap(), profile, seat.start.unwrap());
                for slice in run.expect("a legal start") {
                    assert!(gpu.milli == 0 && !gpu.slices.contains(&slice), "{gpu:?}");
                    gpu.slices.push(slice);
                }
            }
        }
        self.untouched();
    }

    fn give_back(&mut self, job: &Job, placement: &Placement, rank: usize) {
        self.memory_bytes -= job.need.memory_bytes;
        self.cpu_milli -= job.need.cpu_milli;
        self.whole -= job.need.gpus;
        self.n_jobs -= 1;
        self.alone &= !job.exclusive;
        let Some(part) = job.part else { return };
        let seat = placement.seats[rank];
        let gpu = self.gpus.get_mut(&seat.gpu).unwrap();
        match part {
            Part::Share { milli } => gpu.milli -= milli,
            Part::Mig { profile } => {
                let geometry = geometry(self.node.class).unwrap();
                let run = slices(geometry, profile, seat.start.unwrap()).unwrap();
                gpu.slices.retain(|slice| !run.contains(slice));
            }
        }
        if gpu.milli == 0 && gpu.slices.is_empty() {
            self.gpus.remove(&seat.gpu);
        }
    }
}

/// True if some site has enough nodes, of one model where GPUs are used.
fn feasible(books: &[Book], job: &Job) -> bool {
    let uses = job.need.gpus > 0 || job.part.is_some();
    let mut counts: BTreeMap<(SiteIdx, Option<ClassIdx>), u32> = BTreeMap::new();
    for book in books.iter().filter(|book| book.fits(job)) {
        let class = book.node.class.filter(|_| uses);
        *counts.entry((book.node.site, class)).or_default() += 1;
    }
    counts.values().any(|count| *count >= job.nodes_min)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn no_place_is_missed_and_none_is_given_twice(
        nodes in prop::collection::vec(nodes(), 1..4),
        steps in steps(),
    ) {
        let geometries: Vec<_> =
            (0..3).map(ClassIdx).filter_map(|class| Some((class, geometry(Some(class))?))).collect();
        let problem = Problem { nodes: nodes.clone(), geometries, ..Problem::default() };
        let mut on = crate::plan::scheduler(&problem);
        let mut books: Vec<Book> = nodes.iter().map(Book::new).collect();
        let mut live: Vec<(JobIdx, Job, Placement)> = Vec::new();
        for (step, index) in steps.into_iter().zip((0..).map(JobIdx)) {
            match step {
                Step::Come(job) => {
                    on.submit(index, (*job).clone());
                    let before = on.clone().plan(1);
                    let planned = on.plan(1);
                    prop_assert_eq!(&before, &planned, "a plan changes nothing");
                    let wanted = feasible(&books, &job);
                    prop_assert_eq!(planned.placements.len(), usize::from(wanted), "{:?} {:?}", job, planned);
                    let Some(placement) = planned.placements.first().cloned() else {
                        on.withdraw(index);
                        continue;
                    };
                    for (rank, node) in placement.nodes.iter().enumerate() {
                        books[node.0 as usize].take(&job, &placement, rank);
                    }
                    on.start_at(placement.clone(), 1);
                    live.push((index, *job, placement));
                }
                Step::Go(at) if !live.is_empty() => {
                    let (index, job, placement) = live.remove(at % live.len());
                    for (rank, node) in placement.nodes.iter().enumerate() {
                        books[node.0 as usize].give_back(&job, &placement, rank);
                    }
                    on.finish(index);
                }
                Step::Go(_) => {}
            }
            for (at, book) in (0..).map(NodeIdx).zip(&books) {
                prop_assert_eq!(on.fleet().free_of(at).gpus, book.untouched());
            }
        }
        for (index, _, _) in live {
            on.finish(index);
        }
        for (at, node) in (0..).map(NodeIdx).zip(&nodes) {
            prop_assert_eq!(on.fleet().free_of(at), node.total);
        }
    }

    #[test]
    fn several_at_once_never_exceed_a_gpu(
        nodes in prop::collection::vec(nodes(), 1..4),
        steps in steps(),
    ) {
        let geometries: Vec<_> =
            (0..3).map(ClassIdx).filter_map(|class| Some((class, geometry(Some(class))?))).collect();
        let jobs = steps.into_iter().filter_map(|step| match step {
            Step::Come(job) => Some(*job),
            Step::Go(_) => None,
        });
        let waiting: Vec<(JobIdx, Job)> = (0..).map(JobIdx).zip(jobs).collect();
        let problem = Problem { nodes: nodes.clone(), geometries, waiting, ..Problem::default() };
        let planned = crate::plan(&problem);
        let mut books: Vec<Book> = nodes.iter().map(Book::new).collect();
        for placement in &planned.placements {
            let (_, job) = &problem.waiting[placement.job.0 as usize];
            for (rank, node) in placement.nodes.iter().enumerate() {
                books[node.0 as usize].take(job, placement, rank);
            }
        }
        for unplaced in &planned.unplaced {
            let (_, job) = &problem.waiting[unplaced.job.0 as usize];
            let promised = matches!(unplaced.reason, crate::Reason::Promised { .. });
            prop_assert!(promised || !feasible(&books, job), "{:?}", unplaced);
        }
    }
}
