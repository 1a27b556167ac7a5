//! The generator files as data, and the workloads that they create.
//!
//! Must never differ from the files named in the module above: change both or neither.

/// One generator file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generator {
    /// Name of its folder.
    pub name: &'static str,
    /// Cohorts; nothing is shared between them.
    pub n_cohorts: u32,
    /// Queues in each cohort.
    pub queues_per_cohort: u32,
    /// Quota of each queue, in thousandths of a CPU.
    pub nominal_milli: u64,
    /// What each queue may borrow beyond it.
    pub borrowing_limit_milli: u64,
    /// What is created in each queue.
    pub sets: Vec<WorkloadSet>,
    /// Racks of 64 nodes of 96 CPUs; 0 where the file has no topology.
    pub n_racks: u32,
    /// What Kueue's CI measured.
    pub published: Published,
}

/// Workloads of one kind, created one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadSet {
    /// Class name.
    pub class: &'static str,
    /// How many.
    pub count: u32,
    /// Pause before each creation.
    pub interval_ms: u64,
    /// How long each runs, from its last admission.
    pub runtime_ms: u64,
    /// Higher first within a queue.
    pub priority: i32,
    /// Pods of each.
    pub pods: u64,
    /// CPU of each pod, in thousandths.
    pub pod_milli: u64,
    /// Where its pods must lie.
    pub topology: Topology,
}

/// Where the pods of a workload must lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Anywhere.
    Any,
    /// All in one rack.
    RequiredRack,
    /// All in one rack if one has room.
    PreferredRack,
    /// Each so many pods in one rack.
    Slices {
        /// Pods of a slice.
        pods: u64,
    },
}

/// Means that Kueue's developers published for the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// From the start of the controller to the end.
    pub wall_ms: u64,
    /// Average use of the nominal quota, in thousandths.
    pub usage_milli: u64,
    /// Average time to admission of the classes large, medium and small.
    pub wait_ms: [u64; 3],
    /// Where they stand.
    pub source: &'static str,
}

/// A workload that the generator creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Workload {
    /// Since the start of the generator.
    pub created_ms: u64,
    /// Number of its queue over all cohorts: queues of a cohort follow each other.
    pub queue: u32,
    /// Position of its set.
    pub set: usize,
}

const fn set(class: &'static str, count: u32, interval_ms: u64, runtime_ms: u64) -> WorkloadSet {
    WorkloadSet {
        class,
        count,
        interval_ms,
        runtime_ms,
        priority: 0,
        pods: 1,
        pod_milli: 0,
        topology: Topology::Any,
    }
}

impl WorkloadSet {
    const fn asks(self, priority: i32, pods: u64, pod_milli: u64) -> Self {
        Self { priority, pods, pod_milli, ..self }
    }

    const fn lies(self, topology: Topology) -> Self {
        Self { topology, ..self }
    }

    /// CPU of all pods, in thousandths.
    #[must_use]
    pub const fn need_milli(&self) -> u64 {
        self.pods * self.pod_milli
    }
}

impl Generator {
    /// `baseline/generator.yaml`: 15,000 workloads in 30 queues.
    #[must_use]
    pub fn baseline() -> Self {
        Self {
            name: "baseline",
            n_cohorts: 5,
            queues_per_cohort: 6,
            nominal_milli: 20_000,
            borrowing_limit_milli: 100_000,
            sets: vec![
                set("small", 350, 100, 200).asks(50, 1, 1_000),
                set("medium", 100, 500, 500).asks(100, 1, 5_000),
                set("large", 50, 1_200, 1_000).asks(200, 1, 20_000),
            ],
            n_racks: 0,
            published: Published {
                wall_ms: 351_116,
                usage_milli: 587,
                wait_ms: [6_666, 76_768, 215_468],
                source: "baseline/rangespec.yaml at a91216d, mean of 5 runs",
            },
        }
    }

    /// `tas/generator.yaml`: the same amounts as several pods with rack constraints.
    #[must_use]
    pub fn tas() -> Self {
        use Topology::{PreferredRack, RequiredRack, Slices};
        let small = |count| set("small", count, 100, 200).asks(50, 2, 500);
        let medium = |count| set("medium", count, 500, 500).asks(100, 4, 1_250);
        let large = |count| set("large", count, 1_200, 1_000).asks(200, 8, 2_500);
        Self {
            name: "tas",
            sets: vec![
                small(120).lies(RequiredRack),
                small(120).lies(PreferredRack),
                small(110).lies(Slices { pods: 1 }),
                medium(34).lies(RequiredRack),
                medium(33).lies(PreferredRack),
                medium(33).lies(Slices { pods: 2 }),
                large(17).lies(RequiredRack),
                large(17).lies(PreferredRack),
                large(16).lies(Slices { pods: 4 }),
            ],
            n_racks: 10,
            published: Published {
                wall_ms: 401_500,
                usage_milli: 624,
                wait_ms: [39_000, 106_000, 246_000],
                source: "tas/rangespec.yaml at ff69552, means of CI runs, waits rounded",
            },
            ..Self::baseline()
        }
    }

    /// `large-scale/generator.yaml` with 1,000 queues and 50,000 workloads.
    #[must_use]
    pub fn large_scale() -> Self {
        Self {
            name: "large-scale",
            n_cohorts: 10,
            queues_per_cohort: 100,
            sets: vec![
                set("small", 35, 60, 150).asks(50, 1, 1_000),
                set("medium", 11, 300, 350).asks(100, 1, 5_000),
                set("large", 4, 700, 700).asks(200, 1, 20_000),
            ],
            published: Published {
                wall_ms: 1_179_411,
                usage_milli: 386,
                wait_ms: [98_803, 256_413, 700_379],
                source: "pull request 11422, mean of 19 runs",
            },
            ..Self::baseline()
        }
    }

    /// The three files.
    #[must_use]
    pub fn all() -> [Self; 3] {
        [Self::baseline(), Self::tas(), Self::large_scale()]
    }

    /// Number of queues over all cohorts.
    #[must_use]
    pub const fn n_queues(&self) -> u32 {
        self.n_cohorts * self.queues_per_cohort
    }

    /// All workloads in order of creation. All sets of all queues start at once; each pauses
    /// before every creation.
    #[must_use]
    pub fn workloads(&self) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for queue in 0..self.n_queues() {
            for (position, set) in self.sets.iter().enumerate() {
                workloads.extend((1..=u64::from(set.count)).map(|number| Workload {
                    created_ms: number * set.interval_ms,
                    queue,
                    set: position,
                }));
            }
        }
        workloads.sort_unstable();
        workloads
    }
}
